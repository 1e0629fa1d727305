"""A standalone Spark cluster on loopback: a master and workers, each a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_MASTER, _WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
_PATIENCE_S = 120.0
_DEFAULTS = """\
spark.driver.bindAddress 127.0.0.1
spark.driver.host 127.0.0.1
spark.executor.memory 512m
spark.ui.enabled false
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes jobs at ``url``; commands that use it need ``environment``."""

    url: str
    environment: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]]

    def kill(self, worker: int) -> None:
        """End a worker and its executors at once, as a machine without power ends."""
        process = psutil.Process(self.workers[worker].pid)
        for one in [*process.children(recursive=True), process]:
            one.kill()


@contextmanager
def cluster(folder: Path, workers: int = 2, cores: int = 1) -> Iterator[Cluster]:
    """Start a master and workers; all of them are gone afterwards."""
    from pyspark.find_spark_home import _find_spark_home

    folder.mkdir(parents=True)
    (folder / "spark-defaults.conf").write_text(_DEFAULTS, encoding="utf-8")
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),
        "PYSPARK_PYTHON": sys.executable,
    }
    start = str(Path(_find_spark_home()) / "bin" / "spark-class")
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str, *arguments: str) -> Path:
        log = folder / f"{name}.log"
        with log.open("wb") as to:
            started.append(
                subprocess.Popen([start, *arguments], env=environment, cwd=folder, stdout=to, stderr=to)
            )
        return log

    try:
        log = run("master", _MASTER, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        line = _said(log, "Starting Spark master at ")
        url = line.rpartition(" ")[2]
        for number in range(workers):
            arguments = ("--cores", str(cores), "--memory", "1g", "--host", "127.0.0.1", "--webui-port", "0")
            one = run(
                f"worker{number}", _WORKER, *arguments, "--work-dir", str(folder / f"work{number}"), url
            )
            _said(one, "Successfully registered with master")
        yield Cluster(url, environment, started[1:])
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _said(log: Path, words: str) -> str:
    """The line of a log with these words, once it is there."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if words in line:
                return line
        time.sleep(0.2)
    raise AssertionError(f"{words!r} never came: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")

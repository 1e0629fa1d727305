"""Runs of `forensics watch` and of the real kubectl against the same server, as subprocesses."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.kubernetes_server import FakeCluster

ROOT = Path(__file__).resolve().parents[2]
KUBECTL = Path(sys.executable).with_name("kubectl")
PATIENCE_S = 120.0


def until(true: Callable[[], bool], what: str = "") -> None:
    """Wait for something; a busy machine takes its time."""
    ends_at = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends_at, f"never happened: {what or true}"
        time.sleep(0.02)


@dataclass
class Runs:
    """Where a cluster's watches are configured and write to."""

    cluster: FakeCluster
    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "watched"

    @property
    def environment(self) -> dict[str, str]:
        config = self.cluster.kubeconfig(self.home)
        return {**os.environ, "KUBECONFIG": str(config), "HOME": str(self.home), "NO_COLOR": "1"}

    @contextmanager
    def watching(self, *words: str, context: str = "here") -> Iterator[subprocess.Popen[str]]:
        """A running `forensics watch` that has asked for its first watch of every resource."""
        before = self.cluster.watches("endpointslices"), self.cluster.watches("pods")
        command = [sys.executable, "-m", "pipeline", "watch", "--output", str(self.folder)]
        with subprocess.Popen(
            [*command, "--context", context, *words],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                until(lambda: self._is_up(before) or process.poll() is not None, "the watch is up")
                yield process
            finally:
                process.kill()

    def _is_up(self, before: tuple[int, int]) -> bool:
        now = self.cluster.watches("endpointslices"), self.cluster.watches("pods")
        return (now[0] > before[0] or "endpointslices" in self.cluster.forbidden) and (
            now[1] > before[1] or "pods" in self.cluster.forbidden
        )

    def kubectl(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(KUBECTL), "--context", "here", *words, "-A", "-o", "json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, plural: str) -> list[dict[str, Any]]:
        """All whole lines recorded of a resource so far."""
        found = []
        for path in sorted(self.folder.glob(f"{plural}-*.jsonl*")):
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found += [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
        return found

    def changes(self, plural: str) -> list[tuple[str, str, str]]:
        """Type, name and version of the recorded changes; marks left out."""
        return [
            (line["type"], line["object"]["metadata"]["name"], line["object"]["metadata"]["resourceVersion"])
            for line in self.lines(plural)
            if line["type"] != "BOOKMARK"
        ]

    def marks(self, plural: str) -> list[tuple[str, str]]:
        """Spans that the marks of a resource tell, from its first whole list on."""
        found = [
            line["object"]["metadata"]["annotations"]
            for line in self.lines(plural)
            if is_mark(line) and line["object"]["metadata"]["resourceVersion"]
        ]
        return [(one["forensics/observed-from"], one["forensics/observed-to"]) for one in found]


def is_mark(line: dict[str, Any]) -> bool:
    return bool(line["type"] == "BOOKMARK")

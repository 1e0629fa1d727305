"""What a process costs, as the kernel tells it: wall, processor time and largest memory."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run, with the processes that it waited for.

    Attributes:
        wall: s.
        cpu: s of processor time, user and system.
        memory: MB, the largest resident set of any of the processes.
        written: bytes of Parquet.
    """

    wall: float
    cpu: float
    memory: float
    written: int = 0


def measure(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Run:
    """Run a command to its end in a folder; what it leaves there is its own affair.

    Raises:
        subprocess.CalledProcessError: it failed; what it printed is in the error.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(
            process.returncode, command, output[-2000:].decode(errors="replace")
        )
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)

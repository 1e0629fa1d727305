"""Runs docs/tutorial.md as a reader would, in one shell, and writes down what it prints.

The incident is always yesterday's, so that AWS can be asked about it. On the page it is that of 2 March 2026:
dates and what is made of dates (trace ids, request ids) are moved there, so that the page is the same
every day.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
RECIPE = "\trm -rf practice\n\t$(BIN)/python -m tests.support.practice practice\n"
"""What ``make practice`` runs; a test's interpreter takes the place of the virtual environment's."""

_DAY = date(2026, 3, 2)
_REQUEST_ID = "9065d49b265fc484"
_BLOCK = re.compile(r"(?s)```console\n(.*?)```\n")
_DATE = re.compile(r"(?<!\d)(20\d\d)([-/]?)(0[1-9]|1[0-2])\2([0-2]\d|3[01])(?!\d)")
_END = "~~ end of"
_FINE = {0, 6}
"""Exit codes that the page may show: done, and done with something missing."""


def commands(page: str) -> list[str]:
    """All commands of the page, in order."""
    return re.findall(r"(?m)^\$ (.*)$", "".join(_BLOCK.findall(page)))


def retold(page: str, folder: Path) -> str:
    """The page with its commands' output as they print it now, run in ``folder``.

    Raises:
        RuntimeError: a command failed, with all that was printed.
    """
    asked = commands(page)
    said = iter(_run(asked, folder))

    def block(old: re.Match[str]) -> str:
        told = "".join(f"$ {one}\n{next(said)}" for one in commands(old[0]))
        return f"```console\n{told}```\n"

    return _BLOCK.sub(block, page)


def _run(asked: list[str], folder: Path) -> list[str]:
    start, *rest = asked
    if start != "make practice" or RECIPE not in (ROOT / "Makefile").read_text():
        raise RuntimeError("the tutorial starts with `make practice`, as the Makefile has it")
    script = "".join(f"{one}\necho '{_END}' $?\n" for one in rest)
    with _practice(folder) as (ready, day):
        run = subprocess.run(
            ["bash", "-o", "pipefail"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=folder,
            env={**_environment(), "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        )
    *said, _ = re.split(rf"(?m)^{_END} (\d+)\n", run.stdout)
    codes = [int(code) for code in said[1::2]]
    if len(codes) != len(rest) or not _FINE.issuperset(codes):
        raise RuntimeError(run.stdout)
    return [ready, *(_moved(text, _DAY - day) for text in said[::2])]


@contextmanager
def _practice(folder: Path) -> Iterator[tuple[str, date]]:
    """What it says when it is ready, and the day of the incident."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.practice", "practice"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            day = datetime.now(UTC).date() - timedelta(days=1)
            yield process.stdout.readline(), day
        finally:
            process.terminate()


def _environment() -> dict[str, str]:
    """The shell of a new user: none of our settings, none of AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FORENSICS_", "AWS_"))}


def _moved(text: str, shift: timedelta) -> str:
    """Output with its dates moved, without progress and without blanks at the ends of lines."""
    lines = [line.rstrip() for line in text.splitlines() if not line.startswith("reading logs:")]
    text = "".join(f"{line}\n" for line in lines)
    text = _DATE.sub(
        lambda found: f"{date(*map(int, found.group(1, 3, 4))) + shift:%Y{found[2]}%m{found[2]}%d}", text
    )
    text = re.sub(
        r"\b1-([0-9a-f]{8})-(?=[0-9a-f]{24}\b)",
        lambda found: f"1-{int(found[1], 16) + round(shift.total_seconds()):08x}-",
        text,
    )
    return re.sub(r"(?m)(?<=^  request id  )[0-9a-f]{16}$", _REQUEST_ID, text)

"""Completion as docs/shell.md installs it, asked of the shells themselves: Tab is pressed in bash and zsh."""

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = [
    ("forensics att", "attribute"),
    ("forensics attribute --format par", "parquet"),
    ("forensics lake comp", "compact"),
    ("forensics attribute --keep", "--keep-pages"),
]
PATIENCE_S = 60
BELL = "\a"


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def environment(tmp_path: Path, shell: str) -> dict[str, str]:
    """A new user who has installed completion with the documented command."""
    variables = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
    }
    run = subprocess.run(
        [shell, "-c", "forensics --install-completion; true"],  # not the last command: the shell must stay
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{shell} completion installed" in run.stdout, run.stderr
    return variables


@pytest.mark.parametrize(("typed", "completed"), LINES)
def test_the_shell_completes(shell: str, environment: dict[str, str], typed: str, completed: str) -> None:
    if shell == "fish":
        run = subprocess.run(
            ["fish", "-c", f"complete -C {typed!r}"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert [line.split("\t")[0] for line in run.stdout.splitlines()] == [completed]
        return
    terminal = pexpect.spawn(
        shell, ["-i"], env=environment, encoding="utf-8", timeout=PATIENCE_S, dimensions=(24, 200)
    )
    try:
        terminal.sendline("PS1='ready''> '")
        terminal.expect_exact("ready> ")
        terminal.send(f"{typed}\t")
        if shell == "zsh":
            terminal.expect_exact(BELL)  # its first Tab of a session only loads the completion
            terminal.send("\t")
        terminal.expect_exact(completed.removeprefix(typed.rsplit(maxsplit=1)[-1]))
    finally:
        terminal.close(force=True)


def test_the_page_says_how() -> None:
    page = (ROOT / "docs" / "shell.md").read_text()
    assert "forensics --install-completion" in page
    assert all(name in page for name in ("bash", "zsh", "fish"))

"""docs/operations.md: commands are run as printed, settings are taken, the snippet checks signatures."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from pipeline.config import Settings
from pipeline.notify.webhook import signature
from pipeline.schedule import Nightly
from pipeline.usecases.nightly_summary import StageName
from tests.support.generated_docs import ROOT
from tests.support.nightly_runs import without_store

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
MARK = "\0"


def executed(language: str) -> str:
    """The block of the page that is marked to be run."""
    (found,) = re.findall(rf"<!-- executed -->\n```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def session(text: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with what it prints."""
    parts = re.split(r"(?m)^\$ (.*)\n", text)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def plain(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_commands_print_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "forensics.toml").write_text(executed("toml"))
    shutil.copytree(ROOT / "fixtures" / "demo" / "logs", tmp_path / "alb-logs")
    shutil.copytree(ROOT / "fixtures" / "demo" / "timeline", tmp_path / "dumps", copy_function=shutil.copy2)
    commands = session(executed("console"))
    script = f'forensics() {{ {sys.executable} -m pipeline "$@"; }}\n'
    for command, _ in commands:  # one shell for all: $? is that of the command before
        script += f"{command}\ncode=$?; printf '\\0'; (exit $code)\n"
    run = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=without_store() | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"},
        timeout=300,
    )
    printed = run.stdout.split(MARK)[: len(commands)]
    assert [plain(text) for text in printed] == [plain(text) for _, text in commands], run.stderr
    assert run.stderr == ""


def test_the_snippet_knows_our_signature_from_others() -> None:
    space: dict[str, object] = {}
    exec(executed("python"), space)  # noqa: S102 - the page's own snippet
    is_ours = space["is_ours"]
    assert callable(is_ours)
    assert is_ours(b"{}", signature(b"{}", "agreed"), "agreed")
    assert not is_ours(b"{ }", signature(b"{}", "agreed"), "agreed")


def test_every_variable_on_the_page_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"(FORENSICS_\w+)=(\S+)", "".join(re.findall(r"(?m)^export .*\n", PAGE))):
        monkeypatch.setenv(name, value.strip("'"))
    assert Settings().nightly.channels == ("slack", "webhook", "mail")
    assert set(tomllib.loads(executed("toml"))["nightly"]) <= set(Nightly.model_fields)


def test_every_stage_and_exit_code_is_explained() -> None:
    for name in get_args(StageName):
        assert f"\n| {name} |" in PAGE
    codes = re.findall(r"(?m)^\| (\d+) \|", PAGE)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "7", "130"]

"""The manual page: groff takes it, it knows all options and settings, the wheel installs it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.config import Settings
from tests.support.generated_docs import COMMANDS
from tests.support.wheel import built

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "forensics.1"


@pytest.fixture(scope="module")
def shown() -> str:
    run = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-rLL=200n", "-P-cbou", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    return run.stdout.replace("\u2010", "-").replace("\u2212", "-")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown_with_every_option_of_its_help(shown: str, command: str) -> None:
    (section,) = [part for part in shown.split("\n   forensics ") if part.startswith(f"{command} ")]
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    words = run.stdout.partition("Options:")[2].split()
    options = {word.strip("/") for word in words if word.startswith("--")} - {"--help"}
    missing = {option for option in options if option not in section}
    assert not missing


def test_every_setting_is_shown(shown: str) -> None:
    missing = {name for name in Settings.model_fields if f"FORENSICS_{name.upper()}" not in shown}
    assert not missing


def test_the_wheel_installs_it_where_man_looks(tmp_path: Path) -> None:
    wheel = built(tmp_path)
    (member,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".1")]
    assert member.endswith(".data/data/share/man/man1/forensics.1")
    assert zipfile.ZipFile(wheel).read(member) == PAGE.read_bytes()

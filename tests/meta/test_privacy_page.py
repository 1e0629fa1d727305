"""docs/privacy.md: its commands run as printed, and it names every column that is changed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from pipeline.ingest.lake import Lake
from pipeline.ingest.redact import Redactor
from pipeline.redaction import Redaction
from tests.support.secrets import write_logs, write_timeline

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_run_as_printed(tmp_path: Path) -> None:
    (tmp_path / "alb-logs").mkdir()
    write_logs(tmp_path / "alb-logs")
    write_timeline(tmp_path / "dumps")
    (tmp_path / "key").write_text("0123456789abcdef\n")
    commands = re.findall(r"(?m)^\$ (.*)$", PAGE)
    assert len(commands) == 2
    modes = []
    for number, command in enumerate(commands):
        run = subprocess.run(
            ["sh", "-c", command.replace("./lake", f"./lake{number}")],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "FORENSICS_MAX_REJECT_SHARE": "1",
            },
        )
        assert run.returncode == 0, run.stderr
        with Lake.open(tmp_path / f"lake{number}") as lake:
            modes.append(lake.redaction_rule and lake.redaction_rule.mode)
    assert modes == ["truncate", "hash"]


def test_every_column_that_is_changed_is_told() -> None:
    rules = Redactor(Redaction("truncate"))._rules
    by_words = {"client_ip": "client address", "leaf_client_cert": "a client's certificate"}
    for column in {name for columns in rules.values() for name in columns}:
        words = next((told for start, told in by_words.items() if column.startswith(start)), f"`{column}`")
        assert words in PAGE, column

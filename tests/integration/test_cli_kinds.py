"""All kinds of logs as a user of the command meets them."""

from pathlib import Path

import pytest

from tests.integration.test_cli import DEMO, forensics
from tests.support.alb_lines import START, object_lines
from tests.support.other_logs import ConnectionLine, checks, put


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    put(folder, "", [f'{line} "-"' for line in object_lines(1, 20, fields=36)])
    put(folder, "health_check_log_", [*(one.render() for one in checks(START, "ppttpp")), "no check"])
    put(folder, "conn_log_", [ConnectionLine().render()])
    return folder


def test_pull_tells_what_the_lines_became_and_sql_sees_all_tables(logs: Path, tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "lake"))
    run = forensics("pull", "--logs", str(logs), *store, "-q")
    assert run.returncode == 0, run.stderr
    assert b"28 lines = 20 requests + 1 connections + 6 health checks + 1 rejected" in run.stdout
    assert run.stderr.count(b"field drift: 20 access_log lines have 37 fields (first in ") == 1
    again = forensics("pull", "--logs", str(logs), *store, "-q")
    assert again.stdout.startswith(b"0 objects read (3 known before)")
    assert again.stderr == b""
    answers = {
        "select tls_verify_status from connections": b"Success",
        "select count(*) from health_checks where status = 'FAIL'": b"2",
        "select fields, rows from field_layouts": b"37\t20",
        "select reason from events where kind = 'target_became_unreachable'": b"TimedOut",
        "select source from coverage": b"health_checks",
        "select reason from rejected_lines": b"2 fields, an entry has at least 8",
    }
    for query, answer in answers.items():
        run = forensics("sql", query, *store, "-q")
        assert run.returncode == 0, run.stderr
        assert run.stdout.splitlines()[1] == answer


def test_lake_commands_cover_every_kind(logs: Path, tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "lake"))
    forensics("pull", "--logs", str(logs), *store, "-q")
    checked = forensics("lake", "check", *store)
    assert checked.returncode == 0, checked.stdout
    assert b"20 requests, 1 connections, 6 health checks, 1 rejected lines, all as written" in checked.stdout
    assert forensics("lake", "compact", *store).returncode == 0
    gone = forensics("lake", "expire", "--older-than", "2026-03-03T00:00:00Z", *store)
    assert b"20 requests and 1 rejected lines and 7 connections and health checks" in gone.stdout


def test_a_health_check_log_on_standard_input_is_told_by_its_lines() -> None:
    text = "".join(f"{one.render()}\n" for one in checks(START, "prp"))
    query = "select kind, reason from events order by occurred_at"
    run = forensics("sql", query, "--logs", "-", "-q", stdin=text.encode())
    assert run.returncode == 0, run.stderr
    assert run.stdout.decode().splitlines()[1] == "target_became_unreachable\tConnectionReset"


def test_a_folder_of_dumps_is_no_folder_of_logs() -> None:
    run = forensics("attribute", "--logs", str(DEMO / "timeline"), "-q")
    assert run.returncode == 4
    assert b"holds no ALB logs (only" in run.stderr
    assert b"Traceback" not in run.stderr

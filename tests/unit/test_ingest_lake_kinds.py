"""All kinds of logs in one lake: exactly once, accounted for, checked, compacted, expired, queryable."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.cli.lake import app
from pipeline.cli.output import counted, remark_on
from pipeline.ingest import batch
from pipeline.ingest.check import check
from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import PullSummary, pull
from pipeline.ingest.retention import expire
from pipeline.model import CONNECTIONS, FIELD_LAYOUTS, HEALTH_CHECKS, Window
from tests.support.alb_lines import ELB, START, Line, object_lines, object_name
from tests.support.lake_runs import contents, differences
from tests.support.other_logs import CheckLine, ConnectionLine, checks, json_lines, put, records

EVER = Window()
MINUTES = timedelta(minutes=5)


def fill(logs: Path, *, hours: int = 4, objects: int = 5) -> None:
    """Objects of all three kinds, each with one line that is no entry."""
    for hour in range(hours):
        for number in range(objects):
            seed, end = hour * 10 + number, START + timedelta(hours=hour) + MINUTES * (number + 1)
            start = end - MINUTES
            put(logs, "", [*object_lines(seed, 12, start=start, errors=0.2), "no entry"], seed=seed, end=end)
            lines = [one.render() for one in checks(start, "ppttpp", every_s=40)]
            put(logs, "health_check_log_", [*lines, "no check"], seed=seed, end=end)
            lines = [ConnectionLine(time=start, trace_id=f"TID_{n:032x}").render() for n in range(4)]
            put(logs, "conn_log_", [*lines, "no connection"], seed=seed, end=end)


def rows(files: list[str]) -> list[dict[str, Any]]:
    found = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    return sorted(found, key=lambda row: (row["object_key"], row["line_number"]))


def test_all_three_kinds_are_read_once_and_add_up(lake: Lake, logs: Path) -> None:
    fill(logs)
    summary = pull(str(logs), lake, EVER)
    assert (summary.ingested, summary.left_out, summary.problems) == (60, {}, [])
    assert summary.rows_of == {"requests": 240, "health_checks": 120, "connections": 80}
    assert (summary.lines, summary.rows, summary.rejected) == (500, 440, 60)
    assert counted(summary) == ("500 lines = 240 requests + 80 connections + 120 health checks + 60 rejected")
    before = contents(lake.root)
    again = pull(str(logs), lake, EVER)
    assert (again.ingested, again.already_known, again.lines) == (0, 60, 0)
    assert differences(contents(lake.root), before) == []
    assert all(one["rows"] + one["rejected"] == one["lines"] for one in lake.objects().to_pylist())
    assert {one["kind"] for one in lake.objects().to_pylist()} == {
        *("access_log", "connection_log", "health_check_log")
    }


def test_files_have_the_schemas_and_lie_by_load_balancer_and_hour(lake: Lake, logs: Path) -> None:
    fill(logs, hours=2, objects=2)
    pull(str(logs), lake, EVER)
    for files, table in (
        (lake.connection_files(EVER), CONNECTIONS),
        (lake.health_check_files(EVER), HEALTH_CHECKS),
    ):
        assert {Path(file).relative_to(lake.root).parts[:3] for file in files} == {
            (table.name, "elb=shop", f"hour=2026-03-02T{hour}") for hour in (11, 12)
        }
        for file in files:
            assert pq.read_schema(file).equals(table.schema)
    late = Window(START + timedelta(hours=1))
    # How many files an hour has depends on which worker took which objects.
    assert {Path(file).parent.name for file in lake.health_check_files(late)} == {"hour=2026-03-02T12"}
    assert lake.health_check_files(EVER, "blog") == []
    assert {row["line_number"] for row in rows(lake.health_check_files(EVER))} == set(range(1, 7))


def test_a_batch_that_mixes_kinds_keeps_them_apart(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "ROWS", 30)
    fill(logs, hours=1)
    pull(str(logs), lake, EVER, workers=1)
    assert check(lake).findings == []
    assert len(rows(lake.connection_files(EVER))) == 20


def test_check_counts_every_kind_and_finds_damage_in_each(lake: Lake, logs: Path) -> None:
    fill(logs, hours=1)
    pull(str(logs), lake, EVER, workers=1)
    report = check(lake)
    assert (report.rows, report.connections, report.health_checks, report.rejected) == (60, 20, 30, 15)
    assert report.findings == []
    said = CliRunner().invoke(app, ["check", "--store", str(lake.root)]).stdout
    assert "60 requests, 20 connections, 30 health checks, 15 rejected lines, all as written" in said
    for files in (lake.connection_files(EVER), lake.health_check_files(EVER)):
        Path(files[0]).write_bytes(b"PAR1")
    assert len(check(lake).findings) == 2
    CliRunner().invoke(app, ["repair", "--store", str(lake.root)])
    assert check(lake).findings == []
    assert pull(str(logs), lake, EVER).ingested == 10
    assert check(lake).connections == 20


def test_a_line_of_a_connection_that_is_lost_is_found(lake: Lake, logs: Path) -> None:
    fill(logs, hours=1, objects=1)
    pull(str(logs), lake, EVER)
    (file,) = lake.connection_files(EVER)
    pq.write_table(pq.read_table(file, partitioning=None).slice(1), file)
    lake.ledger.ask("update files set crc32 = null, size = null, rows = null where kind = 'connections'")
    (finding,) = check(lake).findings
    assert "has 5 lines (4 rows, 1 rejected), but the lake holds 3 rows" in finding


def test_compaction_merges_every_kind_and_changes_no_row(lake: Lake, logs: Path) -> None:
    for number in range(5):
        for hour in range(4):
            seed, end = hour * 10 + number, START + timedelta(hours=hour) + MINUTES * (number + 1)
            put(logs, "", object_lines(seed, 5, start=end - MINUTES), seed=seed, end=end)
            lines = [one.render() for one in checks(end - MINUTES, "ptp")]
            put(logs, "health_check_log_", reversed(lines), seed=seed, end=end)
            put(logs, "conn_log_", [ConnectionLine(time=end - MINUTES).render()], seed=seed, end=end)
        pull(str(logs), lake, EVER, workers=1)
    before = contents(lake.root)
    summary = compact(lake)
    assert (summary.groups, summary.problems) == (3, [])
    assert differences(contents(lake.root), before) == []
    assert check(lake).findings == []
    for files in (lake.connection_files(EVER), lake.health_check_files(EVER)):
        (merged,) = [file for file in files if "hour=2026-03-02T11" in file]
        times: list[Any] = pq.read_table(merged, columns=["time"], partitioning=None)["time"].to_pylist()
        assert times == sorted(times)


def test_expiry_drops_old_hours_of_every_kind(lake: Lake, logs: Path) -> None:
    fill(logs, hours=2, objects=1)
    pull(str(logs), lake, EVER)
    summary = expire(lake, START + timedelta(hours=1))
    assert (summary.rows, summary.others, summary.rejected) == (12, 10, 3)
    assert check(lake).findings == []
    assert len(rows(lake.health_check_files(EVER))) == 6
    assert pull(str(logs), lake, EVER).already_known == 6
    words = ["expire", "--older-than", "2026-03-02T13:00:00Z", "--store", str(lake.root)]
    assert "12 requests and 3 rejected lines and 10 connections and health checks" in (
        CliRunner().invoke(app, words).stdout
    )


def test_an_object_delivered_anew_takes_the_place_of_the_former(lake: Lake, logs: Path) -> None:
    put(logs, "health_check_log_", [one.render() for one in checks(START, "ppp")])
    put(logs, "health_check_log_", [one.render() for one in checks(START, "pt")], seed=2)
    pull(str(logs), lake, EVER)
    put(logs, "health_check_log_", [one.render() for one in checks(START, "ttttt")])
    assert pull(str(logs), lake, EVER).ingested == 1
    assert [row["status"] for row in rows(lake.health_check_files(EVER))] == ["FAIL"] * 5 + ["PASS", "FAIL"]
    assert check(lake).findings == []


def test_lines_without_a_load_balancer_are_kept_without_one(lake: Lake, logs: Path) -> None:
    mixed = [CheckLine(fields=8), CheckLine(), CheckLine(elb="app/blog/1")]
    (logs / "checks.log").write_text("\n".join(line.render() for line in mixed))
    pull(str(logs), lake, EVER)
    assert [row["elb"] for row in rows(lake.health_check_files(EVER))] == [None, ELB, "app/blog/1"]
    assert len(lake.health_check_files(EVER, "blog")) == 2
    assert check(lake).findings == []


def test_a_file_that_the_user_names_is_judged_by_its_lines(lake: Lake, tmp_path: Path) -> None:
    for name, line in (("a", CheckLine()), ("b", ConnectionLine()), ("c", Line())):
        (tmp_path / name).write_text(line.render())
        pull(str(tmp_path / name), lake, EVER)
    assert [one["kind"] for one in lake.objects().to_pylist()] == [
        *("health_check_log", "connection_log", "access_log")
    ]


def test_deliveries_of_unknown_names_are_found_by_their_content(lake: Lake, logs: Path) -> None:
    (logs / "deep").mkdir()
    (logs / "deep" / "part-0.json").write_text(json_lines(records(4)))
    pq.write_table(pa.Table.from_pylist(records(3, seed=2)), logs / "part-1.parquet")
    (logs / "activities.json").write_text('{"Activities": []}')
    trail = logs / "AWSLogs" / "111122223333" / "CloudTrail" / "x.json.gz"
    trail.parent.mkdir(parents=True)
    trail.write_bytes(b"not even looked at")
    (logs / "notes.txt").write_text("notes")
    for _ in range(2):
        summary = pull(str(logs), lake, EVER)
        assert summary.left_out == {"other": 3}
    assert (summary.already_known, summary.problems) == (2, [])
    assert [(one["object_key"], one["rows"]) for one in lake.objects().to_pylist()] == [
        *(("deep/part-0.json", 4), ("part-1.parquet", 3))
    ]
    assert check(lake).findings == []


def test_unknown_numbers_of_fields_are_remembered_with_their_first_sight(
    lake: Lake, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(logs, "", [f'{line} "-"' for line in object_lines(1, 30, fields=36)], seed=1)
    put(logs, "", object_lines(2, 10, fields=36), seed=2)
    first = pull(str(logs), lake, EVER)
    put(logs, "", [*object_lines(3, 5, fields=35), Line(fields=36).render() + ' "x"'], seed=3)
    put(logs, "health_check_log_", [CheckLine(extra=("-",)).render()], seed=3)
    put(logs, "", [], seed=4).with_name("later.json").write_text(
        json_lines([{**records(1)[0], "new_field": "x"}])
    )
    second = pull(str(logs), lake, EVER)
    layouts = lake.field_layouts()
    assert layouts.schema.equals(FIELD_LAYOUTS.schema)
    key = object_name(1, START + MINUTES)
    assert {(one["kind"], one["fields"]): (one["objects"], one["rows"]) for one in layouts.to_pylist()} == {
        ("access_log", 37): (2, 31),
        ("access_log", 35): (2, 6),
        ("health_check_log", 11): (1, 1),
    }
    assert layouts.to_pylist()[0]["first_object"] == key
    (said,) = _remarks(first, capsys)
    assert said == (
        f"field drift: 30 access_log lines have 37 fields (first in {key}); fields beyond the known ones are "
        "kept in extra_fields, and forensics sql 'from field_layouts' lists what has been seen"
    )
    assert sum("field drift: " in line for line in _remarks(second, capsys)) == 1
    assert "field drift" not in "".join(_remarks(pull(str(logs), lake, EVER), capsys))


def _remarks(summary: PullSummary, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    remark_on(summary, [])
    return capsys.readouterr().err.splitlines()


def test_layouts_go_with_their_object_and_nonsense_is_bounded(lake: Lake, logs: Path) -> None:
    text = [Line(fields=36).render() + " x" * n for n in range(1, 60)]
    path = logs / "odd.log"
    path.write_text("\n".join(text))
    pull(str(logs), lake, EVER)
    assert lake.field_layouts().num_rows == 20
    path.write_text(Line().render())
    pull(str(logs), lake, EVER)
    assert lake.field_layouts().num_rows == 0

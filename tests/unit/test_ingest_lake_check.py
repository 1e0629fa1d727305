"""`lake check`: every kind of damage is found, named, and sound lakes pass."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.lake import app
from pipeline.errors import StoreError, UsageError
from pipeline.ingest import ledger_schema
from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support.alb_lines import Line, gateway_error
from tests.support.lake_runs import contents, differences

EVER = Window()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a", "b"):
        lines = [Line(user_agent=f"{name}{n}").render() for n in range(30)]
        (logs / f"{name}.log").write_text("\n".join([*lines, gateway_error(Line()).render(), "no entry", ""]))
    with Lake.open(tmp_path / "store") as opened:
        pull(str(logs), opened, EVER, workers=1)
        yield opened


def request_file(lake: Lake) -> Path:
    return Path(lake.request_files(EVER)[0])


def one_finding(lake: Lake) -> str:
    (finding,) = check(lake).findings
    return finding


def test_a_sound_lake_has_no_findings(lake: Lake) -> None:
    report = check(lake)
    assert (report.findings, report.files, report.objects) == ([], 3, 2)
    assert (report.rows, report.rejected, report.unchecked) == (62, 2, 0)


def test_a_deleted_file_is_found(lake: Lake) -> None:
    path = request_file(lake)
    path.unlink()
    assert one_finding(lake) == f"{path.relative_to(lake.root)} is missing: 62 rows (requests) are at stake"


def test_a_truncated_file_is_found(lake: Lake) -> None:
    path = request_file(lake)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    assert f"has {size - 1:,} bytes where {size:,} were written" in one_finding(lake)


@pytest.mark.parametrize("kind", ["request_files", "error_files", "rejected_files"])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_bit_is_found_wherever_it_is(lake: Lake, kind: str, place: float) -> None:
    (name,) = lake.rejected_files() if kind == "rejected_files" else getattr(lake, kind)(EVER)
    path = Path(name)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 4
    path.write_bytes(content)
    assert "has other bytes than were written" in one_finding(lake)


def test_a_stray_file_is_found_and_one_in_the_making_is_not(lake: Lake) -> None:
    stray = lake.root / "requests" / "elb=shop" / "stray.parquet"
    stray.write_bytes(request_file(lake).read_bytes())
    assert one_finding(lake).startswith("requests/elb=shop/stray.parquet is not in the ledger")
    with lake.writing():
        stray.write_bytes(b"in the making")
        assert check(lake).findings == []


def test_without_a_checksum_a_file_is_still_read_and_counted(lake: Lake) -> None:
    lake.ledger.ask("update files set crc32 = null, size = null")
    report = check(lake)
    assert (report.findings, report.unchecked) == ([], 3)
    request_file(lake).write_bytes(b"PAR1 nonsense PAR1")
    assert "is no Parquet file of this lake" in one_finding(lake)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("update files set rows = 61 where kind = 'requests'", "holds 62 rows where 61 were written"),
        ("update files set last_time = first_time - 1", "has rows outside the time that the ledger knows"),
        ("update objects set lines = 40 where object_key = 'a.log'", "a.log has 40 lines (31 rows, 1"),
        ("update objects set rows = 30, lines = 31 where object_key = 'a.log'", "holds 31 rows"),
        ("delete from files where kind = 'errors'", "a.log has 1 requests with 502 or 504, but 0 in"),
        (
            "update objects set object_key = 'c.log' where object_key = 'a.log'",
            "has rows of a.log, which the",
        ),
        ("delete from file_objects", "which the ledger does not know to be in it"),
        ("update objects set expired_rows = 1 where object_key = 'a.log'", "1 have expired"),
    ],
)
def test_a_ledger_that_says_otherwise_is_found(lake: Lake, change: str, finding: str) -> None:
    lake.ledger.ask(change)
    assert any(finding in one for one in check(lake).findings)


def test_a_line_twice_in_the_place_of_another_is_found(lake: Lake) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = request_file(lake)
    table = pq.read_table(path, partitioning=None)
    pq.write_table(pa.concat_tables([table.slice(0, 1), table.slice(0, 1), table.slice(2)]), path)
    lake.ledger.ask("update files set crc32 = null, size = null where kind = 'requests'")
    assert "a.log: some of its lines are in the lake twice and others are not" in check(lake).findings


def test_the_command_prints_sentences_and_exits_with_one_on_findings(lake: Lake) -> None:
    store = ["--store", str(lake.root)]
    sound = CliRunner().invoke(app, ["check", *store])
    assert (sound.exit_code, "all as written" in sound.stdout) == (0, True)
    request_file(lake).unlink()
    damaged = CliRunner().invoke(app, ["check", *store])
    assert damaged.exit_code == 1
    assert "is missing: 62 rows" in damaged.stdout
    assert "1 findings" in damaged.stdout
    assert CliRunner().invoke(app, ["compact", "--min-files", "2", *store]).exit_code == 0


def test_repair_forgets_what_is_damaged_and_the_next_pull_brings_it_back(lake: Lake, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "later.log").write_text(Line(time=Line().time.replace(hour=20)).render())
    pull(str(logs), lake, EVER)
    before = contents(lake.root)
    request_file(lake).write_bytes(b"nothing left")
    result = CliRunner().invoke(app, ["repair", "--store", str(lake.root)])
    assert (result.exit_code, result.stdout.split()) == (0, ["a.log", "b.log"])
    assert check(lake).findings == []
    assert contents(lake.root)["objects"].column("object_key").to_pylist() == ["later.log"]
    assert pull(str(logs), lake, EVER).ingested == 2
    assert differences(contents(lake.root), before) == []
    again = CliRunner().invoke(app, ["repair", "--store", str(lake.root)])
    assert (again.stdout, again.stderr.strip()) == ("", "nothing is damaged")


def test_a_damaged_hour_makes_compaction_exit_with_one(lake: Lake, tmp_path: Path) -> None:
    logs = tmp_path / "more"
    logs.mkdir()
    (logs / "c.log").write_text(Line(user_agent="c").render())
    (logs / "d.log").write_text(Line(time=Line().time.replace(hour=20)).render())
    pull(str(logs), lake, EVER)
    request_file(lake).unlink()
    result = CliRunner().invoke(app, ["compact", "--min-files", "2", "--store", str(lake.root)])
    assert result.exit_code == 1
    assert "its hour is left as it is" in result.stderr


def test_expiry_by_command_says_what_went(lake: Lake) -> None:
    words = ["expire", "--older-than", "2026-03-02T12:00:00Z", "--store", str(lake.root)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 files dropped: 62 requests and ")
    assert check(lake).findings == []
    assert isinstance(CliRunner().invoke(app, [*words[:2], "soon", *words[3:]]).exception, UsageError)


def test_a_place_without_a_lake_is_named_and_stays_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--store", str(tmp_path / "none")])
    assert isinstance(result.exception, UsageError)
    assert "none holds no lake" in str(result.exception)
    assert not (tmp_path / "none").exists()


def test_a_ledger_of_the_first_version_is_brought_up_to_date(lake: Lake) -> None:
    before = contents(lake.root)
    _downgrade(lake.root / "ledger.sqlite")
    assert differences(contents(lake.root), before) == []
    with Lake.open(lake.root) as again:
        report = check(again)
        assert (report.findings, report.unchecked) == ([], 3)
        ((version,),) = again.ledger.ask("pragma user_version")
        assert version == ledger_schema.VERSION


def test_a_step_that_fails_leaves_the_ledger_as_it_was(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lake.root / "ledger.sqlite"
    _downgrade(path)
    *first, last = ledger_schema._STEPS
    with monkeypatch.context() as patch:
        patch.setattr(ledger_schema, "_STEPS", (*first, last + "; drop table nowhere"))
        with pytest.raises(StoreError, match="cannot open the ledger"):
            Lake.open(lake.root)
    with Lake.open(lake.root) as again:
        assert check(again).findings == []


def _downgrade(path: Path) -> None:
    connection = sqlite3.connect(path)
    for name in ("rows", "size", "crc32"):
        connection.execute(f"alter table files drop column {name}")
    connection.execute("drop table object_layouts")
    for name in ("expired_rows", "expired_rejected", "kind"):
        connection.execute(f"alter table objects drop column {name}")
    connection.execute("pragma user_version = 0")
    connection.commit()
    connection.close()


def test_a_ledger_of_a_newer_version_is_refused(lake: Lake) -> None:
    lake.ledger.ask("pragma user_version = 99")
    with pytest.raises(StoreError, match="written by a newer version of forensics"):
        Lake.open(lake.root)

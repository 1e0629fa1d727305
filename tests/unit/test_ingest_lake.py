"""The lake: exactly once, whatever is pulled again, changes, crashes or is hostile."""

import gzip
import io
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import SourceError, StoreError
from pipeline.ingest import batch
from pipeline.ingest import lake as lake_module
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import ObjectProblem, PullSummary, pull
from pipeline.model import OBJECTS, REQUESTS, Window
from tests.support.alb_lines import START, Line, gateway_error, object_key, object_lines

EVER = Window()
END = START + timedelta(minutes=5)


def put(folder: Path, seed: int = 1, lines: int = 20, end: datetime = END, errors: float = 0.0) -> Path:
    path = folder / object_key(seed, end)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(
        f"{line}\n" for line in object_lines(seed, lines, start=end - timedelta(minutes=5), errors=errors)
    )
    path.write_bytes(gzip.compress(text.encode()))
    return path


def rows(lake: Lake, window: Window = EVER, elb: str | None = None) -> list[dict[str, Any]]:
    files = lake.request_files(window, elb)
    tables = [pq.read_table(file, partitioning=None) for file in files]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted(found, key=lambda row: (row["object_key"], row["line_number"]))


def brief(summary: PullSummary) -> tuple[int, int, int, int]:
    assert summary.lines == summary.rows + summary.rejected
    return summary.listed, summary.ingested, summary.already_known, summary.rows


def test_pulling_twice_is_pulling_once(lake: Lake, logs: Path) -> None:
    for seed in (1, 2, 3):
        put(logs, seed)
    assert brief(pull(str(logs), lake, EVER)) == (3, 3, 0, 60)
    first = rows(lake)
    assert brief(pull(str(logs), lake, EVER)) == (3, 0, 3, 0)
    assert rows(lake) == first
    assert len(first) == 60


def test_rows_carry_object_line_and_node(lake: Lake, logs: Path) -> None:
    path = put(logs, 7, lines=3)
    pull(str(logs), lake, EVER)
    got = rows(lake)
    assert {row["object_key"] for row in got} == {path.relative_to(logs).as_posix()}
    assert [row["line_number"] for row in got] == [1, 2, 3]
    assert {row["elb_node_ip"] for row in got} == {"198.51.100.8"}


def test_parquet_has_the_schema_of_requests_for_every_reader(lake: Lake, logs: Path) -> None:
    put(logs)
    pull(str(logs), lake, EVER)
    (file,) = lake.request_files(EVER)
    assert pq.read_table(file, partitioning=None).schema.equals(REQUESTS.schema)
    with duckdb.connect() as connection:
        count = connection.execute(f"select count(*), count(distinct trace_id) from '{file}'").fetchone()  # noqa: S608 - our own file
    assert count == (20, 20)


def test_a_changed_object_replaces_its_former_rows_and_leaves_its_neighbours(lake: Lake, logs: Path) -> None:
    (logs / "bad.log").write_bytes(b"no entry\n")
    one = put(logs, 1)
    put(logs, 2, errors=1.0)
    pull(str(logs), lake, EVER)
    text = f"{gateway_error(Line()).render()}\nnonsense\n"
    one.write_bytes(gzip.compress(text.encode()))
    (logs / "bad.log").write_bytes(b"other\nlines\n")
    summary = pull(str(logs), lake, EVER)
    assert brief(summary) == (3, 2, 1, 1)
    assert len(rows(lake)) == 21
    rejected = [r for f in lake.rejected_files() for r in pq.read_table(f, partitioning=None).to_pylist()]
    assert sorted(r["raw"] for r in rejected) == [b"lines", b"nonsense", b"other"]
    errors = [r for f in lake.error_files(EVER) for r in pq.read_table(f, partitioning=None).to_pylist()]
    assert len(errors) == 21
    assert lake.objects().num_rows == 3


def test_a_file_with_only_a_new_time_of_change_is_known(lake: Lake, logs: Path) -> None:
    path = put(logs)
    pull(str(logs), lake, EVER)
    os.utime(path, (1, 1))
    assert brief(pull(str(logs), lake, EVER)) == (1, 0, 1, 0)
    assert brief(pull(str(logs), lake, EVER)) == (1, 0, 1, 0)
    assert len(rows(lake)) == 20


def test_a_copy_under_the_same_object_name_is_not_counted_twice(lake: Lake, logs: Path) -> None:
    path = put(logs)
    (logs / "copy").mkdir()
    (logs / "copy" / path.name).write_bytes(path.read_bytes())
    assert brief(pull(str(logs), lake, EVER, workers=2)) == (2, 1, 1, 20)
    assert brief(pull(str(logs / "copy"), lake, EVER)) == (1, 0, 1, 0)


def test_the_same_file_is_known_from_whichever_folder_it_is_named(lake: Lake, logs: Path) -> None:
    (logs / "a").mkdir()
    (logs / "a" / "x.log").write_text(f"{Line().render()}\n")
    pull(str(logs), lake, EVER)
    assert brief(pull(str(logs / "a"), lake, EVER)) == (1, 0, 1, 0)
    assert brief(pull(str(logs / "a" / "x.log"), lake, EVER)) == (1, 0, 1, 0)


def test_equal_names_from_two_folders_get_different_keys(lake: Lake, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.log").write_text(f"{Line(user_agent=name).render()}\n")
        pull(str(tmp_path / name), lake, EVER)
    assert {row["object_key"] for row in rows(lake)} == {"x.log", str(tmp_path / "two" / "x.log")}


def test_foreign_objects_are_left_out_and_counted_by_kind(lake: Lake, logs: Path) -> None:
    name = put(logs).name
    for other in (
        "ELBAccessLogTestFile",
        name.replace("_app.", "_net."),
        name.replace("_app.shop.50dc6c495c0c9188", "_shop").removesuffix(".gz"),
        "readme.txt",
    ):
        (logs / other).write_text("Enable AccessLog for ELB: app/a/b at 2020-11-20T09:55:52.806Z\n")
    summary = pull(str(logs), lake, EVER)
    kinds = ("test_file", "nlb", "classic", "other")
    assert summary.left_out == dict.fromkeys(kinds, 1)
    assert summary.ingested == 1


def test_renamed_logs_are_judged_line_by_line(lake: Lake, logs: Path) -> None:
    (logs / "deep" / "er").mkdir(parents=True)
    (logs / "deep" / "er" / "access.log").write_text(f"{Line().render()}\nEnable AccessLog for ELB: x\n")
    (logs / "b.log.gz").write_text(f"{Line().render()}\n")
    summary = pull(str(logs), lake, EVER)
    assert (summary.rows, summary.rejected) == (2, 1)
    (table,) = [pq.read_table(file, partitioning=None).to_pylist() for file in lake.rejected_files()]
    assert table[0]["object_key"] == "deep/er/access.log"
    assert (table[0]["line_number"], "test file" in table[0]["reason"]) == (2, True)


def test_objects_apart_from_the_window_or_of_other_load_balancers_are_left(lake: Lake, logs: Path) -> None:
    put(logs, 1)
    put(logs, 2, end=END + timedelta(hours=5))
    shop = put(logs, 3)
    shop.rename(shop.with_name(shop.name.replace("app.shop.", "app.blog.")))
    window = Window(START, START + timedelta(hours=1))
    summary = pull(str(logs), lake, window, load_balancer="shop")
    assert (summary.ingested, summary.outside_window, summary.left_out) == (1, 1, {"other_load_balancer": 1})


def test_file_lists_are_pruned_by_time_and_load_balancer(lake: Lake, logs: Path) -> None:
    texts = [
        Line(time=START).render(),
        Line(time=START + timedelta(hours=2)).render(),
        Line(time=START + timedelta(hours=2), elb="app/blog/1").render(),
    ]
    (logs / "mixed.log").write_text("\n".join(texts))
    pull(str(logs), lake, EVER)
    assert len(lake.request_files(EVER)) == 3
    assert len(lake.request_files(Window(START + timedelta(hours=1)))) == 2
    assert len(lake.request_files(Window(None, START + timedelta(hours=1)))) == 1
    assert len(lake.request_files(Window(START, START))) == 0
    assert len(lake.request_files(EVER, "blog")) == 1
    assert len(lake.request_files(EVER, "app/shop/50dc6c495c0c9188")) == 2
    assert lake.span() == (START, START + timedelta(hours=2))
    assert Path(lake.request_files(EVER)[0]).parent.name == "hour=2026-03-02T11"


def test_gateway_errors_are_also_in_files_of_their_own(lake: Lake, logs: Path) -> None:
    lines = [Line(), gateway_error(Line()), Line(elb_status="503"), gateway_error(Line(), 504)]
    (logs / "a.log").write_text("\n".join(line.render() for line in lines))
    pull(str(logs), lake, EVER)
    (file,) = lake.error_files(EVER)
    table = pq.read_table(file, partitioning=None)
    assert table.column("elb_status_code").to_pylist() == [502, 504]
    assert table.schema.equals(REQUESTS.schema)


def test_an_empty_lake_answers_everything(lake: Lake) -> None:
    assert lake.request_files(EVER) == lake.error_files(EVER) == lake.rejected_files() == []
    assert lake.span() is None
    assert lake.objects().schema.equals(OBJECTS.schema)


def test_damaged_and_empty_objects_are_named_and_not_read_again(lake: Lake, logs: Path) -> None:
    path = put(logs, 1, lines=500)
    path.write_bytes(path.read_bytes()[:-3000])
    (logs / "empty.log.gz").write_bytes(b"")
    summary = pull(str(logs), lake, EVER)
    reasons = {problem.object_key.rpartition("/")[2]: problem.reason for problem in summary.problems}
    assert reasons["empty.log.gz"] == "empty object"
    assert reasons[path.name].startswith("truncated gzip after ")
    assert 0 < summary.rows < 500
    assert pull(str(logs), lake, EVER).already_known == 2
    assert sorted(filter(None, lake.objects().column("problem").to_pylist())) == sorted(reasons.values())


def test_standard_input_is_known_by_its_content(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(text: str) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(gzip.compress(text.encode())))
        monkeypatch.setattr(sys, "stdin", stdin)

    give(Line().render())
    assert brief(pull("-", lake, EVER)) == (1, 1, 0, 1)
    give(Line().render())
    assert brief(pull("-", lake, EVER)) == (1, 0, 1, 0)
    give(Line(user_agent="other").render())
    assert brief(pull("-", lake, EVER)) == (1, 1, 0, 1)
    found = sorted(row["object_key"] for row in rows(lake))
    assert found[0] == "-"
    assert found[1].startswith("-:")


def test_a_folder_without_logs_gives_an_empty_summary(lake: Lake, logs: Path) -> None:
    assert brief(pull(str(logs), lake, EVER)) == (0, 0, 0, 0)


def test_a_source_that_does_not_exist_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: no such file or folder"):
        pull(str(tmp_path / "nowhere"), lake, EVER)


def test_a_file_that_cannot_be_read_is_a_problem_and_tried_again(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs)
    original = Path.open

    def refuse(path: Path, mode: str = "r", **more: str) -> IO[Any]:
        if path.name.endswith(".log.gz"):
            raise PermissionError(13, "Permission denied")
        opened: IO[Any] = original(path, mode, encoding=more.get("encoding"))
        return opened

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        summary = pull(str(logs), lake, EVER)
    (problem,) = summary.problems
    assert isinstance(problem, ObjectProblem)
    assert problem.reason == "cannot be read: Permission denied"
    assert pull(str(logs), lake, EVER).ingested == 1


def test_what_a_crash_left_behind_is_ignored_and_removed(
    lake: Lake, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs, 1)
    pull(str(logs), lake, EVER)
    put(logs, 2)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake.ledger, "commit", crash)
        with pytest.raises(KeyboardInterrupt):
            pull(str(logs), lake, EVER)
    half = tmp_path / "store" / "requests" / "elb=shop" / "half.parquet.tmp"
    half.write_bytes(b"half")
    (tmp_path / "store" / "lock").write_text("1\n")
    present = set((tmp_path / "store").rglob("*.parquet*"))
    assert len(rows(lake)) == 20
    with Lake.open(tmp_path / "store") as again:
        left = set((tmp_path / "store").rglob("*.parquet*"))
        assert len(rows(again)) == 20
        assert half not in left
        assert len(left) < len(present)
        assert brief(pull(str(logs), again, EVER)) == (2, 1, 1, 20)
        assert len(rows(again)) == 40


def test_a_replaced_file_stays_for_readers_that_hold_an_older_list(
    lake: Lake, logs: Path, tmp_path: Path
) -> None:
    path = put(logs)
    pull(str(logs), lake, EVER)
    (held,) = lake.request_files(EVER)
    path.write_bytes(gzip.compress(f"{Line().render()}\n".encode()))
    pull(str(logs), lake, EVER)
    assert pq.read_table(held, partitioning=None).num_rows == 20
    lake.ledger.ask("update retired_files set retired_at = 0")
    with Lake.open(tmp_path / "store") as again:
        put(logs, 2)
        pull(str(logs), again, EVER)
    assert not Path(held).exists()


def test_one_writer_at_a_time_and_readers_are_not_kept_waiting(
    lake: Lake, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs)
    monkeypatch.setattr(lake_module, "_PATIENCE_S", 0.1)
    with lake.writing(), Lake.open(tmp_path / "store") as other:
        assert other.request_files(EVER) == []
        with pytest.raises(StoreError, match="another process is writing"):
            pull(str(logs), other, EVER)
    assert pull(str(logs), lake, EVER).ingested == 1


def test_a_store_that_cannot_be_written_is_named(
    lake: Lake, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(logs)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError, match=r"No space left on device; is the store full or read-only\?"):
        pull(str(logs), lake, EVER)
    assert list((tmp_path / "store").rglob("*.tmp")) == []


def test_a_file_in_place_of_the_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file: cannot be used as a store"):
        Lake.open(tmp_path / "file")


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be read as one" * 50)
    with pytest.raises(StoreError, match="is no ledger of this tool"):
        Lake.open(tmp_path)


def test_names_out_of_log_lines_cannot_leave_the_store(lake: Lake, logs: Path, tmp_path: Path) -> None:
    (logs / "a.log").write_text(
        "\n".join(Line(elb=elb).render() for elb in ("app/../x", "../../../e/x", "app//x"))
    )
    assert pull(str(logs), lake, EVER).rows == 3
    assert all(
        Path(f).resolve().is_relative_to((tmp_path / "store").resolve()) for f in lake.request_files(EVER)
    )
    assert len(rows(lake)) == 3


def test_a_file_that_mixes_very_many_hours_makes_few_files(lake: Lake, logs: Path) -> None:
    texts = [
        Line(time=START + timedelta(hours=n), elb=f"app/a{n % 60}/{n % 60}").render() for n in range(300)
    ]
    (logs / "hours.log").write_text("\n".join(texts[:200]).replace("app/a", "app/b"))
    (logs / "hour.log").write_text(
        "\n".join(Line(time=START + timedelta(hours=n)).render() for n in range(100))
    )
    assert pull(str(logs), lake, EVER).rows == 300
    assert len(lake.request_files(EVER)) <= 4
    assert len(rows(lake)) == 300


def test_a_large_object_is_written_in_parts_and_counts_at_once(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "ROWS", 10)
    monkeypatch.setattr(batch, "_REJECTS", 3)
    texts = [Line().render() if n % 2 else f"bad {n}" for n in range(60)]
    (logs / "big.log").write_text("\n".join(texts))
    for seed in range(6):
        put(logs, seed)
    summary = pull(str(logs), lake, EVER, workers=3)
    assert (summary.rows, summary.rejected) == (150, 30)
    assert len(rows(lake)) == 150
    assert sum(pq.read_metadata(file).num_rows for file in lake.rejected_files()) == 30


def test_rows_of_long_lines_are_written_before_they_are_many(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_ROW_BYTES", 100_000)
    line = Line().render().replace("https://", "https://" + "x" * 50_000, 1)
    (logs / "long.log").write_text(f"{line}\n" * 90)  # two mebibytes are parsed at once: 42 lines
    put(logs, 1)
    summary = pull(str(logs), lake, EVER, workers=1)
    files = lake.request_files(EVER)
    assert (summary.rows, len(files)) == (len(rows(lake)), 3)


def test_progress_is_told_after_each_object(lake: Lake, logs: Path) -> None:
    for seed in range(4):
        put(logs, seed)
    told: list[tuple[int, int]] = []
    pull(str(logs), lake, EVER, progress=lambda summary, total: told.append((summary.ingested, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_objects_lists_the_ledger(lake: Lake, logs: Path) -> None:
    path = put(logs)
    pull(str(logs), lake, EVER)
    (entry,) = lake.objects().to_pylist()
    assert (entry["size"], entry["lines"], entry["rows"], entry["rejected"]) == (
        path.stat().st_size,
        20,
        20,
        0,
    )
    assert abs(entry["ingested_at"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert isinstance(lake.objects(), pa.Table)

"""Compaction and retention: fewer files, the same rows; old hours gone, their objects still known."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.ingest import batch, compaction, grouped, slices
from pipeline.ingest.check import check
from pipeline.ingest.compaction import CompactionSummary, compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.retention import ExpirySummary, expire
from pipeline.ingest.slices import Slice, Times
from pipeline.model import REQUESTS, Window
from tests.support.alb_lines import START, Line, gateway_error, object_key, object_lines
from tests.support.lake_runs import contents, differences

EVER = Window()
HOUR = timedelta(hours=1)


def fill(lake: Lake, logs: Path, hours: int = 4, objects: int = 5) -> None:
    """Every hour has ``objects`` files of each table, because every object is pulled by itself."""
    for number in range(objects):
        for hour in range(hours):
            end = START + hour * HOUR + timedelta(minutes=5 * (number + 1))
            lines = [*object_lines(hour * 100 + number, 12, start=end - timedelta(minutes=5), errors=0.3)]
            lines[-1] = gateway_error(Line(time=end - timedelta(seconds=1))).render()
            path = logs / object_key(hour * 100 + number, end)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress("\n".join([*lines, "no entry"]).encode()))
        pull(str(logs), lake, EVER, workers=1)


def hours(files: list[str]) -> list[str]:
    return [Path(file).parent.name for file in files]


def is_sorted(table: pa.Table) -> bool:
    return bool((np.diff(np.asarray(table.column("time").cast(pa.int64()))) >= 0).all())


def test_finished_hours_become_one_file_and_younger_ones_are_left(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    before = contents(lake.root)
    summary = compact(lake)
    assert (summary.groups, summary.files_before, summary.files_after) == (3, 15, 3)
    assert sorted(hours(lake.request_files(EVER))) == ["hour=2026-03-02T11"] + [
        f"hour=2026-03-02T{hour}" for hour in (12, 13, 14) for _ in range(5)
    ]
    assert hours(lake.error_files(EVER)).count("hour=2026-03-02T11") == 1
    assert len(lake.rejected_files()) == 1
    assert differences(contents(lake.root), before) == []
    assert check(lake).findings == []
    assert compact(lake) == CompactionSummary()


def test_a_compacted_hour_is_sorted_by_time_and_keeps_the_schema(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    compact(lake)
    table = pq.read_table(lake.request_files(EVER)[0], partitioning=None)
    assert is_sorted(table)
    assert table.schema.equals(REQUESTS.schema)


def test_row_groups_have_bounded_size_and_follow_each_other(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_GROUP_ROWS", 40)
    monkeypatch.setattr(batch, "ROWS", 30)
    texts = [*object_lines(1, 500, start=START)] + [
        Line(time=START + timedelta(seconds=7)).render() for _ in range(90)
    ]
    for part in range(5):
        (logs / f"{part}.log").write_text("\n".join(texts[part::5]))
    pull(str(logs), lake, EVER)
    before = contents(lake.root)
    compact(lake, now=START + 9 * HOUR, min_files=2)
    assert hours(lake.request_files(EVER)) != ["hour=2026-03-02T11"]
    (logs / "later.log").write_text(Line(time=START + 5 * HOUR).render())
    pull(str(logs), lake, EVER)
    compact(lake, min_files=2)
    file = pq.ParquetFile(lake.request_files(EVER)[0])
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert sum(sizes) == 590
    assert sum(size > 40 for size in sizes) == 0
    times = pq.read_table(lake.request_files(EVER)[0], columns=["time"], partitioning=None)
    assert is_sorted(times)
    assert before["requests"].num_rows == 590
    assert check(lake).findings == []


def test_a_busy_hour_gets_row_groups_of_one_to_two_hundred_thousand_rows_in_the_order_of_time(
    lake: Lake, logs: Path
) -> None:
    lines, parts = 420_000, 5
    template = Line(fields=18).render().partition(" ")[2].partition(" ")[2]
    step = HOUR / lines
    texts = [f"https {START + number * step:%Y-%m-%dT%H:%M:%S.%fZ} {template}" for number in range(lines)]
    for part in range(parts):
        (logs / f"{part}.log").write_text("\n".join(texts[part::parts]))
    pull(str(logs), lake, EVER)
    (logs / "later.log").write_text(Line(time=START + 9 * HOUR).render())
    pull(str(logs), lake, EVER)
    assert compact(lake).rows == lines
    file = pq.ParquetFile(lake.request_files(EVER)[0])
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sum(groups) == lines
    assert all(100_000 <= rows <= 200_000 for rows in groups), groups
    assert is_sorted(file.read(columns=["time"]))


def test_a_line_from_the_far_future_does_not_finish_the_present_hour(lake: Lake, logs: Path) -> None:
    fill(lake, logs, hours=1)
    (logs / "odd.log").write_text(Line(time=datetime(2190, 1, 1, tzinfo=UTC)).render())
    pull(str(logs), lake, EVER)
    compact(lake, now=START + HOUR)
    assert hours(lake.request_files(EVER)).count("hour=2026-03-02T11") == 5
    compact(lake)
    assert hours(lake.request_files(EVER)).count("hour=2026-03-02T11") == 1


def test_late_objects_join_their_hour_at_the_next_compaction(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    compact(lake)
    for seed in (801, 802, 803):
        (logs / f"late-{seed}.log").write_text("\n".join(object_lines(seed, 5)))
        pull(str(logs), lake, EVER)
    before = contents(lake.root)
    assert compact(lake).files_before >= 4
    assert hours(lake.request_files(EVER)).count("hour=2026-03-02T11") == 1
    assert differences(contents(lake.root), before) == []


def test_an_object_that_is_delivered_anew_leaves_a_compacted_hour(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    compact(lake)
    path = logs / object_key(0, START + timedelta(minutes=5))
    path.write_bytes(gzip.compress(f"{Line(user_agent='anew').render()}\n".encode()))
    pull(str(logs), lake, EVER)
    assert check(lake).findings == []
    rows = contents(lake.root)["requests"].to_pylist()
    assert sum(row["user_agent"] == "anew" for row in rows) == 1
    assert len(rows) == 4 * 5 * 12 - 12 + 1


def test_hours_with_a_damaged_file_are_left_and_named(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    victim = Path(lake.request_files(EVER)[2])
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    summary = compact(lake)
    (problem,) = summary.problems
    assert f"{victim.name}: is not as it was written; its hour is left as it is" in problem
    assert summary.groups == 2
    victim.unlink()
    (problem,) = compact(lake).problems
    assert "cannot be read: No such file" in problem


def test_a_merge_that_would_lose_rows_changes_nothing(
    lake: Lake, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lake, logs)
    before = lake.request_files(EVER)
    cut = slices.cut
    monkeypatch.setattr(slices, "cut", lambda *values: cut(*values)[1:])
    with pytest.raises(StoreError, match="rows would become"):
        compact(lake)
    assert lake.request_files(EVER) == before
    assert check(lake).findings == []


def test_damaged_bytes_under_the_reader_are_an_error_with_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(StoreError, match=r"x\.parquet: cannot be read: .*lake check"):
        list(grouped.groups(path))


def test_old_hours_go_and_their_objects_stay_known(lake: Lake, logs: Path) -> None:
    fill(lake, logs)
    assert expire(lake, START + 2 * HOUR + timedelta(minutes=59)) == ExpirySummary(20, 120, 10)
    assert set(hours(lake.request_files(EVER))) == {"hour=2026-03-02T13", "hour=2026-03-02T14"}
    assert set(hours(lake.error_files(EVER))) == {"hour=2026-03-02T13", "hour=2026-03-02T14"}
    assert contents(lake.root)["rejected_lines"].num_rows == 10
    assert check(lake).findings == []
    assert pull(str(logs), lake, EVER).already_known == 20
    assert expire(lake, START + 2 * HOUR) == ExpirySummary(0, 0, 0)


def test_an_object_delivered_anew_after_its_hour_expired_is_read_and_expires_again(
    lake: Lake, logs: Path
) -> None:
    fill(lake, logs, hours=2)
    expire(lake, START + HOUR)
    path = logs / object_key(0, START + timedelta(minutes=5))
    path.write_bytes(gzip.compress(f"{Line().render()}\nno entry\nor this\n".encode()))
    assert pull(str(logs), lake, EVER).ingested == 1
    assert check(lake).findings == []
    assert expire(lake, START + HOUR) == ExpirySummary(1, 1, 2)
    assert check(lake).findings == []


def test_rejected_lines_of_objects_without_a_time_go_by_their_ingestion(lake: Lake, logs: Path) -> None:
    (logs / "odd.log").write_text("no entry\nnor this\n")
    (logs / "mixed.log").write_text(f"{Line().render()}\nno entry\n")
    pull(str(logs), lake, EVER)
    assert expire(lake, START + HOUR) == ExpirySummary(1, 1, 0)
    assert expire(lake, datetime.now(UTC) + 2 * HOUR) == ExpirySummary(0, 0, 3)
    assert lake.rejected_files() == []
    assert check(lake).findings == []
    assert pull(str(logs), lake, EVER).already_known == 2


instants = st.lists(st.integers(0, 10**9) | st.integers(0, 30), min_size=1, max_size=300)


@given(instants, st.integers(1, 60))
def test_slices_cover_every_row_once_and_are_bounded(moments: list[int], most: int) -> None:
    times = np.asarray(moments, np.int64)

    def read(first: int, last: int) -> Iterator[Times]:
        assert first <= last
        yield times[::2]
        yield times[1::2]

    found = slices.cut(read, int(times.min()), int(times.max()), len(moments), most)
    for part in found:
        assert part.rows == ((times >= part.first) & (times <= part.last)).sum()
        assert part.rows <= most or part.first == part.last
    assert sum(part.rows for part in found) == len(moments)
    assert all(one.last < other.first for one, other in pairwise(found))


def test_slices_of_even_traffic_are_even() -> None:
    times = np.arange(1_000_000, dtype=np.int64) * 3_600
    found = slices.cut(lambda *_: iter([times]), 0, int(times[-1]), len(times), 200_000)
    assert all(isinstance(part, Slice) and 100_000 <= part.rows <= 200_000 for part in found)

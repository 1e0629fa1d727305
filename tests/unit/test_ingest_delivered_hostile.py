"""Parquet that someone made to be read in vain: refused with a sentence before it takes memory or time."""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ingest import allowance, delivered_parquet, parquet_pages, thrift
from pipeline.ingest.delivered_parquet import ParquetReader
from pipeline.ingest.kinds import ACCESS
from pipeline.ingest.parquet_pages import plan, row_groups
from pipeline.ingest.parsed import Origin
from tests.support.other_logs import records
from tests.support.parquet_bombs import (
    MEBIBYTE,
    absent_rows,
    equal_rows,
    false_sizes,
    shared_start,
    shared_text,
)
from tests.unit.test_ingest_delivered import parquet, plain, read


def test_a_text_that_many_rows_point_to_is_held_once() -> None:
    rows, rejects, problem = read(shared_text(300, 1000))
    assert (len(rows), rejects, problem) == (300, [], None)
    assert {row["user_agent"] for row in rows} == {"x" * 1000}


def test_a_text_over_a_mebibyte_rejects_its_row() -> None:
    rows, (reject,), problem = read(shared_text(1, MEBIBYTE + 1))
    assert (rows, problem) == ([], None)
    assert (reject.field, reject.reason) == ("user_agent", "longer than 1 MiB")
    assert len(reject.raw) < 70_000


def test_values_that_grow_beyond_measure_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivered_parquet, "_FREE_BYTES", 20 * MEBIBYTE)
    content = shared_text(500, MEBIBYTE)
    rows, rejects, problem = read(content)
    assert rejects == []
    assert 10 < len(rows) < 50
    assert problem is not None
    assert problem.startswith("values of ")
    assert problem.endswith(f" MiB, which no log packs so tightly: given up after {len(rows)} lines")


def test_rows_that_share_a_long_text_are_handed_on_in_parts() -> None:
    reader = ParquetReader(io.BytesIO(shared_text(60, MEBIBYTE)), Origin("x"), ACCESS)
    assert [part.rows for part in reader.parse()] == [16, 16, 16, 12]


def test_texts_that_share_their_starts_are_read_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    content = shared_start(30, 10_000)
    (group,) = row_groups(io.BytesIO(content))
    monkeypatch.setattr(parquet_pages, "_AT_ONCE", 70_000)
    how = plan(io.BytesIO(content), group)
    assert (how.rows, how.encoded) == (6, [])
    rows, rejects, problem = read(content)
    assert (rejects, problem) == ([], None)
    assert [row["user_agent"] for row in rows] == [f"{'x' * 10_000}{place}" for place in range(30)]


def test_a_page_is_judged_by_its_own_header() -> None:
    assert read(false_sizes()) == ([], [], "row group of more than 256 MiB: given up after 0 lines")


@pytest.mark.parametrize("bomb", [absent_rows, equal_rows])
def test_more_rows_than_a_file_of_that_size_can_hold_are_not_begun(bomb: Callable[[int], bytes]) -> None:
    content = bomb(2_000_000)
    rows, rejects, problem = read(content)
    assert (rows, rejects) == ([], [])
    told = f"2,000,000 rows in {len(content):,} bytes, no log packs so tightly"
    assert problem == f"{told}: given up after 0 lines"


def test_rows_that_are_no_entries_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "_REJECTS", 7_000)
    rows, rejects, problem = read(absent_rows(20_000))
    assert (rows, len(rejects)) == ([], 10_000)
    assert problem == "given up: only 0 of its first 10,000 lines are entries"


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"tags": [["a", "b"]]}, "column tags.list.element holds lists or other columns"),
        ({"client": [{"ip": "203.0.113.1"}]}, "column client.ip holds lists or other columns"),
        ({f"x{place}": [1] for place in range(200)}, "more than 200 columns"),
    ],
)
def test_columns_that_no_log_has_are_refused(column: dict[str, list[object]], reason: str) -> None:
    table = pa.Table.from_pylist(records(1))
    for name, values in column.items():
        table = table.append_column(name, pa.array(values))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert read(sink.getvalue()) == ([], [], f"{reason}: given up after 0 lines")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("packing", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_pages_of_every_sort_are_seen_and_read(packing: str, version: str) -> None:
    options = {"compression": packing, "data_page_version": version, "data_page_size": 400}
    content = parquet(records(40), write_statistics=False, **options)
    (group,) = row_groups(io.BytesIO(content))
    whole = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    for place in range(whole.num_columns):
        column = thrift.member(thrift.members(group, 1)[place], 3)
        sizes = [page.inflated for page in parquet_pages._pages(io.BytesIO(content), column)]
        headers = whole.column(place).total_uncompressed_size - sum(sizes)
        assert abs(headers) < 120 * len(sizes)
    assert read(content) == (plain(40), [], None)


def test_a_struct_is_read_as_thrift_writes_it() -> None:
    data = bytes(
        [
            *(0x15, 0x03),  # 1: -2
            *(0x18, 0x02, 0x61, 0x62),  # 2: "ab"
            *(0x11, 0x12),  # 3 and 4: true, false
            *(0x1C, 0x26, 0xAC, 0x02, 0x00),  # 5: {2: 150}
            *(0x19, 0x2C, 0x15, 0x02, 0x00, 0x00),  # 6: [{1: 1}, {}]
            *(0x19, 0x25, 0x02, 0x04),  # 7: [1, 2]
            *(0x17, *bytes(8), 0x13, 0x07),  # 8: 0.0, 9: a byte
            *(0x05, 0x28, 0x0E),  # 20: 7
            0x00,
        ]
    )
    fields, end = thrift.struct(data + b"more")
    assert fields == {1: -2, 5: {2: 150}, 6: [{1: 1}, {}], 20: 7}
    assert end == len(data)
    assert (thrift.number(fields, 1), thrift.number(fields, 5), thrift.number(fields, 9)) == (-2, 0, 0)
    assert (thrift.member(fields, 5), thrift.member(fields, 6), thrift.members(fields, 5)) == (
        {2: 150},
        {},
        [],
    )
    for cut in range(len(data)):
        with pytest.raises(EOFError):
            thrift.struct(data[:cut])


@pytest.mark.parametrize(
    "data", [b"\x1c" * 40, b"\x19\x19" * 40, b"\x1e\x00", b"\x15" + b"\xff" * 20, b"\x19\xfc" + b"\xff" * 12]
)
def test_bytes_that_are_no_struct_are_refused(data: bytes) -> None:
    with pytest.raises((ValueError, EOFError)):
        thrift.struct(data)

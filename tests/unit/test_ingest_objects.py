"""Objects of every condition: whole, cut off, padded, empty, hostile."""

import gzip
import io
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.ingest import allowance, inflate, objects
from pipeline.ingest.blocks import Block, Cutter, LongLine
from pipeline.ingest.inflate import DamagedError, pieces
from pipeline.ingest.objects import ObjectReader
from pipeline.ingest.parsed import Origin, Parsed
from tests.support.alb_lines import Line, object_lines

TEXT = "".join(f"{line}\n" for line in object_lines(1, 50)).encode()


def read(content: bytes) -> tuple[list[Parsed], str | None]:
    reader = ObjectReader(io.BytesIO(content), Origin("key"))
    return list(reader.parse()), reader.problem


def counts(parts: list[Parsed]) -> tuple[int, int, int]:
    return sum(p.lines for p in parts), sum(p.rows for p in parts), sum(len(p.rejects) for p in parts)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:9000]) + gzip.compress(TEXT[9000:]),
        gzip.compress(TEXT) + bytes(512),
        gzip.compress(TEXT) + bytes(512) + gzip.compress(b""),
        b"\xef\xbb\xbf" + TEXT,
        TEXT.replace(b"\n", b"\r\n"),
        TEXT[:-1],
    ],
    ids=[
        "plain",
        "gzip",
        "two members",
        "padded",
        "padded member",
        "byte order mark",
        "CRLF",
        "no last newline",
    ],
)
def test_all_lines_of_a_whole_object_are_read(content: bytes) -> None:
    parts, problem = read(content)
    assert (counts(parts), problem) == ((50, 50, 0), None)


def test_a_truncated_object_keeps_the_rows_before_the_damage_and_rejects_the_line_it_cuts() -> None:
    parts, problem = read(gzip.compress(TEXT)[:-2000])
    lines, rows, rejected = counts(parts)
    assert 0 < rows < 50
    assert rejected == 1
    assert parts[-1].rejects[0].reason == "line cut off by truncated gzip"
    assert problem == f"truncated gzip after {lines} lines"


def test_a_corrupt_checksum_is_a_problem_and_not_a_loss() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    parts, problem = read(bytes(packed))
    assert (counts(parts), problem) == ((50, 50, 0), "corrupt gzip after 50 lines")


def test_garbage_after_the_gzip_data_is_a_problem() -> None:
    parts, problem = read(gzip.compress(TEXT) + b"garbage")
    assert (counts(parts), problem) == ((50, 50, 0), "garbage after the gzip data after 50 lines")


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["no bytes", "empty member"])
def test_an_object_without_lines_is_called_empty(content: bytes) -> None:
    parts, problem = read(content)
    assert (parts, problem) == ([], "empty object")


def test_binary_garbage_becomes_rejects() -> None:
    parts, problem = read(bytes(range(256)) * 40)
    lines, rows, rejected = counts(parts)
    assert (rows, problem) == (0, None)
    assert lines == rejected == 41


def test_layouts_mixed_in_one_object_all_become_rows_with_their_own_line_numbers() -> None:
    texts = [Line(fields=fields).render() for fields in (29, 33, 33, 33, 30, 36, 33)]
    parts, _ = read("".join(f"{text}\n" for text in texts).encode())
    rows = sorted((r for p in parts for t in p.tables for r in t.to_pylist()), key=lambda r: r["line_number"])
    assert [r["line_number"] for r in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [r["conn_trace_id"] is None for r in rows] == [True] + [False] * 6
    assert [r["extra_fields"] for r in rows] == [None] * 5 + [["-", "-"]] + [None]
    assert sum((p.field_counts.get(33, 0) for p in parts), 0) == 4


@pytest.mark.parametrize("fields", range(18, 41))
def test_an_object_may_have_any_number_of_fields(fields: int) -> None:
    texts = [Line(fields=fields).render() + " x" * max(0, fields - 36) for _ in range(20)]
    parts, problem = read("\n".join(texts).encode())
    assert (counts(parts), problem) == ((20, 20, 0), None)


def test_a_truncated_line_with_an_open_quote_costs_only_itself() -> None:
    texts = TEXT.split(b"\n")
    texts[20] = texts[20][:300].rpartition(b'"')[0] + b'"open'
    parts, _ = read(b"\n".join(texts))
    assert counts(parts) == (50, 49, 1)
    assert [r.line_number for p in parts for r in p.rejects] == [21]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_line_cut_off_inside_its_last_field_is_rejected(end: bytes) -> None:
    last = TEXT.splitlines()[-1]
    parts, problem = read(TEXT + last[:-2] + end)
    assert (counts(parts), problem) == ((51, 50, 1), None)
    assert parts[-1].rejects[0].reason == "quote is not closed"


def test_an_overlong_line_is_rejected_with_its_first_64_kib() -> None:
    long = b"x" * (3 << 20)
    parts, _ = read(TEXT + long + b"\n" + TEXT)
    assert counts(parts) == (101, 100, 1)
    (found,) = [r for p in parts for r in p.rejects]
    assert (found.line_number, found.reason, found.raw) == (51, "line longer than 1 MiB", b"x" * (64 << 10))


@pytest.mark.parametrize("size", [1, 7, 100, 5000, 1 << 20])
def test_the_cutter_gives_the_same_lines_however_the_stream_is_cut(size: int) -> None:
    content = TEXT[:6000] + b"\n\n" + b"y" * (1 << 20) + b"\n" + b"z" * ((1 << 20) + 1) + b"\nlast"
    content = content if size > 50 else TEXT[:3000]
    cutter = Cutter()
    parts = [p for start in range(0, len(content), size) for p in cutter.feed(content[start : start + size])]
    parts += cutter.finish()
    lines = [line for part in parts for line in _numbered(part)]
    expected = [line if len(line) <= 1 << 20 else b"long" for line in content.split(b"\n")]
    assert [text for _, text in lines] == expected
    assert all(after[0] == before[0] + 1 for before, after in pairwise(lines))


def _numbered(part: Block | LongLine) -> list[tuple[int, bytes]]:
    return [(part.number, b"long")] if isinstance(part, LongLine) else list(part.numbered())


def test_pieces_of_a_gzip_bomb_stay_small() -> None:
    bomb = gzip.compress(bytes(100 << 20))
    sizes = [len(piece) for piece in pieces(io.BytesIO(bomb))]
    assert sum(sizes) == 100 << 20
    assert max(sizes) <= 16 << 20


def test_members_that_end_at_any_place_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_STEP", 16)
    texts = [TEXT[:size] for size in (0, 1, 0, 5, 400, 0, 9000, 3, 0)]
    packed = b"\0\0".join(gzip.compress(text) for text in texts)
    for read in range(1, 90):
        monkeypatch.setattr(inflate, "_READ", read if read > 1 else len(packed))
        assert b"".join(pieces(io.BytesIO(packed))) == b"".join(texts)


def test_a_hundred_thousand_empty_members_take_no_quadratic_time() -> None:
    def seconds(members: int) -> float:
        stream = io.BytesIO(gzip.compress(b"") * members)
        started = time.process_time()
        assert not [*pieces(stream)]
        return time.process_time() - started

    assert seconds(100_000) < 20 * max(seconds(20_000), 0.01)


def test_a_truncated_stream_hands_out_what_was_readable_before_it_raises() -> None:
    got: list[bytes] = []
    with pytest.raises(DamagedError, match="truncated gzip"):
        got.extend(pieces(io.BytesIO(gzip.compress(TEXT)[:-1000])))
    assert TEXT.startswith(b"".join(got))
    assert got


def test_a_block_of_empty_lines_is_handed_on_in_small_parts() -> None:
    parts = [*ObjectReader(io.BytesIO(TEXT[:4000] + b"\n" * 100_000), Origin("key")).parse()]
    assert max(part.lines for part in parts) <= 20_000
    assert sum(len(part.rejects) for part in parts) >= 100_000


_HOSTILE = """
import gzip, io, resource, sys
sys.path.insert(0, sys.argv[1])
from pipeline.ingest.objects import ObjectReader
from pipeline.ingest.parsed import Origin

class Endless(io.RawIOBase):
    left = 200 << 20
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return b"a" * size

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
parts = list(ObjectReader(Endless(), Origin("key")).parse())
assert [reject.reason for part in parts for reject in part.rejects] == ["line longer than 1 MiB"]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_line_of_200_mb_is_never_held_whole() -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", _HOSTILE, root], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rejects and two for each row; 10,000 bytes and 2,000 for each row; parts of four lines."""
    monkeypatch.setattr(allowance, "_REJECTS", 10)
    monkeypatch.setattr(allowance, "_REJECTS_A_ROW", 2)
    monkeypatch.setattr(allowance, "_BYTES", 10_000)
    monkeypatch.setattr(allowance, "_BYTES_A_ROW", 2_000)
    monkeypatch.setattr(objects, "_PART", 4)


@pytest.mark.usefixtures("impatient")
def test_an_object_is_given_up_when_far_more_lines_are_rejected_than_read() -> None:
    entries = "".join(f"{line}\n" for line in object_lines(1, 7)).encode()
    parts, problem = read(entries + b"\n" * 24)
    assert (counts(parts), problem) == ((31, 7, 24), None)
    parts, problem = read(entries + b"\n" * 1000)
    assert (counts(parts), problem) == (
        (32, 7, 25),
        "given up: only 7 of its first 32 lines are entries",
    )
    assert [one.line_number for part in parts for one in part.rejects] == list(range(8, 33))


@pytest.mark.usefixtures("impatient")
def test_an_object_is_given_up_when_it_grows_without_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_READ", 4_000)
    monkeypatch.setattr(inflate, "PIECE", 4_000)
    parts, problem = read(b"x" * 100_000)
    assert (counts(parts), problem) == ((1, 0, 1), "given up: only 0 entries in its first 0 MiB")
    assert [one.reason for part in parts for one in part.rejects] == ["line cut off by giving up"]


@pytest.mark.usefixtures("impatient")
def test_an_object_of_entries_is_never_given_up() -> None:
    parts, problem = read(TEXT * 20 + b"x\n")
    assert (counts(parts), problem) == ((1001, 1000, 1), None)


def test_long_lines_are_parsed_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_PART_BYTES", 10 << 10)
    parts, problem = read(b"".join(b"x" * (4 << 10) + b"\n" for _ in range(7)))
    assert ([part.lines for part in parts], problem) == ([3, 3, 1], None)

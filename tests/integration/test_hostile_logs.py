"""Objects in every bad condition: a sentence, an exit code, bounded memory, nothing unaccounted."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.errors import RejectedLinesError
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.usecases.pull import pull as use_case
from tests.support.alb_lines import Line, object_lines
from tests.support.parquet_bombs import false_sizes, shared_start, shared_text

ROOT = Path(__file__).resolve().parents[2]
LINE = Line().render().encode()
ENTRIES = "".join(f"{line}\n" for line in object_lines(1, 40)).encode()
MEBIBYTE = 1 << 20
LONG_LINE = LINE.replace(b"https://", b"https://" + b"x" * (MEBIBYTE - 2000), 1)


MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
sys.exit(code)
"""
"""A small process between: what this one holds would count as the command's peak."""


class Run:
    """One run of the command: its end, its words and its peak of memory in MB."""

    def __init__(self, *words: str) -> None:
        process = subprocess.run(
            [sys.executable, "-c", MEASURED, sys.executable, "-m", "pipeline", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
        )
        *said, peak = process.stdout.decode().splitlines(keepends=True)
        self.code, self.said, self.peak_mb = process.returncode, "".join(said), int(peak)


def pull(folder: Path, store: Path, *words: str) -> Run:
    return Run("pull", "--logs", str(folder), "--store", str(store), "-q", *words)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


BOMBS = {
    "a line without end": (gzip.compress(bytes(64 * MEBIBYTE), 1) * 3, 1, 0),
    "empty lines": (gzip.compress(b"\n" * 200_000), 200_000, 0),
    "entries": (gzip.compress((LINE + b"\n") * 20_000, 1) * 10, 200_000, 200_000),
    "lines of just under a mebibyte": (gzip.compress((b"x" * (MEBIBYTE - 1) + b"\n") * 64, 1) * 3, 192, 0),
    "entries of just under a mebibyte": (gzip.compress((LONG_LINE + b"\n") * 16, 1) * 30, 480, 480),
    "entries of 160 more fields": (gzip.compress((LINE + b" a" * 160 + b"\n") * 4000) * 10, 40_000, 40_000),
    "lines of half a million fields": (gzip.compress(LINE + b" a" * 500_000 + b"\n") * 160, 160, 0),
    "empty members": (gzip.compress(b"") * 100_000 + gzip.compress(LINE), 1, 1),
}


def test_small_objects_that_grow_beyond_measure_are_read_in_bounded_memory(
    logs: Path, tmp_path: Path
) -> None:
    for name, (content, _, _) in BOMBS.items():
        (logs / f"{name}.log.gz").write_bytes(content)
    run = pull(logs, tmp_path / "store", "--max-reject-share", "1")
    print(f"{sum(len(content) for content, _, _ in BOMBS.values()):,} bytes: at most {run.peak_mb} MB")
    assert run.code == 0, run.said
    lines, rows = sum(bomb[1] for bomb in BOMBS.values()), sum(bomb[2] for bomb in BOMBS.values())
    assert f"{lines:,} lines = {rows:,} requests + {lines - rows:,} rejected" in run.said
    assert run.peak_mb < 500
    with Lake.open(tmp_path / "store") as lake:
        accounts = {row["object_key"]: (row["lines"], row["rows"]) for row in lake.objects().to_pylist()}
    assert accounts == {f"{name}.log.gz": bomb[1:] for name, bomb in BOMBS.items()}


GIVEN_UP = {
    "a gibibyte of empty lines.log.gz": (
        gzip.compress(b"\n" * (64 * MEBIBYTE)) * 16,
        (1_020_000, 0),
        "given up: only 0 of its first 1,020,000 lines are entries",
    ),
    "a line of four gibibytes.log.gz": (
        gzip.compress(bytes(64 * MEBIBYTE), 1) * 64,
        (1, 0),
        "given up: only 0 entries in its first 528 MiB",
    ),
    "a text that all rows share.parquet": (
        shared_text(5000, 20 * MEBIBYTE),
        (52, 0),
        "values of 1,040 MiB, which no log packs so tightly: given up after 52 lines",
    ),
    "texts that share their start.parquet": (shared_start(30, 8 * MEBIBYTE), (30, 0), None),
    "pages larger than they seem.parquet": (
        false_sizes(),
        (0, 0),
        "row group of more than 256 MiB: given up after 0 lines",
    ),
}
"""Some kilobytes or megabytes each; what it takes to read them whole, nobody has."""


def test_objects_that_are_made_to_be_read_in_vain_are_given_up_with_a_sentence(
    logs: Path, tmp_path: Path
) -> None:
    for name, (content, *_) in GIVEN_UP.items():
        (logs / name).write_bytes(content)
    run = pull(logs, tmp_path / "store", "--max-reject-share", "1")
    print(f"at most {run.peak_mb} MB")
    assert run.code == 6, run.said
    for name, (_, _, sentence) in GIVEN_UP.items():
        assert (f"{name}: {sentence}\n" in run.said) == (sentence is not None), run.said
    assert run.peak_mb < 500
    with Lake.open(tmp_path / "store") as lake:
        found = {row["object_key"]: row for row in lake.objects().to_pylist()}
    for name, (_, (lines, rows), _) in GIVEN_UP.items():
        assert (found[name]["lines"], found[name]["rows"]) == (lines, rows), name
        assert found[name]["rejected"] == lines - rows


CONDITIONS = {
    "two members": (gzip.compress(ENTRIES[:9000]) + gzip.compress(ENTRIES[9000:]), 40, 40, None),
    "zeros at the end": (gzip.compress(ENTRIES) + bytes(512), 40, 40, None),
    "CRLF": (gzip.compress(ENTRIES.replace(b"\n", b"\r\n")), 40, 40, None),
    "NULs in a field": (
        gzip.compress(ENTRIES.replace(b"shop.example.com:443/", b"shop\0\0:443/")),
        40,
        40,
        None,
    ),
    "a line of NULs": (gzip.compress(ENTRIES + bytes(100)), 41, 40, None),
    "not UTF-8": (gzip.compress(ENTRIES.replace(b"/orders", b"/caf\xe9\xff")), 40, 40, None),
    "truncated": (gzip.compress(ENTRIES)[:-900], None, None, "truncated gzip after "),
    "garbage behind": (
        gzip.compress(ENTRIES) + b"garbage",
        40,
        40,
        "garbage after the gzip data after 40 lines",
    ),
    "a flipped bit": (
        gzip.compress(ENTRIES)[:-7] + b"?" + gzip.compress(ENTRIES)[-6:],
        40,
        40,
        "corrupt gzip after 40 lines",
    ),
    "no bytes": (b"", 0, 0, "empty object"),
}


def test_entries_behind_a_line_of_300_megabytes_are_kept(logs: Path, tmp_path: Path) -> None:
    endless = gzip.compress(b"x" * (60 * 1000 * 1000), 1) * 5
    (logs / "long.log.gz").write_bytes(endless + gzip.compress(b"\n" + ENTRIES))
    run = pull(logs, tmp_path / "store")
    assert run.code == 0, run.said
    assert "41 lines = 40 requests + 1 rejected" in run.said
    assert run.peak_mb < 500


def test_objects_in_any_condition_are_accounted_for_and_their_damage_is_said(
    logs: Path, tmp_path: Path
) -> None:
    for name, (content, *_) in CONDITIONS.items():
        (logs / f"{name}.log.gz").write_bytes(content)
    run = pull(logs, tmp_path / "store", "--max-reject-share", "1")
    assert run.code == 6, run.said
    assert "Traceback" not in run.said
    said = dict(line.split(".log.gz: ") for line in run.said.splitlines() if ".log.gz: " in line)
    with Lake.open(tmp_path / "store") as lake:
        objects = {row["object_key"]: row for row in lake.objects().to_pylist()}
    for name, (_, lines, rows, sentence) in CONDITIONS.items():
        found = objects[f"{name}.log.gz"]
        assert found["lines"] == found["rows"] + found["rejected"]
        assert (found["lines"], found["rows"]) == (lines or found["lines"], rows or found["rows"]), name
        assert said.get(name, "").startswith(sentence or ""), name
    assert set(said) == {name for name, (*_, sentence) in CONDITIONS.items() if sentence}


@pytest.mark.parametrize(
    ("rejected", "allowed", "code"),
    [
        (0, "0", 0),
        (1, "0", 5),
        (4, "0.1", 0),
        (5, "0.1", 5),
        (40, "0.99", 5),
        (40, "1", 0),
        (4, None, 0),
        (5, None, 5),
    ],
)
def test_the_share_of_rejected_lines_may_be_as_large_as_allowed_and_no_larger(
    logs: Path, tmp_path: Path, rejected: int, allowed: str | None, code: int
) -> None:
    """40 lines in all; the default allows a tenth."""
    good = ENTRIES.splitlines()[: 40 - rejected]
    (logs / "mixed.log").write_bytes(b"\n".join([*good, *[b"no entry"] * rejected]))
    settings = load(store=tmp_path / "store", max_reject_share=allowed)
    if not code:
        assert use_case(str(logs), None, Window(), None, settings).logs.rejected == rejected
        return
    with pytest.raises(RejectedLinesError) as caught:
        use_case(str(logs), None, Window(), None, settings)
    assert caught.value.exit_code == code
    assert f"{rejected} of 40 lines are no ALB log entries ({rejected / 40:.1%}, allowed " in str(
        caught.value
    )
    with Lake.open(settings.store) as lake:
        assert [(row["rows"], row["rejected"]) for row in lake.objects().to_pylist()] == [
            (40 - rejected, rejected)
        ]


def test_rejected_lines_are_kept_and_can_be_asked_for(logs: Path, tmp_path: Path) -> None:
    bad = [
        b"no entry",
        b"",
        LINE.replace(b"203.0.113.7:40312", b"here"),
        LINE.replace(b'"curl', b'"cu"rl'),
        b"\0\xff",
    ]
    (logs / "bad.log").write_bytes(b"\n".join([LINE, *bad]))
    store = tmp_path / "store"
    assert pull(logs, store).code == 5
    query = (
        "select object_key, line_number, coalesce(field, '') as field, reason, octet_length(raw) as bytes "
        "from rejected_lines order by line_number"
    )
    answer = Run("sql", query, "--store", str(store), "-q")
    assert answer.code == 0, answer.said
    _, *rows = (line.split("\t") for line in answer.said.splitlines())
    assert [(row[1], row[2].strip(), row[3]) for row in rows] == [
        ("2", "", "2 fields, an entry has at least 18"),
        ("3", "", "empty line"),
        ("4", "client:port", "no address and port"),
        ("5", "user_agent", "quote inside the field"),
        ("6", "", "1 fields, an entry has at least 18"),
    ]
    assert [int(row[4]) for row in rows] == [len(line) for line in bad]
    with Lake.open(store) as lake:
        assert [row["rows"] for row in lake.objects().to_pylist()] == [1]

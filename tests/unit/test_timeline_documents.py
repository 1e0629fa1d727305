"""Reading JSON of any arrangement out of files, and times out of JSON."""

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline import decode, inflate
from pipeline.timeline.base import Findings
from pipeline.timeline.documents import read_documents
from pipeline.timeline.instants import read_instant

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=5)


def read(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    findings = Findings()
    values = [dict(document.value) for document in read_documents(folder, findings)]
    return values, [f"{problem.ref}: {problem.what}" for problem in findings.problems]


def read_text(
    folder: Path, text: str | bytes, name: str = "dump.json"
) -> tuple[list[dict[str, Any]], list[str]]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(folder)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"b": [2]}\n',
        '{"a": 1}{"b": [2]}',
        '[{"a": 1}, {"b": [2]}]',
        '{\n  "a": 1\n}\n{\n  "b": [\n    2\n  ]\n}\n',
        '\ufeff{"a": 1}\r\n\r\n{"b": [2]}',
        '2026-03-02T11:30:00.401Z {"a": 1}\n2026-03-02T11:30:01.401Z {"b": [2]}\n',
    ],
    ids=["lines", "back to back", "list of pages", "pretty-printed", "byte order mark", "logs export"],
)
def test_the_same_objects_are_read_from_every_arrangement(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text) == ([{"a": 1}, {"b": [2]}], [])


def test_powershell_files_in_utf_16_are_read(tmp_path: Path) -> None:
    assert read_text(tmp_path, '{"a": "é"}'.encode("utf-16")) == ([{"a": "é"}], [])


@pytest.mark.parametrize("name", ["x.json.gz", "x.gz", "x", "x.log", "x.jsonl", "x.txt"])
def test_gzip_is_known_by_content_and_all_members_are_read(tmp_path: Path, name: str) -> None:
    members = gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"b": 2}\n') + b"\0" * 5
    assert read_text(tmp_path, members, name) == ([{"a": 1}, {"b": 2}], [])


def test_documents_come_in_the_order_of_paths_with_reference_name_and_file_time(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "describe-target-health.web-30080.json").write_text('{"x": 1}{"x": 2}')
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"x": 0}'))
    os.utime(tmp_path / "a.jsonl.gz", (1772450404, 1772450404))
    first, second, third = read_documents(tmp_path, Findings())
    assert (first.ref, first.name) == ("a.jsonl.gz", "a")
    assert first.read_at == datetime(2026, 3, 2, 11, 20, 4, tzinfo=UTC)
    assert (second.ref, second.name) == (
        "b/describe-target-health.web-30080.json",
        "describe-target-health.web-30080",
    )
    assert third.ref == "b/describe-target-health.web-30080.json#2"


def test_a_single_file_may_be_read_too(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert [document.ref for document in read_documents(tmp_path / "x.json", Findings())] == ["x.json"]


def test_half_a_dump_gives_its_whole_records_and_names_file_byte_and_record(tmp_path: Path) -> None:
    text = json.dumps({"NextToken": "t", "Activities": [{"n": n} for n in range(20)]})
    cut = text[: text.index('{"n": 12}') + 4]
    values, problems = read_text(tmp_path, cut)
    assert values == [{"NextToken": "t", "Activities": [{"n": n} for n in range(12)]}]
    assert problems == [f"dump.json: cut short at byte {len(cut)}: used up to record 12"]


def test_half_a_kubectl_list_is_still_a_list(tmp_path: Path) -> None:
    values, _ = read_text(tmp_path, '{"apiVersion": "v1", "items": [{"kind": "Pod"}, {"kin')
    assert values == [{"apiVersion": "v1", "items": [{"kind": "Pod"}], "kind": "List"}]


def test_half_a_list_of_pages_gives_its_whole_pages(tmp_path: Path) -> None:
    values, problems = read_text(tmp_path, '[{"Activities": []}, {"Activities": [{}')
    assert values == [{"Activities": []}]
    assert len(problems) == 1


def test_half_a_record_on_its_own_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    values, problems = read_text(tmp_path, '{"eventName": "RunInstances", "resources": [{"ARN": 1}], "x')
    assert values == []
    assert problems == ["dump.json: cut short at byte 59"]


def test_gzip_that_ends_early_gives_what_was_readable(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"n": n, "noise": n**40}) for n in range(5000))
    whole = gzip.compress(lines.encode())
    values, problems = read_text(tmp_path, whole[: len(whole) // 2], "x.json.gz")
    assert 2000 < len(values) < 3000
    assert [value["n"] for value in values] == list(range(len(values)))
    assert [problem.split(" at ")[0] for problem in problems] == [
        "x.json.gz: cut short",
        "x.json.gz: gzip ends early",
    ]


def test_damaged_gzip_is_a_problem(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b'{"a": 1}'))
    whole[12:16] = b"\xff\xff\xff\xff"
    values, problems = read_text(tmp_path, bytes(whole), "x.json.gz")
    assert values == []
    assert "gzip is damaged" in problems[0]


def test_a_broken_line_costs_itself_only(tmp_path: Path) -> None:
    values, problems = read_text(tmp_path, '{"a": 1}\n{"b": 2 "c"}\n{"d": "open}\n{"e": 4}\n[5]\n')
    assert values == [{"a": 1}, {"e": 4}]
    assert problems == [
        "dump.json: value 2 at byte 9 is no JSON (Expecting ',' delimiter)",
        "dump.json: value 3 at byte 22 is no JSON (Invalid control character at)",
        "dump.json: holds int '5' where an object belongs",
    ]


def test_many_broken_lines_are_counted_not_listed(tmp_path: Path) -> None:
    _, problems = read_text(tmp_path, '{"a": 1}\n' + "{broken}\n" * 100)
    assert len(problems) == decode.MOST_PROBLEMS + 1
    assert problems[-1] == "dump.json: 90 more values are no JSON"


@pytest.mark.parametrize("text", ["", "hello", "<html>", "\x00\x01", "null"])
def test_a_file_named_json_that_holds_none_is_a_problem(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text) == ([], ["dump.json: is no JSON"])


def test_foreign_files_and_digests_are_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# notes")
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "alb.log.gz").write_bytes(gzip.compress(b"h2 2026-03-02T11:30:00.401Z app/shop/5 ..."))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n")
    for sibling in ("CloudTrail-Digest", "CloudTrail-Insight"):
        (tmp_path / "AWSLogs" / sibling).mkdir(parents=True)
        (tmp_path / "AWSLogs" / sibling / "x.json").write_text('{"Records": []}')
    assert read(tmp_path) == ([], [])


def test_an_unreadable_file_is_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "gone")
    (tmp_path / "b.json").write_text('{"a": 1}')
    assert read(tmp_path) == ([{"a": 1}], ["a.json: cannot be read (No such file or directory)"])


def test_deep_nesting_is_a_problem(tmp_path: Path) -> None:
    values, problems = read_text(tmp_path, '{"a":' + "[" * 200_000)
    assert values == []
    assert len(problems) == 1


def test_one_endless_value_is_given_up_and_lines_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "LONGEST_VALUE", 1000)
    monkeypatch.setattr(inflate, "CHUNK", 100)
    (tmp_path / "one.json").write_text(json.dumps({"a": "x" * 5000}))
    (tmp_path / "two.jsonl").write_text('{"a": 1}\n' * 500)
    values, problems = read(tmp_path)
    assert values == [{"a": 1}] * 500
    assert [problem.split(":")[0] for problem in problems] == ["one.json"]


def test_a_gzip_bomb_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "MOST_BYTES", 4 << 20)
    bomb = gzip.compress(b'{"a": 1}\n' * (1 << 20))
    values, problems = read_text(tmp_path, bomb, "bomb.json.gz")
    assert 0 < len(values) < 1 << 20
    assert problems[-1] == f"bomb.json.gz: inflates to more than {4 << 20} bytes"


@given(
    objects=OBJECTS, separator=st.sampled_from(["\n", "", " ", "\r\n\n"]), indent=st.sampled_from([None, 1])
)
def test_whatever_was_dumped_is_read_back(
    objects: list[dict[str, Any]], separator: str, indent: int | None
) -> None:
    text = separator.join(json.dumps(value, indent=indent) for value in objects)
    reported: list[str] = []
    pieces = iter([text[start : start + 7] for start in range(0, len(text), 7)])
    assert list(decode.Values(pieces, reported.append)) == objects
    assert reported == []


@given(st.text(alphabet='{}[]",:\n 1aé\\u', max_size=200))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    list(decode.Values(iter([text]), lambda _: None))


NOON = datetime(2026, 3, 2, 11, 20, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T11:20:04Z",
        "2026-03-02T11:20:04+00:00",
        "2026-03-02T12:20:04.000000+01:00",
        "2026-03-02T06:20:04-0500",
        "2026-03-02T11:20:04",
        "2026-03-02 11:20:04 GMT",
        "2026-03-02 11:20:04 UTC",
        " 2026-03-02T11:20:04.000000000Z ",
        1772450404,
        1772450404.0,
        1772450404000,
        1772450404000000,
        "1772450404",
        "1772450404.0",
        "1772450404000",
    ],
)
def test_every_spelling_of_a_time_is_the_same_instant(value: object) -> None:
    assert read_instant(value) == NOON
    assert read_instant(value).tzinfo is UTC


@pytest.mark.parametrize("decimals", range(1, 10))
def test_decimals_are_kept_to_the_microsecond(decimals: int) -> None:
    digits = "123456789"[:decimals]
    assert read_instant(f"2026-03-02T11:20:04.{digits}Z").microsecond == int(digits[:6].ljust(6, "0"))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-13-02T11:20:04Z",
        "2026-03-02",
        True,
        None,
        [],
        {},
        float("nan"),
        float("inf"),
        10**40,
        "9999-12-31T23:59:59-23:59",
        "2026-03-02T11:20:04+99:99",
        "2026-03-02T11:20:04Z; DROP",
    ],
)
def test_what_is_no_time_is_refused_with_its_text(value: object) -> None:
    with pytest.raises(ValueError, match="no time") as refused:
        read_instant(value)
    assert str(value)[:20] in str(refused.value)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_epoch_milliseconds_and_iso_agree(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
    assert read_instant(moment.isoformat()) == moment
    assert read_instant(round(moment.timestamp() * 1000)) == moment


def kubectl_list(count: int, **ending: object) -> str:
    items = [{"kind": "Pod", "metadata": {"name": f"web-{number}"}} for number in range(count)]
    return json.dumps({"apiVersion": "v1", "items": items, "kind": "List", **ending}, indent=4)


def names(values: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for value in values for item in value["items"]]


def test_a_long_kubernetes_list_comes_in_pieces_that_number_their_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "PIECE", 2000)
    monkeypatch.setattr(inflate, "CHUNK", 700)
    text = kubectl_list(100) + "\n" + kubectl_list(40)
    values, problems = read_text(tmp_path, text)
    assert problems == []
    assert names(values) == [f"web-{number}" for number in [*range(100), *range(40)]]
    assert len(values) >= 8
    assert {(value["apiVersion"], value["kind"]) for value in values} == {("v1", "List")}
    before, in_second = 0, False
    for value in values:
        in_second = in_second or (before == 100 and decode.SKIPPED not in value)
        assert value.get(decode.SKIPPED, 0) == before - 100 * in_second
        before += len(value["items"])


@pytest.mark.parametrize("cut", [3000, 5555, 9000])
def test_half_a_long_list_gives_its_whole_records_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    text = kubectl_list(100)[:cut]
    whole, problems = read_text(tmp_path, text)
    monkeypatch.setattr(decode, "PIECE", 1000)
    monkeypatch.setattr(inflate, "CHUNK", 300)
    pieces, told = read_text(tmp_path, text)
    assert names(pieces) == names(whole)
    assert [one.partition(":")[:2] for one in told] == [one.partition(":")[:2] for one in problems]
    assert f"cut short at byte {cut}" in told[0]


def test_a_damaged_record_in_a_long_list_costs_what_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "PIECE", 1000)
    monkeypatch.setattr(inflate, "CHUNK", 300)
    values, problems = read_text(tmp_path, kubectl_list(100).replace('"web-60"', "web-60") + '\n{"b": 1}')
    assert names(values[:-1]) == [f"web-{number}" for number in range(60)]
    assert values[-1] == {"b": 1}
    assert len(problems) == 1
    assert "is no JSON" in problems[0]

"""Which delivered objects tell of a window, and what is observed by what is in them."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.redaction import Redaction
from pipeline.timeline import firehose
from pipeline.timeline.collection import Call
from pipeline.timeline.firehose import BUFFER, LATENESS
from pipeline.timeline.kubernetes_audit_objects import look, spans, without
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.s3_prefix import S3Prefix
from pipeline.usecases.settings import problems
from tests.support.firehose_objects import (
    ACCOUNT,
    MINUTE,
    REGION,
    Delivery,
    deletion,
    envelope,
    packed,
    report,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Bucket:
    """Lists like S3: keys in order, below a prefix, after a key."""

    def __init__(self, *keys: str) -> None:
        self.keys = sorted(keys)
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> "Bucket":
        assert name == "list_objects_v2"
        return self

    def paginate(self, **where: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as S3 takes them
        self.asked.append(where)
        after = where.get("StartAfter", "")
        found = [key for key in self.keys if key.startswith(where["Prefix"]) and key > after]
        for number in range(0, max(1, len(found)), 2):
            yield {"Contents": [{"Key": key, "Size": 7} for key in found[number : number + 2]]}


def listed(bucket: Bucket, prefix: str, since: datetime, until: datetime) -> list[str]:
    source, call = S3Prefix("logs", prefix, lambda: bucket), Call("audit", "s3:ListBucket", None, NOON)
    return [found.key for found in firehose.around(source, source.client(), call, since, until)]


def key(at: datetime, stream: str = "audit") -> str:
    return Delivery(at, b"", stream).key


def test_only_objects_begun_a_buffer_before_the_window_to_an_hour_after_it_are_taken() -> None:
    inside = [NOON - BUFFER, NOON, NOON + HOUR, NOON + HOUR + LATENESS]
    second = timedelta(seconds=1)
    outside = [inside[0] - second, inside[-1] + second, NOON - timedelta(days=1), NOON + timedelta(days=1)]
    bucket = Bucket(*(f"eks/{key(at)}" for at in (*inside, *outside)))
    assert listed(bucket, "eks/", NOON, NOON + HOUR) == [f"eks/{key(at)}" for at in inside]
    assert bucket.asked == [
        {"Bucket": "logs", "Prefix": "eks/2026/03/02/", "StartAfter": "eks/2026/03/02/11/"},
    ]


def test_a_window_over_midnight_lists_both_days_and_no_year_before() -> None:
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = [midnight - 5 * MINUTE, midnight, midnight + 20 * MINUTE]
    bucket = Bucket(*map(key, [midnight - timedelta(days=365), *wanted]))
    assert listed(bucket, "", midnight, midnight + 5 * MINUTE) == [key(at) for at in wanted]
    assert [one["Prefix"] for one in bucket.asked] == ["2025/12/31/", "2026/01/01/"]


def test_listing_ends_with_the_last_hour_of_the_window() -> None:
    later = [key(NOON + timedelta(hours=3, seconds=number)) for number in range(1000)]
    bucket = Bucket(key(NOON), *later)
    call = Call("audit", "s3:ListBucket", None, NOON)
    source = S3Prefix("logs", "", lambda: bucket)
    found = firehose.around(source, source.client(), call, NOON, NOON + HOUR)
    assert [one.key for one in found] == [key(NOON)]
    assert call.calls <= 2


@pytest.mark.parametrize(
    ("given", "begins"), [("eks", "eks/"), ("eks/", "eks/"), ("eks", "eks"), ("eks-", "eks-"), ("", "")]
)
def test_a_prefix_is_taken_with_its_slash_or_without(given: str, begins: str) -> None:
    assert listed(Bucket(f"{begins}{key(NOON)}"), given, NOON, NOON + HOUR) == [f"{begins}{key(NOON)}"]


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("audit-1-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001", True),
        ("audit-1-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001.gz", True),
        ("KDS-S3-a_b.c-12-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001.json.gz", True),
        ("audit-1-2026-03-02-12-00-61-0f3a0f3a-0000-4000-8000-000000000001", False),
        ("audit-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001", False),
        ("audit-1-2026-03-02-12-00-00", False),
        ("_SUCCESS", False),
        (f"{'a' * 65}-1-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001", False),
        ("a-1-2026-03-02-12-00-00-0f3a0f3a-0000-4000-8000-000000000001/../../evil", False),
    ],
)
def test_an_object_of_firehose_is_known_by_its_name(name: str, is_taken: bool) -> None:  # noqa: FBT001 - a case
    found = listed(Bucket(f"2026/03/02/12/{name}"), "", NOON, NOON + HOUR)
    assert bool(found) is is_taken


def test_the_oldest_object_is_found_past_what_firehose_did_not_write() -> None:
    bucket = Bucket("eks/0-readme", "eks/2020/notes", f"eks/{key(NOON)}", f"eks/{key(NOON + HOUR)}")
    call = Call("audit", "s3:ListBucket", None, NOON)
    here, elsewhere = (S3Prefix("logs", prefix, lambda: bucket) for prefix in ("eks/", "none/"))
    assert firehose.oldest(here, here.client(), call) == NOON
    assert firehose.oldest(elsewhere, elsewhere.client(), call) is None


def test_a_long_silence_parts_what_was_observed() -> None:
    at = [NOON + number * MINUTE for number in (0, 5, 3, 11, 12)]
    assert spans(at) == [(NOON, NOON + 5 * MINUTE), (NOON + 11 * MINUTE, NOON + 12 * MINUTE)]
    assert spans([]) == []


def test_what_was_not_read_is_cut_out_wherever_it_lies() -> None:
    def minutes(*pairs: tuple[int, int]) -> list[tuple[datetime, datetime]]:
        return [(NOON + first * MINUTE, NOON + last * MINUTE) for first, last in pairs]

    found = minutes((0, 10), (20, 30))
    assert without(found, []) == found
    assert without(found, minutes((4, 6))) == minutes((0, 4), (6, 10), (20, 30))
    assert without(found, minutes((5, 25))) == minutes((0, 5), (25, 30))
    assert without(found, minutes((-5, 40))) == []
    assert without(found, minutes((12, 18))) == found
    assert without(found, minutes((28, 40), (-1, 1))) == minutes((1, 10), (20, 28))


@pytest.mark.parametrize(
    ("account", "region", "is_alone", "is_here"),
    [
        (ACCOUNT, REGION, False, True),
        (ACCOUNT, "us-east-1", True, False),
        ("444455556666", REGION, True, False),
        (None, REGION, True, True),
        (None, REGION, False, False),
    ],
)
def test_records_are_of_the_account_and_region_that_they_name(
    account: str | None,
    region: str,
    is_alone: bool,  # noqa: FBT001 - a case
    is_here: bool,  # noqa: FBT001 - a case
) -> None:
    told = look(packed(envelope([report(NOON)])))
    assert told.instants_in(account, region, is_alone=is_alone) == ({NOON} if is_here else set())


@pytest.mark.parametrize(
    "body",
    [packed(envelope([report(NOON, None)])), json.dumps(report(NOON)).encode()],
    ids=["names of nodes without a region", "messages without envelope"],
)
def test_what_does_not_say_its_place_is_of_the_only_one_that_is_asked_about(body: bytes) -> None:
    told = look(body)
    assert told.instants_in(ACCOUNT, REGION, is_alone=True) == {NOON}
    assert told.instants_in(ACCOUNT, REGION, is_alone=False) == set()


def test_nodes_that_name_no_region_in_their_domain_are_of_us_east_1() -> None:
    node = report(NOON) | {"user": {"username": "system:node:ip-10-0-3-21.ec2.internal"}}
    assert look(packed(envelope([node]))).regions == {"us-east-1"}


def test_of_a_stream_of_several_accounts_each_counts_its_own_records() -> None:
    told = look(packed(envelope([report(NOON)]), envelope([report(NOON + HOUR)], "444455556666")))
    assert told.instants_in(ACCOUNT, REGION, is_alone=False) == {NOON}
    assert told.instants_in("444455556666", REGION, is_alone=False) == {NOON + HOUR}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cut", [9, 40])
def test_a_cut_object_is_known_as_damaged_and_told_up_to_there(layers: int, cut: int) -> None:
    body = packed(envelope([report(NOON)]), envelope([report(NOON + MINUTE)]))
    whole = body if layers == 1 else gzip.compress(body)
    assert not look(whole).is_damaged
    assert len(look(whole).instants_in(ACCOUNT, REGION, is_alone=True)) == 2
    assert look(whole[:-cut]).is_damaged


@pytest.mark.parametrize(
    "body", [b"", b"PAR1 and so on", b'{"a": 1}', packed({"messageType": "CONTROL_MESSAGE"})]
)
def test_what_is_no_audit_log_tells_nothing_and_is_not_damaged(body: bytes) -> None:
    told = look(body)
    assert (told.seconds, told.is_damaged) == ({}, False)


def test_redaction_takes_people_out_of_every_envelope() -> None:
    body = gzip.compress(packed(envelope([deletion(NOON, "web-1")]), envelope([deletion(NOON, "web-2")])))
    told = look(body, Scrubber(Redaction("truncate")))
    plain = gzip.decompress(told.content)
    assert (plain.count(b"deletion-web-1"), plain.count(b"deletion-web-2")) == (1, 1)
    assert b"jane" not in plain
    assert b"198.51.100.77" not in plain
    assert look(told.content).seconds == told.seconds


def test_the_setting_takes_buckets_with_their_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "FORENSICS_EKS_AUDIT_LOG_OBJECTS"
    monkeypatch.setenv(name, "s3://logs/eks/ s3://more-logs")
    assert load().eks_audit_log_objects == ("s3://logs/eks/", "s3://more-logs")
    assert problems() == []
    for wrong in ("logs/eks", "https://logs/eks", "s3://", "s3:///eks", "s3://Logs/eks"):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(ConfigError, match="eks_audit_log_objects"):
            load()
        assert any(name in told for told in problems()), wrong

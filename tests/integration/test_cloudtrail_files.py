"""A trail's own files, from a real S3 server, in place of CloudTrail's event history."""

import gzip
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.timeline import cloudtrail_files
from pipeline.timeline.collect import Access, collect
from pipeline.timeline.collection import Call
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.s3_prefix import S3Prefix
from tests.support.aws_replay import Replay
from tests.support.aws_runs import EXTRAS, failed, scope, sources
from tests.support.recent_day import RecentDay
from tests.support.s3_server import Folder


def trail_of(folder: Folder, below: str = "") -> S3Prefix:
    prefix = f"{folder.prefix}/{below}".rstrip("/")
    return S3Prefix("ready", prefix, lambda: folder.client)


def upload(folder: Folder, day: RecentDay, below: str) -> int:
    files = sorted((day.aws / "AWSLogs").rglob("*.json.gz"))
    for path in files:
        name = path.relative_to(day.aws / "AWSLogs").as_posix()
        folder.put(f"{below}{name}", path.read_bytes())
    folder.put(f"{below}111122223333/CloudTrail-Digest/eu-west-1/2026/03/02/digest.json.gz", b"no gzip")
    return len(files)


@pytest.mark.parametrize("below", ["AWSLogs/", "trails/AWSLogs/o-exampleorg/"])
def test_files_of_a_trail_replace_the_event_history(
    below: str, day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    count = upload(folder, day, below)
    trail = trail_of(folder, below.partition("AWSLogs/")[0])
    (record,) = collect([scope(day)], tmp_path / "pages", Access(trail=trail))
    assert failed(record) == {}
    assert "cloudtrail:LookupEvents" not in {one.action for one in aws.asked}
    (reading,) = [call for call in record.calls if call.action == "s3:GetObject"]
    assert reading.calls == count
    assert len(reading.files) == count
    timeline, offline = read_timeline(tmp_path / "pages"), read_timeline(day.aws, EXTRAS)
    assert set(timeline.events["event_id"]) == set(offline.events["event_id"])
    assert "cloudtrail" in sources(timeline)


def test_a_window_reads_only_the_files_delivered_around_it(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    assert aws.asked == []
    count = upload(folder, day, "AWSLogs/")
    since = datetime.fromisoformat(day.since) + timedelta(hours=10)
    window = scope(day, since=since, until=since + timedelta(hours=1))
    (record,) = collect([window], tmp_path / "pages", Access(trail=trail_of(folder)))
    (reading,) = [call for call in record.calls if call.action == "s3:GetObject"]
    assert 0 < reading.calls < count / 2
    timeline = read_timeline(tmp_path / "pages").events.filter(pl.col("source") == "cloudtrail")
    offline = read_timeline(day.aws).events.filter(
        pl.col("source") == "cloudtrail",
        pl.col("occurred_at").is_between(since - timedelta(hours=2), since + timedelta(hours=2)),
    )
    assert set(offline["event_id"]) <= set(timeline["event_id"])


def test_a_trail_that_is_not_there_falls_back_to_the_event_history(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    (record,) = collect([scope(day)], tmp_path / "pages", Access(trail=trail_of(folder, "nowhere")))
    (call,) = failed(record).values()
    assert (call.action, call.fault) == ("s3:ListBucket", "not_found")
    assert "cloudtrail:LookupEvents" in {one.action for one in aws.asked}
    assert "cloudtrail" in sources(read_timeline(tmp_path / "pages"))


def test_files_beyond_the_limit_are_said(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.asked == []
    upload(folder, day, "AWSLogs/")
    monkeypatch.setattr(cloudtrail_files, "MOST_FILES", 3)
    (record,) = collect([scope(day)], tmp_path / "pages", Access(trail=trail_of(folder)))
    assert "only the first 3 files" in str(failed(record)["GetObject"].message)


def test_a_bucket_that_is_not_there_falls_back_too(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    trail = S3Prefix("no-such-bucket-here", "", lambda: folder.client)
    (record,) = collect([scope(day)], tmp_path / "pages", Access(trail=trail))
    (call,) = failed(record).values()
    assert (call.action, call.fault) == ("s3:ListBucket", "not_found")
    assert aws.asked


def test_a_file_too_large_for_a_trail_is_said(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.asked == []
    upload(folder, day, "AWSLogs/")
    monkeypatch.setattr(cloudtrail_files, "MOST_BYTES", 10)
    (record,) = collect([scope(day)], tmp_path / "pages", Access(trail=trail_of(folder)))
    assert "too many for a trail's file" in str(failed(record)["GetObject"].message)


@pytest.mark.parametrize(
    ("body", "is_kept"),
    [
        (gzip.compress(b'{"Records": [{"eventName": "RunInstances"}]}'), True),
        (gzip.compress(b" " * (1 << 20) + b'"RunInstances"'), True),
        (gzip.compress(b" " * ((1 << 20) - 5) + b'"RunInstances"'), True),
        (gzip.compress(b"{}") + gzip.compress(b'{"eventName":"RunInstances"}'), True),
        (gzip.compress(b'{"Records": [{"eventName": "DescribeInstances"}]}'), False),
        (gzip.compress(b'{"Records": [{"eventName": "DescribeInstances"}]}')[:-9], False),
        (b"no gzip", True),
        (b"", False),
    ],
    ids=["known", "late", "across pieces", "second member", "unknown", "cut off", "no gzip", "empty"],
)
def test_files_without_a_known_event_are_left_behind(body: bytes, is_kept: bool) -> None:  # noqa: FBT001 - a case
    assert cloudtrail_files._tells(body) is is_kept


def test_a_key_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    class Bucket:
        def get_object(self, **_: object) -> dict[str, io.BytesIO]:
            return {"Body": io.BytesIO(gzip.compress(b'{"Records": [{"eventName": "RunInstances"}]}'))}

    (tmp_path / "pages").mkdir()
    trail = S3Prefix("bucket", "", Bucket)
    for key, is_kept in (
        (
            "AWSLogs/1/CloudTrail/eu-west-1/2026/03/02/../../../../../../../evil_20260302T1100Z_a.json.gz",
            False,
        ),
        ("AWSLogs/1/CloudTrail/eu-west-1/2026/03/02/good..one_20260302T1100Z_a.json.gz", True),
    ):
        call = Call("cloudtrail", "s3:GetObject", None, datetime.now(UTC))
        cloudtrail_files._copy(trail.client(), trail, key, 10, tmp_path / "pages", call, None)
        assert (call.fault is None) == bool(call.files) == is_kept
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert kept.is_relative_to(tmp_path / "pages")

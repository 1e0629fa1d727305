"""EKS audit logs that Firehose delivered, from a real S3 server."""

import gzip
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import polars as pl
import pytest
from botocore.config import Config

from pipeline.config import Settings
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.timeline import kubernetes_audit_objects
from pipeline.timeline.collect import Access, collect
from pipeline.timeline.collection import Call, Collection
from pipeline.timeline.collector import Collector
from pipeline.timeline.folder import Timeline, read_timeline
from pipeline.timeline.kubernetes_audit_objects import Looks
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.s3_prefix import S3Prefix
from pipeline.timeline.scope import Scope
from pipeline.usecases.doctor import doctor
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.snapshot import snapshot
from tests.support.aws_dumps import Dumps
from tests.support.aws_replay import Replay
from tests.support.aws_runs import sources
from tests.support.firehose_objects import (
    ACCOUNT,
    MINUTE,
    REGION,
    Delivery,
    deletion,
    deliveries,
    envelope,
    packed,
)
from tests.support.recent_day import RecentDay
from tests.support.s3_server import LISTER, READER, SECRET_KEY, Folder, S3Server
from tests.support.twin_day import twin_day

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HOUR = timedelta(hours=1)
SINCE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
UNTIL = SINCE + HOUR
AT = SINCE + 32 * MINUTE
"""When a pod of the window is deleted."""
ACROSS = (SINCE - 30 * MINUTE, UNTIL + 30 * MINUTE)


def put(folder: Folder, *several: Delivery, below: str = "eks/") -> None:
    for one in several:
        folder.put(f"{below}{one.key}", one.body)


def told_of(pod: str, at: datetime = AT, arrived_at: datetime | None = None, **more: str) -> Delivery:
    return Delivery(arrived_at or at, packed(envelope([deletion(at, pod)], **more)), stream="told")


def source(folder: Folder, prefix: str = "eks/", client: Callable[[], Any] | None = None) -> S3Prefix:
    return S3Prefix("ready", f"{folder.prefix}/{prefix}", client or (lambda: folder.client))


def asked(
    delivered: S3Prefix, pages: Path, redaction: Redaction | None = None
) -> tuple[Collection, Timeline]:
    """Ask for this source alone; what is written is read as any collection."""
    return read(Scope(["shop"], SINCE, UNTIL, account=ACCOUNT), delivered, pages, redaction)


def read(
    scope: Scope,
    delivered: S3Prefix,
    pages: Path,
    redaction: Redaction | None = None,
    looks: Looks | None = None,
) -> tuple[Collection, Timeline]:
    pages.mkdir()
    record = Collection(
        tool="test",
        region=REGION,
        account=scope.account,
        load_balancers=scope.names,
        since=scope.since,
        until=scope.until,
        asked_at=datetime.now(UTC),
        budget=0,
    )
    scrubber = None if redaction is None else Scrubber(redaction)
    kubernetes_audit_objects.fetch(scope, Collector(pages, record, scrubber=scrubber), delivered, looks)
    record.write(pages)
    return record, read_timeline(pages)


def calls(record: Collection) -> dict[str, Call]:
    """Listing and reading of the audit log."""
    return {call.action: call for call in record.calls if call.source == "kubernetes_audit"}


def observed(timeline: Timeline) -> list[tuple[datetime, datetime]]:
    audit = timeline.coverage.filter(source="audit").sort("covered_from")
    return audit.select("covered_from", "covered_to").rows()


def deleted(timeline: Timeline) -> set[str]:
    return set(timeline.events.filter(kind="pod_deletion_requested", source="kubernetes")["pod_name"])


def of_pods(timeline: Timeline) -> list[tuple[Any, ...]]:
    found = timeline.events.filter(pl.col("pod_name").is_not_null()).sort("event_id")
    return found.drop("source_ref").rows()


@pytest.fixture
def as_user(server: S3Server) -> Iterator[Callable[[str], "S3Client"]]:
    made: list[S3Client] = []

    def user(key: str) -> "S3Client":
        path = Config(s3={"addressing_style": "path"})
        made.append(
            boto3.client(
                "s3",
                endpoint_url=server.endpoint,
                region_name=REGION,
                aws_access_key_id=key,
                aws_secret_access_key=SECRET_KEY,
                config=path,
            )
        )
        return made[-1]

    yield user
    for client in made:
        client.close()


@pytest.mark.parametrize(("given", "below"), [("eks/", "eks/"), ("eks", "eks/"), ("eks-", "eks-")])
def test_objects_are_copied_as_they_came_and_cover_what_their_records_tell(
    given: str, below: str, folder: Folder, tmp_path: Path
) -> None:
    several = [*deliveries(*ACROSS), told_of("web-1")]
    put(folder, *several, below=below)
    record, timeline = asked(source(folder, given), tmp_path / "pages")
    assert all(call.fault is None for call in calls(record).values())
    assert timeline.problems == []
    assert deleted(timeline) == {"shop/web-1"}
    assert observed(timeline) == [(SINCE, UNTIL)]
    assert calls(record)["s3:GetObject"].about == f"s3://ready/{folder.prefix}/{given}"
    kept = {path.name.removeprefix("get-object."): path for path in tmp_path.glob("pages/get-object.*")}
    within = [one for one in several if SINCE - 4 * MINUTE <= one.at < UNTIL]
    assert {name: path.read_bytes() for name, path in kept.items()} == {one.name: one.body for one in within}
    local = tmp_path / "local"
    local.mkdir()
    for one in within:
        (local / one.name).write_bytes(one.body)
    assert of_pods(timeline) == of_pods(read_timeline(local)) != []
    assert record.made == 0


def test_a_late_object_is_read_and_those_of_other_hours_are_not(folder: Folder, tmp_path: Path) -> None:
    late, too_late = UNTIL + 59 * MINUTE, UNTIL + 61 * MINUTE
    put(folder, *deliveries(SINCE - 5 * HOUR, SINCE - 3 * HOUR), *deliveries(*ACROSS))
    put(folder, told_of("late", arrived_at=late), told_of("too-late", arrived_at=too_late))
    record, timeline = asked(source(folder), tmp_path / "pages")
    assert deleted(timeline) == {"shop/late"}
    assert calls(record)["s3:GetObject"].calls == (15 + 60 + 30) // 5 + 1
    assert calls(record)["s3:ListBucket"].calls <= 2


def test_what_lies_beside_is_not_kept_and_costs_nothing(folder: Folder, tmp_path: Path) -> None:
    put(folder, *deliveries(*ACROSS))
    stranger = told_of("stranger", owner="444455556666")
    put(folder, stranger, Delivery(AT, gzip.compress(b'{"a": 1}'), "other"), Delivery(AT, b"PAR1", "parquet"))
    folder.put(f"eks/{AT:%Y/%m/%d/%H}/notes.txt", b"no object of Firehose")
    folder.put(f"eks/processing-failed/{told_of('failed').key}", told_of("failed").body)
    record, timeline = asked(source(folder), tmp_path / "pages")
    assert all(call.fault is None for call in calls(record).values())
    assert timeline.problems == []
    assert deleted(timeline) == set()
    assert observed(timeline) == [(SINCE, UNTIL)]
    kept = [path.name for path in tmp_path.rglob("get-object.*")]
    assert kept
    assert all(name.startswith("get-object.audit-1-") for name in kept)


@pytest.mark.parametrize("redaction", [None, Redaction("truncate")])
def test_an_object_is_downloaded_once_for_all_places_but_by_those_that_keep_it(
    redaction: Redaction | None, folder: Folder, tmp_path: Path
) -> None:
    class Counting:
        """Notes what is downloaded."""

        get_paginator = folder.client.get_paginator

        def get_object(self, **where: str) -> object:
            got.append(where["Key"].rsplit("/", 1)[-1])
            return folder.client.get_object(**where)  # type: ignore[arg-type]  # bucket and key

    got: list[str] = []
    theirs = told_of("theirs", arrived_at=AT + 2 * MINUTE, owner="444455556666")
    shared = AT + MINUTE
    both = packed(
        envelope([deletion(shared, "web-1")]), envelope([deletion(shared, "web-2")], owner="444455556666")
    )
    ours = [*deliveries(*ACROSS), told_of("ours")]
    put(folder, *ours, theirs, Delivery(shared, both, "both"))
    places = [Scope(["shop"], SINCE, UNTIL, account=account) for account in (ACCOUNT, "444455556666")]
    alone = [
        read(scope, source(folder), tmp_path / f"alone-{n}", redaction) for n, scope in enumerate(places)
    ]
    looks = Looks()
    for number, scope in enumerate(places):
        counted = source(folder, client=Counting)
        _, timeline = read(scope, counted, tmp_path / f"together-{number}", redaction, looks)
        assert deleted(timeline) == deleted(alone[number][1]) != set()
        assert observed(timeline) == observed(alone[number][1])
        kept = [
            sorted(path.name for path in tmp_path.glob(f"{how}-{number}/get-object.*"))
            for how in ("alone", "together")
        ]
        assert kept[0] == kept[1] != []
    twice = {name for name in got if got.count(name) > 1}
    assert twice == {theirs.name, Delivery(shared, both, "both").name}
    assert set(got) >= {one.name for one in ours if SINCE <= one.at < UNTIL}


def test_hours_without_delivery_are_not_covered(folder: Folder, tmp_path: Path) -> None:
    put(folder, *deliveries(ACROSS[0], SINCE + 20 * MINUTE), *deliveries(SINCE + 40 * MINUTE, ACROSS[1]))
    _, timeline = asked(source(folder), tmp_path / "pages")
    assert observed(timeline) == [(SINCE, SINCE + 19 * MINUTE), (SINCE + 40 * MINUTE, UNTIL)]


def test_what_may_still_be_on_its_way_is_not_covered(folder: Folder, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    since = now.replace(second=0, microsecond=0) - timedelta(hours=2)
    put(folder, *deliveries(since, now - 5 * MINUTE))
    _, timeline = read(Scope(["shop"], since, now, account=ACCOUNT), source(folder), tmp_path / "pages")
    ((covered_from, covered_to),) = observed(timeline)
    assert covered_from == since
    assert now - 20 * MINUTE <= covered_to <= now - 19 * MINUTE


@pytest.mark.parametrize("layers", [1, 2])
def test_a_truncated_object_is_told_as_far_as_it_goes_and_its_time_is_not_covered(
    layers: int, folder: Folder, tmp_path: Path
) -> None:
    whole = packed(*(envelope([deletion(AT, pod)]) for pod in ("web-1", "web-2")))
    body = whole if layers == 1 else gzip.compress(whole, compresslevel=0)
    put(folder, *deliveries(SINCE - 2 * HOUR, UNTIL + 30 * MINUTE), Delivery(AT, body[:-30], "told"))
    record, timeline = asked(source(folder), tmp_path / "pages")
    call = calls(record)["s3:GetObject"]
    assert (call.fault, "is damaged" in str(call.message)) == ("failed", True)
    assert deleted(timeline) >= {"shop/web-1"}
    assert observed(timeline) == [(AT + 15 * MINUTE, UNTIL)]
    assert any("get-object.told" in problem.ref for problem in timeline.problems)
    (tmp_path / "copy").mkdir()
    again = read_timeline(shutil.copytree(tmp_path / "pages", tmp_path / "copy" / "pages"))
    assert all(again.frames()[name].equals(rows) for name, rows in timeline.frames().items())
    assert again.problems == timeline.problems


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("user", "action", "reads"), [(READER, "s3:ListBucket", 0), (LISTER, "s3:GetObject", 1)]
)
def test_a_missing_permission_is_named_and_costs_this_source_only(
    user: str,
    action: str,
    reads: int,
    as_user: Callable[[str], "S3Client"],
    folder: Folder,
    tmp_path: Path,
) -> None:
    put(folder, *deliveries(*ACROSS))
    access = Access(audit_log_objects=[source(folder, client=lambda: as_user(user))])
    (record,) = collect([Scope(["shop"], SINCE, UNTIL)], tmp_path / "pages", access)
    timeline = read_timeline(tmp_path / "pages")
    (failed,) = [call for call in record.calls if call.fault]
    assert (failed.action, failed.fault) == (action, "denied")
    assert f"allow {action}" in str(failed.message)
    assert calls(record)["s3:GetObject"].calls == reads
    assert observed(timeline) == []
    assert "scaling_activities" in sources(timeline)


def test_a_refusal_halfway_leaves_what_was_read_before(folder: Folder, tmp_path: Path) -> None:
    class HalfOpen:
        """Refuses what was delivered from an instant on."""

        get_paginator = folder.client.get_paginator

        def get_object(self, **where: str) -> object:
            if where["Key"] >= f"{folder.prefix}/eks/{refused.key}":
                return denied.get_object(**where)  # type: ignore[arg-type]  # bucket and key
            return folder.client.get_object(**where)  # type: ignore[arg-type]  # as above

    put(folder, *deliveries(SINCE - 3 * HOUR, UNTIL + 30 * MINUTE))
    since, refused = SINCE - 2 * HOUR, Delivery(UNTIL + 10 * MINUTE, b"")
    with closing(boto3.client("s3", aws_access_key_id=LISTER, aws_secret_access_key=SECRET_KEY)) as denied:
        scope = Scope(["shop"], since, UNTIL, account=ACCOUNT)
        record, timeline = read(scope, source(folder, client=HalfOpen), tmp_path / "pages")
    assert calls(record)["s3:GetObject"].fault == "denied"
    assert observed(timeline) == [(since, SINCE)]


def test_a_bucket_that_is_not_there_is_no_missing_permission(folder: Folder, tmp_path: Path) -> None:
    nowhere = S3Prefix("no-such-bucket-here", "eks/", lambda: folder.client)
    record, timeline = asked(nowhere, tmp_path / "pages")
    (failed,) = [call for call in record.calls if call.fault]
    assert (failed.action, failed.fault) == ("s3:ListBucket", "not_found")
    assert "check the name" in str(failed.message)
    assert observed(timeline) == []


@pytest.mark.parametrize("owner", [None, "444455556666"])
def test_a_prefix_without_the_audit_log_of_the_place_is_said(
    owner: str | None, folder: Folder, tmp_path: Path
) -> None:
    if owner is not None:
        put(folder, *deliveries(*ACROSS, owner=owner))
    record, timeline = asked(source(folder), tmp_path / "pages")
    (failed,) = [call for call in record.calls if call.fault]
    assert (failed.action, failed.fault) == ("s3:ListBucket", "missing")
    sentence = (
        "no audit log of account 111122223333, region eu-west-1" if owner else "holds no objects of Firehose"
    )
    assert sentence in str(failed.message)
    assert observed(timeline) == []
    assert not list(tmp_path.glob("pages/get-object.*"))


@pytest.mark.parametrize(
    ("limit", "at_most", "kind"),
    [("MOST_OBJECTS", 6, "budget"), ("MOST_BYTES_IN_ALL", 5000, "budget"), ("MOST_BYTES", 10, "failed")],
)
def test_limits_are_said_and_what_lies_behind_them_is_not_covered(
    limit: str, at_most: int, kind: str, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, *deliveries(*ACROSS))
    monkeypatch.setattr(kubernetes_audit_objects, limit, at_most)
    record, timeline = asked(source(folder), tmp_path / "pages")
    call = calls(record)["s3:GetObject"]
    assert call.fault == kind
    assert call.calls <= 6
    assert observed(timeline) == []


def test_a_redacted_store_gets_redacted_objects_and_the_same_events(folder: Folder, tmp_path: Path) -> None:
    put(folder, *deliveries(*ACROSS), told_of("web-1"))
    cut = packed(*(envelope([deletion(AT, pod)]) for pod in ("web-2", "web-3")))[:-20]
    put(folder, Delivery(AT + MINUTE, cut, "cut"))
    _, plain = asked(source(folder), tmp_path / "plain")
    record, redacted = asked(source(folder), tmp_path / "redacted", Redaction("truncate"))
    assert deleted(redacted) == {"shop/web-1"}
    assert deleted(plain) == {"shop/web-1", "shop/web-2"}
    assert observed(redacted) == observed(plain) != []
    assert any("jane" in detail for detail in plain.events["detail"].drop_nulls())
    content = b"".join(gzip.decompress(path.read_bytes()) for path in tmp_path.glob("redacted/get-object.*"))
    assert b"deletion-web-1" in content
    assert b"jane" not in content
    assert b"198.51.100.77" not in content
    assert not list(tmp_path.glob("redacted/get-object.cut*"))
    assert "is damaged" in str(calls(record)["s3:GetObject"].message)


def test_a_log_covers_the_region_that_the_names_of_its_nodes_tell(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    aws.others["us-east-1"] = Dumps.read(twin_day(day, tmp_path / "twin", region="us-east-1").aws)
    put(folder, *deliveries(*ACROSS), told_of("web-1"))
    put(folder, *deliveries(*ACROSS, region=None), below="nameless/")
    scopes = [
        Scope(["shop"], SINCE, UNTIL, region=region, account=ACCOUNT, is_alone=False)
        for region in (REGION, "us-east-1")
    ]
    access = Access(audit_log_objects=[source(folder), source(folder, "nameless/")])
    here, there = collect(scopes, tmp_path / "pages", access)
    told = read_timeline(tmp_path / "pages")
    assert told.coverage.filter(source="audit")["region"].to_list() == [REGION]
    for record in (here, there):
        failed = [call for call in record.calls if call.source == "kubernetes_audit" and call.fault]
        assert [call.about for call in failed] == [f"s3://ready/{folder.prefix}/nameless/"]
        assert "names no place" in str(failed[0].message)


@pytest.mark.usefixtures("aws")
def test_an_incident_replays_from_its_pages(day: RecentDay, folder: Folder, tmp_path: Path) -> None:
    since, until = datetime.fromisoformat(day.since), datetime.fromisoformat(day.until)
    put(folder, *deliveries(until - 2 * HOUR, until + 30 * MINUTE), told_of("web-1", until - HOUR))
    settings = Settings(store=tmp_path / "store", eks_audit_log_objects=(f"{folder.uri}/eks/",))
    pages, window = tmp_path / "pages", Window(since, until)
    with investigate(Question(str(day.logs), window=window, aws=True, keep_pages=pages), settings) as live:
        verdicts, events = live.attributions, live.engine.table("events").sort("event_id")
        coverage = live.engine.table("coverage")
    assert list(pages.glob("get-object.audit-1-*"))
    assert "audit" in set(coverage["source"])
    assert "shop/web-1" in set(events["pod_name"])
    with investigate(Question(str(day.logs), pages, window), Settings(store=tmp_path / "other")) as again:
        assert again.attributions.equals(verdicts)
        assert again.engine.table("events").sort("event_id").equals(events)
        assert (
            again.engine.table("coverage")
            .sort("source", "covered_from")
            .equals(coverage.sort("source", "covered_from"))
        )


@pytest.mark.usefixtures("aws")
def test_a_snapshot_keeps_the_objects_in_the_store(folder: Folder, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    put(folder, *deliveries(now - 3 * HOUR, now), told_of("web-1", now - HOUR))
    settings = Settings(store=tmp_path / "store", eks_audit_log_objects=(f"{folder.uri}/eks",))
    kept = snapshot(settings, "shop", cluster=False)
    assert not kept.is_incomplete
    assert list(kept.folder.rglob("get-object.told-1-*"))
    stored = read_timeline(store=settings.store)
    assert deleted(stored) >= {"shop/web-1"}
    ((covered_from, _),) = observed(stored)
    assert covered_from == now - 3 * HOUR


@pytest.mark.usefixtures("aws")
def test_doctor_says_what_a_bucket_holds_and_what_a_missing_one_costs(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    first = now - timedelta(days=3)
    put(folder, *deliveries(first, first + 10 * MINUTE), *deliveries(now - 40 * MINUTE, now - 5 * MINUTE))
    put(folder, told_of("stranger", now - 2 * MINUTE, owner="444455556666"))
    there, gone = f"{folder.uri}/eks/", "s3://no-such-bucket-here/eks/"
    settings = Settings(store=tmp_path / "store", eks_audit_log_objects=(there, gone))
    found = {line.name: line for line in doctor(settings, load_balancer="shop", aws=True).aws}
    held = found[f"s3:GetObject ({there})"]
    assert held.is_well
    newest = now - 6 * MINUTE
    assert held.told == (
        f"answers; the oldest object is of {first:%Y-%m-%d %H:%M} UTC; "
        f"the newest record is of {newest:%Y-%m-%d %H:%M} UTC"
    )
    assert found[f"s3:ListBucket ({there})"].is_well
    missing = found[f"s3:ListBucket ({gone})"]
    assert not missing.is_well
    assert "check the name" in missing.told
    assert "at most 85% sure" in missing.told
    assert f"s3:GetObject ({gone})" not in found
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", LISTER)
    denied = {line.name: line for line in doctor(settings, load_balancer="shop", aws=True).aws}
    assert "allow s3:GetObject" in denied[f"s3:GetObject ({there})"].told

"""What AWS and Kubernetes forget is kept; what cannot be seen from here is said with its price."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import Settings
from pipeline.errors import ConfigError
from pipeline.ingest import lateness
from pipeline.ingest.source import Candidate
from pipeline.model import Window
from pipeline.timeline import collector
from pipeline.timeline.aws_apis import APIS, budget
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.instants import read_instant
from pipeline.usecases.doctor import doctor
from pipeline.usecases.pull import pull
from pipeline.usecases.snapshot import snapshot
from tests.support.aws_replay import Replay, Trouble
from tests.support.kubernetes_objects import small_cluster
from tests.support.kubernetes_server import FakeCluster, kubernetes_server
from tests.support.s3_server import Folder

CONTEXT = "here"  # the other one leads nowhere
_NAME = (
    "111122223333_elasticloadbalancing_eu-west-1_app.shop.50dc6c495c0c9188"
    "_{end:%Y%m%dT%H%M}Z_10.0.0.1_x.log.gz"
)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A cluster in the kubeconfig."""
    with kubernetes_server(small_cluster()) as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path / "store", kube_context=CONTEXT)


@pytest.mark.usefixtures("cluster")
def test_a_snapshot_keeps_addresses_pods_health_and_settings(aws: Replay, settings: Settings) -> None:
    kept = snapshot(settings, "shop")
    (collection,) = kept.collections
    assert collection.made == len(aws.asked)
    assert {one.resource: one.objects for one in kept.cluster}["pods"] == 3
    stored = read_timeline(store=settings.store)
    assert stored.events.height == kept.events > 0
    covered = set(stored.coverage["source"])
    assert {"instances", "network_interfaces", "target_health", "pods", "nodes"} <= covered
    known = set(stored.settings["setting"])
    assert {"idle_timeout.timeout_seconds", "termination_grace_period_s"} <= known


@pytest.mark.usefixtures("aws", "cluster")
def test_its_pages_replay_to_what_it_added(settings: Settings) -> None:
    kept = snapshot(settings, "shop")
    again = read_timeline(kept.folder)
    stored = read_timeline(store=settings.store)
    assert all(again.frames()[name].equals(rows) for name, rows in stored.frames().items())


@pytest.mark.usefixtures("aws", "cluster")
def test_a_second_snapshot_adds_a_folder_and_overwrites_nothing(settings: Settings) -> None:
    first = snapshot(settings, "shop")
    pages = {path: path.read_bytes() for path in first.folder.rglob("*.json")}
    second = snapshot(settings, "shop")
    assert second.folder != first.folder
    assert {path: path.read_bytes() for path in first.folder.rglob("*.json")} == pages


@pytest.mark.usefixtures("aws", "cluster")
def test_a_snapshot_after_a_gap_asks_for_all_of_it(settings: Settings) -> None:
    now = datetime.now(UTC)
    usual, late = snapshot(settings, "shop"), snapshot(settings, "shop", since=now - timedelta(days=4))
    (shortly,), (far,) = usual.collections, late.collections
    assert now - shortly.since < timedelta(hours=26)
    assert now - far.since >= timedelta(days=4)


@pytest.mark.usefixtures("aws")
def test_without_a_cluster_aws_alone_is_kept_unless_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    alone = Settings(store=tmp_path / "store")
    kept = snapshot(alone, "shop")
    assert kept.cluster == ()
    assert not kept.is_incomplete
    with pytest.raises(ConfigError, match="kubeconfig"):
        snapshot(alone, "shop", cluster=True)


def test_what_is_refused_costs_itself_and_the_exit_code(
    aws: Replay, cluster: FakeCluster, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)
    aws.troubles = [Trouble("AccessDeniedException", "DescribeInstances")]
    cluster.forbidden = {"pods"}
    monkeypatch.setenv("FORENSICS_KUBE_CONTEXT", CONTEXT)
    run = CliRunner().invoke(app, ["snapshot", "--lb", "shop", "--store", str(settings.store)])
    assert run.exit_code == 6
    assert "allow ec2:DescribeInstances" in run.stderr
    assert "list pods: forbidden" in run.stderr
    assert "Kubernetes objects kept in" in run.stdout
    assert "target_health" in set(read_timeline(store=settings.store).coverage["source"])


def test_doctor_names_every_action_and_resource_with_its_answer(
    aws: Replay, cluster: FakeCluster, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)
    aws.troubles = [Trouble("AccessDeniedException", "DescribeScalingActivities")]
    cluster.forbidden = {"endpointslices"}
    found = doctor(settings, load_balancer="shop", aws=True, cluster=True)
    told = {line.name: line for line in [*found.aws, *found.cluster]}
    ill = {name for name, line in told.items() if not line.is_well}
    assert ill == {"autoscaling:DescribeScalingActivities", "list endpointslices.discovery.k8s.io"}
    assert "allow autoscaling:DescribeScalingActivities" in told["autoscaling:DescribeScalingActivities"].told
    assert "ClusterRole" in told["list endpointslices.discovery.k8s.io"].told
    assert "at most 85% sure" in told["autoscaling:DescribeScalingActivities"].told
    assert "unless nodes are watched by cloudtrail" in told["autoscaling:DescribeScalingActivities"].told
    assert "ec2:DescribeInstances" in told
    assert not found.is_well


def test_doctor_asks_one_page_of_each_history_and_says_its_reach_newest_entry_and_calls(
    aws: Replay, settings: Settings
) -> None:
    found = doctor(settings, load_balancer="shop", aws=True)
    asked = [one.action for one in aws.asked]
    assert asked.count("cloudtrail:LookupEvents") == asked.count("autoscaling:DescribeScalingActivities") == 1
    assert set(asked) == {api.action for api in APIS}
    told = {line.name: line.told for line in found.aws}
    newest = max(read_instant(one["eventTime"]) for one in aws.dumps.records)
    assert told["cloudtrail:LookupEvents"] == (
        f"answers, and reaches back 90 days; the newest is of {newest:%Y-%m-%d %H:%M} UTC"
    )
    started = max(read_instant(one["StartTime"]) for one in aws.dumps.lists["Activities"])
    assert told["autoscaling:DescribeScalingActivities"] == (
        f"answers, and reaches back 42 days; the newest is of {started:%Y-%m-%d %H:%M} UTC"
    )
    assert told["ec2:DescribeInstances"] == "answers"
    by_collection = len(asked) - 2  # the others look for the load balancer's logs
    assert told["API calls"] == f"{by_collection} made, of {budget(1, 1)} in the budget of a collection"


@pytest.mark.usefixtures("aws", "cluster")
def test_doctor_says_what_is_watched_since_when_and_what_the_rest_costs(settings: Settings) -> None:
    before = {one.family: one for one in doctor(settings).watched}
    assert {one.share for one in before.values()} == {0.0}
    assert "at most 85% sure" in before["pods"].cost
    assert "closed_midway" in before["pods"].cost
    snapshot(settings, "shop")
    after = {one.family: one for one in doctor(settings).watched}
    assert after["nodes"].share > 0.9
    assert "scaling_activities" in after["nodes"].sources
    assert after["nodes"].last_event_at is not None
    assert after["nodes"].last_event_at <= datetime.now(UTC)


@pytest.mark.usefixtures("aws")
def test_doctor_says_of_each_source_where_and_since_when_it_observed(settings: Settings) -> None:
    assert doctor(settings).observed == []
    snapshot(settings, "shop", cluster=False)
    found = {one.source: one for one in doctor(settings).observed}
    activities, health = found["scaling_activities"], found["target_health"]
    assert activities.place == "111122223333 eu-west-1"
    assert activities.covered_from < activities.last_event_at < activities.covered_to  # type: ignore[operator]  # there is one
    assert activities.share > 0.9
    assert (health.covered_from == health.covered_to, health.share) == (True, 0.0)
    run = CliRunner().invoke(app, ["doctor", "--store", str(settings.store)])
    assert "scaling_activities (111122223333 eu-west-1): " in " ".join(run.stdout.split())


def test_doctor_reads_lateness_from_the_bucket(folder: Folder, settings: Settings) -> None:
    now = datetime.now(UTC)
    day = f"AWSLogs/111122223333/elasticloadbalancing/eu-west-1/{now:%Y/%m/%d}"
    folder.put(f"{day}/{_NAME.format(end=now)}", b"")
    found = doctor(settings, logs=folder.uri)
    lines = {line.name: line for line in found.logs}
    assert "1 access_log" in lines["logs"].told
    assert lines["lateness"].told.startswith("half come within ")
    assert f"the newest ends {now:%Y-%m-%d %H:%M} UTC" in lines["lateness"].told


def test_doctor_reports_field_drift_of_the_store(tmp_path: Path, settings: Settings) -> None:
    line = (Path(__file__).parents[2] / "fixtures/lines/alb-lines-dev.jsonl").read_text().splitlines()
    entry = next(json.loads(one)["line"] for one in line if json.loads(one).get("nfields") == 29)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_text(f"{entry} TID_x - - - 10.0.0.1 a b c d e\n")
    pull(str(logs), None, Window(), None, settings)
    drift = [line for line in doctor(settings).logs if line.name == "field drift"]
    assert len(drift) == 1
    assert "1 access_log lines of 1 objects have 39 fields, first in a.log" in drift[0].told


def test_an_unreachable_place_is_one_line_and_the_rest_goes_on(settings: Settings) -> None:
    found = doctor(settings, logs="/no/such/folder")
    assert [line.is_well for line in found.logs] == [False]
    assert "no such file or folder" in found.logs[0].told
    assert len(found.watched) == 4


def test_the_command_prints_json_and_says_by_its_code_that_something_is_missing(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["doctor", "--format", "json", "--store", str(tmp_path / "store")])
    document = json.loads(run.stdout)
    assert run.exit_code == 6
    assert document["schema"] == 1
    assert {one["family"] for one in document["watched"]} == {"nodes", "pods", "deregistrations", "changes"}


def test_lateness_counts_only_objects_that_tell_both_times() -> None:
    key = _NAME.format(end=datetime(2026, 3, 2, 11, 5, tzinfo=UTC))
    at = datetime(2026, 3, 2, 11, 6, tzinfo=UTC)
    named = Candidate("a", key, "e", 1, by_name=True, written_at=at)
    silent = Candidate("b", key, "e", 1, by_name=True)
    other = Candidate("c", "notes.txt", "e", 1, by_name=True, written_at=at)
    found = lateness.of([named, silent, other])
    assert (found.objects, found.median_s, found.worst_s) == (1, 60.0, 60.0)
    assert found.newest == datetime(2026, 3, 2, 11, 5, tzinfo=UTC)
    assert found.kinds == {"access_log": 2, "other": 1}

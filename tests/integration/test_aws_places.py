"""Several regions and accounts in one question: each is asked for itself, and nothing of one is another's."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import Settings, load
from pipeline.engine.duckdb import Engine
from pipeline.errors import ConfigError
from pipeline.model import REQUESTS, Window
from pipeline.timeline import collector
from pipeline.timeline.collect import Access, collect
from pipeline.timeline.folder import Timeline, read_timeline
from pipeline.timeline.scope import Scope
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.live import collect as collect_for
from tests.support.aws_dumps import Dumps
from tests.support.aws_replay import Replay, Trouble
from tests.support.aws_runs import EXTRAS, scope
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.recent_day import RecentDay
from tests.support.timeline_dumps import FIXTURES
from tests.support.twin_day import ACCOUNT, REGION, twin_day

OTHER_REGION, OTHER_ACCOUNT = "us-east-1", "444455556666"
ARN_HERE = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/here/cluster"
ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/forensics"


@pytest.fixture(scope="module")
def twin(day: RecentDay, tmp_path_factory: pytest.TempPathFactory) -> RecentDay:
    return twin_day(day, tmp_path_factory.mktemp("twin"), OTHER_REGION)


@pytest.fixture
def both(aws: Replay, twin: RecentDay) -> Replay:
    """AWS in both regions."""
    aws.others[OTHER_REGION] = Dumps.read(twin.aws, EXTRAS)
    return aws


def of(day: RecentDay, region: str, account: str = ACCOUNT, **more: bool) -> Scope:
    found = scope(day)
    return Scope(found.names, found.since, found.until, region=region, account=account, **more)  # type: ignore[arg-type]  # fields of Scope


def without_files(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("source_ref", strict=False)


def test_each_region_is_asked_with_a_client_of_its_own_and_tells_only_of_itself(
    day: RecentDay, twin: RecentDay, both: Replay, tmp_path: Path
) -> None:
    records = collect([of(day, REGION), of(day, OTHER_REGION)], tmp_path / "pages")
    assert [(one.region, one.account) for one in records] == [(REGION, ACCOUNT), (OTHER_REGION, ACCOUNT)]
    per_region = [sum(one.region == region for one in both.asked) for region in (REGION, OTHER_REGION)]
    assert per_region == [one.made for one in records]
    assert all(one.made <= one.budget for one in records)
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == [
        f"{ACCOUNT}-{REGION}",
        f"{ACCOUNT}-{OTHER_REGION}",
    ]
    together = read_timeline(tmp_path / "pages")
    assert together.problems == []
    for one in (day, twin):
        alone = without_files(read_timeline(one.aws, EXTRAS).events)
        assert alone.join(together.events, on="event_id", how="anti").is_empty()
    spans = together.coverage.filter(source="scaling_activities")
    assert set(spans["region"]) == {REGION, OTHER_REGION}


def test_target_groups_of_one_name_in_two_regions_keep_their_own_settings(
    day: RecentDay, both: Replay, tmp_path: Path
) -> None:
    key = "deregistration_delay.timeout_seconds"
    for name, document in both.others[OTHER_REGION].named.items():
        if "target-group-attributes" in name:
            document["Attributes"] = [{"Key": key, "Value": "7"}]
    collect([of(day, REGION), of(day, OTHER_REGION)], tmp_path / "pages")
    delays = read_timeline(tmp_path / "pages").settings.filter(setting=key)
    there = delays.filter(pl.col("resource").str.contains(OTHER_REGION))
    assert set(there["value"]) == {"7"}
    assert "7" not in set(delays.filter(pl.col("resource").str.contains(REGION))["value"])


def test_auto_scaling_groups_of_one_name_in_two_regions_keep_their_own_hooks(
    day: RecentDay, both: Replay, tmp_path: Path
) -> None:
    name = both.dumps.lists["AutoScalingGroups"][0]["AutoScalingGroupName"]
    transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    hook = {"LifecycleHookName": "there", "AutoScalingGroupName": name, "LifecycleTransition": transition}
    both.others[OTHER_REGION].lists["LifecycleHooks"] = [hook]
    collect([of(day, REGION), of(day, OTHER_REGION)], tmp_path / "pages")
    hooks = read_timeline(tmp_path / "pages").settings.filter(setting="lifecycle_hooks.terminating")
    told = {
        resource.split(":")[3]: value
        for resource, value in hooks.select("resource", "value").rows()
        if resource.endswith(f"autoScalingGroupName/{name}")
    }
    assert told == {REGION: "none", OTHER_REGION: "there"}


def test_a_region_that_refuses_leaves_the_other_its_evidence(
    day: RecentDay, both: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)
    both.troubles = [Trouble("AccessDenied", "LookupEvents", region=OTHER_REGION)]
    collect([of(day, REGION), of(day, OTHER_REGION)], tmp_path / "pages")
    told = read_timeline(tmp_path / "pages")
    assert set(told.coverage.filter(source="cloudtrail")["region"]) == {REGION}
    assert {one.ref for one in told.problems} == {f"aws {ACCOUNT} {OTHER_REGION}"}


def test_an_audit_log_is_read_in_every_place_that_has_it(
    day: RecentDay, both: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "/aws/eks/shop/cluster"
    page = json.loads((FIXTURES / "filter-log-events.json").read_text())
    gone = json.dumps({"__type": "ResourceNotFoundException", "message": "no such group"}).encode()

    def logs(asked: Asked) -> Answer:
        is_there = f"/{OTHER_REGION}/logs/" in asked.headers["authorization"]
        content = {"Content-Type": "application/x-amz-json-1.1"}
        return Answer(200, json.dumps(page).encode(), content) if is_there else Answer(400, gone)

    meant = [of(day, REGION), of(day, OTHER_REGION)]
    with stand_in(logs) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LOGS", server.endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", server.endpoint)
        records = collect(meant, tmp_path / "pages", Access(audit_log_groups=[name]))
        collect(meant, tmp_path / "nowhere", Access(audit_log_groups=["/aws/eks/other/cluster", ARN_HERE]))
    told = read_timeline(tmp_path / "pages")
    assert both.asked
    assert told.problems == []
    assert told.coverage.filter(source="audit")["region"].to_list() == [OTHER_REGION]
    assert told.events.filter(pl.col("source_ref").str.contains("filter-log-events")).height > 0
    asked = [call for one in records for call in one.calls if call.action == "logs:FilterLogEvents"]
    assert [call.calls for call in asked] == [1, 1]
    assert all(one.made <= one.budget for one in records)
    lost = read_timeline(tmp_path / "nowhere").problems
    assert [f"aws {ACCOUNT} {REGION}"] == [one.ref for one in lost]


@pytest.fixture
def logs_of_both(day: RecentDay, twin: RecentDay, tmp_path: Path) -> Path:
    """Both days' logs in one folder."""
    for one in (day, twin):
        shutil.copytree(one.logs, tmp_path / "logs", dirs_exist_ok=True)
    return tmp_path / "logs"


def test_errors_of_one_region_get_the_verdicts_that_they_get_alone(
    day: RecentDay, both: Replay, logs_of_both: Path, tmp_path: Path
) -> None:
    window = Window(datetime.fromisoformat(day.since), datetime.fromisoformat(day.until))
    pages = tmp_path / "pages"
    question = Question(str(logs_of_both), window=window, aws=True, keep_pages=pages)
    columns = ("request_id", "cause", "event_id", "target_ip")
    with investigate(question, Settings(store=tmp_path / "store")) as incident:
        assert {one.region for one in incident.collections} == {REGION, OTHER_REGION}
        found = incident.attributions.filter(elb="app/shop/7157993d65725fa4").select(columns)
        events = incident.engine.table("events")
    alone = Question(str(day.logs), pages / f"{ACCOUNT}-{REGION}", window)
    with investigate(alone, Settings(store=tmp_path / "store")) as incident:
        expected = incident.attributions.select(columns)
        own = set(incident.engine.table("events")["event_id"])
    assert both.asked
    assert events.height > len(own)
    cites = pl.col("event_id").is_not_null()
    assert set(found["event_id"].drop_nulls()) <= own
    assert expected.filter(cites).height > 20
    assert found.filter(cites).sort("request_id").equals(expected.filter(cites).sort("request_id"))
    # Rates of what needs no event are learned from all errors: a few of those verdicts are surer together.
    same = found.join(expected, on=["request_id", "cause"])
    assert same.height >= 0.95 * expected.height


@pytest.fixture
def elsewhere(aws: Replay, day: RecentDay, tmp_path: Path) -> Replay:
    """AWS with a second account, which only a role's key opens."""
    twin = twin_day(day, tmp_path / "account", account=OTHER_ACCOUNT)
    aws.others["role-key"] = Dumps.read(twin.aws)
    return aws


def test_what_is_of_another_account_is_not_asked_with_these_credentials_and_said(
    day: RecentDay, elsewhere: Replay, tmp_path: Path
) -> None:
    meant = [of(day, REGION), of(day, REGION, OTHER_ACCOUNT, must_be_seen=True)]
    collect(meant, tmp_path / "pages")
    told = read_timeline(tmp_path / "pages")
    (problem,) = told.problems
    assert problem.ref == f"aws {OTHER_ACCOUNT} {REGION}"
    assert f"they are of {ACCOUNT}" in problem.what
    assert "FORENSICS_TIMELINE_ROLES" in problem.what
    assert set(told.coverage["account"]) == {ACCOUNT}
    assert {one.access_key for one in elsewhere.asked} == {"replay"}


def sts(status: int, content: str) -> Answer:
    name = "AssumeRoleResponse" if status == 200 else "ErrorResponse"
    text = f'<{name} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{content}</{name}>'
    return Answer(status, text.encode(), {"Content-Type": "text/xml"})


def given(_: Asked) -> Answer:
    values = {"AccessKeyId": "role-key", "SecretAccessKey": "x", "SessionToken": "y"}
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    expires = "<Expiration>2099-01-01T00:00:00Z</Expiration>"
    return sts(200, f"<AssumeRoleResult><Credentials>{fields}{expires}</Credentials></AssumeRoleResult>")


def refused(_: Asked) -> Answer:
    return sts(403, "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>")


def as_roles(day: RecentDay, folder: Path, account: str) -> Timeline:
    """Collect for one load balancer of an account, by the use case, with the role configured."""
    window = Window(datetime.fromisoformat(day.since), datetime.fromisoformat(day.until))
    arn = f"arn:aws:elasticloadbalancing:{REGION}:{account}:loadbalancer/app/shop/0"
    with Engine() as engine:
        engine.attach("requests", REQUESTS.schema.empty_table())
        collect_for(engine, window, arn, Settings(timeline_roles=(ROLE,)), folder)
    return read_timeline(folder)


def test_a_role_of_the_account_is_taken_for_it_and_for_no_other(
    day: RecentDay, elsewhere: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(given) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.endpoint)
        told = as_roles(day, tmp_path / "theirs", OTHER_ACCOUNT)
        assert {one.access_key for one in elsewhere.asked} == {"role-key"}
        assert told.problems == []
        assert set(told.coverage["account"]) == {OTHER_ACCOUNT}
        elsewhere.asked.clear()
        as_roles(day, tmp_path / "ours", ACCOUNT)
        assert {one.access_key for one in elsewhere.asked} == {"replay"}
        assert len(server.asked) == 1


def test_a_role_that_may_not_be_taken_is_named_once(
    day: RecentDay, elsewhere: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)
    with stand_in(refused) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.endpoint)
        told = as_roles(day, tmp_path / "theirs", OTHER_ACCOUNT)
    assert elsewhere.asked == []
    assert told.coverage.is_empty()
    (problem,) = told.problems
    assert "sts:AssumeRole" in problem.what


def test_roles_are_given_as_a_list_or_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    second = ROLE.replace(OTHER_ACCOUNT, ACCOUNT)
    monkeypatch.setenv("FORENSICS_TIMELINE_ROLES", f"{ROLE}, {second}")
    assert load().timeline_roles == (ROLE, second)
    monkeypatch.setenv("FORENSICS_TIMELINE_ROLES", "my-role")
    with pytest.raises(ConfigError, match="timeline_roles"):
        load()

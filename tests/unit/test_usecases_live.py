"""When AWS is asked, and what about."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import ConfigError, UsageError
from pipeline.model import REQUESTS, Window
from pipeline.timeline.scope import Scope, load_balancer_name
from pipeline.usecases import live
from pipeline.usecases.incident import Question

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188"


@pytest.mark.parametrize(
    ("question", "has_store", "expected"),
    [
        (Question(load_balancer="shop"), False, True),
        (Question(load_balancer="shop"), True, False),
        (Question(load_balancer="shop", logs="x"), False, False),
        (Question(load_balancer="shop", timeline=Path("x")), False, False),
        (Question(), False, False),
        (Question(load_balancer="shop", aws=False), False, False),
        (Question(logs="x", aws=True), True, True),
    ],
)
def test_aws_is_asked_when_told_or_when_a_load_balancer_is_all_that_is_given(
    question: Question,
    has_store: bool,  # noqa: FBT001 - a table of cases
    expected: bool,  # noqa: FBT001 - as above
) -> None:
    assert question.asks_aws(has_store=has_store) is expected


def test_pages_of_nothing_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="asks nothing"):
        Question(aws=False, keep_pages=tmp_path / "new").asks_aws(has_store=True)


@pytest.mark.parametrize("given", ["shop", "app/shop/50dc6c495c0c9188", ARN])
def test_a_load_balancer_is_named_in_three_ways(given: str) -> None:
    assert load_balancer_name(given) == "shop"


def test_of_many_load_balancers_the_busiest_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"elb": f"app/lb-{number}/0", "time": START} for number in range(60) for _ in range(number + 1)]
    asked: list[Scope] = []

    def collect(scopes: list[Scope], folder: Path, _: object) -> None:
        assert folder == tmp_path
        asked.extend(scopes)

    monkeypatch.setattr("pipeline.timeline.collect.collect", collect)
    with Engine() as engine:
        rows = [{**row, "object_key": "x", "line_number": 1} for row in rows]
        engine.attach("requests", pa.Table.from_pylist(rows, schema=REQUESTS.schema))
        live.collect(engine, Window(), None, Settings(), tmp_path)
    (scope,) = asked
    assert (len(scope.names), scope.left_out) == (50, 10)
    assert {"lb-59", "lb-10"} <= set(scope.names)
    assert "lb-9" not in scope.names
    assert (scope.since, scope.until) == (START, START)


@pytest.mark.parametrize("trail", ["my-trail", "s3://", "https://my-trail/x"])
def test_a_trail_that_is_no_bucket_is_refused(trail: str) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/prefix"):
        live._trail(Settings(trail=trail))


def test_a_trail_is_bucket_and_prefix() -> None:
    trail = live._trail(Settings(trail="s3://logs/trails/", requester_pays=True))
    assert trail is not None
    assert (trail.bucket, trail.prefix, dict(trail.payer)) == (
        "logs",
        "trails",
        {"RequestPayer": "requester"},
    )


def test_what_has_no_name_or_arn_is_passed_over() -> None:
    scope = Scope(["shop"], datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    scope.saw_load_balancers({"LoadBalancers": [{"LoadBalancerName": "shop"}, {"LoadBalancerArn": ARN}, 5]})
    scope.saw_target_groups({"TargetGroups": [{"TargetGroupName": "web"}]})
    assert (scope.arns, scope.target_groups, scope.account) == ({}, {}, None)
    scope.saw_load_balancers({"LoadBalancers": [{"LoadBalancerName": "shop", "LoadBalancerArn": ARN}]})
    assert (scope.account, scope.vpcs) == ("111122223333", set())


KEY = "AWSLogs/{0}/{0}_elasticloadbalancing_{1}_app.x.1_20260302T1005Z_1.2.3.4_x.log.gz"
GROUP = "arn:aws:elasticloadbalancing:{1}:{0}:targetgroup/web/1"
OWN, OTHER = "111122223333", "444455556666"


def scopes(
    *rows: tuple[str, str, str], load_balancer: str | None = None, by_key: bool = False
) -> list[Scope]:
    """What is asked about load balancers that were seen, the busiest first: name, account, region."""
    found = [
        {
            "elb": f"app/{name}/{number}",
            "time": START,
            "object_key": KEY.format(account, region) if by_key else "x.log",
            "target_group_arn": None if by_key or not account else GROUP.format(account, region),
            "line_number": 1,
        }
        for number, (name, account, region) in enumerate(rows)
        for _ in range(len(rows) - number)
    ]
    with Engine() as engine:
        engine.attach("requests", pa.Table.from_pylist(found, schema=REQUESTS.schema))
        seen = engine.frame("marts/collection_scope", live.bounds(Window()))
    return live._scopes(load_balancer, seen, (START, START))


def places(found: list[Scope]) -> list[tuple[str | None, str | None, list[str]]]:
    return [(scope.account, scope.region, scope.names) for scope in found]


@pytest.mark.parametrize("by_key", [False, True])
def test_each_account_and_region_of_the_logs_is_asked_about_its_own(by_key: bool) -> None:  # noqa: FBT001 - as above
    rows = (
        ("a", OWN, "eu-west-1"),
        ("b", OWN, "us-east-1"),
        ("c", OTHER, "eu-west-1"),
        ("d", OWN, "eu-west-1"),
    )
    assert places(scopes(*rows, by_key=by_key)) == [
        (OWN, "eu-west-1", ["a", "d"]),
        (OWN, "us-east-1", ["b"]),
        (OTHER, "eu-west-1", ["c"]),
    ]


def test_a_load_balancer_of_which_the_log_tells_no_place_is_taken_to_be_where_the_others_are() -> None:
    assert places(scopes(("a", "", ""), ("b", OWN, "eu-west-1"))) == [(OWN, "eu-west-1", ["a", "b"])]
    assert places(scopes(("a", "", ""))) == [(None, None, ["a"])]


def test_one_name_in_two_regions_is_two_load_balancers_and_an_arn_is_one() -> None:
    rows = (("shop", OWN, "us-east-1"), ("shop", OWN, "eu-west-1"), ("docs", OWN, "eu-west-1"))
    assert places(scopes(*rows, load_balancer="shop")) == [
        (OWN, "us-east-1", ["shop"]),
        (OWN, "eu-west-1", ["shop"]),
    ]
    assert places(scopes(*rows, load_balancer=ARN)) == [(OWN, "eu-west-1", ["shop"])]
    assert places(scopes(load_balancer="shop")) == [(None, None, ["shop"])]


def test_a_load_balancer_of_another_account_is_not_the_one_that_is_meant() -> None:
    scope = Scope(["shop"], START, START, account=OTHER)
    scope.saw_load_balancers({"LoadBalancers": [{"LoadBalancerName": "shop", "LoadBalancerArn": ARN}]})
    assert (scope.arns, scope.strangers, scope.is_elsewhere) == ({}, {OWN}, True)

"""Settings through time: names resolved, snapshots and changes reconciled, never overlapping."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline.base import Findings
from pipeline.timeline.elbv2 import DEFAULT
from pipeline.timeline.settings import settle
from tests.support.timeline_dumps import API, READ_AT, SHOP, WEB, at

IDLE = "idle_timeout.timeout_seconds"
DELAY = "deregistration_delay.timeout_seconds"


def snapshot(
    findings: Findings,
    resource: str,
    setting: str,
    value: str,
    read_at: datetime = READ_AT,
    source: str = "elbv2",
) -> None:
    findings.setting(resource, setting, value, source=source, read_at=read_at)


def change(findings: Findings, resource: str, setting: str, value: str, when: datetime) -> None:
    findings.setting(resource, setting, value, source="cloudtrail", valid_from=when)


def history(findings: Findings, resource: str, setting: str) -> list[tuple[Any, ...]]:
    settle(findings)
    rows = [row for row in findings.settings if (row["resource"], row["setting"]) == (resource, setting)]
    return [(row["value"], row["valid_from"], row["valid_to"]) for row in rows]


def test_a_snapshot_alone_holds_always() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "60")
    assert history(findings, SHOP, IDLE) == [("60", None, None)]


def test_before_the_first_change_the_value_is_unknown() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "120")
    change(findings, SHOP, IDLE, "120", at("11:00:00"))
    assert history(findings, SHOP, IDLE) == [("120", at("11:00:00"), None)]
    assert findings.problems == []


def test_an_earlier_change_tells_the_value_before_a_later_one() -> None:
    findings = Findings()
    change(findings, SHOP, IDLE, "120", at("11:00:00"))
    change(findings, SHOP, IDLE, "60", at("09:00:00"))
    snapshot(findings, SHOP, IDLE, "120")
    assert history(findings, SHOP, IDLE) == [
        ("60", at("09:00:00"), at("11:00:00")),
        ("120", at("11:00:00"), None),
    ]


def test_a_dump_older_than_the_first_change_tells_the_value_before_it() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "60", at("08:00:00"))
    change(findings, SHOP, IDLE, "120", at("11:00:00"))
    assert history(findings, SHOP, IDLE) == [("60", None, at("11:00:00")), ("120", at("11:00:00"), None)]
    assert findings.problems == []


def test_a_dump_that_contradicts_the_last_change_is_a_problem() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "75")
    change(findings, SHOP, IDLE, "120", at("11:00:00"))
    assert history(findings, SHOP, IDLE) == [("120", at("11:00:00"), None)]
    assert "the dump says 75, the last change in CloudTrail 120" in findings.problems[0].what


def test_daily_snapshots_are_a_history() -> None:
    findings = Findings()
    for day, value in enumerate(["60", "60", "90", "60"], start=1):
        snapshot(findings, SHOP, IDLE, value, at("00:00:00", day=day))
    assert history(findings, SHOP, IDLE) == [
        ("60", None, at("00:00:00", day=3)),
        ("90", at("00:00:00", day=3), at("00:00:00", day=4)),
        ("60", at("00:00:00", day=4), None),
    ]


def test_the_name_in_a_file_name_becomes_the_arn_of_the_listing() -> None:
    findings = Findings()
    snapshot(findings, SHOP, "name", "shop")
    snapshot(findings, "load-balancer/shop", IDLE, "60")
    assert history(findings, SHOP, IDLE) == [("60", None, None)]
    assert findings.problems == []


def test_a_dump_without_a_name_holds_for_every_resource_except_those_named() -> None:
    findings = Findings()
    snapshot(findings, WEB, "name", "web-30080")
    snapshot(findings, API, "name", "api-30081")
    snapshot(findings, "target-group/*", DELAY, "30")
    snapshot(findings, "target-group/api-30081", DELAY, "300")
    assert history(findings, WEB, DELAY) == [("30", None, None)]
    assert [
        row["value"] for row in findings.settings if row["resource"] == API and row["setting"] == DELAY
    ] == ["300"]


def test_without_listings_names_stay_names() -> None:
    findings = Findings()
    snapshot(findings, "load-balancer/shop", IDLE, "60")
    snapshot(findings, "target-group/*", DELAY, "30")
    assert history(findings, "load-balancer/shop", IDLE) == [("60", None, None)]
    assert history(findings, "target-group/*", DELAY) == [("30", None, None)]
    assert findings.problems == []


def test_a_name_that_no_listing_shows_is_a_problem() -> None:
    findings = Findings()
    snapshot(findings, SHOP, "name", "shop")
    snapshot(findings, "load-balancer/shpo", IDLE, "60")
    assert history(findings, "load-balancer/shpo", IDLE) == [("60", None, None)]
    assert [problem.ref for problem in findings.problems] == ["load-balancer/shpo"]


def test_two_dumps_without_a_name_that_disagree_are_a_problem() -> None:
    findings = Findings()
    snapshot(findings, "load-balancer/*", IDLE, "60")
    snapshot(findings, "load-balancer/*", IDLE, "120", READ_AT + timedelta(seconds=1))
    settle(findings)
    assert "has several values (120, 60)" in findings.problems[0].what


def test_a_default_gives_way_to_a_value() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "60", source=DEFAULT)
    snapshot(findings, SHOP, IDLE, "75")
    assert history(findings, SHOP, IDLE) == [("75", None, None)]


def test_kubernetes_rows_stay_as_they_are_unless_aws_tells_the_same() -> None:
    findings = Findings()
    for service in ("shop/a", "shop/b"):
        findings.setting("pod/p-1", "service", service, source="kubernetes")
    findings.setting(WEB, "target_type", "ip", source="kubernetes", valid_from=at("11:00:00"))
    snapshot(findings, WEB, "target_type", "instance")
    settle(findings)
    assert history(findings, "pod/p-1", "service") == [("shop/a", None, None), ("shop/b", None, None)]
    assert history(findings, WEB, "target_type") == [("instance", None, None)]


def test_settling_twice_changes_nothing() -> None:
    findings = Findings()
    snapshot(findings, SHOP, IDLE, "60", at("08:00:00"))
    change(findings, SHOP, IDLE, "120", at("11:00:00"))
    once = history(findings, SHOP, IDLE)
    assert history(findings, SHOP, IDLE) == once


HOURS = st.integers(0, 23).map(lambda hour: at(f"{hour:02d}:00:00"))
VALUES = st.sampled_from(["30", "60", "90"])


@given(
    snapshots=st.lists(st.tuples(VALUES, HOURS), max_size=4),
    changes=st.lists(st.tuples(VALUES, HOURS), max_size=5, unique_by=lambda change: change[1]),
    data=st.data(),
)
def test_intervals_never_overlap_and_the_order_of_files_changes_nothing(
    snapshots: list[tuple[str, datetime]], changes: list[tuple[str, datetime]], data: st.DataObject
) -> None:
    def settled(
        snapshots: list[tuple[str, datetime]], changes: list[tuple[str, datetime]]
    ) -> list[tuple[Any, ...]]:
        findings = Findings()
        for value, when in changes:
            change(findings, SHOP, IDLE, value, when)
        for value, when in snapshots:
            snapshot(findings, SHOP, IDLE, value, when)
        return history(findings, SHOP, IDLE)

    rows = settled(snapshots, changes)
    assert rows == settled(data.draw(st.permutations(snapshots)), data.draw(st.permutations(changes)))
    for (_, _, end), (_, start, _) in pairwise(rows):
        assert end is not None
        assert end <= start
    in_force = {when: value for value, when in changes}
    for when, value in in_force.items():
        assert [v for v, start, end in rows if (not start or start <= when) and (not end or when < end)] == [
            value
        ]

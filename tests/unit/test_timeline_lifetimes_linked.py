"""An end without an address and an address that fell silent: one machine, where nothing else fits."""

import pytest

from tests.support.lifetime_rows import Row, event, lifetimes, only, setting, sight, since_noon

A, B = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"
IP, OTHER = "10.0.3.21", "10.0.3.22"
TG = "tg"
HOUR = 3600.0
ALWAYS = sight("10.0.0.1", -3 * HOUR, 3 * HOUR, 50_000)
IN_VPC = [setting("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1", "vpc_id", "vpc-1")]


def gone(instance: str = A, at: float = 0.0, /, **columns: object) -> list[Row]:
    """Auto Scaling tells an end by the instance alone, between ``at`` and 40 s later."""
    took = {"instance_id": instance, "asg_name": "bulk", "node_group": "bulk", **columns}
    return [
        event("instance_launched", -2 * HOUR, "ec2", instance_id=instance),
        event("termination_started", at, "autoscaling", reason="scale_in", is_graceful=False, **took),
        event("node_left", at + 40, "autoscaling", 40.0, reason="scale_in", is_graceful=False, **took),
    ]


def silent(ip: str = IP, first: float = -HOUR, last: float = -10.0) -> Row:
    return sight(ip, first, last, 20_000)


def test_the_source_tells_why_and_the_log_tells_when_and_under_which_address() -> None:
    rows = lifetimes(gone(), sightings=[ALWAYS, silent()])
    row = only(rows, private_ip=IP)
    assert (row["instance_id"], row["left_reason"], row["left_known_by"]) == (A, "scale_in", "autoscaling")
    assert since_noon(row["left_at"]) == -10
    assert row["left_uncertainty_s"] < 1
    assert row["left_event_id"] is not None
    assert rows.filter(kind="node").height == 2  # with the one that goes on


@pytest.mark.parametrize(
    ("events", "sightings"),
    [
        (gone(), [silent(last=-400)]),  # long before
        (gone(), [silent(last=100)]),  # after
        (gone(), [silent(), silent(OTHER)]),  # either of two
        (gone() + gone(B, 5), [silent()]),
        (gone(), [silent(first=-2.5 * HOUR)]),  # seen before the instance was launched
    ],
    ids=["before", "after", "two addresses", "two instances", "older"],
)
def test_what_does_not_fit_or_fits_twice_is_left_apart(events: list[Row], sightings: list[Row]) -> None:
    rows = lifetimes(events, sightings=[ALWAYS, *sightings])
    assert only(rows, instance_id=A)["private_ip"] is None
    for one in sightings:
        row = only(rows, private_ip=one["target_ip"])
        assert (row["instance_id"], row["left_known_by"]) == (None, "logs")


def test_two_machines_at_two_times_are_told_apart() -> None:
    sightings = [ALWAYS, silent(), silent(OTHER, last=HOUR - 20)]
    rows = lifetimes(gone() + gone(B, HOUR), sightings=sightings)
    assert only(rows, instance_id=A)["private_ip"] == IP
    assert only(rows, instance_id=B)["private_ip"] == OTHER


def test_a_drained_machine_left_when_the_source_says() -> None:
    drained = [
        event("target_deregistered", -100, instance_id=A, target_group_arn=TG),
        *(row for row in gone() if row["kind"] != "node_left"),
    ]
    for row in drained:
        row.pop("is_graceful", None)
    killed = event("instance_terminated", 0, instance_id=A)
    row = only(lifetimes([*drained, killed], sightings=[ALWAYS, silent(last=-98)]), private_ip=IP)
    assert row["is_graceful"] is True
    assert since_noon(row["left_at"]) == 0


def test_an_address_of_another_vpc_is_another_machine() -> None:
    arn = IN_VPC[0]["resource"]
    elsewhere = [{**row, "vpc_id": "vpc-2"} if row["kind"] == "instance_launched" else row for row in gone()]
    seen = [sight("10.0.0.1", -3 * HOUR, 3 * HOUR, 50_000, arn), sight(IP, -HOUR, -10, 20_000, arn)]
    assert only(lifetimes(elsewhere, IN_VPC, seen), instance_id=A)["private_ip"] is None

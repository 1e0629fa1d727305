"""Lives of nodes out of what several sources say."""

import pytest

from tests.support.lifetime_rows import Row, event, lifetimes, only, setting, sight, since_noon

A, B = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"
IP = "10.0.3.21"
NAME = "ip-10-0-3-21.eu-west-1.compute.internal"
TG = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"


def launch(instance: str, at: float, ip: str | None = IP, /, **columns: object) -> Row:
    return event("instance_launched", at, instance_id=instance, private_ip=ip, **columns)


def whole_life(instance: str = A, start: float = 0.0, end: float = 3600.0) -> list[Row]:
    """As CloudTrail, Auto Scaling, ELB and Kubernetes tell a well-drained node."""
    took = {"instance_id": instance, "asg_name": "bulk-asg", "node_group": "bulk-asg"}
    node = {"node_name": NAME, "private_ip": IP, "node_group": "bulk"}
    return [
        launch(instance, start, vpc_id="vpc-1"),
        event("instance_launched", start - 5, "autoscaling", **took),
        event("node_joined", start + 60, "kubernetes", instance_id=instance, **node),
        event("target_registered", start + 70, instance_id=instance, target_group_arn=TG),
        event("node_became_ready", start + 80, "kubernetes", instance_id=instance, **node),
        event("node_joined", start + 90, "autoscaling", **took),
        event("termination_started", end - 61, "autoscaling", reason="scale_in", **took),
        event("target_deregistered", end - 60, instance_id=instance, target_group_arn=TG),
        event("instance_terminated", end, instance_id=instance),
        event("node_left", end + 30, "autoscaling", 91.0, reason="scale_in", **took),
        event("node_left", end + 200, "kubernetes", 60.0, node_name=NAME),
    ]


def test_all_sources_together_make_one_life_with_the_best_of_each() -> None:
    row = only(lifetimes(whole_life()))
    assert since_noon(row["joined_at"]) == 70
    assert since_noon(row["ready_at"]) == 80
    assert since_noon(row["drain_started_at"]) == 3539
    assert since_noon(row["left_at"]) == 3600
    assert (row["left_known_by"], row["left_uncertainty_s"], row["left_reason"]) == (
        "cloudtrail",
        1.0,
        "scale_in",
    )
    assert (row["kind"], row["private_ip"], row["vpc_id"], row["node_name"]) == ("node", IP, "vpc-1", NAME)
    assert (row["instance_id"], row["asg_name"], row["node_group"]) == (A, "bulk-asg", "bulk")
    assert row["is_graceful"] is True


def test_the_next_holder_of_an_address_and_name_minutes_later_is_another_life() -> None:
    rows = lifetimes(whole_life(A, 0, 3600) + whole_life(B, 3660, 9000))
    first, second = only(rows, instance_id=A), only(rows, instance_id=B)
    assert (since_noon(first["joined_at"]), since_noon(first["left_at"])) == (70, 3600)
    assert (since_noon(second["joined_at"]), since_noon(second["left_at"])) == (3730, 9000)
    assert rows.height == 2


def test_a_dead_instance_without_address_takes_it_from_its_launch_record() -> None:
    rows = lifetimes([launch(A, 0), event("instance_terminated", 600, "ec2", instance_id=A)])
    assert only(rows)["private_ip"] == IP


def test_a_node_name_gives_the_address_where_nothing_else_does() -> None:
    row = only(lifetimes([event("node_joined", 0, "kubernetes", node_name=NAME, instance_id=A)]))
    assert row["private_ip"] == IP
    named = event("node_became_unready", 0, "kubernetes", node_name="worker-7.example.com")
    assert only(lifetimes([named]))["private_ip"] is None


def test_a_node_event_by_address_name_finds_the_instance_of_that_time() -> None:
    rows = lifetimes(
        [
            launch(A, 0),
            event("instance_terminated", 3600, instance_id=A),
            launch(B, 3700),
            event("node_left", 3750, "kubernetes", 60.0, node_name=NAME),
            event("node_became_ready", 3760, "kubernetes", node_name=NAME),
        ]
    )
    assert since_noon(only(rows, instance_id=A)["left_at"]) == 3600
    second = only(rows, instance_id=B)
    assert (since_noon(second["ready_at"]), second["left_at"]) == (3760, None)


def test_the_same_address_in_two_vpcs_is_two_nodes_and_never_cut() -> None:
    rows = lifetimes([launch(A, 0, vpc_id="vpc-1"), launch(B, 600, vpc_id="vpc-2")])
    assert rows["left_at"].to_list() == [None, None]
    assert sorted(rows["vpc_id"].to_list()) == ["vpc-1", "vpc-2"]


def test_an_address_without_vpc_that_two_vpcs_use_names_no_instance() -> None:
    rows = lifetimes(
        [
            launch(A, 0, vpc_id="vpc-1"),
            launch(B, 0, vpc_id="vpc-2"),
            event("target_deregistered", 600, private_ip=IP, target_group_arn=TG),
        ]
    )
    assert only(rows, instance_id=A)["drain_started_at"] is None
    assert only(rows, instance_id=B)["drain_started_at"] is None
    assert rows.height == 3


def test_a_life_that_nobody_saw_end_ended_before_the_next_holder_of_its_address() -> None:
    first = only(lifetimes([launch(A, 0), launch(B, 7200)]), instance_id=A)
    assert (since_noon(first["left_at"]), first["left_uncertainty_s"]) == (3600, 3600)
    assert first["left_reason"] is None


def test_only_the_launch_known_makes_the_join_uncertain() -> None:
    row = only(lifetimes([launch(A, 0)]))
    assert (since_noon(row["joined_at"]), row["joined_uncertainty_s"], row["left_at"]) == (0, 150.0, None)


def test_a_registration_long_after_the_node_was_in_service_is_not_its_join() -> None:
    late = event("target_registered", 90_000, instance_id=A, target_group_arn=TG)
    row = only(lifetimes([event("node_joined", 0, "autoscaling", instance_id=A), late]))
    assert since_noon(row["joined_at"]) == 0


def test_a_readiness_flap_hours_later_is_not_when_it_became_ready() -> None:
    flap = event("node_became_ready", 30_000, "kubernetes", instance_id=A)
    assert only(lifetimes([event("node_joined", 0, "kubernetes", instance_id=A), flap]))["ready_at"] is None


def test_an_auto_scaling_activity_alone_brackets_the_kill() -> None:
    took = {"instance_id": A, "reason": "scale_in"}
    rows = [
        event("termination_started", 0, "autoscaling", **took),
        event("node_left", 80, "autoscaling", 80.0, **took),
    ]
    row = only(lifetimes(rows))
    assert (since_noon(row["left_at"]), row["left_uncertainty_s"], row["is_graceful"]) == (40, 40.0, None)
    assert since_noon(row["drain_started_at"]) == 0


def test_stop_and_start_are_two_lives() -> None:
    rows = lifetimes(
        [
            launch(A, 0),
            event("instance_stopped", 1000, instance_id=A),
            launch(A, 5000, reason="restarted"),
            event("target_registered", 5100, instance_id=A, target_group_arn=TG),
        ]
    ).sort("joined_at")
    assert [since_noon(at) for at in rows["joined_at"]] == [0, 5100]
    assert rows["left_reason"].to_list() == ["stopped", None]
    assert rows["lifetime_id"].n_unique() == 2


def test_a_start_without_a_known_stop_opens_a_life_once() -> None:
    again = [launch(A, 5000, reason="restarted"), launch(A, 5001, None, reason="restarted")]
    assert lifetimes([launch(A, 0), *again]).height == 2


def test_standby_is_a_leave_and_a_join_but_a_second_target_group_is_neither() -> None:
    other = f"{TG}/other"

    def target(kind: str, at: float, group: str) -> Row:
        return event(kind, at, instance_id=A, target_group_arn=group)

    standby = [
        target("target_registered", 0, TG),
        target("target_registered", 1, other),
        target("target_deregistered", 1000, TG),
        target("target_deregistered", 1001, other),
        target("target_registered", 2000, TG),
        target("target_registered", 2001, other),
    ]
    rows = lifetimes(standby).sort("joined_at")
    assert [since_noon(at) for at in rows["joined_at"]] == [0, 2000]
    assert rows["left_reason"].to_list() == ["deregistered", None]
    moved = [
        target("target_registered", 0, TG),
        target("target_deregistered", 9, TG),
        target("target_registered", 10, other),
    ]
    assert lifetimes(moved).height == 1


@pytest.mark.parametrize(("withdrawn", "graceful"), [(60, True), (5, False), (-30, False), (None, None)])
def test_graceful_means_deregistered_well_before_the_kill(
    *, withdrawn: float | None, graceful: bool | None
) -> None:
    rows = [launch(A, -5000), event("instance_terminated", 0, instance_id=A)]
    if withdrawn is not None:
        rows.append(event("target_deregistered", -withdrawn, instance_id=A, target_group_arn=TG))
    assert only(lifetimes(rows))["is_graceful"] is graceful


def test_an_instance_that_was_already_lost_was_not_drained() -> None:
    took = {"instance_id": A, "reason": "unhealthy", "is_graceful": False}
    row = only(
        lifetimes(
            [
                event("termination_started", 0, "autoscaling", **took),
                event("instance_terminated", 90, instance_id=A),
            ]
        )
    )
    assert (row["is_graceful"], row["left_reason"]) == (False, "unhealthy")


@pytest.mark.parametrize(
    ("kind", "at", "reason"),
    [
        ("spot_interrupted", -120, "spot"),
        ("instance_impaired", -300, "unhealthy"),
        ("instance_impaired", -4000, "terminated"),
    ],
)
def test_the_reason_of_a_leave(kind: str, at: float, reason: str) -> None:
    rows = [
        launch(A, -5000),
        event(kind, at, "ec2", instance_id=A),
        event("instance_terminated", 0, instance_id=A),
    ]
    assert only(lifetimes(rows))["left_reason"] == reason


GONE = {"instance_id": A, "asg_name": "bulk-asg", "reason": "gone", "is_graceful": False}


def of_instance(instance: str, name: str, value: str) -> Row:
    return {**setting(f"instance/{instance}", name, value), "source": "ec2"}


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ([of_instance(A, "lifecycle", "spot")], "spot"),
        ([of_instance(A, "lifecycle", "on-demand")], "terminated"),
        ([of_instance(B, "lifecycle", "spot")], "spot"),  # the one that replaced it, of the same group
        ([of_instance(B, "lifecycle", "spot"), of_instance("i-0c", "lifecycle", "on-demand")], "terminated"),
        ([of_instance(A, "state", "terminated Server.SpotInstanceTermination")], "spot"),
        ([of_instance(A, "state", "terminated Client.UserInitiatedShutdown")], "terminated"),
        ([], "terminated"),
    ],
)
def test_a_spot_instance_that_was_gone_before_auto_scaling_acted_was_taken_back(
    shown: list[Row], reason: str
) -> None:
    rows = [
        launch(A, -5000, None, asg_name="bulk-asg"),
        *(launch(one, 120, None, asg_name="bulk-asg") for one in (B, "i-0c")),
        event("termination_started", 0, "autoscaling", **GONE),
        event("node_left", 40, "autoscaling", 40.0, **GONE),
    ]
    row = only(lifetimes(rows, shown), instance_id=A)
    assert (row["left_reason"], row["is_graceful"]) == (reason, False)


def test_a_spot_instance_that_somebody_terminated_was_not_taken_back() -> None:
    rows = [
        launch(A, -5000),
        event("instance_terminated", -30, instance_id=A),
        event("node_left", 40, "autoscaling", 40.0, **GONE),
    ]
    row = only(lifetimes(rows, [of_instance(A, "lifecycle", "spot")]))
    assert row["left_reason"] == "terminated"


def test_maintenance_long_before_the_leave_is_no_drain() -> None:
    cordon = event("node_cordoned", 0, "kubernetes", instance_id=A)
    assert (
        only(lifetimes([cordon, event("instance_terminated", 40_000, instance_id=A)]))["drain_started_at"]
        is None
    )


def test_the_primary_address_is_chosen_among_those_of_the_interfaces() -> None:
    secondary = event(
        "instance_launched", 0, "ec2", instance_id=A, private_ip="10.0.3.2", detail="m5 secondary address"
    )
    primary = event("instance_launched", 0, "ec2", instance_id=A, private_ip=IP, detail="m5 primary address")
    assert only(lifetimes([secondary, primary]))["private_ip"] == IP


def test_a_secondary_address_is_a_life_of_its_own_only_where_the_log_shows_it() -> None:
    rows = [launch(A, 0), launch(A, 0, "10.0.3.2", detail="secondary address"), launch(A, 0, "10.0.3.3")]
    assert lifetimes(rows).height == 1
    seen = lifetimes(rows, sightings=[sight("10.0.3.2", 0, 60)])
    assert sorted(seen["private_ip"]) == ["10.0.3.2", IP]
    assert set(seen["instance_id"]) == {A}
    assert seen["lifetime_id"].n_unique() == 2


def test_no_events_make_no_lives() -> None:
    assert lifetimes([]).height == 0

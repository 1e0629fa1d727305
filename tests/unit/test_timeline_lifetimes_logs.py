"""Lives that only the access log tells, and open ends that it closes."""

import pytest

from tests.support.lifetime_rows import event, lifetimes, only, setting, sight, since_noon

TG = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"
HOUR = 3600.0
ALWAYS = sight("10.0.0.1", 0, 4 * HOUR, 50_000)


def test_a_target_that_appears_and_vanishes_within_the_logs_lived_in_between() -> None:
    row = only(
        lifetimes([], sightings=[ALWAYS, sight("10.0.0.2", HOUR, 2 * HOUR, 3601)]), private_ip="10.0.0.2"
    )
    assert (since_noon(row["joined_at"]), since_noon(row["left_at"])) == (HOUR, 2 * HOUR)
    assert (row["joined_known_by"], row["left_known_by"], row["kind"]) == ("logs", "logs", "node")
    assert row["joined_uncertainty_s"] == pytest.approx(1.0)


def test_the_edges_of_the_logs_are_no_join_and_no_leave() -> None:
    row = only(lifetimes([], sightings=[ALWAYS]))
    assert (row["joined_at"], row["left_at"]) == (None, None)
    near = sight("10.0.0.2", 30, 4 * HOUR - 30, 10_000)
    row = only(lifetimes([], sightings=[ALWAYS, near]), private_ip="10.0.0.2")
    assert (row["joined_at"], row["left_at"]) == (None, None)


def test_a_rare_target_has_no_edge_where_a_busy_one_has() -> None:
    busy, rare = sight("10.0.0.2", 300, 2 * HOUR, 100_000), sight("10.0.0.3", 300, 2 * HOUR, 20)
    rows = lifetimes([], sightings=[ALWAYS, busy, rare])
    assert since_noon(only(rows, private_ip="10.0.0.2")["joined_at"]) == 300
    assert only(rows, private_ip="10.0.0.3")["joined_at"] is None


def test_a_gap_that_is_usual_for_a_target_does_not_end_its_life() -> None:
    quiet = [sight("10.0.0.2", start, start, 1) for start in (900, 1800, 2700, 3600)]
    assert lifetimes([], sightings=[ALWAYS, *quiet]).filter(private_ip="10.0.0.2").height == 1
    busy = [sight("10.0.0.2", 1000, 2000, 9999), sight("10.0.0.2", 5000, 6000, 9999)]
    assert lifetimes([], sightings=[ALWAYS, *busy]).filter(private_ip="10.0.0.2").height == 2


def test_several_ports_of_one_address_are_one_life() -> None:
    ports = [sight("10.0.0.2", 600, 1200), {**sight("10.0.0.2", 600, 1300), "target_port": 30443}]
    assert lifetimes([], sightings=[ALWAYS, *ports]).filter(private_ip="10.0.0.2").height == 1


def test_an_ip_target_is_a_pod() -> None:
    rows = lifetimes([], [setting(TG, "target_type", "ip")], [sight("10.0.2.7", 0, 100, group=TG)])
    assert only(rows)["kind"] == "pod"


def test_an_address_that_a_source_covers_is_not_inferred_again() -> None:
    known = event(
        "target_registered",
        600,
        instance_id="i-0aaaaaaaaaaaaaaaa",
        private_ip="10.0.0.2",
        target_group_arn=TG,
    )
    row = only(
        lifetimes([known], sightings=[ALWAYS, sight("10.0.0.2", 610, 4 * HOUR)]), private_ip="10.0.0.2"
    )
    assert (row["joined_known_by"], row["left_at"]) == ("cloudtrail", None)


def test_long_silence_closes_a_life_that_a_source_opened_and_short_silence_does_not() -> None:
    known = event(
        "target_registered",
        600,
        instance_id="i-0aaaaaaaaaaaaaaaa",
        private_ip="10.0.0.2",
        target_group_arn=TG,
    )
    row = only(
        lifetimes([known], sightings=[ALWAYS, sight("10.0.0.2", 610, 2 * HOUR)]), private_ip="10.0.0.2"
    )
    assert (since_noon(row["left_at"]), row["left_known_by"], row["left_reason"]) == (2 * HOUR, "logs", None)
    row = only(
        lifetimes([known], sightings=[ALWAYS, sight("10.0.0.2", 610, 4 * HOUR - 900)]), private_ip="10.0.0.2"
    )
    assert row["left_at"] is None


def test_a_life_whose_drain_is_its_first_news_ends_with_the_silence_after_it() -> None:
    drains = event("target_deregistered", 2 * HOUR, private_ip="10.0.0.2", target_group_arn=TG)
    row = only(
        lifetimes([drains], sightings=[ALWAYS, sight("10.0.0.2", 0, 2 * HOUR - 1)]), private_ip="10.0.0.2"
    )
    assert (row["joined_at"], since_noon(row["drain_started_at"])) == (None, 2 * HOUR)
    assert (since_noon(row["left_at"]), row["left_known_by"]) == (2 * HOUR, "logs")
    row = only(
        lifetimes([drains], sightings=[ALWAYS, sight("10.0.0.2", 0, 4 * HOUR - 900)]), private_ip="10.0.0.2"
    )
    assert row["left_at"] is None


def test_a_source_with_later_news_is_not_contradicted() -> None:
    who = {"instance_id": "i-0aaaaaaaaaaaaaaaa", "private_ip": "10.0.0.2"}
    known = [
        event("node_joined", 600, "kubernetes", **who),
        event("node_became_unready", 3 * HOUR, "kubernetes", **who),
    ]
    row = only(lifetimes(known, sightings=[ALWAYS, sight("10.0.0.2", 610, 2 * HOUR)]), private_ip="10.0.0.2")
    assert row["left_at"] is None


def test_spans_before_and_after_a_known_life_belong_to_other_holders() -> None:
    who = {"instance_id": "i-0aaaaaaaaaaaaaaaa", "private_ip": "10.0.0.2"}
    known = [event("instance_launched", 2 * HOUR, **who), event("instance_terminated", 2 * HOUR + 900, **who)]
    rows = lifetimes(known, sightings=[ALWAYS, sight("10.0.0.2", 0, HOUR)]).filter(private_ip="10.0.0.2")
    assert sorted(str(source) for source in rows["left_known_by"]) == ["cloudtrail", "logs"]


def test_without_logs_nothing_is_inferred() -> None:
    assert lifetimes([]).height == 0

"""Laws of the reconciliation: order does not matter, a shift shifts only times, addresses have one holder."""

import json
from datetime import timedelta
from itertools import pairwise
from random import Random

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.model import EVENTS, LIFETIMES, SETTINGS, EventKind
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes import reconcile
from pipeline.timeline.lifetimes_logs import SIGHTINGS
from tests.support.lifetime_rows import Row, after, setting, sight

INSTANCES = (None, "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb")
ADDRESSES = (None, "10.0.3.21", "10.0.3.22")
NODES = (None, "ip-10-0-3-21.eu-west-1.compute.internal", "worker-1")
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"
POD_KINDS = [kind for kind in EventKind if kind.startswith(("pod_", "container_", "probe_"))]
NODE_KINDS = [kind for kind in EventKind if kind not in POD_KINDS]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

common = {
    "occurred_at": st.integers(-9000, 9000).map(after),
    "uncertainty_s": st.sampled_from([0.0, 1.0, 5.0, 60.0, 300.0]),
    "source": st.sampled_from(["cloudtrail", "ec2", "autoscaling", "kubernetes", "eventbridge"]),
    "node_name": st.sampled_from(NODES),
    "reason": st.sampled_from([None, "scale_in", "unhealthy", "restarted", "deleted", "spot"]),
    "source_ref": st.just("made.json"),
}
node_events = st.fixed_dictionaries(
    {
        **common,
        "kind": st.sampled_from(NODE_KINDS).map(str),
        "instance_id": st.sampled_from(INSTANCES),
        "private_ip": st.sampled_from(ADDRESSES),
        "vpc_id": st.sampled_from([None, "vpc-1", "vpc-2"]),
        "target_group_arn": st.sampled_from([None, GROUP]),
        "is_graceful": st.sampled_from([None, True, False]),
        "detail": st.sampled_from([None, "m5 primary address", "m5 secondary address"]),
    }
)
pod_events = st.fixed_dictionaries(
    {
        **common,
        "kind": st.sampled_from(POD_KINDS).map(str),
        "pod_uid": st.sampled_from([None, "u-1", "u-2"]),
        "pod_name": st.sampled_from([None, "shop/web-7c9f-xk2lp", "shop/db-0"]),
        "pod_ip": st.sampled_from([None, "10.0.3.21", "10.0.9.9"]),
    }
)
sightings = st.builds(
    lambda ip, start, length, count: sight(ip, start, start + length, count, GROUP),
    st.sampled_from(["10.0.3.21", "10.0.9.9", "10.0.7.7"]),
    st.integers(-9000, 9000),
    st.integers(0, 5000),
    st.integers(1, 10_000),
)
configurations = st.sampled_from(
    [
        [],
        [setting(GROUP, "target_type", "ip"), setting(GROUP, "vpc_id", "vpc-1")],
        [
            setting("service/shop/web", "selector", json.dumps({"app": "web"})),
            setting("service/shop/all", "selector", json.dumps({"app": "web"})),
            setting("pod/u-1", "labels", json.dumps({"app": "web"})),
            setting("pod/u-1", "name", "shop/web-7c9f-xk2lp"),
            setting("pod/u-2", "service", "shop/db"),
            setting("pod/u-1", "termination_grace_period_s", "60"),
        ],
    ]
)
worlds = st.tuples(
    st.lists(st.one_of(node_events, pod_events), max_size=14).map(
        lambda rows: [{**row, "event_id": f"e-{number:02d}"} for number, row in enumerate(rows)]
    ),
    configurations,
    st.lists(sightings, max_size=5),
)
World = tuple[list[Row], list[Row], list[Row]]


def lives(world: World) -> pl.DataFrame:
    events, configuration, seen = world
    return reconcile(
        frame(EVENTS, events), frame(SETTINGS, configuration), pl.DataFrame(seen, schema=SIGHTINGS)
    )


@QUICK
@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(world: World, random: Random) -> None:
    shuffled = tuple(random.sample(rows, len(rows)) for rows in world)
    assert lives(world).equals(lives((shuffled[0], shuffled[1], shuffled[2])))


@QUICK
@given(worlds, st.integers(-400, 400).filter(bool))
def test_a_shift_of_all_times_shifts_only_times(world: World, days: int) -> None:
    delta = timedelta(days=days, seconds=days)
    moved = [
        [{key: value + delta if key.endswith("_at") else value for key, value in row.items()} for row in rows]
        for rows in (world[0], world[2])
    ]
    there, here = lives((moved[0], world[1], moved[1])), lives(world)
    instants = [name for name in here.columns if name.endswith("_at")]
    assert here.with_columns(pl.col(instants) + delta).equals(there)


@QUICK
@given(worlds)
def test_an_address_has_one_holder_at_a_time_and_no_life_ends_before_it_starts(world: World) -> None:
    rows = lives(world)
    assert rows.schema == frame(LIFETIMES, []).schema
    assert rows["lifetime_id"].is_unique().all()
    assert rows.filter(pl.col("joined_at") > pl.col("left_at")).height == 0
    nodes = rows.filter(kind="node").drop_nulls(["private_ip", "joined_at"])
    for _, held in nodes.group_by(pl.col("vpc_id").fill_null(""), "private_ip"):
        spans = held.sort("joined_at", "left_at", nulls_last=True).select("joined_at", "left_at").rows()
        for (_, left_at), (joined_at, _) in pairwise(spans):
            assert left_at is not None
            assert left_at <= joined_at


@QUICK
@given(worlds)
def test_every_end_names_its_source_and_every_pod_is_kept(world: World) -> None:
    rows = lives(world)
    for end in ("joined", "left"):
        known = rows.filter(pl.col(f"{end}_at").is_not_null())
        assert known[f"{end}_known_by"].null_count() == known[f"{end}_uncertainty_s"].null_count() == 0
    told = {row["pod_uid"] for row in world[0] if row.get("pod_uid")}
    assert told <= set(rows["pod_uid"].to_list())

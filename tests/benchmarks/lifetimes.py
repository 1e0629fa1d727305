"""Time and memory of reconciling a large cluster's day: 120,000 events, 50,000 pods, 1,000 nodes.

Wanted: 5 s and 500 MB. Run as a script; it prints and asserts nothing. With ``--unplaced`` no source of
Kubernetes names a pod's node: each is found by the prefix that its address lies in.
"""

import argparse
import random
import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import polars as pl

from pipeline.model import EVENTS, SETTINGS
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes import reconcile
from pipeline.timeline.lifetimes_logs import SIGHTINGS

Rows: TypeAlias = list[dict[str, Any]]

NODES, PODS = 1_000, 50_000
DAY = datetime(2026, 3, 2, tzinfo=UTC)


def event(rows: Rows, kind: str, at: datetime, source: str, **columns: object) -> None:
    """Add one row of `events`."""
    own = f"{len(rows):08d}"
    base = {"event_id": own, "occurred_at": at, "uncertainty_s": 1.0, "source": source, "kind": kind}
    rows.append({**base, "source_ref": "made", **columns})


def node(rows: Rows, number: int, start: datetime, end: datetime | None) -> str:
    """Add the events of one instance, which may stay; return its node name."""
    name, ip = f"ip-10-{number // 250 % 250}-{number % 250}-7.eu-west-1.compute.internal", None
    ip = f"10.{number // 250 % 250}.{number % 250}.7"
    who = {"instance_id": f"i-{number:017x}"}
    event(rows, "instance_launched", start, "cloudtrail", private_ip=ip, vpc_id="vpc-1", **who)
    event(
        rows, "node_joined", start + timedelta(seconds=60), "kubernetes", node_name=name, private_ip=ip, **who
    )
    event(
        rows, "target_registered", start + timedelta(seconds=70), "cloudtrail", target_group_arn="tg", **who
    )
    if end is None:
        return name
    event(
        rows, "target_deregistered", end - timedelta(seconds=60), "cloudtrail", target_group_arn="tg", **who
    )
    event(rows, "instance_terminated", end, "cloudtrail", **who)
    event(rows, "node_left", end + timedelta(seconds=90), "kubernetes", node_name=name)
    return name


def pod(rows: Rows, number: int, node_name: str, start: datetime, end: datetime) -> None:
    """Add one pod's events; its address comes around again every 5,000 pods."""
    who = {
        "pod_uid": f"u-{number}",
        "pod_name": f"shop/web-{number % 9}f-{number:05d}".replace("0", "b").replace("1", "c"),
        "pod_ip": f"10.200.{number // 250 % 20}.{number % 250}",
        "node_name": node_name,
    }
    event(rows, "pod_scheduled", start, "kubernetes", **who)
    if number % 4 == 0:
        event(rows, "pod_became_ready", start + timedelta(seconds=12), "kubernetes", **who)
    if number % 2 == 0:
        event(rows, "pod_exited", end, "kubernetes", **who)
    if number % 2 or number % 3 == 0:
        event(rows, "pod_deletion_requested", end - timedelta(seconds=30), "kubernetes", **who)


def world() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Events, settings and sightings."""
    random.seed(7)
    rows: Rows = []
    starts = [DAY + timedelta(seconds=random.uniform(0, 80_000)) for _ in range(NODES)]  # noqa: S311 - no secret
    names = [node(rows, n, at, at + timedelta(hours=2)) for n, at in enumerate(starts)]
    settings = []
    for number in range(PODS):
        home = number % NODES
        start = starts[home] + timedelta(seconds=90 + number / PODS * 3000)
        pod(rows, number, names[home], start, start + timedelta(seconds=1800))
        text = f'{{"app":"web","shard":"{number % 50}"}}'
        for setting, value in (("labels", text), ("name", f"shop/p{number}")):
            settings.append(
                {"resource": f"pod/u-{number}", "setting": setting, "value": value, "source": "kubernetes"}
            )
    while len(rows) < 120_000:
        event(rows, "probe_failed", DAY, "kubernetes", pod_uid=f"u-{len(rows) % PODS}", pod_name="shop/x")
    settings.append(
        {
            "resource": "service/shop/web",
            "setting": "selector",
            "value": '{"app":"web"}',
            "source": "kubernetes",
        }
    )
    seen = [
        {
            "target_group_arn": "tg",
            "target_ip": f"10.{n // 250 % 250}.{n % 250}.7",
            "target_port": 30080,
            "first_seen_at": at + timedelta(seconds=80),
            "last_seen_at": at + timedelta(seconds=7000),
            "requests": 5000,
        }
        for n, at in enumerate(starts)
    ]
    return frame(EVENTS, rows), frame(SETTINGS, settings), pl.DataFrame(seen, schema=SIGHTINGS)


def unplaced(events: pl.DataFrame, settings: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same without the pods' node names; each address is in a prefix that comes to its node in time."""
    pods = events.filter(kind="pod_scheduled").sort("occurred_at")
    instance = pl.format("i-{}", (pl.col("pod_uid").str.strip_prefix("u-").cast(pl.Int64) % NODES))
    block = pl.concat_str(
        pl.col("pod_ip").str.extract(r"^(.*\.)\d+$"),
        pl.col("pod_ip").str.extract(r"(\d+)$").cast(pl.Int64) // 16 * 16,
        pl.lit("/28"),
    )
    named = pods.select(
        instance.str.slice(2).str.zfill(17).alias("number"), block.alias("block"), "occurred_at"
    )
    rows: Rows = []
    for number, block_name, at in named.iter_rows():
        interface = {"resource": f"network-interface/eni-{number}", "source": "cloudtrail", "valid_from": at}
        rows.append({**interface, "setting": f"block.{block_name}", "value": "held"})
    for number in range(NODES):
        interface = {"resource": f"network-interface/eni-{number:017d}", "source": "cloudtrail"}
        rows.append({**interface, "setting": "instance_id", "value": f"i-{number:017x}"})
    name = pl.when(pl.col("pod_uid").is_null()).then("node_name").alias("node_name")
    return events.with_columns(name), pl.concat([settings, frame(SETTINGS, rows)])


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unplaced", action="store_true", help="pods whose node no source names")
    events, settings, sightings = world()
    if parser.parse_args().unplaced:
        events, settings = unplaced(events, settings)
    start, cpu = time.perf_counter(), time.process_time()
    lifetimes = reconcile(events, settings, sightings)
    took_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    pods = lifetimes.filter(kind="pod")
    print(f"{events.height:,} events, {settings.height:,} settings -> {lifetimes.height:,} lifetimes")
    print(f"wall {took_s:.1f} s, cpu {cpu_s:.1f} s, peak of the process {peak:.0f} MB")
    print(f"{pods.height:,} pods, {pods['instance_id'].count():,} of them on a known node")


if __name__ == "__main__":
    main()

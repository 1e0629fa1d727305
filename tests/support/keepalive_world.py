"""One service behind one load balancer whose server closes idle connections after a known time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from fixtures.world.balancer import Outcome
from fixtures.world.blueprints import EVENTS, add_service, new_world, populate
from fixtures.world.cluster import World
from fixtures.world.run import simulate
from pipeline.attribute import run
from pipeline.engine.duckdb import Engine
from pipeline.model import COVERAGE, LIFETIMES, REQUESTS, SETTINGS, Window
from pipeline.model import EVENTS as OBSERVED
from pipeline.timeline.base import frame

_TARGETS, _NODES = 3, 2
_START = datetime(2026, 3, 2, tzinfo=UTC)


def world(
    timeout_s: float,
    load: float,
    seed: int,
    *,
    requests: int = 12_000,
    lifo: bool = True,
    noise: float = 0.0,
    idle_timeout_s: float = 60.0,
) -> World:
    """A cluster of three pods.

    Args:
        timeout_s: the server's keep-alive timeout.
        load: requests on one pair of load balancer node and target in that time.
        seed: the same seed gives the same cluster.
        requests: in all; the span follows from them.
        lifo: the pool takes the connection used last, not the one idle longest.
        noise: share of requests that fail for no reason.
        idle_timeout_s: the load balancer's own.
    """
    span_s = requests / (load / timeout_s * _TARGETS * _NODES)
    made = new_world(
        f"keepalive-{timeout_s}-{load}-{lifo}",
        seed,
        hours=span_s / 3600.0,
        idle_timeout_s=idle_timeout_s,
        lifo=lifo,
        noise_rate=noise,
        balancer_nodes=_NODES,
        rtt_s=0.006,
        own_5xx_share=0.0,
    )
    add_service(
        made,
        "web",
        "ip",
        EVENTS,
        requests,
        replicas=_TARGETS,
        keep_alive=("server", timeout_s),
        close_lag_s=0.012,
    )
    populate(made, {"web": _TARGETS})
    return made


def inferred(made: World, *, knows_idle_timeout: bool = True) -> dict[str, Any]:
    """The row of `keepalive_estimates`; without an error an empty one."""
    rows = [_row(made, outcome, number) for number, outcome in enumerate(simulate(made))]
    with Engine() as engine:
        engine.attach("requests", pa.Table.from_pylist(rows, schema=REQUESTS.schema))
        engine.ask("create view error_rows as select * from requests where elb_status_code in (502, 504)")
        known = [_idle_timeout(made)] if knows_idle_timeout else []
        engine.attach("settings", frame(SETTINGS, known))
        for table in (OBSERVED, COVERAGE, LIFETIMES):
            engine.attach(table.name, frame(table, []))
        run.observe_traffic(engine)
        run.attribute(engine, Window())
        run.examine(engine, Window())
        found: pl.DataFrame = engine.table("keepalive_estimates")
        return found.row(0, named=True) if found.height else {}


def _idle_timeout(made: World) -> dict[str, Any]:
    return {
        "resource": f"load-balancer/{made.balancer}",
        "setting": "idle_timeout.timeout_seconds",
        "value": f"{made.knobs.idle_timeout_s:.0f}",
        "source": "test",
    }


def _row(made: World, outcome: Outcome, number: int) -> dict[str, Any]:
    target = outcome.target
    return {
        "type": "https",
        "time": _START + timedelta(seconds=outcome.ends_at),
        # The log has milliseconds here.
        "request_creation_time": _START + timedelta(milliseconds=round(outcome.request.at * 1e3)),
        "elb": made.balancer_path,
        "elb_node_ip": made.balancer_ips[outcome.balancer_node],
        "target_ip": None if target is None else target.ip,
        "target_port": None if target is None else target.port,
        "request_processing_time": outcome.request_time,
        "target_processing_time": outcome.target_time,
        "response_processing_time": outcome.response_time,
        "elb_status_code": outcome.status,
        "target_status_code": outcome.target_status or None,
        "received_bytes": outcome.request.upload_bytes + 300,
        "sent_bytes": outcome.sent_bytes,
        "request_verb": "POST",
        "request_url": "https://shop.example:443/hooks/1",
        "target_group_arn": None if target is None else made.target_group_arn(target.group),
        "object_key": "simulated",
        "line_number": number + 1,
    }

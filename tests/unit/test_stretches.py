"""What the rules see in minutes and runs: failing zones, empty services, steps, runs of failures."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import EVENTS, LIFETIMES, SETTINGS

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINUTE = int(T0.timestamp()) // 60
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/9432"
ELB = "app/shop/50dc6c495c0c9188"

Row = dict[str, object]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as one:
        one.attach("events", EVENTS.schema.empty_table())
        one.attach("lifetimes", LIFETIMES.schema.empty_table())
        one.attach("settings", SETTINGS.schema.empty_table())
        yield one


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def attach(engine: Engine, name: str, rows: Sequence[Row]) -> None:
    """Rows with the given columns; the table's others are NULL."""
    given = pl.DataFrame(rows, infer_schema_length=None)
    table = {"events": EVENTS, "lifetimes": LIFETIMES, "settings": SETTINGS}.get(name)
    if table is None:
        engine.attach(name, given)
        return
    empty = pl.DataFrame(table.schema.empty_table())
    columns = [
        (pl.col(one) if one in given.columns else pl.lit(None)).cast(kind).alias(one)
        for one, kind in empty.schema.items()
    ]
    engine.attach(name, given.select(columns))


def minutes(counts: Sequence[tuple[int, int, int, int]]) -> list[Row]:
    """Rows of `target_minutes` of (minute, target, requests, errors)."""
    return [
        {
            "minute": MINUTE + minute,
            "elb": ELB,
            "target_group_arn": GROUP,
            "target_ip": f"10.0.0.{target}",
            "target_port": 30080,
            "requests": requests,
            "answered": requests - errors,
            "gateway_errors": errors,
        }
        for minute, target, requests, errors in counts
    ]


ZONES: list[Row] = [
    {"target_group_arn": GROUP, "target_ip": f"10.0.0.{n}", "zone": "abc"[n % 3], "machine": f"i-{n}"}
    for n in range(9)
]  # zone a: 0, 3, 6


@pytest.mark.parametrize(
    ("failing", "wanted"),
    [
        ((0, 3, 6), ["a"]),
        ((0, 3), []),  # two of three targets that were asked
        ((0,), []),
        (tuple(range(9)), []),  # all zones: none of them
        ((0, 3, 6, 1), ["a"]),
    ],
)
def test_a_zone_fails_as_a_whole_while_the_others_do_not(
    engine: Engine, failing: tuple[int, ...], wanted: list[str]
) -> None:
    counts = [(m, n, 20, 15 if n in failing and m in {5, 6} else 0) for m in range(10) for n in range(9)]
    if failing == (0, 3, 6, 1):
        counts = [(m, n, 20, 2 if (m, n) == (5, 1) else errors) for m, n, _, errors in counts]
    attach(engine, "target_minutes", minutes(counts))
    attach(engine, "target_zones", ZONES)
    attach(engine, "gateway_errors", unconnected({}))
    found = engine.frame("intermediate/zone_outages")
    assert found["zone"].to_list() == wanted
    if wanted:
        assert found.row(0, named=True)["first_minute"] == MINUTE + 5
        assert found.row(0, named=True)["last_minute"] == MINUTE + 6


def unconnected(answers: dict[int, int]) -> list[Row]:
    """Per target a connect that timed out in minute 5, and how many others its host answered meanwhile."""
    error: Row = {"elb": ELB, "target_group_arn": GROUP, "failure_class": "connect_timeout"}
    return [
        {**error, "target_ip": f"10.0.0.{n}", "began_at": at(305.0), "host_answers_meanwhile": count}
        for n, count in answers.items()
    ] or [{**error, "target_ip": "10.0.9.9", "began_at": at(0.0), "host_answers_meanwhile": 0}]


@pytest.mark.parametrize(
    ("answering", "wanted"),
    [
        ((1, 2, 4, 5, 7, 8), ["a"]),  # nobody in zone a: most pods were there
        ((), []),  # nobody anywhere: a filter before them all
        ((0, 1, 2, 3, 4, 5, 6, 7, 8), []),  # everybody: a crowd
        ((0, 1, 2, 4, 5, 7, 8), []),  # one of the zone's three answers
        ((1, 4, 7), []),  # zone c is as dark
    ],
)
def test_a_zone_that_most_pods_were_in_is_told_by_its_silence(
    engine: Engine, answering: tuple[int, ...], wanted: list[str]
) -> None:
    counts = [(m, n, 20, (18 if n % 3 == 0 else 8) if m == 5 else 0) for m in range(10) for n in range(9)]
    attach(engine, "target_minutes", minutes(counts))
    attach(engine, "target_zones", ZONES)
    attach(engine, "gateway_errors", unconnected({n: 5 if n in answering else 0 for n in range(9)}))
    assert engine.frame("intermediate/zone_outages")["zone"].to_list() == wanted


def test_a_zone_is_known_from_the_machine_the_address_or_its_interface(engine: Engine) -> None:
    attach(engine, "target_minutes", minutes([(0, target, 1, 0) for target in (1, 2, 3)]))
    attach(engine, "target_groups", [{"target_group_arn": GROUP, "vpc_id": "vpc-1"}])
    attach(engine, "lifetimes", [{"private_ip": "10.0.0.1", "instance_id": "i-1", "kind": "node"}])
    attach(
        engine,
        "events",
        [{"event_id": "e", "private_ip": "10.0.0.2", "instance_id": "i-1", "kind": "instance_launched"}],
    )
    zone = {"setting": "availability_zone", "source": "ec2"}
    attach(
        engine,
        "settings",
        [
            {"resource": "instance/i-1", "value": "eu-west-1a", **zone},
            {"resource": "address/10.0.0.3", "value": "eu-west-1b", **zone},
        ],
    )
    assert zones_of(engine) == [("10.0.0.1", "eu-west-1a", "i-1"), ("10.0.0.2", "eu-west-1a", "i-1")]
    attach(engine, "lifetimes", [{"private_ip": "10.0.0.3", "kind": "pod"}])
    assert ("10.0.0.3", "eu-west-1b", "10.0.0.3") in zones_of(engine)


@pytest.mark.parametrize(
    ("machines", "zone"),
    [
        # Subnets of 256 addresses: the blocks of 512 span two zones.
        ({"10.0.0.200": "a", "10.0.1.7": "b"}, "a"),
        ({"10.0.0.200": "a", "10.0.1.7": "b", "10.0.2.7": "a"}, "a"),
        ({"10.0.0.200": "a", "10.0.0.129": "b"}, None),  # 10.0.0.1 lies with neither
        ({"10.0.0.200": "a", "10.0.0.201": "b"}, None),  # no block is of one zone
        ({"10.0.2.7": "a", "10.0.3.7": "b"}, None),  # nothing is known of its block
        ({"10.0.0.200": "a", "10.0.1.7": "a"}, None),  # of which zones there are more, nothing is known
        ({"fd00::1": "a", "10.0.1.7": "b"}, None),
    ],
)
def test_an_address_that_no_source_places_is_of_the_zone_of_its_block(
    engine: Engine, machines: dict[str, str], zone: str | None
) -> None:
    attach(engine, "target_minutes", minutes([(0, 1, 1, 0)]))
    attach(engine, "target_groups", [{"target_group_arn": GROUP, "vpc_id": "vpc-1"}])
    node: Row = {"kind": "node", "vpc_id": "vpc-1"}
    attach(engine, "lifetimes", [{**node, "private_ip": ip, "instance_id": f"i-{ip}"} for ip in machines])
    attach(engine, "events", [{**node, "event_id": "e", "kind": "instance_launched", "instance_id": "i-x"}])
    told: Row = {"setting": "availability_zone", "source": "ec2"}
    attach(
        engine,
        "settings",
        [{**told, "resource": f"instance/i-{ip}", "value": one} for ip, one in machines.items()],
    )
    assert zones_of(engine) == ([("10.0.0.1", zone, None)] if zone else [])


def zones_of(engine: Engine) -> list[tuple[object, ...]]:
    """Address, zone and machine of every target whose zone is known."""
    found = engine.frame("intermediate/target_zones").sort("target_ip")
    return found.select("target_ip", "zone", "machine").rows()


@pytest.mark.parametrize(
    ("vpc_id", "zones"),
    [
        ("vpc-1", [("10.0.0.1", "eu-west-1a", "i-1")]),
        (None, [("10.0.0.1", "eu-west-1a", "i-1")]),
        ("vpc-2", []),
    ],
)
def test_a_machine_of_another_vpc_tells_no_zone(
    engine: Engine, vpc_id: str | None, zones: list[tuple[str, str, str]]
) -> None:
    attach(engine, "target_minutes", minutes([(0, 1, 1, 0)]))
    attach(engine, "target_groups", [{"target_group_arn": GROUP, "vpc_id": "vpc-1"}])
    node: Row = {"private_ip": "10.0.0.1", "instance_id": "i-1", "kind": "node", "vpc_id": vpc_id}
    attach(engine, "lifetimes", [node])
    zone = {"setting": "availability_zone", "source": "ec2", "value": "eu-west-1a"}
    attach(engine, "settings", [{"resource": "instance/i-1", **zone}])
    assert zones_of(engine) == zones


def pod(name: str, kind: str, seconds: float) -> Row:
    return {
        "event_id": f"{name} {kind} {seconds}",
        "occurred_at": at(seconds),
        "uncertainty_s": 1.0,
        "kind": kind,
        "pod_name": f"shop/{name}",
    }


def test_a_service_is_empty_while_none_of_its_pods_is_ready(engine: Engine) -> None:
    attach(
        engine,
        "lifetimes",
        [{"kind": "pod", "pod_name": f"shop/{one}", "service": "shop/web"} for one in ("a", "b")],
    )
    changes = [
        pod("a", "pod_became_ready", -900),
        pod("b", "pod_became_ready", -900),
        pod("a", "pod_became_unready", 10),
        pod("b", "pod_deletion_requested", 20),
        pod("b", "pod_exited", 50),  # it had left already
        pod("a", "pod_became_ready", 80),
    ]
    attach(engine, "events", changes)
    found = engine.frame("intermediate/empty_services")
    assert found.select("service", "occurred_at", "lasted_s").rows() == [("shop/web", at(20), 60.0)]


def test_a_service_whose_first_pod_starts_is_not_empty_but_new(engine: Engine) -> None:
    attach(engine, "lifetimes", [{"kind": "pod", "pod_name": "shop/a", "service": "shop/web"}])
    attach(engine, "events", [pod("a", "pod_deletion_requested", 10), pod("a", "pod_became_ready", 40)])
    assert engine.frame("intermediate/empty_services").is_empty()


def change(reason: str = "ModifyRule", detail: str = f"ModifyRule {ELB} by ops") -> Row:
    return {
        "event_id": "c",
        "occurred_at": at(300),
        "uncertainty_s": 1.0,
        "kind": "routing_changed",
        "reason": reason,
        "detail": detail,
    }


@pytest.mark.parametrize(
    ("row", "errors", "wanted"),
    [
        (change(), {5: 20, 6: 30, 7: 10}, [60]),
        (change(), {3: 20, 4: 20, 5: 20, 6: 20}, []),  # they failed before as well
        (change(), {9: 50}, []),  # four minutes after it
        (change(), {5: 2, 6: 1}, []),  # one in a hundred
        (change(detail="ModifyRule app/blog/1 by ops"), {5: 20, 6: 30}, []),
        (change(reason="idle_timeout.timeout_seconds"), {5: 20, 6: 30}, []),
    ],
)
def test_a_step_begins_with_the_change_in_its_scope(
    engine: Engine, row: Row, errors: dict[int, int], wanted: list[int]
) -> None:
    attach(engine, "events", [row])
    attach(engine, "target_minutes", minutes([(m, 1, 200, errors.get(m, 0)) for m in range(12)]))
    assert [int(str(n)) for n in engine.frame("intermediate/change_steps")["errors"].to_list()] == wanted


def close(seconds: float, path: str = "/export", client: str = "198.51.100.9") -> Row:
    return {
        "target_group_arn": GROUP,
        "target_ip": "10.0.0.1",
        "began_at": at(seconds),
        "failed_at": at(seconds + 0.1),
        "failure_class": "closed_midway",
        "path": path,
        "client_ip": client,
    }


def answer(seconds: float, path: str, client: str) -> Row:
    return {
        "target_group_arn": GROUP,
        "request_url": f"https://shop.example.com:443{path}",
        "client_ip": client,
        "time": at(seconds),
        "request_creation_time": at(seconds - 0.2),
        "target_status_code": 200,
        "elb_status_code": 200,
        "target_processing_time": 0.2,
    }


def runs(engine: Engine, failed: list[Row], answered: list[Row], asked: tuple[int, int]) -> pl.DataFrame:
    attach(engine, "gateway_errors", failed)
    attach(engine, "requests", answered)
    nothing = {
        "target_group_arn": "",
        "path": "",
        "block": 0,
        "answers": 0,
        "sockets": 0,
        "received_bytes": 0,
        "sent_bytes": 0,
    }
    attach(engine, "path_samples", [nothing])
    attach(engine, "target_minutes", minutes([(m, 1, *asked) for m in range(10)]))
    for name in ("named_failures", "suspects", "failing_attempts"):
        engine.keep(name, f"intermediate/{name}")
    return engine.frame("intermediate/failure_runs").sort("kind", "first_at")


def test_a_path_that_never_succeeds_is_a_run_from_its_first_failure_to_its_last(engine: Engine) -> None:
    failed = [close(60 + 30 * n, client=f"198.51.100.{n}") for n in range(8)]
    others = [answer(20 * n, "/cart", "198.51.100.200") for n in range(30)]
    well = [answer(n, "/export", "198.51.100.200") for n in (5, 15, 300, 310, 320)]
    found = runs(engine, failed, others + well, (60, 1))
    assert found.select("kind", "name", "errors", "answers").rows() == [("path", "/export", 8, 0)]
    assert found.row(0, named=True)["first_at"] == at(60)
    assert found.row(0, named=True)["usual_answer_s"] == pytest.approx(0.2)


def test_a_client_that_fails_on_every_path_is_a_run_of_its_own(engine: Engine) -> None:
    failed = [close(60 + 30 * n, path=f"/{'abcdefgh'[n]}") for n in range(8)]
    others = [answer(20 * n, "/a", "198.51.100.200") for n in range(30)]
    found = runs(engine, failed, others, (60, 1))
    assert found.select("kind", "name", "errors").rows() == [("client", "198.51.100.9", 8)]


def test_failures_with_answers_in_between_are_no_run(engine: Engine) -> None:
    failed = [close(60 + 30 * n, client=f"198.51.100.{n}") for n in range(8)]
    well = [answer(61 + 2 * n, "/export", "198.51.100.200") for n in range(120)]
    assert runs(engine, failed, well, (60, 1)).is_empty()


def test_a_burst_at_one_moment_is_no_run(engine: Engine) -> None:
    failed = [close(60 + 0.1 * n, client=f"198.51.100.{n}") for n in range(8)]
    assert runs(engine, failed, [answer(10, "/cart", "198.51.100.200")], (60, 1)).is_empty()


def test_what_fails_for_everybody_is_about_no_path(engine: Engine) -> None:
    failed = [close(60 + 30 * n, client=f"198.51.100.{n}") for n in range(8)]
    assert runs(engine, failed, [answer(10, "/cart", "198.51.100.200")], (60, 40)).is_empty()


def dead(engine: Engine, closes: dict[int, int], answered: int) -> pl.DataFrame:
    attach(
        engine, "gateway_errors", [close(60 * m + 0.5 * n) for m, many in closes.items() for n in range(many)]
    )
    attach(engine, "target_minutes", minutes([(m, 1, 40, closes.get(m, 0)) for m in range(10)]))
    attach(engine, "target_groups", [{"target_group_arn": GROUP, "requests": 400, "answered": answered}])
    return engine.frame("intermediate/dead_spells")


def test_a_target_group_is_dead_while_half_of_its_requests_end_without_an_answer(engine: Engine) -> None:
    found = dead(engine, {3: 8, 4: 36, 5: 38, 6: 10}, 300)
    assert found.select("first_minute", "last_minute", "closes", "dead_minutes").rows() == [
        (MINUTE + 3, MINUTE + 6, 92, 2)
    ]


def test_a_tenth_of_them_is_no_death(engine: Engine) -> None:
    assert dead(engine, {3: 8, 4: 10, 5: 12}, 300).is_empty()


def test_a_target_group_that_never_answered_is_dead(engine: Engine) -> None:
    assert dead(engine, {3: 6, 9: 5}, 0).height > 0

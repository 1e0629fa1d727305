"""Do errors follow the events? Asked of whole incidents, with a cause, without one, and with too little."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.attribute import checks, doses
from pipeline.attribute.doses import compare
from pipeline.model import CHECKS, DOSE_RESPONSES, Window
from pipeline.report.facts import Trust
from pipeline.report.findings import sections
from tests.support import small_world

HOURS = 5
MINUTES = 60 * HOURS


def checked(case: dict[str, Any]) -> pl.DataFrame:
    with small_world.attributed({"minutes": MINUTES, "rate": 0.5, **case}) as engine:
        checks.check(engine, Window())
        return engine.table("checks")


def row(found: pl.DataFrame, cause: str) -> dict[str, Any]:
    return found.filter(pl.col("cause") == cause).row(0, named=True)


def exits(*moments: float) -> list[dict[str, Any]]:
    """Pods that left, after a drain of half a minute."""
    return [{"name": f"p{n}", "drain": at - 30.0, "left": at} for n, at in enumerate(moments)]


def errors(*moments: float, shape: str = "closed_midway") -> list[dict[str, Any]]:
    return [{"shape": shape, "at": at, "target": 1 + n % 4} for n, at in enumerate(moments)]


EXITS = [1000.0 + 1300.0 * n for n in range(12)]


def test_errors_at_pod_exits_are_lifted_and_the_placebos_are_not() -> None:
    near = [at + 0.5 for at in EXITS[:9]]
    found = row(checked({"pods": exits(*EXITS), "errors": errors(*near, 5100.0, 9777.0)}), "draining_pod")
    assert found["verdict"] == "lifted"
    assert (found["events"], found["n_in"], found["n_out"]) == (12, 9, 2)
    assert found["lo"] > 10.0
    assert found["q"] <= 0.05
    assert found["p_placebo"] > 0.05
    assert found["sentence"].startswith(
        "9 of 11 incidents follow one of the 12 draining_pod events (rate ratio "
    )
    assert found["sentence"].endswith("9 of the 9 come when the mechanism says (4.1 by chance)")
    assert found["shape"] == "as_told"
    assert found["attributable_errors"] == pytest.approx(9.0 * (1.0 - 1.0 / found["rr"]))


def test_errors_that_follow_at_the_wrong_time_are_lifted_and_said_to_be_late() -> None:
    late = [at + 10.0 + n for n, at in enumerate(EXITS[:9])]
    found = row(checked({"pods": exits(*EXITS), "errors": errors(*late, 5100.0)}), "draining_pod")
    assert (found["verdict"], found["shape"], found["n_core"]) == ("lifted", "elsewhere", 0)
    assert found["sentence"].endswith(", but only 0 of the 9 come when the mechanism says (4.1 by chance)")
    trust = Trust(checks=[found])
    assert [label for label, _ in sections(trust)] == ["Checked against the whole window"]


def test_errors_near_events_of_two_causes_are_accounted_for_once() -> None:
    """A pod exits whenever a node leaves: both are lifted, neither may claim the errors of both."""
    moments = EXITS[:4]
    nodes = [{"target": n + 1, "left": at} for n, at in enumerate(moments)]
    burst = [{"shape": "closed_midway", "at": at + 0.5, "target": 1 + n} for n, at in enumerate(moments)]
    more = errors(*[at + 3.0 for at in moments], *[at + 6.0 for at in moments])
    found = checked({"nodes": nodes, "pods": exits(*moments), "errors": [*burst, *more]})
    lifted = found.filter(pl.col("verdict") == "lifted")
    assert {"draining_pod", "scale_in"} <= set(lifted["cause"])
    assert lifted["attributable_errors"].sum() <= 12.0 + 1e-9
    assert found.filter(pl.col("verdict") != "lifted")["attributable_errors"].null_count() == found.height - (
        lifted.height
    )


def test_a_cause_with_several_laws_of_lags_states_no_core() -> None:
    moments = [at + 0.5 for at in EXITS]
    crashes = [{"kind": "container_crashed", "at": at, "target": 1} for at in EXITS]
    found = row(checked({"events": crashes, "errors": errors(*moments)}), "target_crash")
    assert (found["shape"], found["n_core"], found["core_share"]) == (None, None, None)


def test_errors_that_have_nothing_to_do_with_deploys_are_a_negative_finding() -> None:
    rng = np.random.default_rng(7)
    away = [
        at for at in rng.uniform(100.0, MINUTES * 60.0 - 100.0, 160) if min(abs(at - e) for e in EXITS) > 90.0
    ]
    found = row(
        checked({"pods": exits(*EXITS), "errors": errors(*away, shape="closed_at_once")}), "draining_pod"
    )
    assert found["n_in"] == 0
    assert found["hi"] < 2.0
    assert found["verdict"] == "no_lift"
    assert found["sentence"].startswith(
        "no error coincided with any of the 12 draining_pod events (rate ratio 0.0, "
    )


def test_few_incidents_are_insufficient_whatever_their_ratio() -> None:
    found = row(
        checked({"pods": exits(*EXITS), "errors": errors(EXITS[0] + 1.0, EXITS[1] + 1.0)}), "draining_pod"
    )
    assert found["verdict"] == "insufficient_data"
    assert found["q"] is None


def test_a_burst_is_one_incident() -> None:
    burst = [{"shape": "closed_midway", "at": EXITS[0] + 0.2, "targets": [1, 2, 3, 4], "count": 40}]
    found = row(checked({"pods": exits(*EXITS), "errors": burst}), "draining_pod")
    assert found["n_in"] == 1


def test_windows_over_much_of_the_traffic_say_nothing() -> None:
    often = [200.0 + 60.0 * n for n in range(290)]
    many = errors(*[210.0 + 60.0 * n for n in range(40)])
    found = row(checked({"pods": exits(*often), "errors": many}), "draining_pod")
    assert found["verdict"] == "always_near"
    assert found["q"] is None


def test_a_pod_that_is_no_target_of_the_group_opens_no_window_where_targets_are_pods() -> None:
    case = {"target_type": "ip", "pods": exits(*EXITS), "errors": errors(*[at + 0.5 for at in EXITS])}
    assert checked(case).filter(pl.col("cause") == "draining_pod").is_empty()


def test_no_events_and_no_errors_give_empty_tables() -> None:
    with small_world.attributed({"errors": [], "minutes": 10}) as engine:
        checks.check(engine, Window())
        doses.respond(engine, Window())
        assert engine.table("checks").columns == CHECKS.schema.names
        assert engine.table("checks").is_empty()
        assert engine.table("dose_responses").columns == DOSE_RESPONSES.schema.names


def test_the_order_of_rows_changes_no_check() -> None:
    import random

    case = {
        "pods": exits(*EXITS),
        "errors": errors(*[at + 0.5 for at in EXITS]),
        "minutes": MINUTES,
        "rate": 0.2,
    }
    tables = []
    for order in (None, random.Random(3)):  # noqa: S311 - a test's shuffle
        with small_world.attributed(case, order=order) as engine:
            checks.check(engine, Window())
            tables.append(engine.table("checks"))
    assert tables[0].equals(tables[1])


def series(hours: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a group that grows and shrinks at random hours, and requests."""
    rng = np.random.default_rng(seed)
    bins = int(hours * 12)
    steps = np.zeros(bins)
    at = np.sort(rng.choice(np.arange(5, bins - 5), 10, replace=False))
    steps[at] = rng.permutation([-3, -3, -2, -2, -1, 1, 2, 2, 3, 3])
    return 12.0 + np.cumsum(steps), rng.integers(3000, 4000, bins).astype(np.float64)


@pytest.mark.parametrize("seed", range(4))
def test_errors_that_grow_with_the_nodes_are_seen_with_their_factor(seed: int) -> None:
    nodes, requests = series(24, seed)
    rng = np.random.default_rng(100 + seed)
    found = compare(nodes, rng.poisson(requests * 1e-4 * 1.3**nodes).astype(np.float64), requests)
    assert found is not None
    assert found["rho"] > 0.5
    assert found["p_permutation"] < 0.05
    assert found["ratio_per_node"] == pytest.approx(1.3, abs=0.05)


def test_errors_that_do_not_care_are_flat_about_as_often_as_promised() -> None:
    chances = []
    for seed in range(60):
        nodes, requests = series(24, seed)
        errors_of = np.random.default_rng(500 + seed).poisson(requests * 2e-3).astype(np.float64)
        found = compare(nodes, errors_of, requests)
        assert found is not None
        chances.append(found["p_permutation"])
    assert sum(chance < 0.05 for chance in chances) <= 8


def test_a_group_that_never_changes_is_not_compared() -> None:
    assert compare(np.full(100, 5.0), np.ones(100), np.full(100, 10.0)) is None
    assert compare(np.arange(100.0), np.zeros(100), np.full(100, 10.0)) is None

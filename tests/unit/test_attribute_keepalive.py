"""The server's timeout, read off the hazard of a closed connection against the pause before it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.attribute.keepalive import LEAST_ERRORS, estimate
from pipeline.engine.duckdb import Engine
from pipeline.report.keepalive import sentence

Whole = NDArray[np.int64]


def hazard(rate: float, pauses: list[float], requests: int = 40_000) -> tuple[Whole, Whole, Whole]:
    """Ordinary requests with exponential pauses (1/s), and errors with the pauses given, by tenths."""
    tenths = np.arange(6000)
    share = np.exp(-rate * tenths / 10.0) - np.exp(-rate * (tenths + 1) / 10.0)
    counts = np.floor(requests * share).astype(np.int64)
    errors = np.bincount((np.array(pauses) * 10.0 + 1e-6).astype(int), minlength=6000)
    counts = np.maximum(counts, errors)
    seen = counts > 0
    return tenths[seen], counts[seen], errors[seen]


@pytest.mark.parametrize("timeout", [2.0, 5.0, 6.0, 20.0, 30.0, 60.0])
def test_a_pile_at_the_timeout_is_found_with_an_interval_that_holds_it(timeout: float) -> None:
    rng = np.random.default_rng(1)
    found = estimate(*hazard(1.0 / timeout, list(timeout + rng.uniform(-0.01, 0.03, 12))))
    assert found.reason == ""
    assert found.low <= timeout <= found.high
    assert found.high - found.low < 0.6
    assert found.in_pile == 12
    assert found.hazard_ratio > 100.0


def test_five_seconds_and_six_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    found = estimate(*hazard(0.2, list(6.0 + rng.uniform(0.0, 0.02, 8))))
    assert found.low > 5.5


def test_a_pile_among_other_errors_is_found() -> None:
    rng = np.random.default_rng(3)
    found = estimate(*hazard(0.2, [*(5.0 + rng.uniform(0.0, 0.02, 15)), *rng.exponential(5.0, 15)]))
    assert found.low <= 5.0 <= found.high


def test_errors_with_ordinary_pauses_show_no_timeout() -> None:
    rng = np.random.default_rng(4)
    for rate in (0.05, 0.5, 5.0, 20.0):
        found = estimate(*hazard(rate, list(np.minimum(rng.exponential(1 / rate, 60), 500.0))))
        assert found.reason.startswith("no gap structure")
        assert np.isnan(found.timeout_s)


def test_a_hazard_that_rises_with_the_pause_without_an_end_is_no_timeout() -> None:
    rng = np.random.default_rng(5)
    found = estimate(*hazard(0.2, list(rng.uniform(5.0, 40.0, 60))))
    assert found.reason.startswith("no gap structure")


def test_too_few_errors_are_counted_in_the_reason_and_busy_pairs_are_named() -> None:
    found = estimate(*hazard(0.2, [5.01, 5.02]), mean_pair_rate=0.2)
    assert found.reason == f"too few errors: 2 with a pause that tells; {LEAST_ERRORS} are needed"
    busy = estimate(*hazard(8.0, [0.11, 0.02]), mean_pair_rate=8.0)
    assert busy.reason.endswith("pairs are busy: 8.0 requests/s each")


def test_no_error_and_no_request_can_be_asked() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert estimate(nothing, nothing, nothing).reason.startswith("too few errors: 0")


def test_every_server_in_the_table_has_a_source_and_a_range() -> None:
    with Engine() as engine:
        servers = engine.frame("intermediate/server_timeouts")
    assert servers.null_count().sum_horizontal().item() == 0
    assert (servers["closes_from_s"] <= servers["closes_to_s"]).all()
    assert servers["server"].is_unique().all()
    assert {"Node.js", "gunicorn (async workers)", "Jetty", "nginx"} <= set(servers["server"])


ROW = {
    "target_group_arn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/0123",
    "verdict": "estimated",
    "timeout_s": 5.0,
    "low": 4.9,
    "high": 5.1,
    "errors_at_timeout": 42,
    "servers": "Node.js, uvicorn",
    "idle_timeout_s": 60.0,
    "is_idle_timeout_known": False,
    "is_race_possible": True,
    "reason": None,
}


def test_the_sentence_names_servers_interval_and_what_is_assumed() -> None:
    assert sentence(ROW) == (
        "web: its servers close idle connections after 5 s (4.9–5.1, from 42 errors), the default of "
        "Node.js, uvicorn; the load balancer keeps them for 60 s (its default; not read from its settings), "
        "so that they race"
    )
    safe = sentence({**ROW, "servers": None, "is_race_possible": False, "is_idle_timeout_known": True})
    assert safe.endswith(
        "no server's default that we know; the load balancer keeps them for 60 s and closes first"
    )
    refused = sentence({**ROW, "verdict": "cannot_tell", "reason": "too few errors: 2"})
    assert refused == "web: cannot tell its servers' keep-alive timeout: too few errors: 2"

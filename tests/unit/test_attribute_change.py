"""Did the fix work: rates before and after, exact, by requests, bursts counted as one fate."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom, binomtest

from pipeline.attribute.change import ALL, Side, compare
from pipeline.report.change import sentence

ONE, TENTH = 1_000_000, 100_000
START = datetime(2026, 3, 2, tzinfo=UTC)


def side(requests: int, event: str | None = None, **causes: int) -> Side:
    rows = [
        {
            "cause": cause,
            "event_id": event,
            "target_ip": "10.0.0.1",
            "time": START + timedelta(minutes=n),
            "elb": "app/shop/1",
        }
        for cause, count in causes.items()
        for n in range(count)
    ]
    schema: dict[str, Any] = {
        "cause": pl.String,
        "event_id": pl.String,
        "target_ip": pl.String,
        "time": pl.Datetime("us", "UTC"),
        "elb": pl.String,
    }
    return Side("window", requests, pl.DataFrame(rows, schema=schema, orient="row"))


def row(found: pl.DataFrame, cause: str) -> dict[str, Any]:
    return found.filter(pl.col("cause") == cause).row(0, named=True)


def test_a_fix_that_worked_is_said_with_its_exact_interval() -> None:
    found = row(
        compare(side(1_000_000, keepalive_race=41), side(1_000_000, keepalive_race=2)), "keepalive_race"
    )
    exact = binomtest(2, 43, 0.5).proportion_ci(0.95)
    assert found["verdict"] == "worked"
    assert found["low"] == pytest.approx(exact.low / (1 - exact.low))
    assert found["high"] == pytest.approx(exact.high / (1 - exact.high))
    assert sentence(found) == (
        "keepalive_race fell from 41 to 2.0 per million requests: ratio 0.05 (0.01–0.19); the fix worked"
    )


def test_twice_the_errors_of_twice_the_requests_are_no_change() -> None:
    found = row(compare(side(1_000_000, scale_in=30), side(2_000_000, scale_in=60)), "scale_in")
    assert found["ratio"] == pytest.approx(1.0)
    assert found["verdict"] == "not_shown"


def test_the_same_errors_of_a_tenth_of_the_requests_are_worse() -> None:
    found = row(compare(side(1_000_000, scale_in=30), side(100_000, scale_in=30)), "scale_in")
    assert found["verdict"] == "rose"
    assert sentence(found).endswith("it got worse")


def test_none_after_and_none_before_have_a_ratio_that_says_so() -> None:
    gone = row(compare(side(10_000, new_node=40), side(10_000)), "new_node")
    assert (gone["ratio"], gone["low"], gone["verdict"]) == (0.0, 0.0, "worked")
    new = row(compare(side(10_000), side(10_000, new_node=40)), "new_node")
    assert (new["ratio"], new["high"], new["verdict"]) == (None, None, "appeared")
    assert "ratio ∞ (" in sentence(new)


def test_no_error_on_either_side_is_an_empty_answer() -> None:
    assert compare(side(10), side(10)).is_empty()


def test_forty_errors_of_one_event_are_no_forty_draws() -> None:
    one_event = row(compare(side(10_000, event="e", scale_in=40), side(10_000)), "scale_in")
    singles = row(compare(side(10_000, scale_in=40), side(10_000)), "scale_in")
    assert one_event["verdict"] == "not_shown"
    assert one_event["high"] > 10 * singles["high"]


def test_many_causes_that_did_not_change_do_not_make_one_that_did() -> None:
    steady = {f"cause_{n}": 30 for n in range(20)}
    alone = row(compare(side(10_000, racy=20), side(10_000, racy=8)), "racy")
    among = row(compare(side(10_000, None, racy=20, **steady), side(10_000, None, racy=8, **steady)), "racy")
    assert alone["verdict"] == "fell"
    assert among["verdict"] == "not_shown"
    assert among["q"] > alone["q"]


def test_all_causes_together_come_last_without_a_test_of_their_own() -> None:
    found = compare(side(10_000, a=5, b=7), side(10_000, a=3))
    assert found["cause"].to_list()[-1] == ALL
    assert row(found, ALL)["q"] is None
    assert (row(found, ALL)["before"], row(found, ALL)["after"]) == (12, 3)


def drawn(rng: np.random.Generator, requests: int, fates: float, burst: float, *causes: str) -> Side:
    """Fates at a rate, each with a geometric number of errors within a second on one target."""
    parts = []
    for cause in causes:
        number = rng.poisson(fates)
        sizes = rng.geometric(burst, number)
        at = np.repeat(np.arange(number) * 60_000_000, sizes) + np.arange(sizes.sum()) % 1000
        parts.append(pl.DataFrame({"cause": [cause] * int(sizes.sum()), "time": at}, schema=_DRAWN))
    errors = pl.concat(parts).with_columns(
        (pl.lit(START) + pl.duration(microseconds="time")).alias("time"),
        pl.lit(None, pl.String).alias("event_id"),
        pl.lit("10.0.0.1").alias("target_ip"),
        pl.lit("app/shop/1").alias("elb"),
    )
    return Side("window", requests, errors)


_DRAWN = {"cause": pl.String, "time": pl.Int64}


@pytest.mark.parametrize("burst", [0.999999, 0.2])
@pytest.mark.parametrize(("true", "later"), [(1.0, ONE), (1.0, TENTH), (0.25, ONE)])
def test_the_interval_holds_the_true_ratio_at_least_as_often_as_it_says(
    burst: float, true: float, later: int
) -> None:
    rng = np.random.default_rng(8)
    held = told = 0
    for _ in range(300):
        before = drawn(rng, ONE, 30.0, burst, "racy")
        found = compare(before, drawn(rng, later, 30.0 * true * later / ONE, burst, "racy"))
        if found.height:
            told += 1
            held += found["low"][0] <= true <= (found["high"][0] or float("inf"))
    assert held >= 0.94 * told


def test_where_nothing_changed_few_answers_name_any_cause() -> None:
    """Twenty causes, half the traffic afterwards: one answer in twenty may name a change."""
    rng = np.random.default_rng(9)
    names = [f"cause_{n}" for n in range(20)]
    wrong = 0
    for _ in range(80):
        found = compare(drawn(rng, ONE, 30.0, 0.5, *names), drawn(rng, ONE // 2, 15.0, 0.5, *names))
        told = found.filter(pl.col("cause") != ALL)
        wrong += (told["verdict"] != "not_shown").any()
    assert wrong <= 0.05 * 80 + 5


def test_chances_and_their_false_discovery_rates_are_those_of_the_books() -> None:
    """Twice the smaller binomial tail; then Benjamini and Hochberg: the smallest m·p/k from one's rank on."""
    counts = {"a": (40, 12), "b": (30, 28), "c": (9, 1), "d": (0, 7), "e": (25, 41)}
    before = side(ONE, None, **{cause: earlier for cause, (earlier, _) in counts.items()})
    found = compare(before, side(ONE // 2, None, **{cause: later for cause, (_, later) in counts.items()}))
    chances = {}
    for cause, (earlier, later) in counts.items():
        tails = (binom.sf(later - 1, earlier + later, 1 / 3), binom.cdf(later, earlier + later, 1 / 3))
        chances[cause] = min(1.0, 2.0 * min(tails))
    ranked = sorted(chances, key=lambda cause: chances[cause])
    for place, cause in enumerate(ranked):
        q = min(
            len(ranked) * chances[other] / (rank + 1) for rank, other in enumerate(ranked) if rank >= place
        )
        assert row(found, cause)["q"] == pytest.approx(min(q, 1.0))

"""What remedies save: least effort first, with the chance of how often such events come again."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2

from pipeline.attribute import causes
from pipeline.engine.duckdb import Engine
from pipeline.report.counterfactual import recurrence
from pipeline.report.summary import summarise
from tests.support.incident import incident


@pytest.mark.parametrize("count", [1, 5, 40])
def test_errors_that_come_one_by_one_have_the_exact_poisson_interval(count: int) -> None:
    low, high = recurrence(np.ones(count))
    assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 2)
    assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2)


def test_one_burst_says_less_than_as_many_single_errors() -> None:
    burst, singles = recurrence(np.array([40.0])), recurrence(np.ones(40))
    assert burst[0] < singles[0]
    assert burst[1] > 2 * singles[1]


def test_doubt_about_the_verdicts_widens_the_interval() -> None:
    sure, unsure = recurrence(np.full(20, 0.9)), recurrence(np.full(20, 0.9), doubt=5.0)
    assert unsure[0] < sure[0]
    assert unsure[1] > sure[1]


def test_nothing_saved_is_nothing_expected() -> None:
    assert recurrence(np.zeros(0)) == (0.0, 0.0)


@pytest.mark.parametrize("fates", [3, 12, 60])
@pytest.mark.parametrize("burst", [0.999999, 0.2])
def test_the_interval_holds_the_true_mean_about_as_often_as_it_says(fates: int, burst: float) -> None:
    """Fates come at a rate and bring a geometric number of errors; one that shows no fate is in no report."""
    rng = np.random.default_rng(5)
    held = told = 0
    for _ in range(400):
        sizes = rng.geometric(burst, rng.poisson(fates)).astype(float)
        if sizes.size:
            low, high = recurrence(sizes)
            told += 1
            held += low <= fates / burst <= high
    assert held >= (0.88 if fates == 3 else 0.93) * told


def test_of_doubtful_verdicts_the_interval_holds_what_was_really_theirs() -> None:
    """Single errors, each rightly blamed with its own probability: the interval is for the true rate."""
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(400):
        sure = rng.uniform(0.5, 1.0, rng.poisson(20.0 / 0.75))
        low, high = recurrence(sure, doubt=float((sure * (1.0 - sure)).sum()))
        held += low <= 20.0 <= high
    assert held >= 0.94 * 400


def test_every_cause_has_an_effort() -> None:
    with Engine() as engine:
        known = engine.frame("report/efforts")
    assert sorted(known["cause"]) == sorted({cause.id for cause in causes.load()} - {"unexplained"})
    places = known.group_by("effort").agg(pl.col("place").unique()).explode("place")
    assert dict(places.iter_rows()) == {"setting": 1, "rollout": 2, "application": 3, "investigation": 4}


def test_remedies_come_by_effort_and_then_by_errors_saved() -> None:
    with Engine() as engine:
        incident().attach(engine)
        summary = summarise(engine)
    rows = summary.trust.remedies
    assert {row["cause"] for row in rows} == {row.cause for row in summary.by_cause if row.is_decided}
    places = [(row["effort_place"], -row["saved"]) for row in rows]
    assert places == sorted(places)
    assert rows[0]["effort"] == "setting"
    for row in rows:
        assert row["next_low"] <= row["saved"] <= row["next_high"]
        assert row["low"] <= row["saved"] <= row["high"]
    assert sum(row["saved"] for row in rows) <= summary.gateway_errors

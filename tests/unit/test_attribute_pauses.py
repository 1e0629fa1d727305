"""The distribution of ordinary pauses."""

import numpy as np
import polars as pl
import pytest

from pipeline.attribute.pauses import Floats, Pauses

NONE = pl.DataFrame(schema={"gap_s": pl.Float64, "pair_rate": pl.Float64})


def sampled(gaps: Floats, rate: float) -> Pauses:
    return Pauses.of(pl.DataFrame({"gap_s": gaps, "pair_rate": rate}))


@pytest.mark.parametrize("rate", [0.05, 0.5, 4.0])
def test_densities_of_any_rate_integrate_to_one(rate: float) -> None:
    rng = np.random.default_rng(1)
    for pauses in (Pauses.of(NONE), sampled(rng.gamma(9.0, 1 / 9.0, 500) / rate, rate)):
        gaps = np.geomspace(1e-4, 300.0, 20_000) / rate
        densities = np.array([pauses.density(gap, rate) for gap in gaps])
        assert np.trapezoid(densities, gaps) == pytest.approx(1.0, abs=0.02)


def test_without_samples_arrivals_are_random_with_lulls() -> None:
    pauses = Pauses.of(NONE)
    assert pauses.density(0.0, 2.0) == pytest.approx(2.0 * (0.75 + 0.25 / 4.0), rel=0.01)
    assert float(pauses.share_below(np.array([1.0]))[0]) == pytest.approx(
        0.75 * (1 - np.exp(-1)) + 0.25 * (1 - np.exp(-0.25)), abs=0.02
    )


def test_regular_traffic_is_learnt() -> None:
    rng = np.random.default_rng(2)
    pauses = sampled(rng.normal(2.0, 0.1, 1000), 0.5)
    assert pauses.density(2.0, 0.5) > 3 * Pauses.of(NONE).density(2.0, 0.5)
    assert pauses.density(8.0, 0.5) < Pauses.of(NONE).density(8.0, 0.5)

"""Rate ratios: one and many hours, against scipy's exact tests and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, poisson_binom

from pipeline.attribute.ratios import Ratio, Strata, interval, mantel_haenszel, stratified

hours = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(1.0, 1e5), st.floats(1.0, 1e5)),
    min_size=1,
    max_size=6,
).map(lambda rows: strata(*zip(*rows, strict=True)))


def strata(*columns: tuple[float, ...]) -> Strata:
    inside, outside, e_in, e_out = columns
    return Strata(
        np.array(inside, dtype=np.int64),
        np.array(outside, dtype=np.int64),
        np.array(e_in, dtype=np.float64),
        np.array(e_out, dtype=np.float64),
    )


@given(st.integers(0, 40), st.integers(0, 40), st.floats(1.0, 1e6), st.floats(1.0, 1e6))
def test_one_hour_has_the_interval_of_clopper_and_pearson(
    n_in: int, n_out: int, e_in: float, e_out: float
) -> None:
    found = stratified(strata((n_in,), (n_out,), (e_in,), (e_out,)))
    if n_in + n_out == 0:
        assert (found.low, found.high, found.chance) == (0.0, float("inf"), 1.0)
        assert np.isnan(found.ratio)
        return
    exact = binomtest(n_in, n_in + n_out).proportion_ci(0.95)
    assert found.low == pytest.approx(exact.low / (1 - exact.low) * e_out / e_in, rel=1e-6, abs=1e-12)
    if n_out:
        assert found.high == pytest.approx(exact.high / (1 - exact.high) * e_out / e_in, rel=1e-6)
        assert found.ratio == pytest.approx(n_in / e_in / (n_out / e_out), rel=1e-6)
    else:
        assert found.high == found.ratio == float("inf")
    one_sided = binomtest(n_in, n_in + n_out, e_in / (e_in + e_out), alternative="greater").pvalue
    assert found.chance == pytest.approx(one_sided, rel=1e-6, abs=1e-12)
    assert interval(n_in, n_out, e_in, e_out) == pytest.approx((found.low, found.high), rel=1e-6, abs=1e-12)


@given(hours)
def test_at_both_ends_of_the_interval_the_tail_is_what_scipy_says(many: Strata) -> None:
    found, told = stratified(many), many.telling()
    seen, every = int(told.inside.sum()), int(told.incidents.sum())

    def draws(ratio: float) -> np.ndarray:
        return np.repeat(told.chance_inside(ratio), told.incidents)

    if seen and found.low < found.ratio:
        assert poisson_binom.sf(seen - 1, draws(found.low)) == pytest.approx(0.025, abs=1e-6)
    if seen < every and found.ratio < found.high:
        assert poisson_binom.cdf(seen, draws(found.high)) == pytest.approx(0.025, abs=1e-6)
    if every:
        assert found.chance == pytest.approx(poisson_binom.sf(seen - 1, draws(1.0)), abs=1e-9)
        assert found.low <= found.ratio <= found.high


@given(hours, st.integers(2, 5))
def test_hours_of_one_traffic_count_as_one(many: Strata, times: int) -> None:
    """Cutting an hour in pieces of equal traffic changes the counts' places only: ratio and interval stay."""
    one = strata(
        (int(many.inside[0]),),
        (int(many.outside[0]),),
        (many.exposure_inside[0],),
        (many.exposure_outside[0],),
    )
    inside = np.bincount(np.arange(one.inside[0]) % times, minlength=times)
    outside = np.bincount(np.arange(one.outside[0]) % times, minlength=times)
    split = Strata(
        inside,
        outside,
        np.repeat(one.exposure_inside / times, times),
        np.repeat(one.exposure_outside / times, times),
    )
    whole, parts = stratified(one), stratified(split)
    assert (parts.inside, parts.outside) == (whole.inside, whole.outside)
    for name in ("ratio", "low", "high", "chance"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-6, abs=1e-9, nan_ok=True)


def test_the_published_example_of_two_ages_has_the_published_ratio() -> None:
    """Deaths by age and exposure, person-time data: sum(a T0 / T) / sum(b T1 / T), by hand."""
    ages = strata((10, 90), (5, 45), (1000.0, 2000.0), (1000.0, 3000.0))
    above = 10 * 1000 / 2000 + 90 * 3000 / 5000
    below = 5 * 1000 / 2000 + 45 * 2000 / 5000
    assert mantel_haenszel(ages) == pytest.approx(above / below)


def test_hours_without_requests_on_both_sides_say_nothing() -> None:
    told = strata((4, 0, 3), (9, 50, 0), (10.0, 0.0, 5.0), (90.0, 70.0, 0.0))
    alone = strata((4,), (9,), (10.0,), (90.0,))
    found, expected = stratified(told), stratified(alone)
    assert (found.ratio, found.low, found.high) == (expected.ratio, expected.low, expected.high)
    assert (found.inside, found.outside) == (7, 59)


@pytest.mark.parametrize("true", [1.0, 4.0])
def test_the_interval_holds_the_true_ratio_of_a_day_with_its_rush_hours(true: float) -> None:
    """Base rates that differ tenfold between hours, and windows that lie where errors are."""
    rng = np.random.default_rng(11)
    base = np.array([1e-4, 1e-4, 1e-3, 5e-4])
    e_in, e_out = (
        np.array([100.0, 100.0, 20_000.0, 2_000.0]),
        np.array([50_000.0, 50_000.0, 20_000.0, 20_000.0]),
    )
    held = crude_held = 0
    for _ in range(400):
        inside, outside = rng.poisson(true * base * e_in), rng.poisson(base * e_out)
        found = stratified(Strata(inside, outside, e_in, e_out))
        low, high = interval(inside.sum(), outside.sum(), e_in.sum(), e_out.sum())
        held += found.low <= true <= found.high
        crude_held += low <= true <= high
    assert held >= 0.94 * 400
    assert crude_held < 0.5 * 400


def test_thousands_of_incidents_far_from_one_are_still_exact() -> None:
    found = stratified(strata((1900, 2000), (1000, 30), (1000.0, 900.0), (90_000.0, 2000.0)))
    assert found.low < found.ratio < found.high
    assert found.high / found.low < 1.2


def test_hours_that_disagree_widen_the_interval_to_their_average() -> None:
    found = stratified(strata((1900, 2000), (1000, 30), (1000.0, 900.0), (90_000.0, 100.0)))
    assert found.low == found.ratio
    assert found.high > 2 * found.ratio


def test_the_attributable_fraction_is_zero_where_nothing_is_lifted() -> None:
    def fraction(ratio: float) -> float:
        return Ratio(1, 1, 1.0, 1.0, ratio, 0.0, 1.0, 1.0).attributable_fraction

    assert [fraction(one) for one in (0.5, 1.0, 4.0, float("inf"), float("nan"))] == [
        0.0,
        0.0,
        0.75,
        1.0,
        0.0,
    ]

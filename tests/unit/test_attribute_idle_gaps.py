"""The server's idle timeout, read off the pauses."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.attribute.idle_gaps import fit

START = datetime(2026, 3, 2, tzinfo=UTC)


def closes(gaps: list[float], rate: float, failure_class: str = "closed_at_once") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "request_id": [f"r{n:04d}" for n in range(len(gaps))],
            "failure_class": [failure_class] * len(gaps),
            "failed_at": [START + timedelta(minutes=5 * n) for n in range(len(gaps))],
            "target_group_arn": ["web"] * len(gaps),
            "target_ip": ["10.0.0.1"] * len(gaps),
            "gap_s": gaps,
            "pair_rate": [rate] * len(gaps),
            "idle_timeout_s": [60.0] * len(gaps),
        }
    )


def pairs(rate: float, requests: int = 50_000) -> pl.DataFrame:
    return pl.DataFrame({"target_group_arn": ["web"], "requests": [requests], "rate": [rate]})


@pytest.mark.parametrize("timeout", [2.0, 5.0, 6.0, 20.0, 30.0])
def test_the_timeout_is_found_on_sparse_pairs(timeout: float) -> None:
    rng = np.random.default_rng(3)
    rate = 0.8 / timeout
    gaps = [timeout + rng.uniform(0.0, 0.2) for _ in range(12)]
    _, found = fit(closes(gaps, rate), pairs(rate))
    assert found["web"].seconds == pytest.approx(timeout, abs=0.4)
    assert found["web"].certainty > 0.9
    assert found["web"].racing > 0.99


def test_ordinary_pauses_refute_a_race() -> None:
    rng = np.random.default_rng(4)
    gaps = list(rng.exponential(1 / 0.2, 60))
    table, found = fit(closes(gaps, 0.2), pairs(0.2))
    assert found["web"].racing < 0.2
    assert table["sentence"].null_count() == table.height


def test_a_burst_over_many_targets_is_one_witness_against_a_race() -> None:
    rng = np.random.default_rng(6)
    races = closes([6.0 + rng.uniform(0.0, 0.2) for _ in range(14)], 0.15)
    burst = closes(list(rng.exponential(1 / 0.15, 120)), 0.15, "not_connected").with_columns(
        pl.format("b{}", "request_id").alias("request_id"),
        pl.Series("failed_at", [START + timedelta(minutes=17, seconds=n) for n in range(120)]),
        pl.Series("target_ip", [f"10.0.0.{n % 30}" for n in range(120)]),
    )
    table, found = fit(pl.concat([races, burst]), pairs(0.15))
    assert found["web"].racing > 0.9
    of_races = table.filter(pl.col("request_id").is_in(races["request_id"]))
    assert (of_races["log_ratio"] > 1.0).all()


def test_busy_pairs_tell_nothing() -> None:
    rng = np.random.default_rng(5)
    gaps = list(rng.exponential(1 / 5.0, 40))
    _, found = fit(closes(gaps, 5.0), pairs(5.0, 2_000_000))
    assert 0.2 < found["web"].racing < 0.95
    assert found["web"].certainty < 0.8


def test_more_closes_than_any_window_of_a_closing_connection_allows_are_no_race() -> None:
    rng = np.random.default_rng(5)
    gaps = list(rng.exponential(1 / 5.0, 40))
    _, found = fit(closes(gaps, 5.0), pairs(5.0, 50_000))
    assert found["web"].racing < 0.2


def test_regular_pauses_are_no_pile_where_the_traffic_itself_is_regular() -> None:
    """Targets that are asked in turn: every request follows its predecessor after about 2 s."""
    rng = np.random.default_rng(6)
    usual = pl.DataFrame({"target_group_arn": "web", "gap_s": rng.gamma(20.0, 0.1, 800), "pair_rate": 0.5})
    gaps = list(rng.gamma(20.0, 0.1, 30))
    naive = fit(closes(gaps, 0.5), pairs(0.5))[1]["web"]
    told = fit(closes(gaps, 0.5), pairs(0.5), usual)[1]["web"]
    assert naive.racing > 0.9
    assert told.racing < 0.5
    piled = [5.0 + rng.uniform(0.0, 0.2) for _ in range(12)]
    assert fit(closes(piled, 0.5), pairs(0.5), usual)[1]["web"].racing > 0.99


def test_a_pause_at_the_timeout_counts_for_a_race_and_one_beyond_against() -> None:
    gaps = [5.05, 5.1, 5.02, 5.2, 5.0, 5.15, 5.08, 5.11, 25.0]
    table, _ = fit(closes(gaps, 0.1), pairs(0.1))
    by_request = dict(table.select("request_id", "log_ratio").iter_rows())
    assert by_request["r0000"] > 2.0
    assert by_request["r0008"] < -2.0


def test_the_sentence_leaves_the_timeout_to_the_estimate_that_has_an_interval() -> None:
    gaps = [5.05, 5.1, 5.02, 5.2, 5.0, 5.15, 5.08, 5.11, 25.0]
    table, _ = fit(closes(gaps, 0.1), pairs(0.1))
    told = dict(table.select("request_id", "sentence").iter_rows())
    assert told["r0008"] is None
    assert "pile up there" in (told["r0000"] or "")
    assert not any(char.isdigit() for char in told["r0000"] or "")


def test_no_closes_give_an_empty_table() -> None:
    table, found = fit(closes([], 1.0), pairs(1.0))
    assert table.height == 0
    assert found == {}

"""The page on timeouts, checks and remedies: whole, and harmless whatever a target group is called."""

from typing import Any

import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import CHECKS, DOSE_RESPONSES, KEEPALIVE_ESTIMATES, KEEPALIVE_HAZARD, Table
from pipeline.report import page, wording
from pipeline.report.summary import summarise
from tests.support.incident import incident

EVIL = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/<script>alert(1)</script>/0"
ESTIMATE: dict[str, Any] = {
    "target_group_arn": EVIL,
    "timeout_s": 5.0,
    "low": 4.9,
    "high": 5.1,
    "servers": "Node.js",
    "closes": 12,
    "errors": 11,
    "errors_at_timeout": 10,
    "exposure": 5000,
    "hazard_ratio": 80.0,
    "verdict": "estimated",
    "idle_timeout_s": 60.0,
    "is_idle_timeout_known": True,
    "is_race_possible": True,
}
CHECK: dict[str, Any] = {
    "cause": "scale_in",
    "target_group_arn": EVIL,
    "events": 14,
    "n_in": 0,
    "n_out": 40,
    "exposure_in": 4000.0,
    "exposure_out": 6000.0,
    "rr": 0.01,
    "lo": 0.0,
    "hi": None,
    "p_exact": 1.0,
    "p_permutation": 1.0,
    "p_placebo": 0.6,
    "q": 1.0,
    "n_core": 0,
    "core_share": 0.4,
    "shape": "unclear",
    "verdict": "no_lift",
    "sentence": "no error coincided with any of the 14 scale_in events (rate ratio 0.0, 0.0–0.2)",
}
DOSE: dict[str, Any] = {
    "target_group_arn": EVIL,
    "node_group": "bulk",
    "bins": 48,
    "bin_s": 300.0,
    "least_nodes": 3,
    "most_nodes": 9,
    "errors": 50,
    "ratio_per_node": 1.2,
    "rho": 0.6,
    "p_permutation": 0.01,
    "q": 0.02,
    "verdict": "rises",
    "sentence": "the error rate rises with the 3 to 9 nodes of bulk",
}


@pytest.fixture(scope="module")
def text() -> str:
    hazard = [
        {"target_group_arn": EVIL, "pause_s": 0.1, "requests": 4900, "errors": 1},
        {"target_group_arn": EVIL, "pause_s": 5.0, "requests": 100, "errors": 10},
    ]
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        for table, rows in (
            (KEEPALIVE_ESTIMATES, [ESTIMATE]),
            (KEEPALIVE_HAZARD, hazard),
            (CHECKS, [CHECK]),
            (DOSE_RESPONSES, [DOSE]),
        ):
            engine.attach(table.name, filled(table, rows))
        return page.render(engine, summarise(engine), title="t", manifest={})


def filled(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = pl.DataFrame(table.schema.empty_table()).schema
    return pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=schema, orient="row"
    )


def test_timeouts_checks_and_remedies_have_their_sections(text: str) -> None:
    for part in (
        'id="remedies"',
        'id="keepalive"',
        'id="keepalive-hazard"',
        'id="checks"',
        "its servers close idle connections after 5 s (4.9–5.1, from 10 errors), the default of Node.js",
        "errors do not follow them",
        "the error rate rises with the 3 to 9 nodes of bulk",
        "0.01",
        "∞",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("verdict", "p_value", "said"),
    [
        ("lifted", 0.6, "did not rise"),
        ("lifted", 1e-5, "rose too, but less"),
        ("common_driver", 1e-5, "rose about as much"),
        # Beside no errors near the events, a placebo that rose would read as a finding about them.
        ("no_lift", 1e-5, "–"),
        ("insufficient_data", 0.6, "–"),
    ],
)
def test_a_placebo_is_told_in_words_where_there_is_a_rise_to_doubt(
    verdict: str, p_value: float, said: str
) -> None:
    assert wording.placebo(verdict, p_value) == said


def test_a_target_group_named_like_a_script_runs_nothing(text: str) -> None:
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text.replace("<wbr>", "")


def test_an_incident_without_checks_has_no_empty_section() -> None:
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        bare = page.render(engine, summarise(engine), title="t", manifest={})
    assert 'id="keepalive' not in bare
    assert 'id="checks"' not in bare
    assert 'id="remedies"' in bare


def test_checks_that_cannot_tell_stand_behind_those_that_can() -> None:
    few = CHECK | {"cause": "new_node", "verdict": "insufficient_data"}
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        engine.attach(CHECKS.name, filled(CHECKS, [CHECK, few]))
        shown = page.render(engine, summarise(engine), title="t", manifest={})
    clear, hidden = shown.split('<details class="few">')
    assert "errors do not follow them" in clear
    assert "too few to tell" not in clear
    assert "1 more with too few errors to tell" in hidden
    assert "too few to tell" in hidden

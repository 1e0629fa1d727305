"""The verdict is one true sentence for no, one and many errors, explained or not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.engine.duckdb import Engine
from pipeline.report import wording
from pipeline.report.summary import Summary, summarise
from tests.support.incident import FIRST, LB, Incident, attribution, incident, minutes


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def small(*causes: str) -> Incident:
    """One error a minute, with the causes given, in ten minutes of traffic."""
    story = Incident()
    story.attributions = [attribution(cause, minutes(n), n + 1) for n, cause in enumerate(causes)]
    about = {"elb": LB, "target_group_arn": None, "target_ip": None}
    story.traffic = [
        {"minute": minutes(n), "requests": 100, "gateway_errors": int(n < len(causes)), **about}
        for n in range(10)
    ]
    story.coverage = [
        {"source": "pods", "covered_from": FIRST, "covered_to": minutes(10), "source_ref": "pods.json"}
    ]
    return story


def summed(engine: Engine, story: Incident) -> Summary:
    story.attach(engine)
    return summarise(engine)


def test_no_error_is_said_with_the_requests_and_the_window(engine: Engine) -> None:
    summary = summed(engine, small())
    expected = (
        "No gateway error (502/504) among 1,000 requests that reached a target, "
        "between 2026-11-22 02:00 and 02:10 UTC."
    )
    assert summary.verdict == expected
    assert (summary.by_cause, summary.top_remedy, summary.coverage_warnings) == ([], "", [])


def test_no_request_at_all_is_said(engine: Engine) -> None:
    summary = summed(engine, Incident())
    assert summary.verdict == "No request reached a target, so there is nothing to attribute."
    assert summary.window is None


VERDICTS = {
    "The one gateway error has the cause scale_in (97% sure).": ["scale_in"],
    "The one gateway error stays unexplained.": ["unexplained"],
    "The one gateway error lacks evidence.": ["insufficient_evidence"],
    "All 2 gateway errors have one cause: scale_in 2.": ["scale_in"] * 2,
    "All 3 gateway errors have two causes: scale_in 2, new_node 1.": ["scale_in", "new_node", "scale_in"],
    "None of 2 gateway errors has a known cause: 2 stay unexplained.": ["unexplained"] * 2,
    "1 of 2 gateway errors (50%) has one cause: scale_in 1; 1 stays unexplained.": [
        "scale_in",
        "unexplained",
    ],
    "None of 3 gateway errors has a known cause: 1 stays unexplained, 2 lack evidence.": [
        "insufficient_evidence",
        "insufficient_evidence",
        "unexplained",
    ],
    (
        "4 of 6 gateway errors (67%) have three causes: new_node 2, draining_pod 1, keepalive_race 1; "
        "2 have two others."
    ): [
        *("new_node", "target_crash", "draining_pod"),
        *("keepalive_race", "scale_in", "new_node"),
    ],
    (
        "4 of 6 gateway errors (67%) have three causes: draining_pod 2, new_node 1, scale_in 1; "
        "1 has another, 1 lacks evidence."
    ): [
        *("draining_pod", "draining_pod", "scale_in"),
        *("target_crash", "insufficient_evidence", "new_node"),
    ],
}


@pytest.mark.parametrize(("verdict", "causes"), VERDICTS.items())
def test_the_verdict_counts_what_is_there(engine: Engine, verdict: str, causes: list[str]) -> None:
    assert summed(engine, small(*causes)).verdict == verdict


def test_causes_come_by_number_and_what_names_none_comes_last(engine: Engine) -> None:
    summary = summed(
        engine, small("unexplained", "unexplained", "unexplained", "new_node", "scale_in", "scale_in")
    )
    assert [row.cause for row in summary.by_cause] == ["scale_in", "new_node", "unexplained"]


def test_expected_errors_add_up_probabilities_of_verdict_and_runner_up(engine: Engine) -> None:
    story = small("scale_in", "new_node")
    story.attributions[0] |= {"confidence": 0.7, "runner_up": "new_node", "runner_up_confidence": 0.2}
    story.attributions[1] |= {"confidence": 0.6, "runner_up": None, "runner_up_confidence": None}
    rows = {row.cause: row for row in summed(engine, story).by_cause}
    assert rows["new_node"].expected_errors == pytest.approx(0.8)
    assert rows["scale_in"].expected_errors == pytest.approx(0.7)
    assert (rows["new_node"].low, rows["new_node"].high) == (0, 2)


def test_verdicts_over_all_causes_are_all_gateway_errors(engine: Engine) -> None:
    summary = summed(engine, incident())
    assert sum(row.errors for row in summary.by_cause) == summary.gateway_errors == 1258
    assert all(sum(row.rate) == row.errors for row in summary.by_cause)


def test_the_first_remedy_is_the_one_that_saves_most(engine: Engine) -> None:
    summary = summed(engine, small("new_node", "scale_in", "scale_in"))
    assert summary.top_remedy.startswith("Auto Scaling group bulk-ingest: add a termination lifecycle hook")
    assert summary.top_remedy.endswith("scale_in: about 2 of 3 errors (1–2) would not have happened.")


def test_a_source_that_did_not_watch_is_named_with_its_errors(engine: Engine) -> None:
    story = small("scale_in", "scale_in", "new_node", "new_node")
    story.attributions[0]["missing_sources"] = "pods, kube_events"
    story.attributions[1]["missing_sources"] = "pods"
    assert summed(engine, story).coverage_warnings == [
        "pods did not cover the instant of 2 errors (50%): their verdicts lack that evidence.",
        "kube_events did not cover the instant of 1 error (25%): their verdicts lack that evidence.",
    ]


def test_without_any_timeline_one_warning_says_so(engine: Engine) -> None:
    story = small("keepalive_race")
    story.coverage = []
    assert summed(engine, story).coverage_warnings == [wording.NO_TIMELINE]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (0.004, "<1%"), (0.5, "50%"), (0.992, "99%"), (0.9999, ">99%"), (1.0, "100%")],
)
def test_a_share_never_reads_as_none_or_all_when_it_is_neither(share: float, text: str) -> None:
    assert wording.percent(share) == text


def test_a_window_over_midnight_names_both_days() -> None:
    window = (FIRST, FIRST + timedelta(days=1))
    assert wording.span(window) == "2026-11-22 02:00 and 2026-11-23 02:00 UTC"

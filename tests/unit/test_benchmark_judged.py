"""What the accuracy benchmark calls right, an act, and a background error that an event took."""

from pathlib import Path

import polars as pl
import pytest

from tests.benchmarks import accuracy_page, judged

CATALOGUE = {"scale_in", "keepalive_race", "draining_pod", "target_generated", "unexplained"}
COLUMNS = ["truth", "event", "target_group_arn", "cause", "confidence"]


def rows(*given: tuple[str, str, str, str, float]) -> pl.DataFrame:
    """Errors of one cluster; both baselines say the same as the tool."""
    table = pl.DataFrame(given, schema=COLUMNS, orient="row").with_row_index("trace_id")
    table = table.with_columns(
        pl.col("trace_id").cast(pl.String), pl.lit("one").alias("scenario"), pl.lit(1).alias("seed")
    )
    for judge in judged.JUDGES[1:]:
        table = table.with_columns(pl.col(name).alias(f"{judge}{name}") for name in ("cause", "confidence"))
    return judged.prepared(table, CATALOGUE)


def test_a_truth_without_a_name_is_right_only_when_nothing_is_named() -> None:
    found = rows(
        ("zonal_failure", "a", "g", "unexplained", 0.9),
        ("zonal_failure", "a", "g", "insufficient_evidence", 0.9),
        ("zonal_failure", "a", "g", "draining_pod", 0.9),
        ("unexplained", "", "g", "insufficient_evidence", 0.9),
        ("unexplained", "", "g", "keepalive_race", 0.9),
        ("scale_in", "i", "g", "insufficient_evidence", 0.9),
    )
    assert found["right"].to_list() == [True, True, False, True, False, False]
    assert judged.scored(found).accuracy == 0.5


def test_a_baseline_that_knows_the_name_is_right() -> None:
    found = rows(("zonal_failure", "a", "g", "zonal_failure", 0.9))
    assert found["rules_right"].to_list() == [True]


def test_an_act_is_right_when_most_of_its_errors_are() -> None:
    found = rows(
        *[("scale_in", "i-1", "g", "scale_in", 0.9)] * 3,
        *[("scale_in", "i-1", "g", "draining_pod", 0.9)] * 2,
        *[("scale_in", "i-2", "g", "draining_pod", 0.9)] * 2,
        ("scale_in", "i-2", "g", "scale_in", 0.99),
        ("target_generated", "t", "g", "target_generated", 1.0),
        ("unexplained", "", "g", "unexplained", 0.9),
    )
    assert judged.acts(found) == judged.Acts(acts=2, right=1)


def test_an_act_without_entity_is_its_target_group_and_a_tie_goes_to_the_surer() -> None:
    found = rows(
        ("keepalive_race", "", "g1", "keepalive_race", 0.8),
        ("keepalive_race", "", "g1", "scale_in", 0.9),
        ("keepalive_race", "", "g2", "keepalive_race", 0.8),
    )
    assert judged.acts(found) == judged.Acts(acts=2, right=1)


def test_only_event_causes_take_background_errors() -> None:
    found = rows(
        ("keepalive_race", "", "g", "draining_pod", 0.9),
        ("unexplained", "", "g", "keepalive_race", 0.9),
        ("scale_in", "i", "g", "draining_pod", 0.9),
    )
    assert judged.taken_by_events(found) == (2, 1)


def test_the_reliability_diagram_counts_every_error_once() -> None:
    found = rows(*[("scale_in", "i", "g", "scale_in", c) for c in (0.1, 0.55, 0.97, 1.0)])
    counts = [int(line.split()[3]) for line in judged.reliability(found)[1:]]
    assert sum(counts) == 4


def test_the_page_keeps_its_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{accuracy_page.BEGIN}\nold\n{accuracy_page.END}\nafter\n")
    accuracy_page.write(page, ["new"])
    assert page.read_text() == (
        f"before\n{accuracy_page.BEGIN}\n```text\nnew\n```\n{accuracy_page.END}\nafter\n"
    )
    page.write_text("no marks")
    with pytest.raises(SystemExit):
        accuracy_page.write(page, ["new"])

"""The summary as Markdown, to be pasted into a post-mortem."""

from collections.abc import Iterator

import polars as pl

from pipeline.report import findings, wording
from pipeline.report.facts import CauseRow, Summary
from pipeline.report.safety import markdown as safe


def document(attributions: pl.DataFrame, summary: Summary) -> str:
    """Verdict, causes with intervals, remedies, one error per cause, warnings; ends in a line break."""
    parts = [safe(summary.verdict)]
    if summary.by_cause:
        parts += [_causes(summary), _remedies(summary), _examples(attributions, summary)]
    for label, sentences in findings.sections(summary.trust):
        parts.append(f"## {label}\n\n" + "\n".join(f"- {safe(one)}" for one in sentences))
    if summary.coverage_warnings:
        parts.append("## Not watched\n\n" + "\n".join(f"- {safe(one)}" for one in summary.coverage_warnings))
    return "\n\n".join(["# Gateway errors (502/504)", *filter(None, parts)]) + "\n"


def _causes(summary: Summary) -> str:
    lines = [
        "| cause | verdicts | share | expected (95 % interval) | mean confidence |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [_cause_line(row, summary.gateway_errors) for row in summary.by_cause]
    return "\n".join(lines)


def _cause_line(row: CauseRow, errors: int) -> str:
    cells = [
        f"{safe(row.title)} ({safe(row.cause)})",
        wording.whole(row.errors),
        wording.percent(row.errors / errors),
        f"{wording.whole(row.expected_errors)} ({wording.bounds(row)})",
        wording.percent(row.mean_confidence),
    ]
    return "| " + " | ".join(cells) + " |"


def _remedies(summary: Summary) -> str:
    decided = sorted(
        (row for row in summary.by_cause if row.is_decided), key=lambda row: -row.expected_errors
    )
    lines = [
        f"{number}. {safe(row.remedy)}  \n   {safe(wording.saved(row, summary.gateway_errors))}"
        for number, row in enumerate(decided, start=1)
    ]
    return "## What to change\n\n" + "\n".join(lines) if lines else ""


def _examples(attributions: pl.DataFrame, summary: Summary) -> str:
    lines = [line for row in summary.by_cause for line in _example(attributions, row.cause)]
    return "## The surest error of each cause\n\n" + "\n".join(lines)


def _example(attributions: pl.DataFrame, cause: str) -> Iterator[str]:
    of_cause = attributions.filter(pl.col("cause") == cause)
    for row in (
        of_cause.sort(["confidence", "request_id"], descending=[True, False]).head(1).iter_rows(named=True)
    ):
        when = f"{row['time']:%Y-%m-%d %H:%M:%S}Z"
        where = safe(f"{row['object_key']}:{row['line_number']}")
        sure = wording.percent(row["confidence"])
        what = f"{row['elb_status_code']} {safe(cause)} ({sure}): {safe(row['evidence'])}"
        yield f"- {when} {what}  \n  {where}"

"""Which findings of the checks a summary tells, and in what order."""

from collections.abc import Iterator
from typing import Any

from pipeline.report.facts import Trust
from pipeline.report.keepalive import group_name

_MOST = 4
"""Sentences of one kind; the JSON document and `forensics sql` have all."""


def sections(trust: Trust) -> Iterator[tuple[str, list[str]]]:
    """Labels with their sentences; what has nothing to say is left out.

    A keep-alive timeout is told when it can be; a check when it contradicts an easy belief: nothing follows
    the events, failures rise where these can do nothing, or errors follow at the wrong time; a number of
    nodes when errors follow it.
    """
    timeouts = [str(row["sentence"]) for row in trust.keepalive if row["verdict"] == "estimated"]
    if timeouts:
        yield "Keep-alive, from the pauses before errors", timeouts[:_MOST]
    doubts = [row for row in trust.checks if _is_doubt(row)]
    doses = [row for row in trust.dose_responses if row["verdict"] != "flat"]
    told = [_of_group(row) for row in [*doses[:_MOST], *doubts[:_MOST]]]
    if told:
        yield "Checked against the whole window", told
    if trust.ablation:
        yield "Without one source", [str(row["sentence"]) for row in trust.ablation]


def _is_doubt(row: dict[str, Any]) -> bool:
    is_late = row["verdict"] == "lifted" and row["shape"] == "elsewhere"
    return is_late or row["verdict"] in {"common_driver", "no_lift"}


def _of_group(row: dict[str, Any]) -> str:
    return f"{group_name(str(row['target_group_arn']))}: {row['sentence']}"

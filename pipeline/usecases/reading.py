"""Read logs into a lake from wherever they are, and stop where there are none."""

from dataclasses import replace

from pipeline.config import Settings
from pipeline.errors import RejectedLinesError, SourceError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import ObjectProblem, Progress, PullSummary, pull
from pipeline.ingest.spread import Spreader
from pipeline.model import EVER, Window
from pipeline.usecases.whence import Whence


def read(
    place: Whence,
    lake: Lake,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    progress: Progress | None = None,
    spreader: Spreader | None = None,
) -> PullSummary:
    """Pull from every place. One of several that refuses is a problem of the summary, as is what it lacks.

    Raises:
        SourceError: no place can be read.
        StoreError: the lake cannot be written.
    """
    first, *more = place.places
    summary = pull(
        first,
        lake,
        window,
        more=more,
        load_balancer=load_balancer,
        progress=progress,
        workers=settings.threads,
        s3=place.s3,
        is_lean=settings.columns == "lean",
        spreader=spreader,
    )
    return replace(summary, problems=[*_losses(place, summary), *summary.problems])


def refuse_unread(place: Whence, summary: PullSummary) -> None:
    """Stop when the access logs' own place refused: no other kind of log tells of a 502.

    Raises:
        SourceError: the refusal.
    """
    refusal = summary.refusals.get(next(iter(place.places)))
    if refusal is not None:
        raise refusal.problem


def _losses(place: Whence, summary: PullSummary) -> list[ObjectProblem]:
    """What whole kinds of log are missing for."""
    found = [] if place.lacks is None else [ObjectProblem("access logs", place.lacks)]
    for uri, refusal in summary.refusals.items():
        unread = f"; {refusal.objects:,} objects listed there were not read" if refusal.objects else ""
        found.append(ObjectProblem(place.places[uri], f"{refusal.problem}{unread}"))
    return found


def refuse_nothing(
    place: Whence, pulled: PullSummary, window: Window, load_balancer: str | None = None
) -> None:
    """Stop when there are no logs at all: that is a wrong place, not a quiet day.

    Raises:
        SourceError: nothing there is an ALB log object, or what may hold some refuses.
    """
    left_out = sum(pulled.left_out.values())
    if pulled.listed > left_out:
        return
    for refusal in pulled.refusals.values():
        raise refusal.problem
    others = ", ".join(f"{count} {kind}" for kind, count in sorted(pulled.left_out.items()))
    whose = f" of {load_balancer}" if load_balancer else ""
    when = "" if window == EVER else " around the time asked for"
    raise SourceError(
        f"{place.told} holds no ALB logs{whose}{when}"
        + (f" (only {others})" if others else "")
        + "; expected objects such as AWSLogs/<account>/elasticloadbalancing/<region>/.../*.log.gz, "
        "or *.log and *.log.gz files"
    )


def refuse_too_many_rejects(pulled: PullSummary, max_share: float) -> None:
    """Stop when the logs are mostly not ALB logs.

    Raises:
        RejectedLinesError: the share of rejected lines is above ``max_share``.
    """
    if pulled.lines and pulled.rejected / pulled.lines > max_share:
        raise RejectedLinesError(
            f"{pulled.rejected:,} of {pulled.lines:,} lines are no ALB log entries "
            f"({pulled.rejected / pulled.lines:.1%}, allowed {max_share:.1%}); is this the right folder? "
            "forensics pull keeps them with their reasons in rejected_lines; --max-reject-share allows more"
        )

"""From the options that most commands share to the incident that they ask about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import config
from pipeline.cli.output import remark_on, remark_on_collections

if TYPE_CHECKING:
    from pipeline.cli.progress import PullProgress
    from pipeline.usecases.incident import Incident, Question


def question(
    logs: str | None,
    timeline: Path | None,
    since: str | None,
    until: str | None,
    lb: str | None,
    *,
    aws: bool | None,
    keep_pages: Path | None,
) -> "Question":
    """What is asked; who keeps AWS' pages asks AWS."""
    from pipeline.usecases.incident import Question

    if keep_pages is not None and aws is None:
        aws = True
    return Question(logs, timeline, config.window(since, until, datetime.now(UTC)), lb, aws, keep_pages)


def progress(*, quiet: bool) -> "PullProgress | None":
    """Where progress is told, if it is."""
    from pipeline.cli.progress import PullProgress

    return None if quiet else PullProgress()


def remark_on_inputs(incident: "Incident") -> None:
    """Say what was left out of the inputs, and what AWS was asked."""
    remark_on(incident.pulled, incident.problems, incident.discovered)
    remark_on_collections(incident.collections)

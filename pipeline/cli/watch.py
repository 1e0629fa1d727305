"""The command that records a cluster: forensics watch."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.exits import INCOMPLETE, INTERRUPTED
from pipeline.cli.output import remark


def watch(
    *,
    output: Annotated[Path, typer.Option(help="Folder for the recorded changes; one watch per folder.")],
    context: Annotated[
        str | None, typer.Option(help="Context of the kubeconfig; default: its current one, or in-cluster.")
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="How long (90m, 2h, 7d); default: until it is stopped.")
    ] = None,
    keep: Annotated[str, typer.Option(help="Files older than this are deleted; 2d or more.")] = "14d",
    redact: opt.Redact = None,
) -> None:
    """Record pods, nodes, events, services and endpoints of a cluster while they change.

    Ends at SIGTERM or after --for with exit code 0 (6 if something may not be watched), at Ctrl-C with 130;
    all files are whole then. Killed, it loses nothing but the line it was writing, and goes on where it was.

    \b
    Examples:
      forensics watch --output ./dumps/cluster
      forensics watch --output ./dumps/cluster --context production --for 2h
      forensics attribute --logs ./alb-logs --timeline ./dumps
    """
    from pipeline.usecases import privacy
    from pipeline.usecases.watch import watch as run

    redaction = privacy.without_store(config.load(redact=redact))
    duration = config.duration(for_, "--for") if for_ is not None else None
    stop, signals = threading.Event(), list[int]()

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        signals.append(number)
        stop.set()
        signal.signal(number, signal.SIG_DFL)  # a second one does not wait

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    done = run(output, context, duration, config.duration(keep, "--keep"), stop, remark, redaction)
    told = ", ".join(f"{name} {count:,}" for name, count in done.changes.items() if count)
    typer.echo(f"changes recorded: {told or 'none'}; gaps: {done.gaps}; files expired: {done.expired}")
    if signal.SIGINT in signals:
        raise typer.Exit(INTERRUPTED)
    if done.denied:
        raise typer.Exit(INCOMPLETE)

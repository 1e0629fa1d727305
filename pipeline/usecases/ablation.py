"""What would the verdicts be without one timeline source? Each is left out in turn."""

from collections import Counter
from typing import Any

import polars as pl

from pipeline.attribute.coverage import OBSERVES
from pipeline.attribute.run import attribute
from pipeline.attribute.verdicts import INSUFFICIENT
from pipeline.engine import Engine
from pipeline.model import COVERAGE, EVENTS, LIFETIMES, Window
from pipeline.timeline.lifetimes import reconcile
from pipeline.usecases.incident import Incident

_MOST_MOVES = 3


def ablate(incident: Incident, window: Window) -> list[dict[str, Any]]:
    """Per source of events: how many there are, and how many verdicts would change without them.

    The engine's tables are as before when it returns.

    Returns:
        Rows ``source``, ``events``, ``changed``, ``undecided`` (of those, lacking evidence then),
        ``sentence``; the most telling source first.
    """
    engine = incident.engine
    whole = {table.name: engine.table(table.name) for table in (EVENTS, COVERAGE, LIFETIMES)}
    sources = whole[EVENTS.name]["source"].value_counts().sort("source")
    try:
        rows = [
            _row(source, count, incident.attributions, _without(engine, window, whole, source))
            for source, count in sources.iter_rows()
        ]
    finally:
        for name, frame in whole.items():
            engine.attach(name, frame)
        attribute(engine, window)
    return sorted(rows, key=lambda row: (-row["changed"], row["source"]))


def _without(engine: Engine, window: Window, whole: dict[str, pl.DataFrame], source: str) -> pl.DataFrame:
    events = whole[EVENTS.name].filter(pl.col("source") != source)
    watched = OBSERVES.get(source, (source,))
    engine.attach(EVENTS.name, events)
    engine.attach(COVERAGE.name, whole[COVERAGE.name].filter(~pl.col("source").is_in(watched)))
    sightings = engine.frame("intermediate/sightings")
    engine.attach(LIFETIMES.name, reconcile(events, engine.table("settings"), sightings))
    return attribute(engine, window).attributions


def _row(source: str, count: int, usual: pl.DataFrame, lacking: pl.DataFrame) -> dict[str, Any]:
    both = usual.select("request_id", "cause").join(
        lacking.select("request_id", pl.col("cause").alias("then")), on="request_id"
    )
    moves = Counter(both.filter(pl.col("cause") != pl.col("then")).select("cause", "then").iter_rows())
    changed = sum(moves.values())
    named = sorted(moves.items(), key=lambda move: (-move[1], move[0]))[:_MOST_MOVES]
    listed = ", ".join(f"{number:,} from {cause} to {then}" for (cause, then), number in named)
    lead = f"without {source} ({count:,} events) {changed:,} of {usual.height:,} verdicts would differ"
    return {
        "source": source,
        "events": count,
        "changed": changed,
        "undecided": sum(number for (_, then), number in moves.items() if then == INSUFFICIENT),
        "sentence": f"{lead}: {listed}" if listed else lead,
    }

"""What the numbers of a report rest on, so that they can be made again."""

import platform
from hashlib import sha256
from importlib.metadata import version

import polars as pl

from pipeline.engine import Engine
from pipeline.report import wording
from pipeline.report.evidence import MOST_OBJECTS

_LIBRARIES = ("duckdb", "pyarrow", "polars", "numpy", "scipy", "plotly")


def objects_read(engine: Engine) -> pl.DataFrame:
    """The objects that were read: key, ETag, size, lines, rejected lines, problem."""
    return engine.frame("report/objects", {"row_limit": MOST_OBJECTS})


def rested_on(engine: Engine, objects: pl.DataFrame) -> dict[str, str]:
    """Rules, objects, timeline and libraries behind the verdicts, as name and value.

    Args:
        engine: with the tables of the incident.
        objects: of :func:`objects_read`.
    """
    facts = {}
    decided = engine.frame("report/decided_by")
    if not decided.is_empty():
        facts["rules"] = ", ".join(f"{tool} with causes {rules}" for tool, rules in decided.iter_rows())
    if not objects.is_empty():
        facts["objects"] = (
            f"{wording.whole(objects.height)}, {wording.whole(float(objects['lines'].sum()))} lines, "
            f"{wording.whole(float(objects['rejected'].sum()))} rejected"
        )
        facts["objects, keys and ETags (SHA-256)"] = _digest(objects.select("object_key", "etag"))
    timeline = engine.frame("report/timeline_digest")
    if not timeline.is_empty():
        events = timeline.filter(pl.col("kind") == "event").height
        facts["timeline"] = (
            f"{wording.plural(events, 'event')}, {wording.plural(timeline.height - events, 'setting')}"
        )
        facts["events and settings (SHA-256)"] = _digest(timeline)
    facts["libraries"] = ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _LIBRARIES)]
    )
    return facts


def _digest(rows: pl.DataFrame) -> str:
    """One hash over all values in their order: the same objects, or the same events, give the same."""
    digest = sha256()
    for row in rows.iter_rows():
        digest.update(("\0".join(map(str, row)) + "\n").encode(errors="replace"))
    return digest.hexdigest()

"""The tables: one Arrow schema each, every column with its meaning.

All instants are UTC with microsecond resolution. A missing value is NULL; the log's ``-`` is NULL,
its ``-1`` in the three processing times is kept, because it says that a step never happened.
``docs/schema.md`` is generated from here.
"""

from pipeline.model.findings import (
    CHECKS,
    DOSE_RESPONSES,
    KEEPALIVE_ESTIMATES,
    KEEPALIVE_HAZARD,
    PLACEBO_LEVEL,
)
from pipeline.model.logs import CONNECTIONS, FIELD_LAYOUTS, HEALTH_CHECKS, OBJECTS, REJECTED_LINES, REQUESTS
from pipeline.model.tables import EVER, INSTANT, REAL, SYMBOL, TEXT, WHOLE, Table, Window, column
from pipeline.model.timeline import COVERAGE, EVENTS, LIFETIMES, METRICS, SETTINGS, EventKind
from pipeline.model.verdicts import ATTRIBUTIONS, CANDIDATES

TABLES = (
    REQUESTS,
    CONNECTIONS,
    HEALTH_CHECKS,
    REJECTED_LINES,
    OBJECTS,
    FIELD_LAYOUTS,
    EVENTS,
    COVERAGE,
    SETTINGS,
    METRICS,
    LIFETIMES,
    CANDIDATES,
    ATTRIBUTIONS,
    KEEPALIVE_ESTIMATES,
    KEEPALIVE_HAZARD,
    CHECKS,
    DOSE_RESPONSES,
)

__all__ = [
    "ATTRIBUTIONS",
    "CANDIDATES",
    "CHECKS",
    "CONNECTIONS",
    "COVERAGE",
    "DOSE_RESPONSES",
    "EVENTS",
    "EVER",
    "FIELD_LAYOUTS",
    "HEALTH_CHECKS",
    "INSTANT",
    "KEEPALIVE_ESTIMATES",
    "KEEPALIVE_HAZARD",
    "LIFETIMES",
    "METRICS",
    "OBJECTS",
    "PLACEBO_LEVEL",
    "REAL",
    "REJECTED_LINES",
    "REQUESTS",
    "SETTINGS",
    "SYMBOL",
    "TABLES",
    "TEXT",
    "WHOLE",
    "EventKind",
    "Table",
    "Window",
    "column",
]

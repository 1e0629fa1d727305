"""The evidence behind one verdict."""

import polars as pl

from pipeline.attribute import causes
from pipeline.attribute.waterfall import waterfall
from pipeline.errors import UsageError
from pipeline.report.story import Story
from pipeline.usecases.incident import Incident


def explain(incident: Incident, wanted: str) -> Story:
    """The story of one request, by request id or trace id (whole, or its ``Root`` part).

    Raises:
        UsageError: no gateway error of the window has this id.
    """
    found = incident.attributions.filter(
        (pl.col("request_id") == wanted)
        | (pl.col("trace_id") == wanted)
        | pl.col("trace_id").str.ends_with("Root=" + wanted.removeprefix("Root="))
    )
    if found.is_empty():
        raise UsageError(
            f"{wanted}: no 502 or 504 of this window has this id; "
            "forensics attribute --format csv lists request_id and trace_id of all"
        )
    values = {"request_id": found["request_id"][0]}
    engine = incident.engine
    error = engine.frame("marts/explain_error", values).row(0, named=True)
    candidates = engine.frame("marts/explain_candidates", values)
    return Story(
        error=error,
        candidates=waterfall(
            candidates, str(error["failure_class"]), error["missing_sources"], causes.load()
        ),
        lifetimes=engine.frame("marts/explain_lifetimes", values),
        events=engine.frame("marts/explain_events", values),
        neighbours=engine.frame("marts/explain_neighbours", values),
        keepalive=engine.frame("marts/explain_keepalive", values),
        checks=engine.frame("marts/explain_checks", values),
    )

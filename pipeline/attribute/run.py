"""From tables in the engine to verdicts: sql/intermediate, sql/causes, rates, decision.

The engine must hold `requests`, `error_rows`, `events`, `settings`, `coverage` and, before
`attribute`, `lifetimes`.
"""

from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline import __version__
from pipeline.attribute import causes as catalogue
from pipeline.attribute import checks, doses, idle_gaps, keepalive
from pipeline.attribute.rates import posterior
from pipeline.attribute.verdicts import Verdicts, decide, titles
from pipeline.engine import Engine
from pipeline.model import Window

_TRAFFIC = ("pair_minutes", "target_minutes", "pair_rates", "sightings")
_ERRORS = (
    "scoped_settings",
    "target_groups",
    "backgrounds",
    "error_lines",
    "error_exposure",
    "gap_moments",
    "pair_gaps",
    "ordinary_gaps",
    "error_waits",
    "path_samples",
    "path_sizes",
    "upgrade_paths",
    "gateway_errors",
    "service_ports",
    "empty_services",
    "pod_ends",
    "node_exits",
    "exit_errors",
    "bursts",
    "episodes",
    "group_stop_errors",
    "refusals",
    "change_steps",
    "target_zones",
    "zone_outages",
    "strains",
    "wait_piles",
    "upload_clients",
    "named_failures",
    "suspects",
    "failing_attempts",
    "failure_runs",
    "dead_spells",
    "balancer_nodes",
)

_DIGITS = 9
_FAR = timedelta(hours=2)
"""Longer than any drain or idle timeout may last (4,000 s): an event so far off the window is not its own."""


def observe_traffic(engine: Engine) -> pl.DataFrame:
    """Summarise the requests per minute and target.

    Returns:
        `sightings`: per target and stretch of traffic ``first_seen_at``, ``last_seen_at``, ``requests``.
    """
    for name in _TRAFFIC:
        engine.keep(name, f"intermediate/{name}")
    return engine.frame("intermediate/sightings")


def attribute(engine: Engine, window: Window, now: datetime | None = None) -> Verdicts:
    """Attribute every gateway error of the window; ``now`` decides which verdicts are provisional.

    Leaves the tables `gateway_errors`, `candidates`, `attributions`, `causes` and `cause_events` (the events
    that each cause could act through) in the engine.
    """
    values: dict[str, datetime | None] = {"since": window.since, "until": window.until}
    for name in _ERRORS:
        engine.keep(name, f"intermediate/{name}", values)
    errors = engine.table("gateway_errors")
    fits, _ = idle_gaps.fit(errors, engine.table("pair_rates"), engine.table("ordinary_gaps"))
    engine.attach("idle_gap_fits", fits)
    causes = catalogue.load()
    found = [engine.frame(cause.query).with_columns(pl.lit(cause.id).alias("cause")) for cause in causes]
    # Sums of floats depend on the order in which threads add them: the last digits are no evidence.
    stated = (
        pl.concat(found, how="vertical_relaxed")
        # A line may lack its target group, an event its reason: the nameless are a group of their own.
        .with_columns(
            pl.col("log_likelihood").round(_DIGITS), pl.col("cluster_id", "rate_group").fill_null("")
        )
        .join(errors.select("request_id", "failure_class"), "request_id", "left", maintain_order="left")
    )
    stated = stated.filter(_is_near(engine, window))
    is_event = pl.col("request_id").is_null() & pl.col("event_id").is_not_null()
    engine.attach("cause_events", stated.filter(is_event).select("cause", "cluster_id", "event_id"))
    candidates = posterior(stated, causes)
    attributions = decide(
        errors,
        candidates,
        engine.table("coverage"),
        causes,
        now=now or datetime.now(UTC),
        tool_version=__version__,
        causes_hash=catalogue.digest(),
    )
    engine.attach("candidates", candidates)
    engine.attach("attributions", attributions)
    engine.attach("causes", titles(causes))
    return Verdicts(attributions, candidates)


def _is_near(engine: Engine, window: Window) -> pl.Expr:
    """Candidates, and what belongs to the window: an event of another day could harm nothing in it."""
    at = pl.col("occurred_at")
    far = engine.table("events").filter(
        (at < window.since - _FAR if window.since else pl.lit(value=False))
        | (at > window.until + _FAR if window.until else pl.lit(value=False))
    )
    return pl.col("request_id").is_not_null() | ~pl.col("event_id").is_in(
        far["event_id"].implode()
    ).fill_null(value=False)


def examine(engine: Engine, window: Window) -> None:
    """What the verdicts are checked against; `attribute` must have run.

    Leaves the tables `keepalive_estimates`, `keepalive_hazard`, `checks` and `dose_responses`.
    """
    keepalive.infer(engine, window)
    checks.check(engine, window)
    doses.respond(engine, window)

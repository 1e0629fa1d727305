"""Checks that keep the verdicts honest: for every event cause and target group, do errors follow its events?

The model decides each error by itself; here the whole incident is asked, with plain counting and exact
tests, whether errors come more often while such an event is fresh (docs/model.md). A lift that placebos
share is a common driver, not a cause; a missing lift is a finding too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from pipeline.attribute.lift import Place, Ratio, collapsed, compare, merged, placebo_chance, shifted_chance
from pipeline.engine.duckdb import Engine
from pipeline.model import CHECKS, Window

Floats = NDArray[np.float64]

LEAST_INSIDE, LEAST_INCIDENTS = 5, 8
"""Incidents in windows, and in all, below which a lift is not called one."""
LEVEL = 0.05
"""False discovery rate over all checks (Benjamini-Hochberg)."""
MOST_COVERED = 0.3
"""Windows over more than this share of the requests tell nothing by their timing."""
_PLACEBO_LEVEL = 0.01
_NO_LIFT_BELOW = 2.0
"""A rate ratio whose interval ends below this is called no lift."""
_MOST_CELLS = 4_000_000
"""Minutes times places of one target group; beyond, only places with an error or a window are looked at."""


@dataclass(frozen=True)
class _Found:
    """One check before multiplicity is known."""

    cause: str
    group: str
    events: int
    ratio: Ratio
    covered: float
    shifted: float
    placebo: float
    placebo_ratio: float

    @property
    def is_testable(self) -> bool:
        return (
            self.ratio.inside + self.ratio.outside >= LEAST_INCIDENTS
            and self.covered <= MOST_COVERED
            and self.ratio.exposure_inside > 0.0
        )

    @property
    def chance(self) -> float:
        return max(self.ratio.chance, self.shifted)


def check(engine: Engine, window: Window) -> None:
    """Keep the table `checks` in the engine.

    Needs `cause_events`, `causes`, `events`, `gateway_errors`, `lifetimes`, `service_ports`, `target_groups`
    and `target_minutes`.
    """
    values = {"since": window.since, "until": window.until}
    for name in ("check_groups", "check_windows", "check_errors", "check_traffic"):
        engine.keep(name, f"intermediate/{name}", values)
    traffic = engine.table("check_traffic")
    statuses = {row["id"]: row["statuses"] for row in engine.table("causes").iter_rows(named=True)}
    found: list[_Found] = []
    if traffic.height:
        stage = CheckStage(traffic, engine.table("check_errors"), statuses)
        windows = engine.table("check_windows").sort("cause", "target_group_arn", "opens_at", "cluster_id")
        for (cause, group), rows in windows.group_by("cause", "target_group_arn", maintain_order=True):
            found.append(stage.check(str(cause), str(group), rows))
    engine.attach(CHECKS.name, _table(found))


class CheckStage:
    """The traffic and errors of all target groups, in seconds from the first minute."""

    def __init__(
        self, traffic: pl.DataFrame, errors: pl.DataFrame, statuses: Mapping[str, list[int]]
    ) -> None:
        """Take the tables `check_traffic` and `check_errors`, and each cause's status codes."""
        self._first = int(traffic["minute"].to_numpy().min())
        self._minutes = int(traffic["minute"].to_numpy().max()) - self._first + 1
        self._statuses = statuses
        self._traffic = traffic.partition_by("target_group_arn", as_dict=True)
        timed = errors.with_columns(self._seconds("happened_at").alias("at"))
        self._errors = timed.partition_by("target_group_arn", as_dict=True)
        self._no_traffic, self._no_errors = traffic.clear(), timed.clear()
        self._span_s = 60.0 * self._minutes

    def _seconds(self, name: str) -> pl.Expr:
        return pl.col(name).dt.epoch("us") / 1e6 - 60.0 * self._first

    def check(self, cause: str, group: str, windows: pl.DataFrame) -> _Found:
        """Compare one cause's windows with one target group's errors."""
        errors = self._errors.get((group,), self._no_errors).filter(
            pl.col("elb_status_code").is_in(self._statuses.get(cause, [502, 504]))
        )
        mine = _by_place(errors.filter(~pl.col("is_placebo")), ["at"])
        answers = {
            name: collapsed(at[:, 0]) for name, at in _by_place(errors.filter("is_placebo"), ["at"]).items()
        }
        spans = windows.with_columns(self._seconds("opens_at"), self._seconds("closes_at"))
        opened = _by_place(spans, ["opens_at", "closes_at"])
        traffic = self._by_minute(self._traffic.get((group,), self._no_traffic), {*mine, *opened})
        places = {
            name: Place(
                merged(opened.get(name, np.zeros((0, 2))), self._span_s),
                collapsed(mine[name][:, 0]) if name in mine else np.zeros(0),
                minutes,
            )
            for name, minutes in traffic.items()
        }
        ratio = compare(list(places.values()))
        placebo, placebo_ratio = placebo_chance(places, answers, self._span_s)
        everything = ratio.exposure_inside + ratio.exposure_outside
        return _Found(
            cause=cause,
            group=group,
            events=windows["cluster_id"].n_unique(),
            ratio=ratio,
            covered=ratio.exposure_inside / everything if everything else 0.0,
            shifted=shifted_chance(list(places.values()), self._span_s),
            placebo=placebo,
            placebo_ratio=placebo_ratio,
        )

    def _by_minute(self, traffic: pl.DataFrame, wanted: set[str]) -> dict[str, Floats]:
        """Requests of every minute, by place; quiet places without error or window share one row."""
        named = traffic.with_columns(pl.col("target_ip").fill_null(""))
        places = named["target_ip"].n_unique()
        if places * self._minutes > _MOST_CELLS:
            named = named.with_columns(
                pl.when(pl.col("target_ip").is_in(sorted(wanted)))
                .then("target_ip")
                .otherwise(pl.lit("others"))
            )
        grids: dict[str, Floats] = {}
        for (name,), rows in named.group_by("target_ip", maintain_order=True):
            grid = np.zeros(self._minutes)
            np.add.at(grid, rows["minute"].to_numpy() - self._first, rows["requests"].to_numpy())
            grids[str(name)] = grid
        return dict(sorted(grids.items()))


def _by_place(rows: pl.DataFrame, columns: list[str]) -> dict[str, Floats]:
    """Rows of numbers by place; a target group as a whole is the place without a name."""
    named = rows.with_columns(pl.col("target_ip").fill_null(""))
    return {
        str(name): part.select(columns).to_numpy().astype(np.float64)
        for (name,), part in named.group_by("target_ip", maintain_order=True)
    }


def _table(found: list[_Found]) -> pl.DataFrame:
    chances = [one.chance for one in found if one.is_testable]
    adjusted = iter([float(q) for q in false_discovery_control(chances)] if chances else [])
    rows = [_row(one, next(adjusted) if one.is_testable else None) for one in found]
    schema = pl.DataFrame(CHECKS.schema.empty_table()).schema
    return pl.DataFrame(rows, schema=schema, orient="row").sort("target_group_arn", "cause")


def _row(one: _Found, q: float | None) -> dict[str, Any]:
    verdict = _verdict(one, q)
    ratio = one.ratio
    return {
        "cause": one.cause,
        "target_group_arn": one.group,
        "events": one.events,
        "n_in": ratio.inside,
        "n_out": ratio.outside,
        "exposure_in": ratio.exposure_inside,
        "exposure_out": ratio.exposure_outside,
        "rr": ratio.ratio if np.isfinite(ratio.ratio) else None,
        "lo": ratio.low,
        "hi": ratio.high if np.isfinite(ratio.high) else None,
        "p_exact": ratio.chance,
        "p_permutation": one.shifted,
        "p_placebo": one.placebo,
        "q": q,
        "verdict": verdict,
        "sentence": _sentence(one, verdict),
    }


def _verdict(one: _Found, q: float | None) -> str:
    if one.ratio.inside + one.ratio.outside < LEAST_INCIDENTS or one.ratio.exposure_inside <= 0.0:
        return "insufficient_data"
    if one.covered > MOST_COVERED:
        return "always_near"
    if q is not None and q <= LEVEL and one.ratio.inside >= LEAST_INSIDE:
        is_shared = one.placebo < _PLACEBO_LEVEL and one.ratio.low <= one.placebo_ratio
        return "common_driver" if is_shared else "lifted"
    if one.ratio.high < _NO_LIFT_BELOW:
        return "no_lift"
    return "insufficient_data"


def _sentence(one: _Found, verdict: str) -> str:
    events = f"{one.events} {one.cause} event{'' if one.events == 1 else 's'}"
    ratio = one.ratio
    total = ratio.inside + ratio.outside
    follow = f"{ratio.inside} of {total} incidents follow one of the {events}"
    if not total:
        return f"no failed request to compare with the {events}"
    if verdict == "insufficient_data":
        follow = follow if ratio.inside else f"no error coincided with any of the {events}"
        return f"{follow}, but {_few(one)}"
    if verdict == "no_lift":
        return (
            f"errors were no more frequent near the {events}"
            if ratio.inside
            else f"no error coincided with any of the {events}"
        ) + f" ({_measured(ratio)})"
    return {
        "always_near": f"{one.covered:.0%} of the requests are near one of the {events}: "
        "that an error is near one too says nothing",
        "lifted": f"{follow} ({_measured(ratio)})",
        "common_driver": f"{follow} ({_measured(ratio)}), but placebos are lifted as well "
        f"({_number(one.placebo_ratio)}): both may have one driver",
    }[verdict]


def _few(one: _Found) -> str:
    if one.ratio.exposure_inside <= 0.0:
        return "no request came while one was fresh"
    return f"too few to tell chance from cause ({_measured(one.ratio)})"


def _measured(ratio: Ratio) -> str:
    """The plain ratio with its interval; the table's own lends half an incident to each side."""
    outside = ratio.outside / ratio.exposure_outside if ratio.exposure_outside else 0.0
    inside = ratio.inside / ratio.exposure_inside if ratio.exposure_inside else 0.0
    plain = inside / outside if outside else float("inf")
    return f"rate ratio {_number(plain)}, {_number(ratio.low)}–{_number(ratio.high)}"


def _number(value: float) -> str:
    """Two digits that count."""
    if not np.isfinite(value):
        return "∞"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.1f}"  # noqa: PLR2004 - where a decimal stops mattering

"""Checks that keep the verdicts honest: for every event cause and target group, do errors follow its events?

The model decides each error by itself; here the whole incident is asked, with plain counting and exact
tests, whether errors come more often while such an event is fresh (docs/model.md). A lift that placebos
share is a common driver, not a cause; a missing lift is a finding too. Two more questions are asked of a
lift: how many errors it accounts for, and whether they come when the mechanism says.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from pipeline.attribute.attributable import shared_out
from pipeline.attribute.chances import false_discovery_rates
from pipeline.attribute.check_verdicts import Found, Judged
from pipeline.attribute.lift import (
    Place,
    collapsed,
    compare,
    is_inside,
    merged,
    placebo_chance,
    shifted_chance,
)
from pipeline.attribute.ratios import Floats, Ratio
from pipeline.attribute.shape import Shape, shape_of
from pipeline.engine import Engine
from pipeline.model import CHECKS, Window

_MOST_CELLS = 4_000_000
"""Minutes times places of one target group; beyond, only places with an error or a window are looked at."""


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
    found: list[Found] = []
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

    def _seconds(self, *names: str) -> pl.Expr:
        return pl.col(*names).dt.epoch("us") / 1e6 - 60.0 * self._first

    def check(self, cause: str, group: str, windows: pl.DataFrame) -> Found:
        """Compare one cause's windows with one target group's errors."""
        every = self._errors.get((group,), self._no_errors).with_row_index("row")
        errors = every.filter(pl.col("elb_status_code").is_in(self._statuses.get(cause, [502, 504])))
        mine = _by_place(errors.filter(~pl.col("is_placebo")), ["at", "row"])
        answers = {
            name: collapsed(at[:, 0]) for name, at in _by_place(errors.filter("is_placebo"), ["at"]).items()
        }
        names = ["opens_at", "closes_at", "core_opens_at", "core_closes_at"]
        opened = _by_place(windows.with_columns(self._seconds(*names)), names)
        traffic = self._by_minute(self._traffic.get((group,), self._no_traffic), {*mine, *opened})
        places = {
            name: Place(
                merged(opened[name][:, :2] if name in opened else np.zeros((0, 2)), self._span_s),
                collapsed(mine[name][:, 0]) if name in mine else np.zeros(0),
                minutes,
            )
            for name, minutes in traffic.items()
        }
        near = np.zeros(every.height, dtype=np.bool_)
        for name in mine.keys() & places.keys():
            near[mine[name][:, 1].astype(np.int64)] = is_inside(mine[name][:, 0], places[name].windows)
        ratio = compare(list(places.values()))
        placebo, placebo_ratio = placebo_chance(places, answers, self._span_s)
        everything = ratio.exposure_inside + ratio.exposure_outside
        return Found(
            cause=cause,
            group=group,
            events=windows["cluster_id"].n_unique(),
            ratio=ratio,
            covered=ratio.exposure_inside / everything if everything else 0.0,
            shifted=shifted_chance(list(places.values()), self._span_s),
            placebo=placebo,
            placebo_ratio=placebo_ratio,
            near=near,
            shape=self._shape(places, opened, ratio),
        )

    def _shape(self, places: Mapping[str, Place], opened: Mapping[str, Floats], ratio: Ratio) -> Shape | None:
        """Where the incidents lie within the windows; None for causes without a stated core."""
        cores = {name: spans[:, 2:] for name, spans in opened.items()}
        if any(np.isnan(core).any() for core in cores.values()):
            return None
        merged_cores = [merged(cores.get(name, np.zeros((0, 2))), self._span_s) for name in places]
        return shape_of(list(places.values()), merged_cores, ratio.attributable_fraction)

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


def _table(found: list[Found]) -> pl.DataFrame:
    chances = [one.chance for one in found if one.is_testable]
    adjusted = iter(false_discovery_rates(chances))
    judged = [Judged(one, next(adjusted) if one.is_testable else None) for one in found]
    rows = [_row(one, errors) for one, errors in zip(judged, _attributable(judged), strict=True)]
    schema = pl.DataFrame(CHECKS.empty()).schema
    return pl.DataFrame(rows, schema=schema, orient="row").sort("target_group_arn", "cause")


def _attributable(judged: list[Judged]) -> list[float | None]:
    """Errors that the events of each lifted cause account for; None without a lift."""
    shares: list[float | None] = [None] * len(judged)
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(judged):
        if one.verdict == "lifted":
            groups.setdefault(one.found.group, []).append(place)
    for places in groups.values():
        mine = [judged[place].found for place in places]
        fractions = np.array([one.ratio.attributable_fraction for one in mine])
        errors = shared_out(fractions, np.array([one.near for one in mine]))
        for place, number in zip(places, errors, strict=True):
            shares[place] = float(number)
    return shares


def _row(judged: Judged, attributable: float | None) -> dict[str, Any]:
    one, shape = judged.found, judged.found.shape
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
        "q": judged.q,
        "attributable_errors": attributable,
        "n_core": shape.in_core if shape else None,
        "core_share": shape.share if shape else None,
        "shape": shape.verdict if shape else None,
        "verdict": judged.verdict,
        "sentence": judged.sentence,
    }

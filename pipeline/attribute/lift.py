"""Is an error likelier while a window is open? Rate ratio hour by hour, circular shifts, placebos.

All instants are seconds from the start of the span. A place is a target group, or one target of it; each
has windows, incidents (errors within two seconds are one) and requests per minute. Exposure is requests,
not time, because errors and events both follow the load; and hours are compared with themselves, because
both may also follow the time of day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.attribute.ratios import Floats, Ratio, Strata, stratified

SHIFTS = 1000
"""Circular shifts of the windows, in a sequence that fills the span evenly (golden ratio): no seed."""
_LEAST_SHIFT_S = 600.0
_LINKAGE_S = 2.0
_HOUR_MINUTES = 60
_GOLDEN = 0.6180339887498949
_MOST_CELLS = 1 << 17
"""Cells of the time grid on which windows are shifted."""


@dataclass(frozen=True)
class Place:
    """Where errors and events meet.

    Attributes:
        windows: merged, sorted rows (opens, closes).
        incidents: sorted instants.
        minutes: requests of every minute of the span.
    """

    windows: Floats
    incidents: Floats
    minutes: Floats


def collapsed(instants: Floats) -> Floats:
    """The first of every run of instants that lie at most two seconds apart: bursts are one incident."""
    rising = np.sort(instants)
    return rising[np.diff(rising, prepend=-np.inf) > _LINKAGE_S]


def merged(windows: Floats, span_s: float) -> Floats:
    """Windows cut to the span, their overlaps joined."""
    cut = np.clip(windows.reshape(-1, 2), 0.0, span_s)
    cut = cut[cut[:, 1] > cut[:, 0]]
    if not cut.size:
        return cut
    cut = cut[np.argsort(cut[:, 0], kind="stable")]
    ends = np.maximum.accumulate(cut[:, 1])
    starts = np.concatenate([[True], cut[1:, 0] > ends[:-1]])
    last = np.concatenate([np.flatnonzero(starts)[1:] - 1, [len(cut) - 1]])
    return np.column_stack([cut[starts, 0], ends[last]])


def without(windows: Floats, holes: Floats, span_s: float) -> Floats:
    """The parts of merged windows that lie in no hole."""
    if not windows.size or not holes.size:
        return windows
    gaps = np.column_stack([np.concatenate([[0.0], holes[:, 1]]), np.concatenate([holes[:, 0], [span_s]])])
    opens = np.maximum(windows[:, None, 0], gaps[None, :, 0])
    closes = np.minimum(windows[:, None, 1], gaps[None, :, 1])
    return np.column_stack([opens[closes > opens], closes[closes > opens]])


def is_inside(instants: Floats, windows: Floats) -> NDArray[np.bool_]:
    """Which instants lie in merged windows."""
    if not windows.size:
        return np.zeros(len(instants), dtype=np.bool_)
    place = np.searchsorted(windows[:, 0], instants, side="right") - 1
    return np.asarray((place >= 0) & (instants <= windows[np.maximum(place, 0), 1]), dtype=np.bool_)


def exposures(minutes: Floats, windows: Floats) -> Floats:
    """Requests in merged windows, minute by minute; a minute's requests are spread evenly over it."""
    if not windows.size:
        return np.zeros(len(minutes))
    lengths = windows[:, 1] - windows[:, 0]
    ends = np.cumsum(lengths)
    upto = np.column_stack([ends - lengths, ends]).ravel()
    open_s = np.diff(np.interp(60.0 * np.arange(len(minutes) + 1), windows.ravel(), upto))
    return np.asarray(minutes * open_s / 60.0, dtype=np.float64)


def compare(places: Sequence[Place]) -> Ratio:
    """The rate ratio over all places together, every hour of the span compared with itself."""
    minutes = max((len(place.minutes) for place in places), default=0)
    hours = max(-(-minutes // _HOUR_MINUTES), 1)
    within, all_incidents = np.zeros(hours, dtype=np.int64), np.zeros(hours, dtype=np.int64)
    opened, everything = np.zeros(hours), np.zeros(hours)
    for place in places:
        hour = np.clip(place.incidents // (60.0 * _HOUR_MINUTES), 0, hours - 1).astype(np.int64)
        near = is_inside(place.incidents, place.windows)
        within += np.bincount(hour[near], minlength=hours)
        all_incidents += np.bincount(hour, minlength=hours)
        opened += _hourly(exposures(place.minutes, place.windows), hours)
        everything += _hourly(place.minutes, hours)
    return stratified(Strata(within, all_incidents - within, opened, np.maximum(everything - opened, 0.0)))


def _hourly(minutes: Floats, hours: int) -> Floats:
    """Sums of the minutes of each hour."""
    full = np.pad(minutes, (0, hours * _HOUR_MINUTES - len(minutes)))
    return np.asarray(full.reshape(hours, -1).sum(axis=1), dtype=np.float64)


def shifted_chance(places: Sequence[Place], span_s: float) -> float:
    """How often windows that are moved around the span hold as many incidents as where they belong."""
    cells = int(min(max(span_s, 1.0), _MOST_CELLS))
    width = span_s / cells
    reach = min(_LEAST_SHIFT_S, span_s / 4.0)
    share = np.mod(np.arange(1, SHIFTS + 1) * _GOLDEN, 1.0)
    steps = ((reach + share * (span_s - 2.0 * reach)) / width).astype(np.int64)
    moved, seen = np.zeros(SHIFTS, dtype=np.int64), 0
    for place in places:
        if not place.windows.size or not place.incidents.size:
            continue
        is_open = _grid(place.windows, width, cells)
        at = np.minimum((place.incidents / width).astype(np.int64), cells - 1)
        seen += int(is_open[at].sum())
        for one in at:
            moved += is_open[(one - steps) % cells]
    return float((1 + (moved >= seen).sum()) / (1 + SHIFTS))


def _grid(windows: Floats, width: float, cells: int) -> NDArray[np.bool_]:
    """Cells of time whose middle lies in a window (at least one cell a window)."""
    edges = np.zeros(cells + 1, dtype=np.int64)
    first = np.minimum((windows[:, 0] / width).astype(np.int64), cells - 1)
    end = np.minimum(np.maximum(np.ceil(windows[:, 1] / width).astype(np.int64), first + 1), cells)
    np.add.at(edges, first, 1)
    np.add.at(edges, end, -1)
    return np.cumsum(edges[:-1]) > 0


def placebo_chance(
    places: Mapping[str, Place], answers: Mapping[str, Floats], span_s: float
) -> tuple[float, float]:
    """The strongest lift where there can be none: (p-value for all three together, its rate ratio).

    Windows an hour earlier, windows of another target, and errors that the target itself answered;
    the first two without the time in which the true windows are open.
    """
    names = sorted(places)
    moved, swapped, answered = [], [], []
    for number, name in enumerate(names):
        place, other = places[name], places[names[number - 1]]
        earlier = without(merged(place.windows - 3600.0, span_s), place.windows, span_s)
        elsewhere = without(other.windows, place.windows, span_s)
        moved.append(Place(earlier, place.incidents, place.minutes))
        swapped.append(Place(elsewhere, place.incidents, place.minutes))
        answered.append(Place(place.windows, answers.get(name, np.zeros(0)), place.minutes))
    found = [compare(one) for one in (moved, swapped, answered)]
    best = min(found, key=lambda one: one.chance)
    return min(1.0, len(found) * best.chance), best.ratio

"""Is an error likelier while a window is open? Exact rate ratio, circular shifts, placebos.

All instants are seconds from the start of the span. A place is a target group, or one target of it; each
has windows, incidents (errors within two seconds are one) and requests per minute. Exposure is requests,
not time, because errors and events both follow the load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

Floats = NDArray[np.float64]

SHIFTS = 1000
"""Circular shifts of the windows, in a sequence that fills the span evenly (golden ratio): no seed."""
_LEAST_SHIFT_S = 600.0
_LINKAGE_S = 2.0
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


@dataclass(frozen=True)
class Ratio:
    """Rate ratio inside to outside, with its exact 95 % interval and one-sided p-value.

    Attributes:
        inside: incidents in windows.
        outside: the others.
        exposure_inside: requests in windows.
        exposure_outside: the others.
        ratio: of the rates, half an incident lent to each side.
        low: lower end.
        high: upper end; infinite without an incident outside.
        chance: probability of at least so many inside if windows mattered not.
    """

    inside: int
    outside: int
    exposure_inside: float
    exposure_outside: float
    ratio: float
    low: float
    high: float
    chance: float


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


def inside(instants: Floats, windows: Floats) -> int:
    """How many instants lie in merged windows."""
    if not windows.size:
        return 0
    place = np.searchsorted(windows[:, 0], instants, side="right") - 1
    return int(((place >= 0) & (instants <= windows[np.maximum(place, 0), 1])).sum())


def exposure(minutes: Floats, windows: Floats) -> float:
    """Requests in merged windows; a minute's requests are spread evenly over it."""
    if not windows.size:
        return 0.0
    edges = 60.0 * np.arange(len(minutes) + 1)
    upto = np.interp(windows, edges, np.concatenate([[0.0], np.cumsum(minutes)]))
    return float((upto[:, 1] - upto[:, 0]).sum())


def compare(places: Sequence[Place]) -> Ratio:
    """The rate ratio over all places together."""
    n_in = sum(inside(place.incidents, place.windows) for place in places)
    n_out = sum(len(place.incidents) for place in places) - n_in
    e_in = sum(exposure(place.minutes, place.windows) for place in places)
    e_out = max(sum(float(place.minutes.sum()) for place in places) - e_in, 0.0)
    return ratio(n_in, n_out, e_in, e_out)


def ratio(n_in: float, n_out: float, e_in: float, e_out: float, level: float = 0.95) -> Ratio:
    """Compare two counts with their exposures, given their sum: exact binomial.

    Counts may be fractions (bursts counted as fewer); the beta distribution takes them as they are.
    """
    if e_in <= 0.0 or e_out <= 0.0:
        return Ratio(int(n_in), int(n_out), e_in, e_out, float("nan"), 0.0, float("inf"), 1.0)
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, n_in, n_out + 1.0)) if n_in > 0 else 0.0
    high = float(beta.ppf(1.0 - tail, n_in + 1.0, n_out)) if n_out > 0 else 1.0
    scale = e_out / e_in
    return Ratio(
        inside=int(n_in),
        outside=int(n_out),
        exposure_inside=e_in,
        exposure_outside=e_out,
        ratio=(n_in + 0.5) / e_in / ((n_out + 0.5) / e_out),
        low=low / (1.0 - low) * scale,
        high=high / (1.0 - high) * scale if high < 1.0 else float("inf"),
        chance=float(binom.sf(int(n_in) - 1, int(n_in + n_out), e_in / (e_in + e_out))),
    )


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

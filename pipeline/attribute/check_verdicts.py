"""What one check found, what it means, and how it is said."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.attribute.ratios import Ratio
from pipeline.attribute.shape import Shape
from pipeline.model import PLACEBO_LEVEL

LEAST_INSIDE, LEAST_INCIDENTS = 5, 8
"""Incidents in windows, and in all, below which a lift is not called one."""
LEVEL = 0.05
"""False discovery rate over all checks (Benjamini-Hochberg)."""
MOST_COVERED = 0.3
"""Windows over more than this share of the requests tell nothing by their timing."""
_NO_LIFT_BELOW = 2.0
"""A rate ratio whose interval ends below this is called no lift."""


@dataclass(frozen=True)
class Found:
    """One check before multiplicity is known.

    Attributes:
        cause: id.
        group: ARN of the target group.
        events: how many could touch it.
        ratio: of the rates near events and elsewhere, hour by hour.
        covered: share of the requests that are near an event.
        shifted: chance of as many incidents near events that are moved around the span.
        placebo: the same where there can be no effect.
        placebo_ratio: rate ratio of that.
        near: which errors of the target group lie near an event.
        shape: where they lie in the windows; None where the cause states no core.
    """

    cause: str
    group: str
    events: int
    ratio: Ratio
    covered: float
    shifted: float
    placebo: float
    placebo_ratio: float
    near: NDArray[np.bool_] = field(repr=False)
    shape: Shape | None

    @property
    def is_testable(self) -> bool:
        """Are there enough incidents, and windows narrow enough, for a p-value to mean something?"""
        return (
            self.ratio.inside + self.ratio.outside >= LEAST_INCIDENTS
            and self.covered <= MOST_COVERED
            and self.ratio.exposure_inside > 0.0
        )

    @property
    def chance(self) -> float:
        """The larger p-value of the two tests."""
        return max(self.ratio.chance, self.shifted)


@dataclass(frozen=True)
class Judged:
    """One check and its false discovery rate (None: not testable)."""

    found: Found
    q: float | None

    @property
    def verdict(self) -> str:
        """lifted, common_driver, no_lift, always_near or insufficient_data."""
        one, ratio = self.found, self.found.ratio
        if ratio.inside + ratio.outside < LEAST_INCIDENTS or ratio.exposure_inside <= 0.0:
            return "insufficient_data"
        if one.covered > MOST_COVERED:
            return "always_near"
        if self.q is not None and self.q <= LEVEL and ratio.inside >= LEAST_INSIDE:
            is_shared = one.placebo < PLACEBO_LEVEL and ratio.low <= one.placebo_ratio
            return "common_driver" if is_shared else "lifted"
        return "no_lift" if ratio.high < _NO_LIFT_BELOW else "insufficient_data"

    @property
    def sentence(self) -> str:
        """The finding in words."""
        one, ratio = self.found, self.found.ratio
        events = f"{one.events} {one.cause} event{'' if one.events == 1 else 's'}"
        total = ratio.inside + ratio.outside
        follow = f"{ratio.inside} of {total} incidents follow one of the {events}"
        none = f"no error coincided with any of the {events}"
        if not total:
            return f"no failed request to compare with the {events}"
        return {
            "insufficient_data": f"{follow if ratio.inside else none}, but {_few(one)}",
            "no_lift": (f"errors were no more frequent near the {events}" if ratio.inside else none)
            + f" ({_measured(ratio)})",
            "always_near": f"{one.covered:.0%} of the requests are near one of the {events}: "
            "that an error is near one too says nothing",
            "lifted": f"{follow} ({_measured(ratio)}){_timing(one.shape)}",
            "common_driver": f"{follow} ({_measured(ratio)}), but failures also rise where these events "
            f"can do nothing (rate ratio {_number(one.placebo_ratio)}): something else may be behind both",
        }[self.verdict]


def _timing(shape: Shape | None) -> str:
    """Do they come when the mechanism says? Silence where that is not clear."""
    if shape is None or shape.verdict == "unclear":
        return ""
    told = f"{shape.in_core} of the {shape.near} come when the mechanism says"
    chance = f"({shape.share * shape.near:.1f} by chance)"
    return f"; {told} {chance}" if shape.verdict == "as_told" else f", but only {told} {chance}"


def _few(one: Found) -> str:
    if one.ratio.exposure_inside <= 0.0:
        return "no request came while one was fresh"
    if np.isnan(one.ratio.ratio):
        return "no incident came in an hour with one"
    return f"too few to tell chance from cause ({_measured(one.ratio)})"


def _measured(ratio: Ratio) -> str:
    return f"rate ratio {_number(ratio.ratio)}, {_number(ratio.low)}–{_number(ratio.high)}"


def _number(value: float) -> str:
    """Two digits that count."""
    if not np.isfinite(value):
        return "∞"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.1f}"  # noqa: PLR2004 - where a decimal stops mattering

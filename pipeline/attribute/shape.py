"""Do errors come when the mechanism says, or just somewhere near the event?

For causes with one law of lags, sql/intermediate/check_windows.sql states the core of the window: where most
of the errors come if the mechanism made them. What has nothing to do with the event is spread over the window
like its requests. Both expectations are tested, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.attribute.chances import at_least, at_most
from pipeline.attribute.lift import Place, exposures, is_inside
from pipeline.attribute.ratios import Floats

LEVEL = 0.01
"""Chance below which one of the two expectations is given up."""
_LEAST_IN_CORE = 0.5
"""The mechanism brings at least this share of its errors into the core."""


@dataclass(frozen=True)
class Shape:
    """Incidents in the core of the windows.

    Attributes:
        in_core: incidents there.
        near: incidents in the windows.
        share: of the windows' requests that lie in the core.
        verdict: as_told, elsewhere, or unclear.
    """

    in_core: int
    near: int
    share: float
    verdict: str


def shape_of(places: Sequence[Place], cores: Sequence[Floats], attributable_fraction: float) -> Shape | None:
    """Compare the lags with the mechanism's; None where no request came near an event.

    Args:
        places: with the whole windows.
        cores: merged cores of the windows of each place.
        attributable_fraction: share of the incidents near events that is more than chance.
    """
    near, exposure = _within(places, [place.windows for place in places])
    if exposure <= 0.0:
        return None
    in_core, core_exposure = _within(places, cores)
    share = min(core_exposure / exposure, 1.0)
    return Shape(in_core, near, share, _verdict(in_core, near, share, attributable_fraction))


def _within(places: Sequence[Place], windows: Sequence[Floats]) -> tuple[int, float]:
    """Incidents and requests in the windows of each place."""
    both = list(zip(places, windows, strict=True))
    incidents = sum(int(is_inside(place.incidents, mine).sum()) for place, mine in both)
    return incidents, sum(float(exposures(place.minutes, mine).sum()) for place, mine in both)


def _verdict(in_core: int, near: int, share: float, attributable_fraction: float) -> str:
    told = share + attributable_fraction * max(_LEAST_IN_CORE - share, 0.0)
    if at_least(in_core, near, share) <= LEVEL:
        return "as_told"
    if told > share and at_most(in_core, near, told) <= LEVEL:
        return "elsewhere"
    return "unclear"

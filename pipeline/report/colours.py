"""A fixed colour and hatching per cause, so that a cause looks the same in every report.

The hues are Okabe and Ito's, which people with any common colour blindness tell apart; yellow and
orange are darkened to show on white. The seed six have plain hues of their own. Every further cause
is a hue with a hatching, and a cause unknown here gets one of those by its name.
"""

from dataclasses import dataclass
from zlib import crc32

BLUE, SKY, GREEN, VERMILION, ORANGE, PURPLE, YELLOW = (
    "#0072b2",
    "#56b4e9",
    "#009e73",
    "#d55e00",
    "#e69f00",
    "#cc79a7",
    "#d8c62b",
)
GREY, PALE_GREY = "#8b9199", "#b9bec5"

PAPER, INK, SOFT, RULE, GRID, STAY = "#ffffff", "#16191d", "#5b636e", "#e2e5e9", "#e9ecef", "#c9d0d8"
"""The light page, as in report.css: what an image without the page is drawn in."""


@dataclass(frozen=True)
class Look:
    """Fill of a cause: an RGB hue and one of Plotly's hatchings (empty: plain)."""

    hue: str
    hatching: str = ""


LOOKS = {
    "keepalive_race": Look(BLUE),
    "draining_pod": Look(SKY),
    "scale_in": Look(VERMILION),
    "new_node": Look(GREEN),
    "conntrack_reset": Look(PURPLE),
    "target_crash": Look(ORANGE),
    "target_timeout": Look(YELLOW),
    "connect_timeout": Look(GREEN, "/"),
    "connection_refused": Look(ORANGE, "/"),
    "deregistration_delay_expired": Look(VERMILION, "/"),
    "malformed_response": Look(PURPLE, "/"),
    "tls_handshake": Look(BLUE, "/"),
    "overload": Look(YELLOW, "/"),
    "target_generated": Look(SKY, "/"),
    "lambda_error": Look(PURPLE, "x"),
    "spot_interruption": Look(VERMILION, "x"),
    "unexplained": Look(GREY),
    "insufficient_evidence": Look(PALE_GREY, "/"),
}

_SPARE = tuple(Look(hue, hatching) for hatching in "x." for hue in (BLUE, SKY, GREEN, ORANGE, YELLOW))


def look(cause: str) -> Look:
    """How a cause is drawn; the same for the same id, always."""
    return LOOKS.get(cause) or _SPARE[crc32(cause.encode("utf-8", "surrogatepass")) % len(_SPARE)]

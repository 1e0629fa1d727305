"""Verdicts beside the truth: what counts as right, per scenario, per fault act, and how calibrated.

A truth that the catalogue of causes does not hold, or that is noise, is right when the verdict is
``unexplained`` or ``insufficient_evidence``: there is no name to give.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from pipeline.usecases.scoring import Score, score

NAMELESS = ("unexplained", "insufficient_evidence")
BY_THE_LINE = ("target_generated", "lambda_error")
BACKGROUND = ("keepalive_race", "conntrack_reset", "unexplained")
OF_EVENTS = (
    "scale_in",
    "spot_interruption",
    "draining_pod",
    "target_crash",
    "new_node",
    "deregistration_delay_expired",
    "security_group_change",
    "zonal_failure",
    "kube_proxy_restart",
    "no_endpoints",
    "config_change",
    "protocol_mismatch",
)
JUDGES = ("", "nearest_", "rules_")
"""Prefixes of the columns of the tool and of the two baselines."""
_EDGES = np.array([0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001])
_BAR = 40
_HALF = 0.5


def prepared(joined: pl.DataFrame, catalogue: set[str]) -> pl.DataFrame:
    """Add what the scores need.

    Args:
        joined: one row per error of the truth: ``scenario, seed, trace_id, truth, event,
            target_group_arn``, and ``cause, confidence`` with each prefix of JUDGES.
        catalogue: ids of the causes that can be named.

    Returns:
        The rows with ``is_known``, ``wanted``, ``act`` and ``said, right`` with each prefix.
    """
    is_known = pl.col("truth").is_in(sorted(catalogue - set(NAMELESS)))
    entity = pl.when(pl.col("event") == "").then(pl.col("target_group_arn")).otherwise(pl.col("event"))
    rows = joined.with_columns(
        is_known.alias("is_known"),
        pl.when(is_known).then(pl.col("truth")).otherwise(pl.lit("unexplained")).alias("wanted"),
        pl.concat_str(["scenario", "seed", "truth", entity], separator="|", ignore_nulls=True).alias("act"),
    )
    for judge in JUDGES:
        said = pl.col(f"{judge}cause").fill_null("(none)")
        # A baseline may know a name that the catalogue lacks: then that is right too.
        nameless = ~pl.col("is_known") & (said.is_in(NAMELESS) | (said == pl.col("truth")))
        said = pl.when(nameless).then(pl.lit("unexplained")).otherwise(said)
        rows = rows.with_columns(said.alias(f"{judge}said"))
        rows = rows.with_columns((pl.col(f"{judge}said") == pl.col("wanted")).alias(f"{judge}right"))
    return rows


def scored(rows: pl.DataFrame, judge: str = "") -> Score:
    """Accuracy, macro-F1, calibration of one judge."""
    said = rows.select(
        "trace_id", pl.col(f"{judge}said").alias("cause"), pl.col(f"{judge}confidence").alias("confidence")
    )
    return score(said, rows.select("trace_id", pl.col("wanted").alias("truth")))


@dataclass(frozen=True)
class Acts:
    """Fault acts, and for how many the cause that most of their errors got is the true one."""

    acts: int
    right: int

    @property
    def share(self) -> float:
        """Incident-level top-1."""
        return self.right / self.acts if self.acts else 1.0


def acts(rows: pl.DataFrame, judge: str = "") -> Acts:
    """Incident-level top-1.

    A fault act is one cause acting through one entity in one simulated cluster: the node, pod, target,
    zone, security group or service that the truth names; where it names none (races, resets), the
    target group. What the line itself decides and noise are no acts. Equal counts: the surer one wins.
    """
    struck = rows.filter(~pl.col("truth").is_in([*BY_THE_LINE, "unexplained"]))
    votes = struck.group_by("act", "wanted", f"{judge}said").agg(
        pl.len().alias("errors"), pl.col(f"{judge}confidence").sum().alias("sure")
    )
    first = (
        votes.sort("errors", "sure", f"{judge}said", descending=[True, True, False]).group_by("act").first()
    )
    return Acts(first.height, int((first["wanted"] == first[f"{judge}said"]).sum()))


def named(rows: pl.DataFrame) -> pl.DataFrame:
    """Causes that the tool named: one row per simulated cluster, target group and cause.

    Returns:
        ``said``, ``errors`` and ``is_right``: whether most of these errors have that cause.
    """
    told = rows.filter(~pl.col("said").is_in([*BY_THE_LINE, *NAMELESS]))
    return told.group_by("scenario", "seed", "target_group_arn", "said").agg(
        pl.len().alias("errors"), (pl.col("right").mean() > _HALF).alias("is_right")
    )


def taken_by_events(rows: pl.DataFrame, judge: str = "") -> tuple[int, int]:
    """Of the background errors, how many an event cause took: (background errors, taken)."""
    background = rows.filter(pl.col("truth").is_in(BACKGROUND))
    return background.height, int(background[f"{judge}said"].is_in(OF_EVENTS).sum())


def confusions(rows: pl.DataFrame) -> pl.DataFrame:
    """Wrong verdicts: ``truth, said, errors, of`` (all errors of that truth), largest first."""
    wrong = rows.filter(~pl.col("right")).group_by("truth", "said").agg(pl.len().alias("errors"))
    every = rows.group_by("truth").agg(pl.len().alias("of"))
    return wrong.join(every, on="truth").sort("errors", "truth", "said", descending=[True, False, False])


def reliability(rows: pl.DataFrame, judge: str = "") -> list[str]:
    """Lines of a reliability diagram: what was said, what was right, and both as bars."""
    confidence = rows[f"{judge}confidence"].fill_null(0.0).to_numpy()
    right = rows[f"{judge}right"].to_numpy()
    lines = ["confidence    errors   said  right  (|: said, #: right)"]
    for low, high in pairwise(_EDGES):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            said, true = float(confidence[inside].mean()), float(right[inside].mean())
            lines.append(
                f"{low:4.2f} - {min(high, 1.0):4.2f}  {inside.sum():7d}  {said:5.3f}  {true:5.3f}  "
                f"{_bar(said, true)}"
            )
    return lines


def _bar(said: float, true: float) -> str:
    bar = ["#"] * round(true * _BAR) + ["."] * (_BAR - round(true * _BAR))
    bar[min(round(said * _BAR), _BAR - 1)] = "|"
    return "".join(bar)

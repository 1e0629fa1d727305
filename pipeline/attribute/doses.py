"""Dose and response: does a target group fail more the more nodes a group has?

Time is cut into equal stretches; in each the share of failed requests stands beside the number of nodes. Both
series drift slowly, so neighbours are no independent draws: the rank correlation is compared with those
that the same two series give when one is moved around the span against the other.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.attribute.chances import false_discovery_rates
from pipeline.engine import Engine
from pipeline.model import DOSE_RESPONSES, Window

Floats = NDArray[np.float64]

LEVEL = 0.05
"""False discovery rate over all pairs of groups."""
_BIN_MINUTES, _MOST_BINS, _LEAST_BINS = 5, 2000, 24
_LEAST_ERRORS = 8
_LEAST_MOVE = 0.05
"""The smallest move of one series against the other, as a share of the span."""


def respond(engine: Engine, window: Window) -> None:
    """Keep the table `dose_responses` in the engine. Needs `check_groups`, `lifetimes`, `target_minutes`."""
    values = {"since": window.since, "until": window.until}
    traffic = engine.frame("intermediate/dose_traffic", values).sort("target_group_arn", "minute")
    nodes = engine.frame("intermediate/dose_nodes")
    rows = [] if traffic.is_empty() else _rows(traffic, nodes)
    for row, q in zip(rows, _adjusted(rows), strict=True):
        row |= {"q": q, "verdict": _verdict(row, q)}
        row["sentence"] = _sentence(row)
    schema = pl.DataFrame(DOSE_RESPONSES.empty()).schema
    engine.attach(DOSE_RESPONSES.name, pl.DataFrame(rows, schema=schema, orient="row"))


def _rows(traffic: pl.DataFrame, nodes: pl.DataFrame) -> list[dict[str, Any]]:
    first, last = int(traffic["minute"].to_numpy().min()), int(traffic["minute"].to_numpy().max()) + 1
    width = max(_BIN_MINUTES, -(-(last - first) // _MOST_BINS))
    bins = (last - first) // width
    middles: Floats = 60.0 * (first + width * (np.arange(bins, dtype=np.float64) + 0.5))
    counts = {
        str(name): _count(group, middles)
        for (name,), group in nodes.sort("node_group").group_by("node_group", maintain_order=True)
    }
    rows = []
    for (arn,), group in traffic.group_by("target_group_arn", maintain_order=True):
        place = (group["minute"].to_numpy() - first) // width
        kept = place < bins
        requests, errors = (
            np.bincount(place[kept], group[name].to_numpy()[kept], minlength=bins).astype(np.float64)
            for name in ("requests", "errors")
        )
        rows += [
            {"target_group_arn": arn, "node_group": name, "bin_s": 60.0 * width} | found
            for name, number in counts.items()
            if (found := compare(number, errors, requests)) is not None
        ]
    return rows


def _count(nodes: pl.DataFrame, middles: Floats) -> Floats:
    """Nodes that were there at each instant (s since 1970); an unknown end lies beyond what is asked."""
    joined = np.sort(_epoch(nodes["joined_at"], -np.inf))
    left = np.sort(_epoch(nodes["left_at"], np.inf))
    return (np.searchsorted(joined, middles, "right") - np.searchsorted(left, middles, "right")).astype(
        np.float64
    )


def _epoch(instants: pl.Series, unknown: float) -> Floats:
    return (instants.dt.epoch("us") / 1e6).fill_null(unknown).to_numpy().astype(np.float64)


def compare(nodes: Floats, errors: Floats, requests: Floats) -> dict[str, Any] | None:
    """How the error rate goes with the number of nodes; None where nothing can be compared.

    Args:
        nodes: number of nodes in each stretch of time.
        errors: gateway errors in each.
        requests: requests in each; stretches without any are left out.
    """
    served = requests > 0
    nodes, errors, requests = nodes[served], errors[served], requests[served]
    if nodes.size < _LEAST_BINS or errors.sum() < _LEAST_ERRORS or nodes.min() == nodes.max():
        return None
    rho, chance = _correlation(nodes, errors / requests)
    return {
        "bins": int(nodes.size),
        "least_nodes": int(nodes.min()),
        "most_nodes": int(nodes.max()),
        "errors": int(errors.sum()),
        "ratio_per_node": _ratio_per_node(nodes, errors, requests),
        "rho": rho,
        "p_permutation": chance,
    }


def _correlation(nodes: Floats, rate: Floats) -> tuple[float, float]:
    """Spearman's rank correlation, and how often circular moves of one series give one as strong."""
    one, other = _standard(_ranks(nodes)), _standard(_ranks(rate))
    moved = np.fft.irfft(np.fft.rfft(one) * np.conj(np.fft.rfft(other)), n=one.size) / one.size
    least = max(1, int(_LEAST_MOVE * one.size))
    others = np.abs(moved[least : one.size - least + 1])
    return float(moved[0]), float((1 + (others >= abs(moved[0]) - 1e-12).sum()) / (1 + others.size))


def _ranks(values: Floats) -> Floats:
    return pl.Series(values).rank("average").to_numpy()


def _standard(values: Floats) -> Floats:
    spread = float(values.std())
    result: Floats = (values - values.mean()) / spread if spread > 0.0 else np.zeros(values.size)
    return result


def _ratio_per_node(nodes: Floats, errors: Floats, requests: Floats) -> float | None:
    """Factor on the error rate of one node more: Poisson regression, by Newton; None if it runs off."""
    centred = nodes - np.average(nodes, weights=requests)
    level, slope = np.log(errors.sum() / requests.sum()), 0.0
    for _ in range(50):
        expected = requests * np.exp(np.clip(level + slope * centred, -50.0, 5.0))
        score = np.array([(errors - expected).sum(), ((errors - expected) * centred).sum()])
        cross = (expected * centred).sum()
        information = np.array([[expected.sum(), cross], [cross, (expected * centred**2).sum()]])
        if np.linalg.det(information) <= 1e-12 * information[0, 0] ** 2:
            return None
        step = np.linalg.solve(information, score)
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        level, slope = level + step[0], slope + step[1]
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004 - settled
            return float(np.exp(slope))
    return None


def _adjusted(rows: list[dict[str, Any]]) -> list[float]:
    return false_discovery_rates([row["p_permutation"] for row in rows])


def _verdict(row: dict[str, Any], q: float) -> str:
    if q > LEVEL:
        return "flat"
    return "rises" if row["rho"] > 0.0 else "falls"


def _sentence(row: dict[str, Any]) -> str:
    span = f"{row['least_nodes']} to {row['most_nodes']} nodes of {row['node_group']}"
    told = f"rank correlation {row['rho']:+.2f}, p {row['p_permutation']:.2g}"
    if row["verdict"] == "flat":
        return f"the error rate does not follow the {span} ({told})"
    per_node = f", factor {row['ratio_per_node']:.2f} per node" if row["ratio_per_node"] else ""
    return f"the error rate {row['verdict']} with the {span}{per_node} ({told})"

"""Unknown rates and the posterior of every candidate, by expectation-maximisation.

Each candidate says: *if* this cause acted through this cluster (an event, an episode, a background),
errors like this one would come with density exp(log_likelihood) per second, target and class. How often
it acts is unknown, and is estimated from the incident itself:

* ``per_event``: every event i of a group has a size of its own, Gamma(shape, mean): most events are
  harmless, a few are not. The group's mean is shared, so frequent harmless events earn a low rate.
* ``steady``: one rate per request for the group.
* ``episodic``: a quiet rate, and rare stretches in which a fair share of the requests fails.
* ``triggered``: such a stretch that began with an event; the prior is the odds that an event starts one.
* ``fixed`` (or a group that states no prior): the rate is part of the likelihood already.

The prior mean of a shared rate counts as ``prior_weight`` observed errors; `unexplained` is held near its
own, so that it takes what no cause can give, and nothing else.

An error never raises the rate that judges it: sizes are computed from the *other* errors of the cluster.
Likewise the classes of an event's other errors tell which classes it gives: one pod is silent when it
goes (504), another refuses (502).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammaln

from pipeline.attribute.causes import Cause, RateKind

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_STEPS = 10
_ROUNDS = 30
_SETTLED = 1e-4
_EVENT_SHAPE = 0.4
"""Sizes of events of one kind scatter widely: most none, a few many."""
_CLASS_WEIGHT = 2.0
"""An event's own mix of failure classes is learnt from its errors; the cause's mix counts as two."""
_EPISODE_ODDS = 1e-6
"""Prior odds that a minute of a target (group) is an episode: one in two years of its minutes. All errors
of the minute pay it together, so that a long run of them outweighs it and a lone one does not."""
_CALM = 1e-6
"""Errors a request of a place at which nothing happened: what a triggered stretch is compared with."""
_EPISODE_SHAPE, _EPISODE_REQUESTS = 0.5, 2.0
"""Within an episode any failing share is likely: Gamma(0.5) over two requests."""
_TRIGGERED_SHAPE = 1.0
"""A change that breaks something breaks a fair share: Gamma(1) over as many."""


@dataclass(frozen=True)
class _Groups:
    """Shared rates: one entry per (cause, rate_group)."""

    kind: list[str]
    exposure: Floats
    prior: Floats
    prior_weight: Floats


@dataclass(frozen=True)
class _Rows:
    """Candidates as arrays, aligned and sorted by error.

    Most of them are of one kind, and each kind has a formula of its own: what the rounds need of a kind is
    picked out once.
    """

    error: Indices
    cluster: Indices
    cluster_class: Indices
    group: Indices
    kind: NDArray[np.str_]
    class_share: Floats
    exposure: Floats
    support: Floats
    likelihood: Floats

    @cached_property
    def first_of_error(self) -> Indices:
        """Where the rows of each error begin."""
        return np.flatnonzero(np.diff(self.error, prepend=-1))

    @cached_property
    def of_kind(self) -> dict[RateKind, Indices]:
        """Places of the rows of each kind."""
        return {kind: np.flatnonzero(self.kind == kind) for kind in get_args(RateKind)}

    @cached_property
    def learning(self) -> Indices:
        """Places of the rows whose cause gives several classes: one that states 1 has nothing to learn."""
        return np.flatnonzero(self.class_share < 1.0)


def posterior(candidates: pl.DataFrame, causes: list[Cause]) -> pl.DataFrame:
    """Add the probability of every candidate.

    Args:
        candidates: rows of the cause files with their ``cause`` and the error's ``failure_class``; rows
            without ``request_id`` state the exposure and the prior rate of their group.
        causes: the causes, for the kinds of their rates.

    Returns:
        The rows with a request, with ``probability``: exp(log_likelihood + log_rate), over its sum for the
        request. ``log_rate`` is what the incident taught; ``log_prior`` and ``log_class`` are parts of it:
        the rate before anything was seen, and the event's own mix of classes.
    """
    rows = candidates.filter(pl.col("request_id").is_not_null())
    if rows.is_empty():
        added = ("probability", "log_rate", "log_prior", "log_class")
        return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in added)
    keyed = rows.with_columns(
        (pl.col("cause") + "\t" + pl.col("rate_group")).alias("group_key"),
        (pl.col("cause") + "\t" + pl.col("rate_group") + "\t" + pl.col("cluster_id")).alias("cluster_key"),
    ).sort("request_id", "cluster_key", "event_id", "log_likelihood")
    names = keyed["group_key"].unique().sort()
    groups = _groups(names, candidates, {cause.id: cause.rate for cause in causes})
    group = _codes(keyed["group_key"])
    arrays = _Rows(
        error=_codes(keyed["request_id"]),
        cluster=_codes(keyed["cluster_key"]),
        cluster_class=_codes(keyed["cluster_key"] + "\t" + keyed["failure_class"]),
        group=group,
        kind=np.array(groups.kind)[group],
        class_share=_floats(keyed["class_share"]),
        exposure=_floats(keyed["exposure"]),
        support=_floats(keyed["support"]),
        likelihood=_floats(keyed["log_likelihood"]),
    )
    settled = _settle(arrays, groups)
    # One more step, so that the published terms give the published probability exactly.
    log_rates = _log_rates(arrays, groups, settled)
    return keyed.drop("group_key", "cluster_key").with_columns(
        pl.Series("probability", _normalised(arrays, log_rates, weight=1.0)),
        pl.Series("log_rate", log_rates),
        pl.Series("log_prior", _log_priors(arrays, groups)),
        pl.Series("log_class", _log_classes(arrays, settled)),
    )


def _codes(values: pl.Series) -> Indices:
    """Dense numbers for distinct values, in their sorted order."""
    return (values.rank("dense").to_numpy() - 1).astype(np.int64)


def _floats(values: pl.Series) -> Floats:
    """Decimals, as SQL writes its constants, among them: numpy alone would make an object of each."""
    return values.cast(pl.Float64).to_numpy()


def _groups(names: pl.Series, candidates: pl.DataFrame, kinds: dict[str, str]) -> _Groups:
    stated = (
        candidates.filter(pl.col("request_id").is_null())
        .group_by((pl.col("cause") + "\t" + pl.col("rate_group")).alias("group_key"))
        .agg(pl.col("exposure").sum(), pl.col("prior_rate", "prior_weight").max())
    )
    table = pl.DataFrame({"group_key": names}).join(stated, on="group_key", how="left", maintain_order="left")
    return _Groups(
        kind=[
            "fixed" if prior is None else kinds[name.split("\t")[0]]
            for name, prior in zip(names, table["prior_rate"], strict=True)
        ],
        exposure=_floats(table["exposure"].fill_null(0.0)),
        prior=_floats(table["prior_rate"].fill_null(1.0)),
        prior_weight=_floats(table["prior_weight"].fill_null(0.0)),
    )


def _settle(rows: _Rows, groups: _Groups) -> Floats:
    """Alternate between responsibilities and rates until neither moves.

    It starts undecided and lets the evidence count more and more (deterministic annealing): otherwise
    the first look decides which of two rivals grows, and the first look knows only prior rates.
    """
    probability = _normalised(rows, np.zeros(len(rows.error)), weight=0.0)
    for weight in np.linspace(0.1, 1.0, _STEPS):
        for _ in range(_ROUNDS):
            updated = _normalised(rows, _log_rates(rows, groups, probability), float(weight))
            moved = float(np.abs(updated - probability).max())
            # Half steps: a cluster and its rival must not swap their errors back and forth.
            probability = 0.5 * (probability + updated)
            if moved < _SETTLED:
                break
    return probability


def _normalised(rows: _Rows, log_rates: Floats, weight: float) -> Floats:
    score = weight * (rows.likelihood + log_rates)
    best = np.maximum.reduceat(score, rows.first_of_error)
    share = np.exp(score - best[rows.error])
    total = np.bincount(rows.error, share)
    shares: Floats = share / total[rows.error]
    return shares


def _log_rates(rows: _Rows, groups: _Groups, probability: Floats) -> Floats:
    mean = _group_means(groups, np.bincount(rows.group, probability, minlength=len(groups.kind)))
    size = np.bincount(rows.cluster, probability)[rows.cluster]
    others = np.maximum(size - probability, 0.0) + rows.support
    rate = np.ones(len(rows.error))
    steady = rows.of_kind["steady"]
    rate[rows.of_kind["per_event"]] = _event_rate(rows, others, mean)
    rate[steady] = mean[rows.group[steady]]
    rate[rows.of_kind["episodic"]] = _episode_rate(rows, groups, probability, others, mean)
    rate[rows.of_kind["triggered"]] = _triggered_rate(rows, groups, others)
    log_rate: Floats = np.log(rate * _class_share(rows, probability))
    return log_rate


def _log_priors(rows: _Rows, groups: _Groups) -> Floats:
    """Rate of each candidate before any error was seen: that of a lone event, of a quiet background."""
    prior = groups.prior[rows.group]
    lone = _EVENT_SHAPE / (_EVENT_SHAPE / prior + rows.exposure)
    priors: Floats = np.log(np.select([rows.kind == "per_event", rows.kind == "fixed"], [lone, 1.0], prior))
    return priors


def _log_classes(rows: _Rows, probability: Floats) -> Floats:
    """Share of the error's class in the log rate of an event; other kinds have none."""
    classes: Floats = np.where(rows.kind == "per_event", np.log(_class_share(rows, probability)), 0.0)
    return classes


def _group_means(groups: _Groups, blamed: NDArray[Any]) -> Floats:
    """Rate of each group: its share of the errors over its exposure, held by its prior."""
    weight = groups.prior_weight
    means: Floats = (blamed + weight) / np.maximum(groups.exposure + weight / groups.prior, 1e-300)
    return means


def _class_share(rows: _Rows, probability: Floats) -> Floats:
    """Share of the error's class among its cluster's: the cause's, corrected by the other errors.

    A cause that states 1 gives this class or none: it has nothing to learn.
    """
    chosen = rows.learning
    own = probability[chosen]
    size = np.bincount(rows.cluster, probability)[rows.cluster[chosen]] - own
    alike = np.bincount(rows.cluster_class, probability)[rows.cluster_class[chosen]] - own
    shares = np.ones(len(rows.error))
    shares[chosen] = (_CLASS_WEIGHT * rows.class_share[chosen] + np.maximum(alike, 0.0)) / (
        _CLASS_WEIGHT + np.maximum(size, 0.0)
    )
    return shares


def _event_rate(rows: _Rows, others: Floats, means: Floats) -> Floats:
    """Size of each event given its other errors: its own, drawn from the group's."""
    chosen = rows.of_kind["per_event"]
    mean = means[rows.group[chosen]]
    rate: Floats = (_EVENT_SHAPE + others[chosen]) / (_EVENT_SHAPE / mean + rows.exposure[chosen])
    return rate


def _episode_rate(rows: _Rows, groups: _Groups, probability: Floats, others: Floats, means: Floats) -> Floats:
    """Rate of a minute given the other errors in it: quiet, or an episode, by their odds."""
    chosen = rows.of_kind["episodic"]
    group, others = rows.group[chosen], others[chosen]
    exposure = _others_exposure(rows.exposure[chosen])
    is_episode = _episode_share(others, exposure, means[group], _EPISODE_SHAPE)
    calm = np.bincount(group, probability[chosen] * (1.0 - is_episode), minlength=len(groups.kind))
    quiet = _group_means(groups, calm)[group]
    price = _price(np.full(len(others), _EPISODE_ODDS), others)
    failing = _failing_share(others, exposure, _EPISODE_SHAPE)
    rate: Floats = is_episode * price * failing + (1.0 - is_episode) * quiet
    return rate


def _triggered_rate(rows: _Rows, groups: _Groups, others: Floats) -> Floats:
    """Rate of the stretch after an event: an episode, cheap because the event is there, or nothing."""
    chosen = rows.of_kind["triggered"]
    others, exposure = others[chosen], _others_exposure(rows.exposure[chosen])
    calm = np.full(len(others), _CALM)
    is_episode = _episode_share(others, exposure, calm, _TRIGGERED_SHAPE)
    failing = _failing_share(others, exposure, _TRIGGERED_SHAPE)
    rate: Floats = is_episode * _price(groups.prior[rows.group[chosen]], others) * failing
    return rate


def _others_exposure(exposure: Floats) -> Floats:
    """Requests of the cluster without the one that is judged."""
    others: Floats = np.maximum(exposure - 1.0, 0.5)
    return others


def _failing_share(others: Floats, exposure: Floats, shape: float) -> Floats:
    share: Floats = (shape + others) / (_EPISODE_REQUESTS + exposure)
    return share


def _price(odds: Floats, others: Floats) -> Floats:
    """That an episode exists at all is paid for once, by all of its errors together."""
    price: Floats = odds ** (1.0 / (1.0 + others))
    return price


def _episode_share(others: Floats, exposure: Floats, quiet: Floats, shape: float) -> Floats:
    """How much better an episode tells the number of other errors than the quiet rate does, as a share."""
    expected = np.maximum(quiet * exposure, 1e-300)
    log_quiet = others * np.log(expected) - expected
    log_episode = (
        gammaln(shape + others)
        - gammaln(shape)
        + shape * np.log(_EPISODE_REQUESTS / (_EPISODE_REQUESTS + exposure))
        + others * np.log(exposure / (_EPISODE_REQUESTS + exposure))
    )
    odds = np.exp(np.clip(log_episode - log_quiet, -50.0, 50.0))
    share: Floats = odds / (1.0 + odds)
    return share

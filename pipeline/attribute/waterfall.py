"""The terms that add up to a verdict's probability.

In natural logarithms, for each candidate of one error:

    score       = log_likelihood + log_prior + log_learnt + log_class
    probability = exp(score - log_total),  log_total = ln of the sum of exp(score) over all candidates
    confidence  = probability x ceiling of its cause x trust, summed over the candidates of a cause

`log_likelihood` is how well line, lag, target and marks fit; `log_prior` the rate that such causes have
before anything is seen; `log_learnt` what the incident's other errors made of it; `log_class` the classes of
the other errors of the same event.
"""

import numpy as np
import polars as pl

from pipeline.attribute.causes import Cause
from pipeline.attribute.verdicts import ceilings, trust

TERMS = ("log_likelihood", "log_prior", "log_learnt", "log_class")
"""The terms of a score, in the order in which they are told."""


def waterfall(
    candidates: pl.DataFrame, failure_class: str, missing_sources: str | None, causes: list[Cause]
) -> pl.DataFrame:
    """Every candidate of one error with its terms, those of the surest cause first.

    Args:
        candidates: rows of `candidates` of that error.
        failure_class: of the error.
        missing_sources: of its verdict, comma separated.
        causes: the causes.

    Returns:
        ``cause, event_id, lag_s, evidence``, the TERMS, ``score, log_total, probability, ceiling, trust,
        confidence``.
    """
    missing = [name for name in (missing_sources or "").split(",") if name]
    told = candidates.with_columns(
        (pl.col("log_rate") - pl.col("log_prior") - pl.col("log_class")).alias("log_learnt")
    ).with_columns(pl.sum_horizontal(TERMS).alias("score"))
    scores = told["score"].to_numpy()
    best = float(scores.max()) if scores.size else 0.0
    log_total = best + float(np.log(np.exp(scores - best).sum())) if scores.size else 0.0
    shares = {cause.id: trust(failure_class, missing, cause.id) for cause in causes}
    return (
        told.with_columns(
            pl.lit(log_total).alias("log_total"),
            (pl.col("score") - log_total).exp().alias("probability"),
            pl.col("cause").replace_strict(ceilings(causes), return_dtype=pl.Float64).alias("ceiling"),
            pl.col("cause").replace_strict(shares, return_dtype=pl.Float64).alias("trust"),
        )
        .with_columns((pl.col("probability") * pl.col("ceiling") * pl.col("trust")).alias("confidence"))
        .sort(
            pl.col("confidence").sum().over("cause"),
            *("cause", "probability", "cluster_id"),
            descending=[True, False, True, False],
        )
        .select(
            *("cause", "cluster_id", "event_id", "lag_s", "evidence"),
            *TERMS,
            *("score", "log_total", "probability", "ceiling", "trust", "confidence"),
        )
    )

"""Which families of sources observed an instant, so that "no event" differs from "not asked"."""

import polars as pl

FAMILIES: dict[str, tuple[str, ...]] = {
    "nodes": ("scaling_activities", "cloudtrail", "audit", "nodes", "instances", "eventbridge"),
    "pods": ("pods", "audit"),
    "deregistrations": ("cloudtrail",),
    "changes": ("cloudtrail",),
}
"""Family -> sources of `coverage`, each of which is enough on its own."""

OBSERVES: dict[str, tuple[str, ...]] = {
    "autoscaling": ("scaling_activities",),
    "ec2": ("instances", "network_interfaces", "instance_status", "spot_requests"),
    "elbv2": ("load_balancers", "target_groups", "target_health"),
    "kubernetes": ("pods", "nodes", "kube_events", "audit", "services"),
}
"""Source of events -> its sources of `coverage`; others have one of their own name."""

REVEALED_BY: dict[str, tuple[str, ...]] = {
    "connect_timeout": ("nodes", "pods", "changes"),
    "tls_timeout": ("nodes",),
    "no_answer": ("nodes", "changes"),
    "not_connected": ("nodes", "pods", "changes"),
    "closed_at_once": ("nodes", "pods"),
    "closed_midway": ("nodes", "pods", "deregistrations"),
}
"""Failure class -> families in which its event would be seen."""

DECISIVE: dict[str, tuple[str, ...]] = {
    "connect_timeout": ("nodes",),
    "tls_timeout": ("nodes",),
    "no_answer": ("nodes",),
    "not_connected": ("nodes",),
    "closed_at_once": ("nodes", "pods"),
    "closed_midway": ("nodes", "pods"),
}
"""Failure class -> families without which "no event explains it" cannot be said."""


def missing_families(errors: pl.DataFrame, coverage: pl.DataFrame) -> list[list[str]]:
    """Families that could reveal the cause of each error but did not observe its instant.

    Args:
        errors: rows of `gateway_errors` (``failure_class``, ``failed_at``, ``target_group_arn``).
        coverage: rows of `coverage`.

    Returns:
        One list of family names per error, in order.
    """
    observed = {
        family: _observed(errors, coverage.filter(pl.col("source").is_in(sources)))
        for family, sources in FAMILIES.items()
    }
    return [
        [family for family in REVEALED_BY.get(failure_class, ()) if not observed[family][index]]
        for index, failure_class in enumerate(errors["failure_class"])
    ]


def _observed(errors: pl.DataFrame, spans: pl.DataFrame) -> list[bool]:
    """Whether a span of the account and region of each error's target group holds its instant."""
    observed = pl.repeat(value=False, n=errors.height, eager=True)
    parts = errors["target_group_arn"].str.split(":")
    region, account = (parts.list.get(at, null_on_oob=True) for at in (3, 4))
    rows = spans.select("covered_from", "covered_to", "account", "region").unique()
    for covered_from, covered_to, of_account, of_region in rows.iter_rows():
        within = errors["failed_at"].is_between(covered_from, covered_to)
        if of_account is not None:
            within &= (account == of_account).fill_null(value=True)
        if of_region is not None:
            within &= (region == of_region).fill_null(value=True)
        observed = observed | within
    return observed.to_list()

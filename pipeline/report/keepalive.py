"""What is said about the keep-alive timeout of a target group."""

from collections.abc import Mapping

from pipeline.report.wording import plural


def sentence(row: Mapping[str, object]) -> str:
    """One row of `keepalive_estimates` in words."""
    name = group_name(str(row["target_group_arn"]))
    if row["verdict"] != "estimated":
        return f"{name}: cannot tell its servers' keep-alive timeout: {row['reason']}"
    found = (
        f"{name}: its servers close idle connections after {_seconds(row['timeout_s'])} s "
        f"({_seconds(row['low'])}–{_seconds(row['high'])}, "
        f"from {plural(int(str(row['errors_at_timeout'])), 'error')})"
    )
    servers = f", the default of {row['servers']}" if row["servers"] else ", no server's default that we know"
    return f"{found}{servers}; {_against(row)}"


def _against(row: Mapping[str, object]) -> str:
    assumed = "" if row["is_idle_timeout_known"] else " (its default; not read from its settings)"
    balancer = f"the load balancer keeps them for {_seconds(row['idle_timeout_s'])} s{assumed}"
    return f"{balancer}, so that they race" if row["is_race_possible"] else f"{balancer} and closes first"


def group_name(arn: str) -> str:
    """The name in a target group's ARN."""
    return arn.split(":targetgroup/", 1)[-1].split("/", 1)[0]


def _seconds(value: object) -> str:
    return f"{float(str(value)):.1f}".removesuffix(".0")

"""Settings against damage: what sql/audit finds, and the errors that each finding explains.

A rule is one SQL file with a TOML header, as a cause is. Its rows name a resource whose setting makes errors
more likely, with the value that it has and the value that it should have.
"""

import shlex
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from pipeline import queries
from pipeline.attribute import headers
from pipeline.engine import Engine
from pipeline.errors import QueryError

Severity = Literal["error", "warning", "note"]
_ENDS = ("joined_event_id", "left_event_id", "drain_event_id")


@dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        id: stem of its SQL file.
        title: what is wrong, in words.
        severity: ``error`` makes errors by itself, ``warning`` makes them likelier, ``note`` is worth a look.
        causes: causes whose errors it explains.
        needs: settings that must have been collected for it to be found.
        change: what to do, with ``{name}``, ``{current}``, ``{wanted}``, ``{resource}``.
        cli: the same as a command; ``terraform`` and ``kubectl`` likewise.
        terraform: see above.
        kubectl: see above.
        doc: why, a few sentences.
    """

    id: str
    title: str
    severity: Severity
    causes: tuple[str, ...]
    needs: tuple[str, ...]
    change: str
    cli: str
    terraform: str
    kubectl: str
    doc: str


@dataclass(frozen=True)
class Finding:
    """A rule that a resource breaks.

    Attributes:
        rule: which rule.
        resource: ARN, or kind/name.
        current: value of the setting now.
        wanted: value that it should have.
        evidence: a sentence.
        errors: verdicts of the window that it explains.
        expected_errors: sum of their probabilities.
    """

    rule: Rule
    resource: str
    current: str
    wanted: str
    evidence: str
    errors: int
    expected_errors: float

    @property
    def change(self) -> str:
        """What to do, with the resource's own name and values."""
        return self.rule.change.format(**self._values)

    @property
    def snippets(self) -> dict[str, str]:
        """The change for the AWS command line, Terraform and kubectl; what comes from a log is quoted."""
        texts = {"cli": self.rule.cli, "terraform": self.rule.terraform, "kubectl": self.rule.kubectl}
        quoted = {name: shlex.quote(value) for name, value in self._values.items()}
        return {name: text.format(**quoted) for name, text in texts.items()}

    @property
    def name(self) -> str:
        """The resource's short name."""
        if ":targetgroup/" in self.resource or ":loadbalancer/" in self.resource:
            return self.resource.split("/")[-2]
        return self.resource.split("/", 1)[-1]

    @property
    def _values(self) -> dict[str, str]:
        return {
            "name": self.name,
            "current": self.current,
            "wanted": self.wanted,
            "resource": self.resource,
        }


def rules() -> list[Rule]:
    """All rules, sorted by id.

    Raises:
        QueryError: a header is missing or incomplete.
    """
    return [_rule(name) for name in queries.names("audit")]


def find(engine: Engine) -> list[Finding]:
    """Every finding, those that explain most errors first.

    Leaves the table `served_pods`, which several rules read, in the engine.

    Args:
        engine: with the tables of an attributed incident.
    """
    engine.keep("served_pods", "intermediate/served_pods")
    attributions, groups = engine.table("attributions"), _groups_of_events(engine.table("lifetimes"))
    found = [
        _finding(rule, row, attributions, groups)
        for rule in rules()
        for row in engine.frame(f"audit/{rule.id}").iter_rows(named=True)
    ]
    order = get_args(Severity)
    return sorted(
        found, key=lambda one: (-one.errors, order.index(one.rule.severity), one.rule.id, one.resource)
    )


def _rule(name: str) -> Rule:
    header, doc = headers.read(name, "finding")
    try:
        rule = Rule(
            id=header["id"],
            title=header["title"],
            severity=header["severity"],
            causes=tuple(header["causes"]),
            needs=tuple(header["needs"]),
            change=header["change"],
            cli=header["cli"],
            terraform=header["terraform"],
            kubectl=header["kubectl"],
            doc=doc,
        )
    except KeyError as problem:
        raise QueryError(f"sql/{name}.sql: header: {problem} is missing") from problem
    if rule.severity not in get_args(Severity):
        raise QueryError(f"sql/{name}.sql: header: severity is off")
    return rule


def _groups_of_events(lifetimes: pl.DataFrame) -> pl.DataFrame:
    """Node group of every event that begins, drains or ends a node's life."""
    group = pl.coalesce("node_group", "asg_name").alias("node_group")
    ends = [
        lifetimes.filter(pl.col("kind") == "node").select(pl.col(end).alias("event_id"), group)
        for end in _ENDS
    ]
    return pl.concat(ends).drop_nulls().unique("event_id", keep="first", maintain_order=True)


def _finding(rule: Rule, row: dict[str, Any], attributions: pl.DataFrame, groups: pl.DataFrame) -> Finding:
    explained = attributions.filter(pl.col("cause").is_in(rule.causes))
    for column in ("target_group_arn", "elb"):
        if row[column] is not None:
            explained = explained.filter(pl.col(column) == row[column])
    if row["node_group"] is not None:
        of_group = groups.filter(pl.col("node_group") == row["node_group"])
        explained = explained.join(of_group, on="event_id", how="semi")
    return Finding(
        rule=rule,
        resource=row["resource"],
        current=row["current_value"],
        wanted=row["wanted_value"],
        evidence=row["evidence"],
        errors=explained.height,
        expected_errors=float(explained["confidence"].sum()),
    )

"""Audit findings on a terminal, as JSON and as SARIF 2.1.0."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline import __version__
from pipeline.report import wording
from pipeline.report.safety import visible

JSON_SCHEMA = 1
"""Raised when a field of the JSON document changes its meaning or goes."""

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
"""GitHub's code scanning takes no SARIF log that does not name its schema."""

_MARKS = {"error": "✗", "warning": "!", "note": "·"}


class Rule(Protocol):
    """What the report reads of a rule."""

    @property
    def id(self) -> str:
        """Name of the rule."""
        ...

    @property
    def title(self) -> str:
        """What is wrong."""
        ...

    @property
    def severity(self) -> str:
        """Error, warning or note."""
        ...

    @property
    def causes(self) -> tuple[str, ...]:
        """Causes whose errors it explains."""
        ...

    @property
    def doc(self) -> str:
        """Why."""
        ...


class Finding(Protocol):
    """What the report reads of a finding."""

    @property
    def rule(self) -> Rule:
        """Which rule."""
        ...

    @property
    def name(self) -> str:
        """Short name of the resource."""
        ...

    @property
    def resource(self) -> str:
        """ARN, or kind/name."""
        ...

    @property
    def current(self) -> str:
        """Value of the setting now."""
        ...

    @property
    def wanted(self) -> str:
        """Value that it should have."""
        ...

    @property
    def evidence(self) -> str:
        """A sentence."""
        ...

    @property
    def errors(self) -> int:
        """Verdicts that it explains."""
        ...

    @property
    def expected_errors(self) -> float:
        """Sum of their probabilities."""
        ...

    @property
    def change(self) -> str:
        """What to do."""
        ...

    @property
    def snippets(self) -> dict[str, str]:
        """The change for several tools."""
        ...


def render(findings: Sequence[Finding], console: Console) -> None:
    """Rules one below the other: what is wrong, where, why it is believed, what it costs, what to do."""
    if not findings:
        console.print("No setting that was collected makes gateway errors likelier.")
        return
    by_rule: dict[str, list[Finding]] = {}
    for one in findings:
        by_rule.setdefault(one.rule.id, []).append(one)
    costly = sum(1 for group in by_rule.values() if group[0].errors)
    head = f"{wording.plural(len(by_rule), 'finding')}, {costly} of which explain errors of this window"
    console.print(Text(head, style="bold"))
    for group in by_rule.values():
        console.print()
        _render_rule(group, console)


def _render_rule(group: Sequence[Finding], console: Console) -> None:
    rule = group[0].rule
    console.print(_text(f"{_MARKS[rule.severity]} {rule.title}", style="bold"))
    for one in group:
        cost = f"explains {wording.plural(one.errors, 'error')}" if one.errors else "no error yet"
        console.print(Padding(_text(f"{one.name}: {one.evidence} ({cost})"), (0, 0, 0, 2)))
    for one in group:
        console.print(Padding(_text(f"→ {one.change}"), (0, 0, 0, 2)))
        console.print(_text(f"    {one.snippets['cli']}", style="dim"), soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)


def as_json(findings: Sequence[Finding]) -> str:
    """One JSON document, pure ASCII."""
    return json.dumps({"schema": JSON_SCHEMA, "findings": [_value(one) for one in findings]}, indent=2)


def _value(one: Finding) -> dict[str, Any]:
    return {
        "rule": one.rule.id,
        "title": one.rule.title,
        "severity": one.rule.severity,
        "causes": list(one.rule.causes),
        "resource": one.resource,
        "current": one.current,
        "wanted": one.wanted,
        "evidence": one.evidence,
        "errors": one.errors,
        "expected_errors": round(one.expected_errors, 3),
        "change": one.change,
        "snippets": one.snippets,
        "why": one.rule.doc,
    }


def as_sarif(findings: Sequence[Finding], rules: Sequence[Rule]) -> str:
    """A SARIF 2.1.0 log; resources are logical locations."""
    driver = {
        "name": "forensics",
        "version": __version__,
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.doc},
                "defaultConfiguration": {"level": rule.severity},
            }
            for rule in rules
        ],
    }
    results = [
        {
            "ruleId": one.rule.id,
            "level": one.rule.severity,
            "message": {"text": _literal(f"{one.rule.title}: {one.evidence}. {one.change}.")},
            "locations": [{"logicalLocations": [{"fullyQualifiedName": one.resource, "kind": "resource"}]}],
            "properties": {"errors": one.errors, "expectedErrors": round(one.expected_errors, 3)},
        }
        for one in findings
    ]
    runs = [{"tool": {"driver": driver}, "results": results}]
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def _literal(text: str) -> str:
    """Text that viewers show as it is: to them {0} is a placeholder and [x](y) a link (SARIF 3.11.5, .6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")

"""Writes the documents that are made from the code; a test compares them with what is committed."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, TypeAdapter

from pipeline.attribute import causes, findings
from pipeline.attribute.verdicts import (
    CEILINGS,
    INSUFFICIENT,
    INSUFFICIENT_REMEDY,
    INSUFFICIENT_TITLE,
    TRUST,
)
from pipeline.metrics.facts import RunFacts, metrics
from pipeline.model import ATTRIBUTIONS, TABLES
from pipeline.report.facts import Summary
from pipeline.report.formats import JSON_SCHEMA
from pipeline.schedule import Mail, Nightly
from pipeline.timeline import keep_alive
from pipeline.timeline.aws_apis import APIS, LOOKUP, S3_ACTIONS, budget
from pipeline.timeline.cloudtrail_calls import CALLS
from pipeline.timeline.kubernetes_api import RESOURCES, VERBS
from pipeline.timeline.kubernetes_audit_fetch import ACTION as AUDIT_ACTION
from pipeline.usecases.nightly_summary import RunSummary
from tests.support import tutorial
from tests.support.man_page import man_page

AUDIT_LOG = "arn:aws:logs:*:*:log-group:/aws/eks/CLUSTER/cluster:*"
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "attribute",
    "pull",
    "report",
    "explain",
    "audit",
    "diff",
    "sql",
    "demo",
    "watch",
    "snapshot",
    "doctor",
    "nightly",
    "config show",
    "config validate",
    "lake check",
    "lake compact",
    "lake expire",
    "lake repair",
)
_NOTE = "<!-- Made by `make docs`. -->\n"

CLASSES = """
A gateway error's class follows from its own line; it limits which causes can have given it.

| class | status | what the line says |
|---|---|---|
| `target_answered` | any | the target's own status is the same: the load balancer passed it on |
| `lambda` | any | no target address, `error_reason` starts with Lambda |
| `before_target` | any | no target address, or an `error_reason` of WAF or authentication |
| `connect_timeout` | 504 | never dispatched, 9.5 to 10.6 s long: the fixed 10 s to connect |
| `tls_timeout` | 504 | never dispatched, HTTPS target group, 10.6 to 20.6 s long |
| `no_answer` | 504 | longer than that, or as long as the idle timeout |
| `not_connected` | 502 | never dispatched: refused, unreachable, or a pooled connection already dead |
| `closed_at_once` | 502 | closed within a round trip of the request's arrival |
| `closed_midway` | 502 | closed while the target worked on the request |
| `other` | any | anything else |
"""


def causes_page() -> str:
    """docs/causes.md: every verdict with its title, mechanism and remedy."""
    parts = ["# Causes\n", _NOTE, "## Classes of failure\n" + CLASSES, "## Verdicts\n"]
    for cause in causes.load():
        statuses = _statuses(cause)
        parts.append(
            f"### {cause.id}\n\n**{cause.title}** ({statuses}). {cause.doc}\n\n"
            f"*Change:* {_with_places(cause.remedy)}.\n\n"
            f"*Rate:* {cause.rate}. *Revealed by:* {', '.join(cause.sources) or 'the log alone'}. "
            f"*Confidence:* at most {_most_confidence(cause):.2f}. "
            f"*Rules:* [sql/{cause.query}.sql](../sql/{cause.query}.sql)\n"
        )
    parts.append(
        f"### {INSUFFICIENT}\n\n**{INSUFFICIENT_TITLE}.** No event explains the error, but the sources in "
        f"which such an event would be seen did not observe that instant.\n\n"
        f"*Change:* {INSUFFICIENT_REMEDY}.\n"
    )
    return "\n".join(parts)


def _most_confidence(cause: causes.Cause) -> float:
    """What the line itself says is certain; everything else is trusted up to the ceiling of its cause."""
    return 1.0 if cause.rate == "fixed" else TRUST * CEILINGS[cause.ceiling]


def _with_places(remedy: str) -> str:
    """A remedy with its placeholders as a reader expects them: <idle_timeout_s>."""
    return re.sub(r"[{](.*?)[}]", r"<\1>", remedy)


def runbook_page() -> str:
    """docs/runbook.md: what to do tonight is written by hand, what to change in the morning is the remedy."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    head, _, verdicts = text.partition("\n## Verdicts\n")
    tonight = dict(re.findall(r"(?ms)^### (\w+)\n.*?^\*Tonight:\* (.*?)\n\n", verdicts))
    known = {cause.id: (f"{cause.title} ({_statuses(cause)})", cause.remedy) for cause in causes.load()}
    known[INSUFFICIENT] = (INSUFFICIENT_TITLE, INSUFFICIENT_REMEDY)
    sections = [
        f"### {name}\n\n**{title}.**\n\n*Tonight:* {tonight.get(name, '')}\n\n"
        f"*In the morning:* {_with_places(remedy)}. {_further(name)}\n"
        for name, (title, remedy) in sorted(known.items())
    ]
    urgent = sorted(name for name in known if tonight.get(name, "").startswith("**Act now"))
    rows = {"act now": urgent, "it can wait": sorted(known.keys() - urgent)}
    table = "".join(
        f"| {what} | {', '.join(f'[{name}](#{name})' for name in names)} |\n" for what, names in rows.items()
    )
    head = re.sub(
        r"(?s)(<!-- table -->\n).*?(<!-- /table -->)",
        lambda m: f"{m[1]}| tonight | verdicts |\n|---|---|\n{table}{m[2]}",
        head,
    )
    return "\n".join([f"{head}\n## Verdicts\n", *sections])


def _statuses(cause: causes.Cause) -> str:
    return ", ".join(map(str, cause.statuses))


def _further(name: str) -> str:
    """Where a verdict is explained, and which rules of the audit look for its setting."""
    rules = [f"[{rule.id}](audit.md#{rule.id})" for rule in findings.rules() if name in rule.causes]
    return f"More: [{name}](causes.md#{name})" + (f"; audit: {', '.join(rules)}." if rules else ".")


def audit_page() -> str:
    """docs/audit.md: every rule of the audit with its reason and its change."""
    head = (
        "`forensics audit` holds the settings against the damage. A finding names a resource, the value "
        "that it has, the one that it should have, and the errors of the window that it explains. "
        "`--format sarif` and `--format json` are for other tools.\n"
    )
    return "\n".join(["# Audit\n", _NOTE, head, *map(_audit_rule, findings.rules())])


def _audit_rule(rule: findings.Rule) -> str:
    return (
        f"### {rule.id}\n\n**{rule.title}** ({rule.severity}). {rule.doc}\n\n"
        f"*Change:* {_with_places(rule.change)}.\n\n"
        f"*Explains:* {', '.join(rule.causes)}. *Read from:* {', '.join(rule.needs)}. "
        f"*Rule:* [sql/audit/{rule.id}.sql](../sql/audit/{rule.id}.sql)\n"
    )


def schema_page() -> str:
    """docs/schema.md: every table with its grain and columns."""
    parts = ["# Tables\n", _NOTE, "All instants are UTC with microseconds.\n"]
    for table in TABLES:
        parts.append(
            f"## {table.name}\n\nOne row per {table.grain}.\n\n| column | type | meaning |\n|---|---|---|"
        )
        for field in table.schema:
            meaning = (field.metadata or {})[b"meaning"].decode().replace("|", "\\|")
            parts.append(f"| `{field.name}` | {field.type} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def json_schema() -> str:
    """docs/attribute.schema.json: the document of ``attribute --format json``, as JSON Schema."""
    summary = TypeAdapter(Summary).json_schema()
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "forensics attribute --format json",
        "description": "`schema` is raised when a field changes its meaning or goes; new fields may come.",
        "type": "object",
        "required": ["schema", "summary", "attributions"],
        "properties": {
            "schema": {"const": JSON_SCHEMA},
            "summary": {name: value for name, value in summary.items() if name != "$defs"},
            "attributions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ATTRIBUTIONS.schema.names,
                    "properties": {field.name: _json_field(field) for field in ATTRIBUTIONS.schema},
                },
            },
        },
        "$defs": summary["$defs"],
    }
    return json.dumps(document, indent=2) + "\n"


def _json_field(field: "pa.Field[Any]") -> dict[str, object]:
    """A column as JSON: its type, whether it may be null, and what it means."""
    kinds = {
        "integer": pa.types.is_integer(field.type),
        "number": pa.types.is_floating(field.type),
        "boolean": pa.types.is_boolean(field.type),
    }
    kind = next((name for name, fits in kinds.items() if fits), "string")
    value: dict[str, object] = {"type": [kind, "null"] if field.nullable else kind}
    if pa.types.is_timestamp(field.type):
        value["format"] = "date-time"
    return value | {"description": (field.metadata or {})[b"meaning"].decode()}


def cli_page() -> str:
    """docs/cli.md: the help of every command, as printed in 100 columns."""
    commands = ((), *(name.split() for name in COMMANDS))
    sections = [
        f"## forensics {' '.join(command)}".rstrip() + "\n\n```text\n" + _help(*command) + "```\n"
        for command in commands
    ]
    return "\n".join(["# Command line\n", _NOTE, *sections])


def _help(*command: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"},
    )
    return "\n".join(line.rstrip() for line in run.stdout.strip().splitlines()) + "\n"


def demo_output() -> str:
    """What `forensics demo` prints in 80 columns, without the report's path."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-m", "pipeline", "demo", "--output", f"{folder}/demo.html"],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        )
    lines = [line.rstrip() for line in run.stdout.splitlines() if not line.startswith("Report:")]
    return "\n".join(lines).strip() + "\n"


def readme_page() -> str:
    """README.md with the demo's output in its first block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(
        r"(?s)(```console\n\$ make demo\n).*?(```\n)", lambda m: m[1] + demo_output() + m[2], text, count=1
    )


def cluster_role() -> str:
    """The rules of the ClusterRole: what is asked for, by API group."""
    groups: dict[str, list[str]] = {}
    for one in RESOURCES:
        groups.setdefault(one.group, []).append(one.plural)
    return "".join(
        f'  - apiGroups: ["{group}"]\n    resources: [{", ".join(names)}]\n    verbs: [{", ".join(VERBS)}]\n'
        for group, names in groups.items()
    )


def kubernetes_page() -> str:
    """docs/kubernetes.md with the ClusterRole's rules and the options that declare a keep-alive timeout."""
    text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    text = _with_block(text, "keep-alive", _keep_alive_options())
    return re.sub(r"(?s)(\nrules:\n).*?(---\n)", lambda m: m[1] + cluster_role() + m[2], text, count=1)


def _with_block(text: str, name: str, block: str) -> str:
    """A page with another block between its marks."""
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{block}\n<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"


def _keep_alive_options() -> str:
    """Every option, its unit, and where its server documents it."""
    lines = [
        f"| `{option.name}` | {'s' if option.unit_s == 1.0 else 'ms'}"
        f"{', or with a unit (`20s`, `1500ms`)' if option.has_units else ''} | {option.source} |"
        for option in (*keep_alive.ARGUMENTS, *keep_alive.VARIABLES)
    ]
    return "\n".join(["| option | number in | documented in |", "|---|---|---|", *lines])


def timeline_page() -> str:
    """docs/timeline.md with its budget and its policy."""
    text = (ROOT / "docs" / "timeline.md").read_text(encoding="utf-8")
    for name, block in {"budget": _budget(), "permissions": f"```json\n{_policy()}```"}.items():
        text = _with_block(text, name, block)
    return text


def _budget() -> str:
    """Calls allowed per action, their sum, and what it comes to for a day of three load balancers."""
    rows = [(f"`{api.action}`", api.once, api.per_load_balancer, api.per_day) for api in APIS]
    once, per_load_balancer, per_day = (sum(column) for column in list(zip(*rows, strict=True))[1:])
    table = [*rows, ("all", once, per_load_balancer, per_day)]
    lines = [f"| {' | '.join(str(cell or '') for cell in row)} |" for row in table]
    head = "| action | once | per load balancer | per day of the window |\n|---|---|---|---|"
    example = f"{once} + 3 × {per_load_balancer} + {per_day} = **{budget(3, 24)} calls** at most."
    rate = LOOKUP.per_second or 1
    lookups = f"{len(CALLS)} event names at {rate:g} a second: {len(CALLS) / rate:.0f} s"
    last = f"\nThree load balancers and 24 h: {example} LookupEvents: {lookups} at least."
    return "\n".join([head, *lines, last])


def _policy() -> str:
    """The IAM policy of live collection."""
    bucket, files = "arn:aws:s3:::TRAIL-BUCKET", "arn:aws:s3:::TRAIL-BUCKET/PREFIX/AWSLogs/*"
    delivery, delivered = "arn:aws:s3:::DELIVERY-BUCKET", "arn:aws:s3:::DELIVERY-BUCKET/PREFIX*"
    (listing, reading) = S3_ACTIONS
    statements = [
        {"Sid": "Timeline", "Effect": "Allow", "Action": [api.action for api in APIS], "Resource": "*"},
        {"Sid": "Audit", "Effect": "Allow", "Action": [AUDIT_ACTION], "Resource": AUDIT_LOG},
        {"Sid": "TrailKeys", "Effect": "Allow", "Action": [listing], "Resource": bucket},
        {"Sid": "TrailFiles", "Effect": "Allow", "Action": [reading], "Resource": files},
        {"Sid": "AuditKeys", "Effect": "Allow", "Action": [listing], "Resource": delivery},
        {"Sid": "AuditObjects", "Effect": "Allow", "Action": [reading], "Resource": delivered},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def operations_page() -> str:
    """docs/operations.md with its settings and its metrics."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name, block in {"settings": _nightly_settings(), "metrics": _metrics()}.items():
        text = _with_block(text, name, block)
    return text


def _nightly_settings() -> str:
    """Every setting of the nightly run with its default."""
    rows = [
        *_described(Nightly),
        *((f"mail.{name}", meaning, default) for name, meaning, default in _described(Mail)),
    ]
    lines = [f"| `{name}` | {meaning} | {default} |" for name, meaning, default in rows]
    return "\n".join(["| setting | meaning | default |\n|---|---|---|", *lines])


def _described(model: type[BaseModel]) -> list[tuple[str, str, str]]:
    return [
        (name, about.description, _default(about.get_default(call_default_factory=True)))
        for name, about in model.model_fields.items()
        if about.description is not None
    ]


def _default(value: object) -> str:
    return "" if value in (None, []) else f"`{json.dumps(value)}`"


def _metrics() -> str:
    """Every metric with its meaning."""
    everything = RunFacts({"": 0}, {"": 0}, 0.0, 0.0, 0, {"": 0.0}, succeeded_at=0.0, newest_day=0.0)
    lines = [
        f"| `{one.name}{'{' + one.label + '=…}' if one.label else ''}` | {one.kind} | {one.help} |"
        for one in metrics(everything)
    ]
    return "\n".join(["| metric | kind | meaning |\n|---|---|---|", *lines])


def nightly_schema() -> str:
    """docs/nightly.schema.json: the JSON Schema of the summary of a nightly run."""
    schema = RunSummary.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


PAGES = {
    "docs/causes.md": causes_page,
    "docs/runbook.md": runbook_page,
    "docs/audit.md": audit_page,
    "docs/schema.md": schema_page,
    "docs/attribute.schema.json": json_schema,
    "docs/cli.md": cli_page,
    "docs/kubernetes.md": kubernetes_page,
    "docs/timeline.md": timeline_page,
    "docs/operations.md": operations_page,
    "docs/nightly.schema.json": nightly_schema,
    "docs/forensics.1": man_page,
    "README.md": readme_page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")
        print(name)
    with tempfile.TemporaryDirectory() as folder:
        told = tutorial.retold(tutorial.PAGE.read_text(encoding="utf-8"), Path(folder))
    tutorial.PAGE.write_text(told, encoding="utf-8")
    print(tutorial.PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()

"""docs/security.md names a test for every threat; policies in docs/ allow what is asked for and no more."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.timeline.aws_apis import APIS, S3_ACTIONS
from pipeline.timeline.kubernetes_audit_fetch import ACTION as AUDIT_ACTION

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_READS = re.compile(r"[a-z0-9]+:(?:Describe|Get|List|Lookup|Filter)[A-Za-z]+")


def threats() -> list[str]:
    """Rows of the tables of threats."""
    part = PAGE.partition("## Threats")[2].partition("## Accepted")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith("| Threat ")]


def test_every_threat_names_its_measure_and_its_test() -> None:
    rows = threats()
    assert len(rows) > 35
    for row in rows:
        _, threat, measure, tests, _ = (cell.strip() for cell in row.split("|"))
        assert threat
        assert measure
        assert _TEST.findall(tests), threat


@pytest.mark.parametrize(("path", "name"), sorted(set(_TEST.findall(PAGE))))
def test_a_test_that_the_page_names_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_of_security_is_named_there() -> None:
    tree = ast.parse((ROOT / "tests" / "integration" / "test_security.py").read_text(encoding="utf-8"))
    tests = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert tests == {name for path, name in _TEST.findall(PAGE) if path.endswith("/test_security.py")}


def policies() -> list[tuple[str, dict[str, Any]]]:
    """Every IAM policy in docs/, with its page."""
    return [
        (page.name, json.loads(block))
        for page in sorted((ROOT / "docs").rglob("*.md"))
        for block in re.findall(r"(?s)```json\n(.*?)```", page.read_text(encoding="utf-8"))
        if '"Statement"' in block
    ]


def actions(policy: dict[str, Any]) -> set[str]:
    listed = [statement["Action"] for statement in policy["Statement"]]
    return {one for entry in listed for one in ([entry] if isinstance(entry, str) else entry)}


def test_every_policy_reads_only_and_names_what_it_reads() -> None:
    found = policies()
    assert {page for page, _ in found} >= {"s3.md", "timeline.md"}
    for page, policy in found:
        for statement in policy["Statement"]:
            wanted = actions({"Statement": [statement]})
            assert all(_READS.fullmatch(action) for action in wanted), page
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                # AWS takes no narrower resource for what describes a whole account.
                assert resource != "*" or not any(one.startswith(("s3:", "logs:")) for one in wanted), page
                assert (":s3:::" in resource and "/" in resource) == ("s3:GetObject" in wanted), page


def test_the_policies_hold_exactly_what_is_called() -> None:
    found = dict(policies())
    assert actions(found["timeline.md"]) == {*(api.action for api in APIS), *S3_ACTIONS, AUDIT_ACTION}
    assert actions(found["s3.md"]) == set(S3_ACTIONS)
    text = (ROOT / "docs" / "s3.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline" / "ingest").glob("*.py"))
    asked = set(re.findall(r'"((?:s3|sts|kms):[A-Z]\w+)"', code))
    assert asked >= set(S3_ACTIONS)
    assert all(action in text for action in asked)


def test_only_ingest_and_timeline_may_reach_a_network() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [
        one
        for one in project["tool"]["importlinter"]["contracts"]
        if "boto3" in one.get("forbidden_modules", ())
    ]
    packages = {path.stem for path in (ROOT / "pipeline").iterdir() if path.suffix == ".py" or path.is_dir()}
    told = {name.removeprefix("pipeline.") for name in contract["source_modules"]}
    allowed = {"ingest", "timeline", "cli", "usecases"} | {one for one in packages if one.startswith("__")}
    assert packages - told <= allowed

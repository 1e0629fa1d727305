"""What the program brings along can be listed and looked up."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import dependency_audit

ROOT = Path(__file__).resolve().parents[2]


def make(*words: str) -> str:
    run = subprocess.run(
        ["make", "-n", "PYTHON=python3", *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return run.stdout


def test_the_list_of_components_names_every_dependency(tmp_path: Path) -> None:
    target = tmp_path / "forensics.cdx.json"
    (line,) = [one for one in make("sbom").replace("\\\n", " ").splitlines() if "cyclonedx-py" in one]
    words = line.split()[1:]
    words[words.index("forensics.cdx.json")] = str(target)
    words[-1] = sys.executable  # a clean environment would have to be fetched
    subprocess.run(
        [Path(sys.executable).with_name("cyclonedx-py"), *words], check=True, capture_output=True, cwd=ROOT
    )
    bom = json.loads(target.read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "forensics")
    listed = {canonicalize_name(one["name"]): one for one in bom["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    wanted |= {
        canonicalize_name(Requirement(one).name) for one in requires("boto3") or [] if "extra" not in one
    }
    assert wanted <= listed.keys()
    assert all(listed[name]["purl"].startswith(f"pkg:pypi/{name}@") for name in wanted)


def test_without_a_network_the_audit_fails_and_says_why() -> None:
    assert "tests.support.dependency_audit" in make("audit")
    nowhere = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:9")
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.dependency_audit"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **nowhere, "NO_PROXY": "", "no_proxy": ""},
        timeout=120,
    )
    assert run.returncode == 2, run.stderr
    assert run.stderr.startswith("make audit: the advisory database cannot be reached")
    assert "Traceback" not in run.stderr


def package(name: str, *, hole: str | None = None, skipped: str | None = None) -> dict[str, object]:
    if skipped:
        return {"name": name, "skip_reason": skipped}
    return {"name": name, "version": "1.0", "vulns": [{"id": hole, "fix_versions": ["1.1"]}] if hole else []}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        (
            [package("boto3"), package("forensics", skipped="distribution marked as editable")],
            0,
            "1 packages",
        ),
        ([package("boto3"), package("duckdb", skipped="Dependency not found")], 2, "1 of 2 packages"),
        ([package("duckdb", skipped="Dependency not found")], 2, "1 of 1 packages"),
        ([package("boto3", hole="PYSEC-1"), package("x", skipped="not found")], 1, "boto3 1.0: PYSEC-1"),
    ],
)
def test_packages_without_advisories_are_no_all_clear(
    packages: list[dict[str, object]], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dependency_audit.judged(packages) == code
    assert said in "".join(capsys.readouterr())

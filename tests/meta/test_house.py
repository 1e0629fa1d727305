"""The house rules that hold for every member: causes, SQL files, documents, the wheel."""

import re
import subprocess
import zipfile
from pathlib import Path

import duckdb
import pytest

from pipeline import queries
from pipeline.attribute import causes
from pipeline.model import CANDIDATES, TABLES
from tests.support import generated_docs
from tests.support.wheel import built

ROOT = Path(__file__).resolve().parents[2]
CAUSES = {cause.id: cause for cause in causes.load()}
COLUMNS = {
    "request_id",
    "cluster_id",
    "rate_group",
    "event_id",
    "lag_s",
    "exposure",
    "support",
    "class_share",
    "prior_rate",
    "prior_weight",
    "log_likelihood",
    "evidence",
}
SEED_SIX = {"keepalive_race", "draining_pod", "scale_in", "new_node", "conntrack_reset", "target_crash"}


def test_the_seed_six_and_the_rest_of_the_catalogue_are_there() -> None:
    others = {
        "config_change",
        "connect_timeout",
        "connection_refused",
        "content_length_mismatch",
        "deregistration_delay_expired",
        "elb_event",
        "h2_goaway",
        "idle_flow_evicted",
        "kube_proxy_restart",
        "lambda_error",
        "malformed_response",
        "no_endpoints",
        "overload",
        "protocol_mismatch",
        "response_header_too_large",
        "security_group_change",
        "slow_client_upload",
        "spot_interruption",
        "target_generated",
        "target_timeout",
        "tls_handshake",
        "unexplained",
        "worker_abort",
        "zonal_failure",
    }
    assert set(CAUSES) >= SEED_SIX | others


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_cause_names_every_table_that_it_reads(name: str) -> None:
    cause = CAUSES[name]
    code = re.sub(r"--.*", "", queries.read(cause.query))
    tables = set(re.findall(r"\b(?:from|join)\s+([a-z_]+)", code))
    steps = set(re.findall(r"^([a-z_]+) as \($", code, re.MULTILINE))
    assert tables - steps == set(cause.needs)


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_cause_has_a_scenario(name: str) -> None:
    assert (ROOT / "tests" / "scenarios" / f"{name}.toml").exists()


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_cause_says_what_to_change_and_why_it_happens(name: str) -> None:
    cause = CAUSES[name]
    assert len(cause.remedy) > 40
    assert len(cause.doc) > 60
    assert set(cause.statuses) <= {502, 504}


@pytest.mark.parametrize(
    ("name", "ceiling"),
    [
        ("content_length_mismatch", "medium"),
        ("elb_event", "low"),
        ("h2_goaway", "medium"),
        ("idle_flow_evicted", "medium"),
        ("malformed_response", "medium"),
        ("overload", "medium"),
        ("response_header_too_large", "medium"),
        ("scale_in", "high"),
        ("zonal_failure", "medium"),
    ],
)
def test_what_log_and_timeline_cannot_prove_has_a_ceiling(name: str, ceiling: str) -> None:
    assert CAUSES[name].ceiling == ceiling


@pytest.mark.parametrize("name", [name for group in ("causes",) for name in queries.names(group)])
def test_a_cause_file_returns_the_contract(name: str) -> None:
    final = queries.read(name).split("\n)\n")[-1]
    named = set(re.findall(r"\bas ([a-z_]+)[,\n]", final)) | set(
        re.findall(r"^    (?:[a-z_]+[.])?([a-z_]+),?$", final, re.MULTILINE)
    )
    assert named >= COLUMNS


def test_every_sql_file_says_its_grain_or_its_cause() -> None:
    for group in ("intermediate", "marts", "report"):
        for name in queries.names(group):
            assert queries.read(name).startswith("-- "), name


def test_every_table_and_column_has_a_meaning() -> None:
    for table in (*TABLES, CANDIDATES):
        assert table.grain
        for field in table.schema:
            assert (field.metadata or {})[b"meaning"], f"{table.name}.{field.name}"


@pytest.mark.parametrize("name", sorted(generated_docs.PAGES))
def test_a_generated_document_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generated_docs.PAGES[name](), "run make docs"


def test_the_sql_parameters_are_those_that_are_bound() -> None:
    known = {"since", "until", "request_id"}
    for group in ("intermediate", "causes", "marts"):
        for name in queries.names(group):
            parsed = duckdb.extract_statements(queries.read(name))
            assert {value for one in parsed for value in one.named_parameters} <= known, name


def test_the_wheel_holds_exactly_the_tracked_sql_templates_and_demo(tmp_path: Path) -> None:
    members = set(zipfile.ZipFile(built(tmp_path)).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "sql", "reports/templates", "fixtures/demo"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.split()
    places = {
        "sql/": "pipeline/sql/",
        "reports/templates/": "pipeline/report_templates/",
        "fixtures/demo/": "pipeline/demo/",
    }
    expected = set()
    for name in tracked:
        for folder, place in places.items():
            if name.startswith(folder):
                expected.add(place + name.removeprefix(folder))
    shipped = {name for name in members if name.startswith(tuple(places.values()))}
    assert shipped == expected

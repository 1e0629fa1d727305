"""The command as a user meets it: a subprocess, its streams and its exit code."""

import csv
import io
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft4Validator

from pipeline.model import ATTRIBUTIONS
from tests.support.wheel import built

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "fixtures" / "demo"
LOGS = ("--logs", str(DEMO / "logs"))
TIMELINE = ("--timeline", str(DEMO / "timeline"))
HOUR = ("--since", "2026-03-02T10:00:00Z", "--until", "2026-03-02T12:00:00Z")


def forensics(
    *words: str, cwd: Path | None = None, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        capture_output=True,
        check=False,
        cwd=cwd or ROOT,
        input=stdin,
        env={**os.environ, "COLUMNS": "80", **environment},
        timeout=300,
    )


@pytest.fixture(scope="module")
def verdicts() -> list[dict[str, str]]:
    run = forensics("attribute", *LOGS, *TIMELINE, "--format", "jsonl", "--quiet")
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_every_gateway_error_of_the_demo_gets_exactly_one_verdict(verdicts: list[dict[str, str]]) -> None:
    truth = [json.loads(line) for line in (DEMO / "truth.jsonl").read_text().splitlines()]
    assert len(verdicts) == len(truth)
    assert {one["trace_id"] for one in verdicts} == {one["trace_id"] for one in truth}
    assert len({one["request_id"] for one in verdicts}) == len(truth)


def test_the_demo_names_all_six_causes_and_is_nearly_always_right(verdicts: list[dict[str, str]]) -> None:
    truth = {
        one["trace_id"]: one["cause"]
        for one in map(json.loads, (DEMO / "truth.jsonl").read_text().splitlines())
    }
    right = sum(truth[one["trace_id"]] == one["cause"] for one in verdicts)
    assert right >= 0.9 * len(truth)
    assert {one["cause"] for one in verdicts} >= {
        "keepalive_race",
        "draining_pod",
        "scale_in",
        "new_node",
        "conntrack_reset",
        "target_crash",
    }


def test_the_columns_are_those_promised(verdicts: list[dict[str, str]]) -> None:
    promised = {
        *("request_id", "trace_id", "time", "elb", "elb_status_code", "target_ip", "target_port"),
        *(
            "cause",
            "confidence",
            "runner_up",
            "runner_up_confidence",
            "event_id",
            "lag_s",
            "evidence",
            "remedy",
        ),
    }
    assert promised <= set(verdicts[0])
    assert set(verdicts[0]) == set(ATTRIBUTIONS.schema.names)
    assert all(0.0 < float(one["confidence"]) <= 1.0 for one in verdicts)


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet", "md", "table"])
def test_every_format_can_be_written_to_a_file(form: str, tmp_path: Path) -> None:
    target = tmp_path / f"out.{form}"
    run = forensics("attribute", *LOGS, *TIMELINE, *HOUR, "--format", form, "--output", str(target), "-q")
    assert run.returncode == 0, run.stderr
    assert run.stdout == b""
    assert sorted(tmp_path.iterdir()) == [target]
    content = target.read_bytes()
    if form == "parquet":
        assert pq.read_table(target).num_rows > 0
        assert pq.read_schema(target).names == ATTRIBUTIONS.schema.names
    if form == "json":
        assert json.loads(content)["attributions"]
    if form == "csv":
        header, *rows = csv.reader(io.StringIO(content.decode()))
        assert header == ATTRIBUTIONS.schema.names
        assert rows
    if form in {"md", "table"}:
        assert b"gateway errors" in content


@pytest.mark.parametrize(("condition", "code"), [("scale_in>1", 3), ("scale_in>9999,errors>9999", 0)])
def test_too_many_errors_of_a_cause_are_an_exit_code(condition: str, code: int) -> None:
    run = forensics("attribute", *LOGS, *TIMELINE, *HOUR, "--fail-on", condition, "--format", "csv", "-q")
    assert run.returncode == code, run.stderr
    assert run.stdout.startswith(b"request_id,")
    assert (b"above --fail-on: scale_in>1" in run.stderr) is (code == 3)


def test_a_condition_that_is_none_is_refused_before_logs_are_read() -> None:
    run = forensics("attribute", "--logs", "/no/such/folder", "--fail-on", "scalein>1")
    assert run.returncode == 2
    assert b"scale_in?" in run.stderr


def test_a_store_filled_by_pull_gives_the_same_verdicts_and_a_second_pull_adds_nothing(
    tmp_path: Path, verdicts: list[dict[str, str]]
) -> None:
    store = ("--store", str(tmp_path / "lake"))
    first = forensics("pull", *LOGS, *TIMELINE, *store, "-q")
    second = forensics("pull", *LOGS, *TIMELINE, *store, "-q")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout.startswith(b"0 objects read")
    run = forensics("attribute", *store, "--format", "jsonl", "-q")
    assert [json.loads(line) for line in run.stdout.splitlines()] == verdicts


def test_explain_tells_the_story_of_one_request(verdicts: list[dict[str, str]]) -> None:
    one = next(verdict for verdict in verdicts if verdict["cause"] == "new_node")
    for name in (one["request_id"], one["trace_id"], one["trace_id"].removeprefix("Root=")):
        run = forensics("explain", name, *LOGS, *TIMELINE, "-q")
        text = run.stdout.decode()
        assert run.returncode == 0, run.stderr
        assert text.startswith("new_node (")
        for part in ("How the probability adds up", "Timeline", "was then", "Over the whole incident"):
            assert part in text
        assert one["object_key"] in "".join(text.split())
        assert max(map(len, text.splitlines())) <= 80


def test_explain_as_json_holds_terms_that_add_up(verdicts: list[dict[str, str]]) -> None:
    one = next(verdict for verdict in verdicts if verdict["cause"] == "scale_in")
    run = forensics("explain", one["request_id"], *LOGS, *TIMELINE, "--format", "json", "-q")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["error"]["request_id"] == one["request_id"]
    best = told["waterfall"][0]
    terms = sum(best[name] for name in ("log_likelihood", "log_prior", "log_learnt", "log_class"))
    assert math.exp(terms - best["log_total"]) == pytest.approx(best["probability"])
    of_cause = sum(row["confidence"] for row in told["waterfall"] if row["cause"] == one["cause"])
    assert of_cause == pytest.approx(float(one["confidence"]), abs=1e-6)
    assert {"lifetimes", "events", "neighbours", "keepalive", "checks"} <= set(told)


SPANS = ("2026-03-02T06:00:00Z..2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z..")


def test_diff_compares_spans_and_the_files_of_attribute_alike(tmp_path: Path) -> None:
    spans = forensics("diff", *SPANS, *LOGS, *TIMELINE, "--format", "json", "-q")
    assert spans.returncode == 0, spans.stderr
    expected = json.loads(spans.stdout)["changes"]
    assert {row["cause"] for row in expected} > {"scale_in", "all causes"}
    for form in ("json", "parquet"):
        files = []
        for number, span in enumerate(SPANS):
            since, until = span.split("..")
            ends = ["--since", since, *(["--until", until] if until else [])]
            files.append(str(tmp_path / f"{number}.{form}"))
            forensics("attribute", *LOGS, *TIMELINE, *ends, "--format", form, "--output", files[-1], "-q")
        run = forensics("diff", *files, "--format", "json")
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["changes"] == expected


def test_diff_prints_a_sentence_for_every_cause_in_eighty_columns() -> None:
    run = forensics("diff", *SPANS, *LOGS, *TIMELINE, "-q")
    text = run.stdout.decode()
    assert run.returncode == 0, run.stderr
    assert "scale_in went from" in text or "scale_in rose from" in text
    assert max(map(len, text.splitlines())) <= 80


def test_diff_of_different_load_balancers_says_so(tmp_path: Path) -> None:
    files = []
    for name in ("shop", "edge"):
        about = {"cause": "scale_in", "event_id": None, "target_ip": "10.0.0.1", "elb": f"app/{name}/1"}
        rows = [{**about, "time": f"2026-03-02T10:0{n}:00.000000Z"} for n in range(3)]
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps({"summary": {"requests": 1000}, "attributions": rows}))
    run = forensics("diff", *map(str, files))
    assert run.returncode == 0, run.stderr
    assert b"not the same load balancers: app/shop/1 before, app/edge/1 after" in run.stdout


def test_ablation_says_what_each_source_is_worth_and_changes_no_verdict(
    verdicts: list[dict[str, str]],
) -> None:
    run = forensics("attribute", *LOGS, *TIMELINE, "--ablate", "--format", "json", "-q")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    worth = {row["source"]: row for row in told["summary"]["trust"]["ablation"]}
    assert worth.keys() == {"autoscaling", "cloudtrail", "ec2", "kubernetes"}
    assert worth["kubernetes"]["changed"] > 10
    assert told["attributions"] == verdicts


def test_keep_alive_and_checks_can_be_asked_in_sql() -> None:
    query = "select verdict, count(*) from {} group by 1 order by 1"
    for name, verdict in (("keepalive_estimates", b"estimated"), ("checks", b"lifted")):
        run = forensics("sql", query.format(name), *LOGS, *TIMELINE, "-q")
        assert run.returncode == 0, run.stderr
        assert verdict in run.stdout


def test_sql_answers_from_the_argument_and_from_standard_input() -> None:
    query = "select cause, count(*) as n from attributions group by 1 order by 1"
    argument = forensics("sql", query, *LOGS, *TIMELINE, "-q")
    piped = forensics("sql", *LOGS, *TIMELINE, "-q", stdin=query.encode() + b";")
    assert argument.stdout == piped.stdout
    assert argument.stdout.startswith(b"cause\tn\n")


def test_a_report_is_one_html_file(tmp_path: Path) -> None:
    page = tmp_path / "deep" / "report.html"
    run = forensics("report", *LOGS, *TIMELINE, "--output", str(page), "-q")
    assert run.returncode == 0, run.stderr
    assert run.stdout.decode().strip() == str(page)
    assert page.read_bytes().startswith(b"<!doctype html>")


def test_standard_input_is_a_source() -> None:
    raw = b"".join(
        (path.read_bytes())
        for path in sorted((DEMO / "logs").rglob("*.log.gz"))[:3]
        if "conn_log" not in path.name
    )
    run = forensics("attribute", "--logs", "-", "-q", stdin=raw)
    assert run.returncode == 0, run.stderr
    assert b"requests between" in run.stdout or b"gateway error" in run.stdout


BAD = {
    "a folder that is not there": (("attribute", "--logs", "{tmp}/none"), 4, "no such file or folder"),
    "a folder without logs": (("attribute", "--logs", "{tmp}/empty"), 4, "holds no ALB logs"),
    "binary garbage": (("attribute", "--logs", "{tmp}/garbage"), 5, "no ALB log entries"),
    "a zero-byte object": (("attribute", "--logs", "{tmp}/zero"), 6, "empty object"),
    "a truncated object": (("attribute", "--logs", "{tmp}/cut"), 6, "truncated"),
    "a window without logs": (("attribute", *LOGS, "--since", "1h"), 0, "outside the time asked for"),
    "a window without errors": (
        ("attribute", *LOGS, "--until", "2026-03-02T00:05:00Z"),
        0,
        "No gateway error",
    ),
    "a timeline of no known shape": (
        ("attribute", *LOGS, *HOUR, "--timeline", "{tmp}/foreign"),
        6,
        "holds no known kind of dump",
    ),
    "half a JSON": (("attribute", *LOGS, *HOUR, "--timeline", "{tmp}/half"), 6, "half.json"),
    "a timeline that is not there": (
        ("attribute", *LOGS, "--timeline", "{tmp}/none"),
        4,
        "no timeline folder",
    ),
    "a time that is none": (("attribute", *LOGS, "--since", "soon"), 2, "--since soon"),
    "a window the wrong way round": (
        ("attribute", *LOGS, "--since", "1h", "--until", "2h"),
        2,
        "is not before",
    ),
    "an option that is none": (("attribute", "--lgos", "x"), 2, "No such option"),
    "no logs at all": (("attribute", "--store", "{tmp}/none"), 2, "give --logs"),
    "an id that is none": (("explain", "nonsense", *LOGS, *HOUR), 2, "no 502 or 504"),
    "a span that is none": (("diff", "yesterday", "today", *LOGS), 2, "neither a file nor a span"),
    "a span without requests": (("diff", "2020-01-01..2020-01-02", "..", *LOGS), 2, "holds no request"),
    "a file that attribute did not write": (
        ("diff", "{tmp}/half/half.json", "..", *LOGS),
        2,
        "no output of forensics attribute",
    ),
    "SQL that is none": (("sql", "selec 1", *LOGS, *HOUR), 2, "sql:"),
    "an output that cannot be written": (
        ("attribute", *LOGS, *HOUR, "--format", "csv", "--output", "/proc/none/x.csv"),
        1,
        "choose another --output",
    ),
}


@pytest.fixture
def bad_places(tmp_path: Path) -> Path:
    for name in ("empty", "garbage", "zero", "cut", "foreign", "half"):
        (tmp_path / name).mkdir()
    (tmp_path / "garbage" / "x.log").write_bytes(bytes(range(256)) * 400)
    (tmp_path / "zero" / "y.log.gz").write_bytes(b"")
    largest = max((DEMO / "logs").rglob("*_app.*.log.gz"), key=lambda path: path.stat().st_size)
    (tmp_path / "cut" / largest.name).write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
    (tmp_path / "foreign" / "a.json").write_text('{"foo": 1}')
    whole = (DEMO / "timeline" / "describe-scaling-activities.json").read_text()
    (tmp_path / "half" / "half.json").write_text(whole[: len(whole) // 2])
    return tmp_path


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_input_gets_a_sentence_and_its_exit_code(case: str, bad_places: Path) -> None:
    words, code, sentence = BAD[case]
    run = forensics(*(word.replace("{tmp}", str(bad_places)) for word in words), "-q")
    said = (run.stdout + run.stderr).decode()
    assert run.returncode == code, said
    assert sentence in " ".join(said.split())
    assert "Traceback" not in said


def test_a_broken_file_beside_good_ones_costs_itself_only(
    tmp_path: Path, verdicts: list[dict[str, str]]
) -> None:
    shutil.copytree(DEMO / "timeline", tmp_path / "timeline")
    (tmp_path / "timeline" / "torn.json").write_text('{"Reservations": [{"Insta')
    run = forensics("attribute", *LOGS, "--timeline", str(tmp_path / "timeline"), "--format", "jsonl", "-q")
    assert run.returncode == 6
    assert b"torn.json" in run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["cause"] for one in found] == [one["cause"] for one in verdicts]


def test_the_wheel_in_an_empty_folder_works_like_the_checkout(tmp_path: Path) -> None:
    wheel = built(tmp_path / "dist")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    place = next((venv / "lib").glob("python*/site-packages"))
    shutil.unpack_archive(wheel, place, "zip")
    # The dependencies of this interpreter, but not its editable install of this project.
    (place / "dependencies.pth").write_text(str(Path(duckdb.__file__).parents[1]) + "\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    run = subprocess.run(
        [str(venv / "bin" / "python"), "-P", "-m", "pipeline", "demo", "--output", "demo.html"],
        cwd=empty,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert run.returncode == 0, run.stderr
    assert b"Against the known truth" in run.stdout
    assert (empty / "demo.html").exists()
    where = subprocess.run(
        [str(venv / "bin" / "python"), "-P", "-c", "import pipeline.queries as q; print(q.sql_folder())"],
        cwd=empty,
        capture_output=True,
        check=True,
        text=True,
    )
    assert where.stdout.strip() == str(place / "pipeline" / "sql")


def test_a_reader_that_leaves_early_is_no_defect() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "audit", *LOGS, *TIMELINE, "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert b"defect" not in run.stderr.read()
    assert run.returncode == 0


def test_the_audit_of_the_demo_as_sarif_obeys_oasis_schema(tmp_path: Path) -> None:
    to = tmp_path / "audit.sarif"
    run = forensics("audit", *LOGS, *TIMELINE, "-q", "--format", "sarif", "--output", str(to))
    assert run.returncode == 0, run.stderr
    schema = json.loads((ROOT / "fixtures" / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    log = json.loads(to.read_text(encoding="ascii"))
    Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(log)
    assert len(log["runs"][0]["results"]) > 3

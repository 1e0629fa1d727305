"""`--aws` as a user meets it: the same answer as with dumps, and what is said when AWS refuses."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Settings
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.lake import check
from pipeline.usecases.pull import pull
from tests.support.aws_replay import Replay, Trouble, replay
from tests.support.recent_day import RecentDay
from tests.support.s3_server import Folder, S3Server

ROOT = Path(__file__).resolve().parents[2]
ELB = "app/shop/7157993d65725fa4"


@dataclass(frozen=True)
class Run:
    code: int
    rows: list[dict[str, Any]]
    remarks: str


def attribute(*words: str, **environment: str) -> Run:
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", "attribute", *words, "--format", "jsonl", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=300,
    )
    return Run(run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr)


@pytest.fixture(scope="module")
def live(day: RecentDay, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """One live run of the command over the whole history of the dumps, and its pages."""
    pages = tmp_path_factory.mktemp("kept") / "pages"
    with replay(day.aws) as server:
        run = attribute(*asked(day), "--aws", "--keep-pages", str(pages), **server.environment())
        assert f"in {len(server.asked)} API calls (budget " in run.remarks
    return run, pages


def asked(day: RecentDay) -> tuple[str, ...]:
    since = datetime.fromisoformat(day.since) - timedelta(days=20)
    return ("--logs", str(day.logs), "--lb", "shop", "--since", since.isoformat())


def test_live_gives_the_attributions_of_the_dumps(day: RecentDay, live: tuple[Run, Path]) -> None:
    offline = attribute(*asked(day), "--timeline", str(day.aws))
    assert len(offline.rows) > 100
    assert settled(live[0].rows) == settled(offline.rows)
    assert live[0].code == offline.code
    assert "Traceback" not in live[0].remarks


def settled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what the time of asking decides: the dumps were taken at the day's end."""
    return [{name: value for name, value in row.items() if name != "is_provisional"} for row in rows]


def test_kept_pages_replay_the_live_run(day: RecentDay, live: tuple[Run, Path]) -> None:
    run, pages = live
    again = attribute(*asked(day), "--timeline", str(pages))
    assert (again.rows, again.code) == (run.rows, run.code)
    assert "asked AWS" not in again.remarks


@pytest.mark.parametrize("words", [("--no-aws",), ("--aws",)])
def test_pages_that_would_be_lost_or_mixed_are_refused(
    words: tuple[str, ...], day: RecentDay, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("{}")
    run = attribute(*asked(day), *words, "--keep-pages", str(tmp_path))
    assert (run.code, run.rows) == (2, [])
    assert "Traceback" not in run.remarks


def question(day: RecentDay, load_balancer: str | None = None) -> Question:
    return Question(str(day.logs), window=window(day), load_balancer=load_balancer, aws=True)


def window(day: RecentDay) -> Window:
    """Six hours of the day, which have errors of most kinds."""
    until = datetime.fromisoformat(day.until)
    return Window(until - timedelta(hours=8), until - timedelta(hours=2))


def test_region_and_load_balancers_come_from_the_logs(
    day: RecentDay, aws: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with investigate(question(day), Settings()) as incident:
        (collection,) = incident.collections
        assert (collection.region, collection.load_balancers) == ("eu-west-1", ["shop"])
        assert collection.account == "111122223333"
    assert aws.asked


def test_a_refusal_leaves_the_evidence_incomplete_and_the_verdicts_given(day: RecentDay, aws: Replay) -> None:
    aws.troubles = [Trouble("AccessDenied", "DescribeScalingActivities")]
    with investigate(question(day, ELB), Settings()) as incident:
        assert incident.attributions.height > 20
        assert incident.is_incomplete
        (problem,) = incident.problems
        assert "allow autoscaling:DescribeScalingActivities" in problem.what


def test_a_count_above_the_logs_is_said(day: RecentDay, aws: Replay) -> None:
    started = own_errors(day)
    minute = max(at for at in started if at < datetime.fromisoformat(day.until) - timedelta(hours=3))
    around = sum(started[minute + timedelta(minutes=one)] for one in (-1, 0, 1))
    result = {"Label": f"{ELB} HTTPCode_ELB_502_Count", "Timestamps": [minute.isoformat()]}
    for counted in (started[minute], around + 500):
        aws.dumps.named["get-metric-data"] = {"MetricDataResults": [{**result, "Values": [counted]}]}
        with investigate(question(day, ELB), Settings()) as incident:
            told = incident.problems
        assert len(told) == (counted > around)
    (problem,) = told
    assert problem.ref == ELB
    assert f"of the {around + 500:,} 502s and 504s" in problem.what
    assert f"{minute:%Y-%m-%d %H:%M} UTC" in problem.what


def own_errors(day: RecentDay) -> Counter[datetime]:
    """502s and 504s that the load balancer answered itself, by minute."""
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in day.logs.rglob("*.log.gz")).decode()
    entries = (line.split(" ") for line in lines.splitlines())
    return Counter(
        datetime.fromisoformat(time).replace(second=0, microsecond=0)
        for _, time, *_, status, of_target in (entry[:10] for entry in entries)
        if status in {"502", "504"} and of_target != status
    )


def test_pull_keeps_the_pages_of_every_run_below_the_store(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    settings = Settings(store=tmp_path)
    for run in (1, 2):
        pulled = pull(str(day.logs), None, window(day), "shop", settings, aws=True)
        assert pulled.events > 100
        assert len(pulled.collections) == 1
        kept = sorted((tmp_path / "timeline" / "pages").iterdir())
        assert len(kept) == run
        assert all((folder / "collection.json").exists() for folder in kept)
    assert check(settings).findings == []
    asked_before = len(aws.asked)
    from_store = Question(window=window(day), load_balancer="shop")
    with investigate(from_store, settings) as incident:
        assert incident.attributions.height > 20
        assert not incident.collections
    assert len(aws.asked) == asked_before


@pytest.fixture
def described(day: RecentDay, folder: Folder, tmp_path: Path) -> Path:
    """The dumps of a load balancer that says that its logs are in the bucket; there they are."""
    for path in sorted(day.logs.rglob("*")):
        if path.is_file():
            folder.put(path.relative_to(day.logs).as_posix(), path.read_bytes())
    dumps = tmp_path / "described"
    shutil.copytree(day.aws, dumps)
    attributes = dumps / "describe-load-balancer-attributes.shop.json"
    document = json.loads(attributes.read_text())
    bucket, _, prefix = folder.uri.removeprefix("s3://").partition("/")
    document["Attributes"] += [
        {"Key": "access_logs.s3.bucket", "Value": bucket},
        {"Key": "access_logs.s3.prefix", "Value": prefix},
    ]
    attributes.write_text(json.dumps(document))
    return dumps


def test_the_name_of_the_load_balancer_is_enough_for_logs_timeline_and_the_offline_answer(
    day: RecentDay, described: Path, server: S3Server, tmp_path: Path
) -> None:
    pages = tmp_path / "pages"
    with replay(described) as aws:
        environment = {
            **aws.environment(),
            **server.environment(),
            "FORENSICS_STORE": str(tmp_path / "store"),
        }
        alone = ("--since", "24h", "--lb", "shop")
        run = attribute(*alone, "--keep-pages", str(pages), **environment)
    assert "logs read from s3://ready/" in run.remarks
    assert "API calls (budget " in run.remarks
    assert "Traceback" not in run.remarks
    assert len(run.rows) > 50
    assert len({row["cause"] for row in run.rows}) >= 6
    about = json.loads((pages / "collection.json").read_text())["collection"]
    span = ("--lb", "shop", "--since", about["since"], "--until", about["until"])
    where = f"s3://{run.rows[0]['object_key'].removeprefix('s3://').partition('/AWSLogs')[0]}"
    offline = attribute("--logs", where, *span, "--timeline", str(pages), **environment)
    assert settled(offline.rows) == settled(run.rows)
    assert offline.code == run.code

    files = attribute("--logs", str(day.logs), *span, "--timeline", str(day.aws))
    causes = {row["trace_id"]: row["cause"] for row in files.rows}
    told = {row["trace_id"]: row["cause"] for row in run.rows}
    assert causes.keys() == told.keys()
    # The dumps reach back further than what is asked of AWS for one day: a few verdicts may rest on that.
    assert sum(told[one] == causes[one] for one in causes) >= 0.98 * len(causes)

"""A load balancer's name alone: where its logs are, and every way in which that cannot be found out."""

import gzip
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load
from pipeline.errors import ForensicsError, SourceError, UsageError
from pipeline.ingest import s3_session
from pipeline.ingest.discovery import find
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import pull as use_case
from tests.support.alb_lines import ELB, START, object_key, object_lines
from tests.support.moto_server import ACCOUNT, Moto
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, Folder, S3Server

ROOT = Path(__file__).resolve().parents[2]
HOUR = Window(START, START + timedelta(hours=1))
OWN_ID = ELB.rpartition("/")[2]
FOLDER = f"AWSLogs/{ACCOUNT}/elasticloadbalancing/eu-west-1/"


def logging_to(bucket: str, prefix: str, kind: str = "access_logs") -> dict[str, str]:
    return {f"{kind}_s3_enabled": "true", f"{kind}_s3_bucket": bucket, f"{kind}_s3_prefix": prefix}


@pytest.fixture
def shop(moto: Moto) -> str:
    """A load balancer that logs accesses and connections; its ARN."""
    moto.bucket("logs")
    moto.bucket("others")
    attributes = {**logging_to("logs", "alb/prod"), **logging_to("others", "", "connection_logs")}
    return moto.load_balancer("shop", **attributes)


def test_a_load_balancer_is_found_by_its_name_its_id_and_its_arn(shop: str) -> None:
    for given in ("shop", shop.rpartition(":loadbalancer/")[2], shop):
        places = find(given)
        assert places.arn == shop
        assert places.region == "eu-west-1"
        assert places.access_logs == f"s3://logs/alb/prod/{FOLDER}"
        assert places.connection_logs == f"s3://others/{FOLDER}"
        assert places.health_check_logs is None


def test_an_arn_needs_no_configured_region(
    shop: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget_region(monkeypatch, tmp_path)
    assert find(shop).arn == shop
    with pytest.raises(UsageError, match=r"shop: no AWS region is configured .*AWS_DEFAULT_REGION") as caught:
        find("shop")
    assert caught.value.exit_code == 2


def forget_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def test_a_load_balancer_without_access_logs_says_how_to_switch_them_on(moto: Moto) -> None:
    arn = moto.load_balancer("quiet")
    places = find("quiet")
    assert (places.access_logs, places.connection_logs, places.health_check_logs) == (None, None, None)
    with pytest.raises(
        SourceError, match=f"^{arn}: writes no access logs .*Key=access_logs.s3.enabled"
    ) as caught:
        places.written_access_logs()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "wanted",
    [
        "none",
        "app/shop/0000000000000000",
        f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:loadbalancer/app/x/1",
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_load_balancer_that_is_not_there_is_named_with_its_region(wanted: str) -> None:
    with pytest.raises(SourceError, match=f"^{wanted}: no such load balancer in eu-west-1 ") as caught:
        find(wanted)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("allowed", "missing"),
    [
        ((), "elasticloadbalancing:DescribeLoadBalancers"),
        (
            ("elasticloadbalancing:DescribeLoadBalancers",),
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
        ),
    ],
)
@pytest.mark.usefixtures("shop")
def test_a_refusal_names_the_missing_permission(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...], missing: str
) -> None:
    for name, value in moto.user(*allowed).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        SourceError, match=rf"^shop: access denied \(AccessDenied: .*allow {missing},"
    ) as caught:
        find("shop")
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("shop")
def test_two_permissions_are_enough(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = (
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
    )
    for name, value in moto.user(*actions).items():
        monkeypatch.setenv(name, value)
    assert find("shop").access_logs


def test_a_wrong_secret_and_no_credentials_at_all_are_told_apart(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = moto.user()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user["AWS_ACCESS_KEY_ID"])
    with pytest.raises(
        SourceError, match=r"^shop: the credentials are not accepted \(SignatureDoesNotMatch: "
    ):
        find("shop")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(SourceError, match="shop: no AWS credentials were found"):
        find("shop")


@pytest.mark.usefixtures("moto")
def test_an_endpoint_that_nobody_serves_is_a_source_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", "http://127.0.0.1:1")
    monkeypatch.setattr(s3_session, "ATTEMPTS", 1)
    with pytest.raises(SourceError, match="shop: Elastic Load Balancing cannot be asked: Could not connect"):
        find("shop")


class Discovered:
    """A load balancer `shop` whose logs lie in a real S3 server, beside those of others."""

    def __init__(self, moto: Moto, server: S3Server, folder: Folder) -> None:
        moto.bucket("ready")
        self.arn = moto.load_balancer("shop", **logging_to("ready", folder.prefix))
        self.id = self.arn.rpartition("/")[2]
        self._folder = folder
        for number, name in enumerate(("blog", "shop", "shop-2")):
            self._put(name, ACCOUNT, [*object_lines(number, 5, errors=0)])
        self._put("shop", "999999999999", [*object_lines(7, 5, errors=0)])
        lines = [*object_lines(9, 30, errors=0.2)]
        self._put("shop", ACCOUNT, lines, minutes=10)
        self.errors = sum(line.split(" ")[8] == "502" for line in lines)
        self.uri = f"{folder.uri}/{FOLDER}"
        self.environment = {
            **moto.environment(),
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def _put(self, name: str, account: str, lines: list[str], minutes: int = 5) -> None:
        key = object_key(minutes, START + timedelta(minutes=minutes), name=name)
        text = "\n".join(lines).replace("app/shop/", f"app/{name}/")
        self._folder.put(
            key.replace("111122223333", account).replace(OWN_ID, self.id),
            gzip.compress(text.replace(OWN_ID, self.id).encode(), mtime=0),
        )


@pytest.fixture
def discovered(moto: Moto, server: S3Server, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Discovered:
    made = Discovered(moto, server, folder)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return made


def forensics(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", **environment},
        text=True,
        timeout=300,
    )


SINCE = ("--since", "2026-03-02T11:00:00Z", "--until", "2026-03-02T12:00:00Z")


def test_a_name_alone_fills_the_store_and_the_store_then_answers(
    discovered: Discovered, tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "lake"))
    pulled = forensics("pull", "--lb", "shop", *SINCE, *store, "-q")
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.startswith("2 objects read (0 known before), 35 lines = 35 requests + 0 rejected")
    assert f"logs read from {discovered.uri}" in pulled.stderr
    again = forensics("pull", "--lb", discovered.arn, *SINCE, *store, "-q")
    assert again.stdout.startswith("0 objects read (2 known before)"), again.stderr
    nowhere = {"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": "http://127.0.0.1:1"}
    asked = forensics("attribute", "--lb", "shop", *SINCE, *store, "--format", "jsonl", "-q", **nowhere)
    assert asked.stdout.count("\n") == discovered.errors > 0, asked.stderr
    assert "logs read from" not in asked.stderr


def test_attribute_and_report_find_the_logs_without_a_store(discovered: Discovered, tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "none"))
    asked = forensics("attribute", "--lb", "shop", *SINCE, *store, "--format", "jsonl", "-q")
    assert asked.stdout.count("\n") == discovered.errors > 0, asked.stderr
    assert f"logs read from {discovered.uri}" in asked.stderr
    page = tmp_path / "page.html"
    written = forensics("report", "--lb", "shop", *SINCE, *store, "--output", str(page), "-q")
    assert written.returncode in {0, 6}, written.stderr
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert not (tmp_path / "none").exists()


def test_a_load_balancer_that_is_not_there_ends_the_command_with_a_sentence(
    discovered: Discovered, tmp_path: Path
) -> None:
    run = forensics("attribute", "--lb", "none", "--store", str(tmp_path / "none"), "-q")
    assert (run.returncode, run.stdout) == (4, ""), discovered
    assert "forensics: none: no such load balancer in eu-west-1" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_store_with_logs_of_another_load_balancer_or_time_does_not_answer(
    discovered: Discovered, tmp_path: Path
) -> None:
    settings = load(store=tmp_path / "store")
    with Lake.open(settings.store) as lake:
        assert pull(f"{discovered.uri}", lake, HOUR, load_balancer="blog").ingested == 1
    with investigate(Question(window=HOUR, load_balancer="blog"), settings) as answer:
        assert (answer.discovered, answer.requests) == (None, 5)
    with investigate(Question(window=HOUR, load_balancer="shop"), settings) as answer:
        assert (answer.discovered, answer.requests) == (discovered.uri, 35)
    use_case(None, None, HOUR, "shop", settings)
    with investigate(Question(window=HOUR, load_balancer="shop"), settings) as answer:
        assert (answer.discovered, answer.requests) == (None, 35)
    later = Window(HOUR.until, START + timedelta(hours=2))
    with investigate(Question(window=later, load_balancer="shop"), settings) as answer:
        assert (answer.discovered, answer.requests) == (discovered.uri, 0)


def test_a_question_without_a_start_reads_the_last_day_of_discovered_logs(
    discovered: Discovered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Window] = []

    def noting(source: str, lake: Lake, window: Window, **more: Any) -> Any:  # noqa: ANN401 - passed on
        asked.append(window)
        return pull(source, lake, window, **more)

    monkeypatch.setattr("pipeline.usecases.reading.pull", noting)
    end = START + timedelta(hours=1)
    settings = load(store=tmp_path / "none")
    with investigate(Question(window=Window(None, end), load_balancer="shop"), settings) as answer:
        assert (answer.discovered, answer.requests) == (discovered.uri, 35)
    with pytest.raises(ForensicsError, match="holds no ALB logs of shop around the time asked for"):
        investigate(Question(load_balancer="shop"), settings).__enter__()
    assert [asked[0], asked[1].until] == [Window(end - timedelta(hours=24), end), None]
    assert asked[1].since is not None


def test_neither_place_nor_load_balancer_is_a_usage_error(tmp_path: Path) -> None:
    settings = load(store=tmp_path / "none")
    for ask in (
        lambda: use_case(None, None, HOUR, None, settings),
        lambda: investigate(Question(), settings).__enter__(),
    ):
        with pytest.raises(UsageError, match=r"no logs: give --logs .* or --lb NAME"):
            ask()

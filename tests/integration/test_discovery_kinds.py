"""A load balancer's name alone: every kind of log that it writes, from as many buckets as it writes to."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import SourceError
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.usecases.doctor import doctor
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import Pulled
from pipeline.usecases.pull import pull as use_case
from tests.integration.test_discovery import forensics
from tests.support.alb_lines import ELB, START, object_key, object_lines
from tests.support.aws_replay import Replay, replay
from tests.support.other_logs import ConnectionLine, checks, packed
from tests.support.s3_server import KEEPER, Folder, S3Server

HOUR = Window(START, START + timedelta(hours=1))
END = START + timedelta(minutes=5)
REGION_FOLDER = "AWSLogs/111122223333/elasticloadbalancing/eu-west-1/"
ARN = f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{ELB}"
ALL = {"requests": 30, "connections": 3, "health_checks": 6}


@pytest.fixture
def shop(
    folder: Folder, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator["Shop"]:
    """Load balancer `shop` in AWS as it is replayed, its logs in a real S3 server: a prefix for each kind."""
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    balancer = {"LoadBalancerArn": ARN, "LoadBalancerName": "shop", "Type": "application"}
    (dumps / "describe-load-balancers.json").write_text(json.dumps({"LoadBalancers": [balancer]}))
    with replay(dumps) as running:
        environment = {**running.environment(), **server.environment()}
        del environment["AWS_ENDPOINT_URL"]
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        for name, value in {**environment, "AWS_ENDPOINT_URL_S3": server.endpoint}.items():
            monkeypatch.setenv(name, value)
        made = Shop(folder, running, tmp_path / "store")
        made.fill()
        yield made


class Shop:
    """Where `shop` writes is told by :meth:`writes`; its objects lie there from the start."""

    def __init__(self, folder: Folder, running: Replay, store: Path) -> None:
        self._folder = folder
        self._running = running
        self.settings = Settings(store=store)

    def fill(self) -> None:
        lines = {
            "access": ("", [*object_lines(9, 30, errors=0.2)]),
            "connection": ("conn_log_", [ConnectionLine().render()] * 3),
            "health_check": ("health_check_log_", [one.render() for one in checks(START, "ppttpp")]),
        }
        for name, (start, rows) in lines.items():
            path, _, base = object_key(1, END).rpartition("/")
            for gate in ("open", "shut"):
                self._folder.put(f"{gate}/{name}/{path}/{start}{base}", packed(rows))

    def place(self, name: str) -> str:
        """Where the logs of ``open/access`` lie, and so on."""
        return f"{self._folder.uri}/{name}/{REGION_FOLDER}"

    def writes(self, **kinds: str) -> None:
        """Say where: ``access="open/access"``; with a colon, in another bucket."""
        attributes = []
        for kind, where in kinds.items():
            bucket, _, prefix = where.rpartition(":")
            values = {
                "enabled": "true",
                "bucket": bucket or "ready",
                "prefix": prefix if bucket else f"{self._folder.prefix}/{prefix}",
            }
            attributes += [
                {"Key": f"{kind}_logs.s3.{name}", "Value": value} for name, value in values.items()
            ]
        self._running.dumps.add("describe-load-balancer-attributes.shop", {"Attributes": attributes})

    def pull(self) -> Pulled:
        return use_case(None, None, HOUR, "shop", self.settings)


EVERYWHERE = {"access": "open/access", "connection": "open/connection", "health_check": "open/health_check"}


def accounted(pulled: Pulled) -> bool:
    logs = pulled.logs
    objects = logs.ingested + logs.already_known + logs.outside_window + sum(logs.left_out.values())
    refused = sum(one.objects for one in logs.refusals.values())
    return (logs.listed, logs.lines) == (objects + refused, logs.rows + logs.rejected)


def test_each_kind_is_pulled_from_its_own_place_and_once(shop: Shop) -> None:
    shop.writes(**EVERYWHERE)
    first = shop.pull()
    assert (first.logs.rows_of, first.logs.problems) == (ALL, [])
    assert first.discovered == " and ".join(shop.place(name) for name in EVERYWHERE.values())
    again = shop.pull()
    assert (again.logs.ingested, again.logs.already_known) == (0, 3)
    assert accounted(first)
    assert accounted(again)


def test_kinds_that_share_a_place_are_listed_once(shop: Shop) -> None:
    shop.writes(access="open/access", connection="open/access")
    pulled = shop.pull()
    assert (pulled.logs.listed, pulled.logs.rows_of) == (1, {"requests": 30})
    assert pulled.discovered == shop.place("open/access")


def test_a_kind_that_is_switched_off_is_not_looked_for(shop: Shop) -> None:
    shop.writes(access="open/access", health_check="open/health_check")
    assert shop.pull().logs.rows_of == {"requests": 30, "health_checks": 6}


@pytest.mark.parametrize(("closed", "what"), [("connection", "connection logs"), ("access", "access logs")])
def test_a_bucket_that_may_not_be_listed_costs_its_kind_only(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, closed: str, what: str
) -> None:
    shop.writes(**{**EVERYWHERE, closed: "another:logs"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    pulled = shop.pull()
    left = {"access": "requests", "connection": "connections"}[closed]
    assert pulled.logs.rows_of == {name: rows for name, rows in ALL.items() if name != left}
    (problem,) = pulled.logs.problems
    assert problem.object_key == what
    assert problem.reason.startswith("s3://another: access denied (AccessDenied: ")
    assert problem.reason.endswith("; allow s3:ListBucket")
    assert accounted(pulled)


def test_objects_that_may_be_listed_and_not_read_are_counted_with_their_kind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.writes(**{**EVERYWHERE, "health_check": "shut/health_check"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    pulled = shop.pull()
    assert pulled.logs.rows_of == {"requests": 30, "connections": 3}
    (problem,) = pulled.logs.problems
    assert problem.object_key == "health check logs"
    assert problem.reason.startswith(shop.place("shut/health_check"))
    assert "allow s3:GetObject" in problem.reason
    assert problem.reason.endswith("; 1 objects listed there were not read")
    assert accounted(pulled)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    assert shop.pull().logs.rows_of == {"health_checks": 6}


def test_a_bucket_that_does_not_exist_costs_its_kind_only(shop: Shop) -> None:
    shop.writes(access="open/access", connection="none:logs")
    pulled = shop.pull()
    assert pulled.logs.rows_of == {"requests": 30}
    assert [one.reason.partition(" (")[0] for one in pulled.logs.problems] == ["s3://none: no such bucket"]


def test_where_every_bucket_refuses_there_is_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    shop.writes(access="another:a", connection="another:c")
    with pytest.raises(SourceError, match=r"^s3://another: access denied .*; allow s3:ListBucket$"):
        shop.pull()
    shop.writes(access="shut/access", connection="shut/connection")
    with pytest.raises(SourceError, match=r"access denied .*; allow s3:GetObject"):
        shop.pull()
    with Lake.open(shop.settings.store) as lake:
        assert lake.objects().num_rows == 0


def test_a_refusal_is_told_when_the_other_places_hold_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    shop.writes(access="another:a", connection="open/none")
    with pytest.raises(SourceError, match=r"^s3://another: access denied "):
        shop.pull()


def test_other_kinds_are_pulled_where_access_logs_are_switched_off(shop: Shop) -> None:
    shop.writes(connection="open/connection")
    pulled = shop.pull()
    assert pulled.logs.rows_of == {"connections": 3}
    (problem,) = pulled.logs.problems
    assert problem.object_key == "access logs"
    assert problem.reason.startswith(f"{ARN}: writes no access logs ")


def test_an_answer_needs_the_access_logs_and_misses_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    question = Question(window=HOUR, load_balancer="shop", aws=False)
    shop.writes(**{**EVERYWHERE, "connection": "another:c"})
    with investigate(question, shop.settings) as answer:
        assert (answer.requests, answer.is_incomplete) == (30, True)
        assert answer.engine.ask("select count(*) from health_checks").item() == 6
    shop.writes(**{**EVERYWHERE, "access": "another:a"})
    with pytest.raises(SourceError, match=r"^s3://another: access denied "):
        investigate(question, shop.settings).__enter__()


def test_the_command_says_what_is_missing_and_is_incomplete(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    shop.writes(**{**EVERYWHERE, "connection": "another:c"})
    words = ("pull", "--lb", "shop", "--since", "2026-03-02T11:00:00Z", "--until", "2026-03-02T12:00:00Z")
    run = forensics(*words, "--store", str(shop.settings.store), "-q")
    assert run.returncode == 6, run.stderr
    assert run.stdout.startswith(
        "2 objects read (0 known before), 36 lines = 30 requests + 6 health checks + 0 rejected"
    )
    assert "connection logs: s3://another: access denied" in run.stderr
    assert f"logs read from {shop.place('open/access')} and s3://another/" in run.stderr


def test_doctor_looks_at_every_place(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEEPER)
    shop.writes(connection="another:c", health_check="open/health_check")
    told = {line.name: line for line in doctor(shop.settings, load_balancer="shop").logs}
    assert told["access logs"].told.startswith(f"{ARN}: writes no access logs ")
    assert "allow s3:ListBucket" in told["connection logs"].told
    assert told["health check logs"].told.startswith(shop.place("open/health_check"))

"""The keep-alive timeout that containers declare: every option, near misses, and nothing else kept."""

import json
from typing import Any

import pytest

from pipeline.timeline import keep_alive
from pipeline.timeline.kubernetes_redact import lean

Value = dict[str, Any]


def words(*args: object, command: object = None) -> Value:
    return {"args": list(args)} | ({} if command is None else {"command": command})


def variable(name: str, value: object) -> Value:
    return {"env": [{"name": name, "value": value}]}


def told(*containers: Value) -> tuple[str, str] | None:
    """Seconds and option; the same however much was left out of the pod before."""
    spec: Value = {"containers": list(containers)}
    found = keep_alive.settings(spec)
    once = lean({"kind": "Pod", "spec": spec})
    assert keep_alive.settings(once["spec"]) == found, "redacted or not"
    assert lean(once) == once
    return (found["keep_alive_timeout_s"], found["keep_alive_option"]) if found else None


TOMCAT = "server.tomcat.keep-alive-timeout"


@pytest.mark.parametrize(
    ("container", "seconds", "option"),
    [
        (words("--timeout-keep-alive", "5"), "5", "--timeout-keep-alive"),
        (words("--timeout-keep-alive=75"), "75", "--timeout-keep-alive"),
        (words("app:app", "--timeout-keep-alive=75", command=["uvicorn"]), "75", "--timeout-keep-alive"),
        (words("--timeout-keep-alive=5", "--timeout-keep-alive=75"), "75", "--timeout-keep-alive"),
        (words(command=["sh", "-c", "exec uvicorn a:b --timeout-keep-alive 5"]), "5", "--timeout-keep-alive"),
        (words("--keep-alive", "2.5", command=["gunicorn"]), "2.5", "--keep-alive"),
        (words(command=["/usr/bin/hypercorn", "--keep-alive=9"]), "9", "--keep-alive"),
        (words("next", "start", "--keepAliveTimeout", "70000"), "70", "--keepAliveTimeout"),
        (words("jetty.http.idleTimeout=30000"), "30", "jetty.http.idleTimeout"),
        (words("-Djetty.http.idleTimeout=90500"), "90.5", "-Djetty.http.idleTimeout"),
        (words(f"-D{TOMCAT}=20000"), "20", f"-D{TOMCAT}"),
        (words(f"--{TOMCAT}=20s"), "20", f"--{TOMCAT}"),
        (words(f"--{TOMCAT}=1500ms"), "1.5", f"--{TOMCAT}"),
        (words("--server.netty.idle-timeout=65s"), "65", "--server.netty.idle-timeout"),
        (words("-Dserver.undertow.no-request-timeout=9s"), "9", "-Dserver.undertow.no-request-timeout"),
        (variable("UVICORN_TIMEOUT_KEEP_ALIVE", "65"), "65", "UVICORN_TIMEOUT_KEEP_ALIVE"),
        (variable("PUMA_PERSISTENT_TIMEOUT", "20"), "20", "PUMA_PERSISTENT_TIMEOUT"),
        (variable("SANIC_KEEP_ALIVE_TIMEOUT", "120"), "120", "SANIC_KEEP_ALIVE_TIMEOUT"),
        (variable("SERVER_TOMCAT_KEEPALIVETIMEOUT", "20s"), "20", "SERVER_TOMCAT_KEEPALIVETIMEOUT"),
        (variable("SERVER_TOMCAT_KEEP_ALIVE_TIMEOUT", "20000"), "20", "SERVER_TOMCAT_KEEP_ALIVE_TIMEOUT"),
        (variable("GUNICORN_CMD_ARGS", "-k gthread --keep-alive=5"), "5", "--keep-alive"),
        (variable("JAVA_TOOL_OPTIONS", f"-Xmx1g -D{TOMCAT}=75s"), "75", f"-D{TOMCAT}"),
        (
            words("--timeout-keep-alive=5") | variable("UVICORN_TIMEOUT_KEEP_ALIVE", "65"),
            "5",
            "--timeout-keep-alive",
        ),
    ],
)
def test_every_form_of_every_option(container: Value, seconds: str, option: str) -> None:
    assert told(container) == (seconds, option)


@pytest.mark.parametrize(
    "container",
    [
        {},
        words("--timeout-keep-alive"),
        words("--timeout-keep-alive", "$(KEEP_ALIVE)"),
        words("--timeout-keep-alive", "5s"),
        words("--timeout-keep-alive=0"),
        words("--timeout-keep-alive=-1"),
        words("--timeout-keep-alive=" + "9" * 400),
        words("--timeout-keep-alive=1e3"),
        words("--timeout-keep-alive-2=5"),
        words("--timeout", "5"),
        words("--keep-alive", "5"),
        words("--keep-alive", "5", command=["redis-cli"]),
        words("--keepAliveTimeout", "70s"),
        words("jetty.http.idleTimeout", "30000"),
        words(f"-D{TOMCAT}", "20000"),
        words(f"--{TOMCAT}=-1"),
        words(f"--{TOMCAT}=PT20S"),
        words("-Dserver.tomcat.connection-timeout=20s"),
        words(command=["sh", "-c", "echo 'no end --timeout-keep-alive 5"]),
        words(command="uvicorn --timeout-keep-alive 5"),
        words(5, None, ["--timeout-keep-alive=5"]),
        words("--timeout-keep-alive=5", f"--{TOMCAT}=20s"),
        words("--timeout-keep-alive=5", "--timeout-keep-alive=$(LATER)"),
        words("--timeout-keep-alive=$(OURS)") | variable("UVICORN_TIMEOUT_KEEP_ALIVE", "65"),
        variable("KEEP_ALIVE_TIMEOUT", "5"),
        variable("UVICORN_TIMEOUT_KEEP_ALIVE", ""),
        variable("UVICORN_TIMEOUT_KEEP_ALIVE", 5),
        variable("GUNICORN_CMD_ARGS", "--keep-alive 'x"),
        {"env": [{"name": "UVICORN_TIMEOUT_KEEP_ALIVE", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
        {"env": "none"},
    ],
)
def test_near_misses_and_bad_values_tell_nothing(container: Value) -> None:
    assert told(container) is None


def test_of_several_containers_the_one_that_declares_a_port_counts_and_of_several_such_none() -> None:
    served = words("--timeout-keep-alive=5") | {"ports": [{"containerPort": 8080}]}
    beside = words("--timeout-keep-alive=90")
    proxy = {"name": "proxy", "ports": [{"containerPort": 80}]}
    assert told(served, beside) == ("5", "--timeout-keep-alive")
    assert told(served, proxy) is None
    assert told(beside, beside) is None


def test_nothing_but_the_option_and_its_number_stays() -> None:
    secret = "tokenK0301"  # noqa: S105 - as it says
    for container in (
        words("uvicorn", secret, "--timeout-keep-alive", "5", f"--token={secret}"),
        words("--timeout-keep-alive", secret),
        words(f"/{secret}/gunicorn", "--keep-alive=5", "--env", f"KEY={secret}"),
        variable("GUNICORN_CMD_ARGS", f"--env KEY={secret} --keep-alive 5"),
        variable("UVICORN_TIMEOUT_KEEP_ALIVE", secret),
        variable("UVICORN_TIMEOUT_KEEP_ALIVE", "5") | words(secret),
    ):
        assert secret not in json.dumps(lean({"kind": "Pod", "spec": {"containers": [container]}}))


def test_every_option_says_where_its_server_documents_it() -> None:
    assert all(len(option.source) > 15 for option in (*keep_alive.ARGUMENTS, *keep_alive.VARIABLES))

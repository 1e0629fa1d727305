"""The simulated lines are plausible in themselves: times add up, and quirks are those that are documented."""

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from tests.unit.test_world import entries, truth

SHARES = {"mixed_hard": 0.4, "mixed_platform": 0.4, "mixed_servers": 0.4, "idle_flows": 0.5}
Line = dict[str, str]
NAMES = (
    *("type", "time", "elb", "client", "target", "request", "target_s", "response"),
    *("status", "target_status", "received", "sent", "text", "agent", "cipher", "protocol"),
    *("group", "trace", "domain", "certificate", "rule", "created", "actions", "redirect", "reason"),
)


@pytest.fixture(scope="module", params=sorted(SHARES))
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """All entries of one scenario; those of the truth carry their cause."""
    folder = tmp_path_factory.mktemp(request.param)
    world = SCENARIOS[request.param](4)
    for service in world.services:
        service.rps *= SHARES[request.param]
    world.knobs.duplicate_share = 0.0
    generate(world, folder)
    causes = {row["trace_id"]: row["cause"] for row in truth(folder)}
    rows = [dict(zip(NAMES, tokens, strict=False)) for _, _, tokens in entries(folder)]
    idle_s = str(int(world.knobs.idle_timeout_s))
    return [{**row, "cause": causes.get(row["trace"].strip('"'), ""), "idle_s": idle_s} for row in rows]


def elapsed(line: Line) -> float:
    end, begin = (datetime.fromisoformat(line[name]) for name in ("time", "created"))
    return (end - begin).total_seconds()


def times(line: Line) -> list[float]:
    return [float(line[name]) for name in ("request", "target_s", "response")]


def test_the_times_of_an_answer_add_up_to_its_length(lines: list[Line]) -> None:
    answered = [one for one in lines if one["target_status"] != "-" and one["type"] not in ("ws", "wss")]
    assert len(answered) > 1000
    for line in answered:
        assert min(times(line)) >= 0
        assert abs(sum(times(line)) - elapsed(line)) < 0.006


def test_what_the_balancer_answers_itself_has_no_target_status_and_no_response_time(
    lines: list[Line],
) -> None:
    own = [one for one in lines if one["status"] in ("502", "504") and one["reason"] == '"-"']
    own = [one for one in own if one["target_status"] == "-"]
    assert own
    for line in own:
        assert line["target"] != "-"
        assert line["response"] == "-1"
        assert not line["cause"].startswith(("target_generated", "lambda"))
        assert 0 < int(line["sent"]) < 800


def test_a_502_ends_when_its_times_say_so(lines: list[Line]) -> None:
    for line in (one for one in lines if one["status"] == "502" and one["target_status"] == "-"):
        request, target, response = times(line)
        if line["reason"] == '"-"' and request >= 0:
            assert abs(request + target - elapsed(line)) < 0.006
        elif line["reason"] == '"-"':
            assert (request, target, response) == (-1, -1, -1)


def test_a_504_is_a_connect_timeout_a_tls_timeout_or_an_idle_timeout(lines: list[Line]) -> None:
    for line in (one for one in lines if one["status"] == "504" and one["target_status"] == "-"):
        if line["reason"] != '"-"':
            continue
        took, (request, target, _) = elapsed(line), times(line)
        if took >= float(line["idle_s"]):
            assert request == -1 or target == -1 or request + target <= took + 0.01
        else:
            assert (request, target) == (-1, -1)
            upload_s = took - 10.0
            assert 0.0 <= upload_s < 0.1 or line["cause"] == "tls_handshake" or line["actions"] != '"forward"'


def test_a_client_that_leaves_gets_460_and_no_bytes(lines: list[Line]) -> None:
    for line in (one for one in lines if one["status"] == "460"):
        assert line["sent"] == "0"
        assert line["response"] == "-1"


def test_the_trace_holds_the_second_of_arrival(lines: list[Line]) -> None:
    for line in lines:
        found = re.fullmatch(r'"Root=1-([0-9a-f]{8})-[0-9a-f]{24}"', line["trace"])
        assert found
        assert abs(int(found.group(1), 16) - datetime.fromisoformat(line["created"]).timestamp()) < 1.001


def test_lines_lie_in_no_strict_order_of_time(lines: list[Line]) -> None:
    assert any(one["time"] > two["time"] for one, two in pairwise(lines))


def test_slow_connects_take_one_three_or_seven_seconds(lines: list[Line]) -> None:
    slow = [
        one
        for one in lines
        if one["status"] == "200" and float(one["request"]) > 0.5 and one["actions"] == '"forward"'
    ]
    assert {round(float(one["request"])) for one in slow} <= {1, 3, 7}


def test_truncated_answers_keep_their_status(tmp_path: Path) -> None:
    world = SCENARIOS["conntrack"](3)
    for service in world.services:
        service.rps *= 0.1
    world.knobs.conntrack_rate = 0.3  # some answers are cut near their beginning
    generate(world, tmp_path)
    rows = [dict(zip(NAMES, tokens, strict=False)) for _, _, tokens in entries(tmp_path)]
    sizes = [int(one["sent"]) for one in rows if "/products/" in one["text"] and one["status"] == "200"]
    assert min(sizes) < 0.1 * sorted(sizes)[len(sizes) // 2]

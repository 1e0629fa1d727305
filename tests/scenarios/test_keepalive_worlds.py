"""The inferred keep-alive timeout on simulated load balancers whose servers' timeout is known."""

import pytest

from tests.support.keepalive_world import inferred, world

SERVERS = {2.0: "gunicorn", 5.0: "uvicorn", 6.0: "Node.js", 20.0: "Puma before 7"}


@pytest.mark.parametrize("lifo", [True, False], ids=["lifo", "fifo"])
@pytest.mark.parametrize("timeout", sorted(SERVERS))
def test_quiet_pairs_tell_the_timeout_and_its_server(timeout: float, *, lifo: bool) -> None:
    found = inferred(world(timeout, 1.0, seed=51, requests=16_000, lifo=lifo))
    assert found["verdict"] == "estimated", found["reason"]
    assert found["low"] <= timeout <= found["high"]
    assert found["high"] - found["low"] < 1.0
    assert SERVERS[timeout] in found["servers"]
    assert found["is_race_possible"]
    assert found["is_idle_timeout_known"]


@pytest.mark.parametrize("lifo", [True, False], ids=["lifo", "fifo"])
@pytest.mark.parametrize(("timeout", "load"), [(2.0, 3.0), (6.0, 6.0), (6.0, 15.0)])
def test_busy_pairs_among_noise_never_name_a_wrong_server(timeout: float, load: float, *, lifo: bool) -> None:
    found = inferred(world(timeout, load, seed=52, requests=16_000, lifo=lifo, noise=2e-3))
    assert found["closes"] >= 5
    if found["verdict"] == "estimated":
        assert found["low"] <= timeout <= found["high"]
    else:
        assert found["reason"]
        assert found["servers"] is None


def test_noise_alone_names_no_server() -> None:
    found = inferred(world(75.0, 10.0, seed=53, requests=16_000, noise=4e-3))
    assert found["errors"] > 10
    assert found["verdict"] == "cannot_tell"
    assert found["is_race_possible"] is None


def test_an_idle_timeout_that_nobody_told_is_said_to_be_the_default() -> None:
    found = inferred(world(2.0, 1.0, seed=51, requests=8_000), knows_idle_timeout=False)
    assert found["idle_timeout_s"] == 60.0
    assert not found["is_idle_timeout_known"]

"""The simulated world: same seed, same bytes; the truth fits the logs; the physics holds."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fixtures.world.addresses import give_addresses
from fixtures.world.balancer import Outcome
from fixtures.world.cluster import World
from fixtures.world.pools import Connection, Pool
from fixtures.world.run import generate, generate_demo, simulate, without
from fixtures.world.scenarios import SCENARIOS
from fixtures.world.truth import count_causes
from tests.support.world_causes import ALSO_POSSIBLE, ANYWHERE, BUSY, REQUIRED

DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
TOKEN = re.compile(r'"[^"]*"|[^" ]+')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def small(name: str, seed: int, share: float) -> World:
    """The scenario with only a share of its traffic."""
    world = SCENARIOS[name](seed)
    for service in world.services:
        service.rps *= share
    return world


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file's content, inflated: compressors differ between machines."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def entries(folder: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Object key, line number and tokens of every access entry."""
    for path in sorted((folder / "logs").rglob("*_elasticloadbalancing_*.log.gz")):
        if path.name.startswith("conn_log_"):
            continue
        lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
        for number, line in enumerate(lines, start=1):
            yield str(path.relative_to(folder / "logs")), number, TOKEN.findall(line)


def truth(folder: Path) -> list[dict[str, Any]]:
    """All rows of the truth."""
    return [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]


def watched(folder: Path, name: str) -> list[dict[str, Any]]:
    """Lines of one watch stream."""
    text = gzip.decompress((folder / "timeline" / name).read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything at once, written to disk."""
    folder = tmp_path_factory.mktemp("mixed")
    generate(small("mixed_hard", 5, 0.4), folder)
    return folder


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        generate(small("crash_ip", 3, 0.05), tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_another_seed_is_another_cluster() -> None:
    one, two = SCENARIOS["scale_in_abrupt"](1), SCENARIOS["scale_in_abrupt"](2)
    assert one.balancer_id != two.balancer_id
    assert one.knobs.rtt_s != two.knobs.rtt_s


def test_the_committed_demo_is_what_the_world_generates(tmp_path: Path) -> None:
    generate_demo(tmp_path)
    assert contents(tmp_path) == contents(DEMO)


def test_the_demo_fits_into_the_wheel() -> None:
    assert sum(p.stat().st_size for p in DEMO.rglob("*") if p.is_file()) < 3_000_000


@pytest.mark.parametrize("folder_name", ["demo", "mixed"])
def test_truth_and_gateway_errors_are_the_same_lines(folder_name: str, mixed: Path) -> None:
    folder = DEMO if folder_name == "demo" else mixed
    logged = {(k, n): t[17].strip('"') for k, n, t in entries(folder) if t[8] in ("502", "504")}
    known = {(row["object_key"], row["line_number"]): row["trace_id"] for row in truth(folder)}
    assert known == logged
    assert len(known) == len(truth(folder)) > 100


def test_every_line_is_a_well_formed_entry(mixed: Path) -> None:
    sizes = set()
    for key, _, tokens in entries(mixed):
        sizes.add(len(tokens))
        assert TIME.fullmatch(tokens[1])
        assert TIME.fullmatch(tokens[21])
        assert tokens[21] <= tokens[1] or tokens[21][:23] == tokens[1][:23]
        assert all(t == "-1" or re.fullmatch(r"\d+\.\d{3}", t) for t in tokens[5:8])
        assert key.split("_")[-2] == tokens[33] if len(tokens) == 34 else True
    assert sizes in ({33}, {34})


def test_trace_ids_never_repeat(mixed: Path) -> None:
    traces = [tokens[17] for _, _, tokens in entries(mixed)]
    assert len(traces) == len(set(traces))


def test_entries_lie_in_the_interval_of_their_object(mixed: Path) -> None:
    for key, _, tokens in entries(mixed):
        stamp = key.split("_")[-3]
        end = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:00"
        assert tokens[1] < end


def test_distractors_lie_among_the_logs(mixed: Path) -> None:
    names = [p.name for p in (mixed / "logs").rglob("*")]
    assert "ELBAccessLogTestFile" in names
    assert any(name.startswith("conn_log_") for name in names)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_each_scenario_shows_its_causes_and_no_others(name: str) -> None:
    causes = count_causes(simulate(small(name, 1, 0.5 if name in BUSY else 1.0)))
    assert set(causes) >= REQUIRED[name]
    assert set(causes) <= REQUIRED[name] | ALSO_POSSIBLE.get(name, set()) | ANYWHERE
    assert min(causes[c] for c in REQUIRED[name]) >= (2 if len(REQUIRED[name]) > 2 else 10)


def test_all_scenarios_have_an_expectation() -> None:
    assert set(REQUIRED) == set(SCENARIOS)


def test_harmless_deploys_harm_nobody() -> None:
    for seed in (2, 3):
        assert "draining_pod" not in count_causes(simulate(small("placebo", seed, 0.5)))


def test_a_repaired_kube_proxy_resets_nothing() -> None:
    assert "conntrack_reset" not in count_causes(simulate(small("conntrack", 3, 0.2)))


@pytest.fixture(scope="module")
def young() -> tuple[World, list[Outcome]]:
    """Nodes that join before they forward."""
    world = SCENARIOS["new_node"](3)
    return world, simulate(world)


def test_a_short_block_shows_as_slow_connects_only(young: tuple[World, list[Outcome]]) -> None:
    world, outcomes = young
    upload_free = [o for o in outcomes if o.status == 200 and o.request.upload_bytes == 0]
    offsets = {round(o.request_time) for o in upload_free if o.request_time > 0.5}
    assert offsets == {1, 3, 7}
    late = [o for o in upload_free if o.request_time > 0.5 and o.target is not None]
    assert all(o.request.at < o.target.node.forwards_from for o in late if o.target)
    assert world.knobs.conntrack_rate == 0


def test_unanswered_connects_end_after_ten_seconds(young: tuple[World, list[Outcome]]) -> None:
    dropped = [o for o in young[1] if o.status == 504 and o.target_status == 0]
    assert dropped
    for outcome in dropped:
        assert (outcome.request_time, outcome.target_time, outcome.response_time) == (-1, -1, -1)
        assert 10.0 <= outcome.ends_at - outcome.request.dispatch_at < 10.01


def test_scale_in_hits_healthy_nodes_too() -> None:
    world = SCENARIOS["scale_in_abrupt"](1)
    errors = [o for o in simulate(world) if o.blame.cause == "scale_in" and o.target]
    terminated = {n.instance_id for n in world.nodes if n.leave_cause == "policy_alarm"}
    assert {o.blame.event for o in errors} <= terminated
    assert any(o.target and o.target.node.instance_id != o.blame.event for o in errors)


def test_a_crash_cuts_all_requests_in_flight_at_one_instant() -> None:
    world = SCENARIOS["crash_nodeport"](1)
    cut = [o for o in simulate(world) if o.blame.cause == "target_crash" and o.target_time > 0.05]
    bursts: dict[str, list[Outcome]] = {}
    for outcome in (o for o in cut if o.status == 502):
        bursts.setdefault(f"{outcome.blame.event}@{outcome.ends_at:.1f}", []).append(outcome)
    biggest = max(bursts.values(), key=len)
    assert len(biggest) >= 3
    assert len({o.target.ip for o in biggest if o.target}) >= 2
    assert max(o.ends_at for o in biggest) - min(o.ends_at for o in biggest) < 0.1


def test_a_delay_that_expires_cuts_exactly_then() -> None:
    outcomes = simulate(SCENARIOS["dereg_delay"](1))
    expired = [o for o in outcomes if o.blame.cause == "deregistration_delay_expired"]
    assert all(o.target and 0 <= o.ends_at - o.target.cut_at < 0.1 for o in expired)


def test_race_follows_the_servers_timer_and_never_the_balancers() -> None:
    world = SCENARIOS["keepalive_sparse"](1)
    timers = {s.name: s.keep_alive_s for s in world.services}
    last: dict[tuple[int, str], list[float]] = {}
    gaps = []
    for outcome in simulate(world):
        if outcome.target is None:
            continue
        pair = (outcome.balancer_node, outcome.target.address)
        if outcome.blame.cause == "keepalive_race":
            timer = timers[world.groups[outcome.request.group].service.name]
            earlier = [outcome.request.dispatch_at - t for t in last.get(pair, [])]
            gaps.append(min(abs(gap - timer) for gap in earlier))
        last.setdefault(pair, []).append(outcome.ends_at)
    assert len(gaps) > 20
    assert max(gaps) < 0.2


def test_the_balancer_takes_the_freshest_or_the_oldest_idle_connection() -> None:
    world = SCENARIOS["noise_only"](1)
    target = world.groups[0].targets[0]
    process = world.services[0].pods[0].containers[0]
    for lifo, expected in ((True, 20.0), (False, 10.0)):
        pool = Pool(60.0, lifo=lifo)
        for free_at in (10.0, 20.0):
            connection = Connection(target, process, 0.002, 0, 0.0, free_at=free_at)
            connection.idle(75.0, 0.0)
            pool.add(connection)
        taken = pool.take(25.0)
        assert taken is not None
        assert taken.free_at == expected
        assert pool.take(90.0) is None  # both have idled for longer than the balancer allows
        assert not pool.connections


def test_no_two_living_pods_or_nodes_share_an_address() -> None:
    world = SCENARIOS["draining_ip"](1)
    give_addresses(world)
    holders: dict[str, list[tuple[float, float]]] = {}
    for pod in (p for s in world.services for p in s.pods):
        holders.setdefault(pod.ip, []).append((pod.created_at, pod.removed_at))
    for node in world.nodes:
        holders.setdefault(node.ip, []).append((node.launched_at, node.gone_at))
    assert any(len(spans) > 1 for spans in holders.values())
    for spans in holders.values():
        ordered = sorted(spans)
        assert all(a[1] < b[0] for a, b in pairwise(ordered))


def test_a_pod_has_an_address_of_its_nodes_zone() -> None:
    world = SCENARIOS["mixed_platform"](1)
    give_addresses(world)
    zones: dict[str, set[str]] = {}
    for pod in (p for s in world.services for p in s.pods):
        third = int(pod.ip.split(".")[2])
        zones.setdefault(str(third // 16), set()).add(pod.node.zone)
    assert len(zones) == 3
    assert all(len(some) == 1 for some in zones.values())


def test_snapshots_forget_what_is_gone(mixed: Path) -> None:
    snapshot = json.loads((mixed / "timeline" / "kubectl-get-all.json").read_text())
    present = {i["metadata"]["name"] for i in snapshot["items"] if i["kind"] == "Pod"}
    gone = {
        line["object"]["metadata"]["name"]
        for line in watched(mixed, "kubectl-watch-pods.jsonl.gz")
        if line["type"] == "DELETED"
    }
    assert present
    assert gone
    assert not present & gone
    dumped = json.loads((mixed / "timeline" / "describe-instances.json").read_text())
    instances = [i for r in dumped["Reservations"] for i in r["Instances"]]
    dead = [i for i in instances if i["State"]["Name"] == "terminated"]
    assert dead
    assert not any("PrivateIpAddress" in i for i in dead)


def test_the_truth_names_entities_that_the_timeline_knows(mixed: Path) -> None:
    pods = {
        f"{line['object']['metadata']['namespace']}/{line['object']['metadata']['name']}"
        for line in watched(mixed, "kubectl-watch-pods.jsonl.gz")
    }
    nodes = {
        line["object"]["spec"]["providerID"].rpartition("/")[2]
        for line in watched(mixed, "kubectl-watch-nodes.jsonl.gz")
    }
    named = {row["event"] for row in truth(mixed) if row["cause"] in ("draining_pod", "scale_in", "new_node")}
    assert named
    assert named <= pods | nodes


def test_sources_can_be_left_out_without_changing_what_happened(tmp_path: Path) -> None:
    generate(small("crash_ip", 3, 0.05), tmp_path / "all")
    generate(without(small("crash_ip", 3, 0.05), ["kubernetes", "cloudtrail"]), tmp_path / "less")
    everything, less = contents(tmp_path / "all"), contents(tmp_path / "less")
    assert less.items() < everything.items()
    missing = set(everything) - set(less)
    assert all("kubectl" in name or "CloudTrail" in name or "lookup-events" in name for name in missing)


def test_the_truth_is_kept_away_from_the_evidence(mixed: Path) -> None:
    assert not list((mixed / "logs").rglob("*truth*"))
    assert not list((mixed / "timeline").rglob("*truth*"))

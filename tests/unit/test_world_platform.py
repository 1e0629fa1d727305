"""The platform's and the servers' faults: what they must do to requests, by their physics."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.world import api_calls
from fixtures.world.balancer import Outcome
from fixtures.world.cloudtrail import records
from fixtures.world.cluster import World
from fixtures.world.eventbridge import notices
from fixtures.world.kube_events import event_watch
from fixtures.world.run import generate, simulate
from fixtures.world.scenarios import SCENARIOS

Run = Callable[[str], tuple[World, list[Outcome]]]


@pytest.fixture(scope="module")
def run() -> Run:
    """One simulation of each scenario, kept."""
    known: dict[str, tuple[World, list[Outcome]]] = {}

    def simulated(name: str) -> tuple[World, list[Outcome]]:
        if name not in known:
            world = SCENARIOS[name](2)
            for service in world.services:
                service.rps *= 0.7
            known[name] = world, simulate(world)
        return known[name]

    return simulated


def blamed(outcomes: list[Outcome], cause: str) -> list[Outcome]:
    found = [o for o in outcomes if o.blame.cause == cause]
    assert found
    return found


def test_a_spot_instance_leaves_an_eviction_and_no_termination(run: Run) -> None:
    world, outcomes = run("spot")
    lost = {o.blame.event for o in blamed(outcomes, "spot_interruption")}
    calls: dict[str, list[str]] = {"BidEvictedEvent": [], "TerminateInstances": []}
    for _, row in records(world, 0):
        if row["eventName"] == "BidEvictedEvent":
            calls["BidEvictedEvent"] += row["serviceEventDetails"]["instanceIdSet"]
        elif row["eventName"] == "TerminateInstances":
            items = row["requestParameters"]["instancesSet"]["items"]
            calls["TerminateInstances"] += [i["instanceId"] for i in items]
    assert lost <= set(calls["BidEvictedEvent"])
    assert not lost & set(calls["TerminateInstances"])


def test_spot_warnings_come_for_some_and_lie_before_the_loss(run: Run) -> None:
    world, _ = run("spot")
    warned = {n["detail"]["instance-id"] for n in notices(world)}
    evicted = {c.subject: c.at for c in world.journal if c.kind == "evict"}
    assert 0 < len(warned) < len(evicted)
    for change in (c for c in world.journal if c.kind == "warn"):
        assert change.at < evicted[change.subject]


def test_a_security_group_edit_drops_new_connections_and_spares_tracked_flows(run: Run) -> None:
    world, outcomes = run("packet_filters")
    group = next(g for g in world.groups if g.blocked)
    begin, end, why = group.blocked[0]
    struck = [o for o in outcomes if o.blame is why and o.target and o.target.group is group]
    assert struck
    assert {(o.status, o.request_time) for o in struck} == {(504, -1)}
    served = [
        o
        for o in outcomes
        if o.status == 200 and o.target and o.target.group is group and begin < o.request.at < end
    ]
    assert served
    assert all(o.request_time < 1.0 or o.request.at + o.request_time >= end for o in served)


def test_a_network_acl_cuts_flows_that_a_security_group_spares(run: Run) -> None:
    world, outcomes = run("packet_filters")
    struck = [o for o in blamed(outcomes, "security_group_change") if o.blame.event in world.zones]
    assert {o.request_time >= 0 for o in struck} == {True, False} or world.knobs.timeout_form == "all_missing"
    waits = [o.ends_at - o.request.dispatch_at for o in struck]
    assert any(wait >= world.knobs.idle_timeout_s for wait in waits)


def test_edits_of_packet_filters_are_on_record(run: Run) -> None:
    world, outcomes = run("packet_filters")
    names = Counter(row["eventName"] for _, row in records(world, 0))
    assert names["RevokeSecurityGroupIngress"] == sum(len(g.blocked) for g in world.groups)
    assert names["CreateNetworkAclEntry"] == names["DeleteNetworkAclEntry"] > 0
    asked = [r["requestParameters"] for _, r in records(world, 0) if "SecurityGroup" in r["eventName"]]
    ids = {o.blame.event for o in blamed(outcomes, "security_group_change")} - set(world.zones)
    assert ids <= {a["groupId"] for a in asked}


def test_a_crowd_shows_as_slow_answers_before_the_first_error(run: Run) -> None:
    world, outcomes = run("overload")
    crowded = world.services[-1]
    first = min(o.ends_at for o in blamed(outcomes, "overload"))
    mine = [o for o in outcomes if o.target and o.target.group.service is crowded and o.status == 200]
    before = [o.target_time for o in mine if first - 60 < o.ends_at < first]
    calm = [
        o.target_time for o in mine if all(not b - 60 < o.ends_at < e + 900 for b, e, _ in crowded.surges)
    ]
    assert sorted(before)[len(before) // 2] > 3 * sorted(calm)[len(calm) // 2]
    assert {o.target.group.service for o in blamed(outcomes, "overload") if o.target} == {crowded}


def test_a_lost_zone_strikes_what_is_in_it_and_what_leads_into_it(run: Run) -> None:
    world, outcomes = run("zone_lost")
    struck = blamed(outcomes, "zonal_failure")
    ip_only = [o for o in struck if o.target and o.target.pod]
    assert all(o.target.node.zone == o.blame.event for o in ip_only if o.target)
    assert {o.blame.event for o in struck} <= set(world.zones)
    reasons = {row["reason"] for _, _, row in event_watch(world) if row["involvedObject"]["kind"] == "Node"}
    assert ("NodeNotReady" in reasons) == any(n.away for n in world.nodes)


def test_lost_packets_are_sent_again_and_short_darkness_only_delays(run: Run) -> None:
    world, outcomes = run("zone_lost")
    begin, end, _ = next(n.dark[0] for n in world.nodes if n.dark)
    late = [o for o in outcomes if o.status == 200 and begin < o.request.at < end and o.target_time > 1.0]
    assert late
    assert all(o.ends_at >= end or o.request.service_s > 0.5 for o in late)


def test_kube_proxy_refuses_while_its_rules_are_flushed_on_one_node(run: Run) -> None:
    world, outcomes = run("kube_proxy_rollouts")
    for outcome in blamed(outcomes, "kube_proxy_restart"):
        assert outcome.target
        node = outcome.target.node
        assert outcome.blame.event == node.instance_id
        assert any(begin <= outcome.ends_at < end + 0.1 for begin, end, _ in node.unprogrammed)
    pods = {p.node for p in world.daemons[0].pods}
    assert pods == set(world.nodes)


def test_without_endpoints_new_connections_to_every_node_are_refused(run: Run) -> None:
    _, outcomes = run("no_ready_endpoints")
    struck = blamed(outcomes, "no_endpoints")
    assert {(o.status, o.request_time) for o in struck} == {(502, -1)}
    assert len({o.target.ip for o in struck if o.target}) >= 4


def test_a_forgotten_flow_hangs_until_the_idle_timeout(run: Run) -> None:
    world, outcomes = run("idle_flows")
    for outcome in blamed(outcomes, "idle_flow_evicted"):
        assert outcome.status == 504
        assert outcome.ends_at - outcome.request.at >= world.knobs.idle_timeout_s


def test_a_wrong_rule_sends_everything_to_the_other_group(run: Run) -> None:
    world, outcomes = run("wrong_rules")
    index, other, (begin, end) = world.reroutes[0]
    meanwhile = [o for o in outcomes if o.action.endswith("forward") and begin <= o.request.dispatch_at < end]
    assert not [o for o in meanwhile if o.request.group == index]
    assert {o.blame.cause for o in meanwhile if o.request.group == other} == {"config_change"}
    assert sum(row["eventName"] == "ModifyRule" for _, row in records(world, 0)) == 2 * len(world.reroutes)


def test_an_aborting_server_always_waits_the_same_time(run: Run) -> None:
    world, outcomes = run("worker_aborts")
    service = next(s for s in world.services if s.abort_s < 1e6)
    struck = blamed(outcomes, "worker_abort")
    assert all(abs(o.target_time - service.abort_s - o.request.upload_s) < 0.1 for o in struck)
    assert len({round(o.ends_at) for o in struck}) > len(struck) / 2


def test_a_slow_upload_is_cut_before_its_body_has_come(run: Run) -> None:
    _, outcomes = run("slow_uploads")
    struck = blamed(outcomes, "slow_client_upload")
    assert all(o.request.upload_s > o.target_time > 5 for o in struck)
    assert len({o.request.client for o in struck}) < 60


def test_a_bad_path_fails_always_and_a_bloated_session_everywhere(run: Run) -> None:
    world, outcomes = run("bad_answers")
    web = world.services[0]
    template, (begin, end, _) = web.broken[0]
    tried = [
        o
        for o in outcomes
        if o.target
        and o.target.group.service is web
        and o.request.path.template == template
        and begin <= o.request.dispatch_at < end - 5
    ]
    assert {o.blame.cause for o in tried} <= {"malformed_response", "", "keepalive_race", "target_generated"}
    assert sum(o.blame.cause == "malformed_response" for o in tried) > 0.9 * len(tried)
    bloated = blamed(outcomes, "response_header_too_large")
    assert {o.request.client for o in bloated} <= web.bulky_clients
    assert len({o.request.path for o in bloated}) >= 3


def test_missing_bytes_are_waited_for_after_the_answer_has_begun(run: Run) -> None:
    world, outcomes = run("bad_answers")
    for outcome in blamed(outcomes, "content_length_mismatch"):
        assert outcome.status == 504
        waited = outcome.ends_at - outcome.request.dispatch_at
        assert waited >= world.knobs.idle_timeout_s + 0.9 * outcome.request.service_s
        if world.knobs.timeout_form == "tpt_given":
            assert outcome.target_time < waited - world.knobs.idle_timeout_s + 0.1


def test_tls_fails_within_round_trips_or_after_ten_seconds_more(run: Run) -> None:
    world, outcomes = run("tls_to_targets")
    forms: Counter[tuple[bool, int]] = Counter()
    for outcome in blamed(outcomes, "tls_handshake"):
        assert outcome.target
        assert outcome.target.group.protocol == "HTTPS"
        took = outcome.ends_at - outcome.request.dispatch_at
        assert took < 0.1 or 10.0 < took < 17.5
        forms[took > 1, outcome.status] += 1
    assert {status for hung, status in forms if not hung} <= {502}
    assert {status for hung, status in forms if hung} <= {world.knobs.tls_timeout_status}


def test_harmless_edits_block_nobody() -> None:
    world = SCENARIOS["harmless_churn"](2)
    calls = [c.subject for c in world.journal if isinstance(c.subject, api_calls.ApiCall)]
    assert len(calls) == 80
    assert not any(g.blocked for g in world.groups)
    assert not any(n.dark for n in world.nodes)


def test_repeated_events_come_as_a_series_in_the_newer_form() -> None:
    world = SCENARIOS["crash_ip"](2)
    world.knobs.aggregate_events = world.knobs.event_series = True
    simulate(world)
    rows = [row for _, _, row in event_watch(world)]
    repeated = [row for row in rows if "series" in row]
    assert repeated
    for row in repeated:
        assert row["series"]["count"] > 1
        assert row["lastTimestamp"] is None
        assert row["series"]["lastObservedTime"] >= row["eventTime"]


def test_objects_come_late_and_twice_without_another_line(tmp_path: Path) -> None:
    world = SCENARIOS["crash_ip"](2)
    for service in world.services:
        service.rps *= 0.05
    world.knobs.duplicate_share, world.knobs.late_share = 0.3, 0.3
    generate(world, tmp_path)
    names = Counter(p.name for p in tmp_path.rglob("*_elasticloadbalancing_*.log.gz"))
    copies = [p for p in tmp_path.rglob("*.log.gz") if "copy" in p.parts]
    assert max(names.values()) == 2
    for copy in copies:
        parts = [part for part in copy.parts if part != "copy"]
        assert Path(*parts).read_bytes() == copy.read_bytes()
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len({row["trace_id"] for row in truth}) == len(truth)

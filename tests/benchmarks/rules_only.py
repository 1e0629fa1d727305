"""Baseline (b): careful hand-written rules, scored as log-likelihood ratios; nothing is estimated.

Gates, vetoes, windows and scores are those that on-call engineers write down (exact-time law +4,
matched entity +3, core window +2, outer window +0.5, three at one instant +2, clean controls +1).
The best rule wins with at least 1.5; otherwise nothing explains it.
"""

from collections.abc import Callable, Iterator

import polars as pl

from pipeline.engine.duckdb import Engine
from tests.benchmarks.rules_facts import Error, Facts, Gone
from tests.benchmarks.rules_read import read_facts

CONNECT, SILENT = ("connect_timeout", "tls_timeout"), "no_answer"
CUT = ("closed_at_once", "closed_midway")
Verdict = tuple[str, float]
Rule = Callable[[Error, Facts], Iterator[Verdict]]
LEAST, SURE, MARGIN = 1.5, 3.0, 1.5
HIGH, MEDIUM, LOW = 0.95, 0.75, 0.4


def judge(engine: Engine) -> pl.DataFrame:
    """Rows ``request_id``, ``cause``, ``confidence`` (high, medium or low as a number)."""
    facts = read_facts(engine)
    rows = [(error.request_id, *_decide(error, facts)) for error in facts.errors]
    return pl.DataFrame(rows, schema=["request_id", "cause", "confidence"], orient="row")


def _decide(error: Error, facts: Facts) -> tuple[str, float]:
    gated = {"target_answered": "target_generated", "lambda": "lambda_error"}.get(error.failure_class)
    if gated:
        return gated, 0.99
    best: dict[str, float] = {}
    for rule in RULES:
        for cause, score in rule(error, facts):
            best[cause] = max(best.get(cause, score), score)
    ranked = sorted(best.items(), key=lambda one: (-one[1], one[0]))
    if not ranked or ranked[0][1] < LEAST:
        return "unexplained", LOW
    clear = len(ranked) == 1 or ranked[0][1] - ranked[1][1] >= MARGIN
    return ranked[0][0], HIGH if ranked[0][1] >= SURE and clear else MEDIUM if clear else LOW


def _node_lost(error: Error, facts: Facts) -> Iterator[Verdict]:
    """The target, or behind NodePort a node with pods, was terminated; or found dead before."""
    for node in facts.lost_nodes:
        entity = _entity(error, node)
        if entity is None:
            continue
        since = error.failed_s - node.left_s
        began = error.began_s - node.left_s
        if node.reason in ("unhealthy", "crash"):
            if error.failure_class in (*CONNECT, SILENT) and -330 <= began <= 60:
                yield "target_crash", entity + 2.0
            continue
        cause = "spot_interruption" if node.is_spot else "scale_in"
        core = {
            SILENT: -error.idle_timeout_s <= began <= 65,
            **dict.fromkeys(CONNECT, -2 <= began <= 75),
            **dict.fromkeys((*CUT, "not_connected"), -2 <= since <= 30),
        }.get(error.failure_class, False)
        if core or 0 <= since <= 180:
            yield cause, entity + (2.0 if core else 0.5)


def _entity(error: Error, gone: Gone) -> float | None:
    """How well what left fits the logged target; behind NodePort any pod may have been the one."""
    if error.target_ip in gone.addresses:
        return 3.0
    return 1.5 if error.is_node_port else None


def _crashed(error: Error, facts: Facts) -> Iterator[Verdict]:
    """A container died: what was in flight is cut together, then nobody listens."""
    for pod in facts.left_pods:
        entity, after = _entity(error, pod), error.failed_s - pod.left_s
        if pod.reason != "crash" or entity is None:
            continue
        if error.failure_class in CUT and -2 <= after <= 1.5:
            yield "target_crash", entity + 2.0 + (2.0 if error.together >= 3 else 0.0)
        elif error.failure_class == "not_connected" and 0 <= after <= 65:
            yield "target_crash", entity + 2.0


def _drained(error: Error, facts: Facts) -> Iterator[Verdict]:
    """A pod was deleted: a burst at its exit, new connections to nobody until the targets have gone."""
    for pod in facts.left_pods:
        entity, after = _entity(error, pod), error.failed_s - pod.left_s
        if pod.reason == "crash" or pod.node_left or entity is None:
            continue
        unconnected = error.failure_class in ("not_connected", *CONNECT)
        if error.failure_class in CUT and -1 <= after <= 2:
            yield "draining_pod", entity + 2.0 + (2.0 if error.together >= 3 else 0.0)
        elif not error.is_node_port and unconnected and -10 <= after <= 40:
            yield "draining_pod", entity + 2.0
        elif error.failure_class in (*CUT, "not_connected") and 0 <= error.failed_s - pod.drain_s <= 20:
            yield "draining_pod", entity + 0.5


def _young(error: Error, facts: Facts) -> Iterator[Verdict]:
    """The target had just joined, and old targets are clean in that minute."""
    age = error.target_age_s
    if age is None or error.failure_class not in (*CONNECT, "not_connected") or not -10 <= age <= 300:
        return
    control = -3.0 if facts.old_targets_fail(error) else 1.0
    yield "new_node", 3.0 + (2.0 if age <= 120 else 0.5) + control


def _delay_expired(error: Error, facts: Facts) -> Iterator[Verdict]:
    """The request was cut exactly a deregistration delay after DeregisterTargets."""
    if error.failure_class != "closed_midway" or error.deregistration_delay_s is None:
        return
    for at in facts.deregistered.get(error.target_ip or "", ()):
        if abs(error.failed_s - at - error.deregistration_delay_s) <= 5:
            yield "deregistration_delay_expired", 7.0


def _race(error: Error, facts: Facts) -> Iterator[Verdict]:
    """Closed as the request arrived; the pause says more where a server's timeout stands out."""
    if error.failure_class not in ("closed_at_once", "not_connected"):
        return
    timeout_s, gap = facts.keep_alive.get(error.group), error.gap_s
    if gap is not None and (gap > error.idle_timeout_s or (timeout_s and gap > timeout_s + 1.0)):
        return
    exact = timeout_s is not None and gap is not None and timeout_s - 0.1 <= gap <= timeout_s + 1.0
    base = 1.6 if error.failure_class == "closed_at_once" else 0.8
    yield "keepalive_race", base + (4.0 if exact else 0.0) - (1.0 if error.together >= 3 else 0.0)


def _reset(error: Error, facts: Facts) -> Iterator[Verdict]:
    """An old kube-proxy, and a large exchange."""
    if facts.old_kube_proxy and error.is_node_port and error.failure_class in CUT:
        big = error.received_bytes > 4 * facts.median_bytes.get(error.group, 1e18)
        yield "conntrack_reset", 1.0 + (1.5 if big else 0.0) + (1.0 if error.waited_s > 0.02 else 0.0)


def _waited(error: Error, _: Facts) -> Iterator[Verdict]:
    """No answer within the idle timeout from a target that answers others, on a path known as slow."""
    if error.failure_class == SILENT:
        yield (
            "target_timeout",
            1.6 + (1.0 if error.slow_path else 0.0) + (1.0 if error.answered_others else -1.0),
        )
        if error.gap_s is not None and 350 < error.gap_s < error.idle_timeout_s:
            yield "idle_flow_evicted", 5.0


def _blocked(error: Error, facts: Facts) -> Iterator[Verdict]:
    """Unanswered connects by themselves; with a crowd, in one subnet, after an edit of a packet filter."""
    if error.failure_class == "connect_timeout":
        yield "connect_timeout", 1.6
    if error.failure_class not in (*CONNECT, SILENT):
        return
    if facts.crowd_before(error) >= 1.7:
        yield "overload", 5.0
    if facts.is_one_subnet(error):
        yield "zonal_failure", 4.4
    if facts.failing_targets(error) >= 2 and facts.edit_before(error, "security_group_change"):
        yield "security_group_change", 4.5


def _refused(error: Error, facts: Facts) -> Iterator[Verdict]:
    """Refused connects: one target, all of them, TLS, or kube-proxy starting on that node."""
    if error.failure_class in (*CONNECT, "not_connected") and error.protocol == "HTTPS":
        yield "tls_handshake", 3.5
    if error.failure_class != "not_connected":
        return
    yield "connection_refused", 1.5 + (1.0 if facts.refused_around(error) >= 3 else 0.0)
    if facts.share_of_targets_refusing(error) >= 0.8:
        yield "no_endpoints", 4.0
    for started_s in facts.kube_proxy_starts.get(error.target_ip or "", ()):
        if error.is_node_port and -10 <= started_s - error.failed_s <= 10:
            yield "kube_proxy_restart", 6.1


def _server(error: Error, facts: Facts) -> Iterator[Verdict]:
    """Timers of the server, and answers that one path or one client never gets."""
    if error.failure_class not in (*CUT, SILENT):
        return
    path_fails, client_fails = facts.share_failing_on_path(error), facts.share_failing_of_client(error)
    if error.failure_class in CUT and path_fails >= 0.9:
        yield "malformed_response", 5.0
    if error.failure_class == SILENT and path_fails >= 0.9:
        yield "content_length_mismatch", 4.0
    if error.failure_class in CUT and client_fails >= 0.6 and path_fails < 0.5:
        yield "response_header_too_large", 4.5
    if error.failure_class == "closed_midway" and facts.is_constant_wait(error):
        usual = facts.path_bytes.get((error.group, error.path), 0.0)
        has_body = usual > 100_000 or error.received_bytes < 0.5 * usual
        yield ("slow_client_upload" if has_body else "worker_abort"), 4.6


RULES: tuple[Rule, ...] = (
    _node_lost,
    _crashed,
    _drained,
    _young,
    _delay_expired,
    _race,
    _reset,
    _waited,
    _blocked,
    _refused,
    _server,
)

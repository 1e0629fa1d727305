"""What the hand-written rules look at: errors, lost nodes, pods that left, counts around an instant."""

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field

AROUND_S = 300.0


@dataclass(frozen=True, slots=True)
class Error:
    """One gateway error; instants in s since 1970."""

    request_id: str
    failure_class: str
    group: str
    target_ip: str | None
    is_node_port: bool
    began_s: float
    failed_s: float
    waited_s: float
    gap_s: float | None
    target_age_s: float | None
    idle_timeout_s: float
    deregistration_delay_s: float | None
    received_bytes: int
    path: str | None
    client_ip: str | None
    protocol: str | None
    answered_others: bool
    slow_path: bool
    together: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A node or pod that left."""

    addresses: frozenset[str]
    left_s: float
    drain_s: float
    reason: str | None
    is_spot: bool = False
    node_left: bool = False


@dataclass
class Facts:
    """Everything the rules may ask."""

    errors: list[Error]
    lost_nodes: list[Gone]
    left_pods: list[Gone]
    deregistered: dict[str, list[float]]
    edits: dict[str, list[float]]
    kube_proxy_starts: dict[str, list[float]]
    old_kube_proxy: bool
    traffic: dict[tuple[object, ...], tuple[list[float], list[float]]]
    median_bytes: dict[str, float]
    path_bytes: dict[tuple[str, str | None], float]
    keep_alive: dict[str, float] = field(default_factory=dict)
    by_group: dict[str, list[Error]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Group the errors, in the order of time, and look for the servers' timeouts."""
        for error in self.errors:
            self.by_group.setdefault(error.group, []).append(error)
        self.keep_alive = _keep_alive(self.errors)

    def _near(self, error: Error, seconds: float) -> list[Error]:
        same = self.by_group[error.group]
        begin = bisect_left(same, error.failed_s - seconds, key=lambda o: o.failed_s)
        end = bisect_right(same, error.failed_s + seconds, key=lambda o: o.failed_s)
        return same[begin:end]

    def old_targets_fail(self, error: Error) -> bool:
        """Whether targets older than an hour fail in the same way in the same minute."""
        return any(
            o.failure_class == error.failure_class and (o.target_age_s is None or o.target_age_s > 3600)
            for o in self._near(error, 60)
            if o.target_ip != error.target_ip
        )

    def refused_around(self, error: Error) -> int:
        """Refused connects to the same target within half a minute."""
        near = self._near(error, 30)
        return sum(o.failure_class == "not_connected" and o.target_ip == error.target_ip for o in near)

    def share_of_targets_refusing(self, error: Error) -> float:
        """Of the group's targets in use, how many refuse within twenty seconds."""
        near = {o.target_ip for o in self._near(error, 20) if o.failure_class == "not_connected"}
        used = len({o.target_ip for o in self.by_group[error.group]})
        return len(near) / used if used >= 3 else 0.0

    def failing_targets(self, error: Error) -> int:
        """Targets that give no connection or no answer within a minute."""
        classes = ("connect_timeout", "no_answer")
        return len({o.target_ip for o in self._near(error, 60) if o.failure_class in classes})

    def is_one_subnet(self, error: Error) -> bool:
        """Whether all targets that fail within a minute lie in one subnet (/24) and others do not fail."""
        classes = ("connect_timeout", "no_answer")
        failing = {_subnet(o.target_ip) for o in self._near(error, 60) if o.failure_class in classes}
        used = {_subnet(o.target_ip) for o in self.by_group[error.group]}
        return len(failing) == 1 and len(used) > 1 and self.failing_targets(error) >= 2

    def edit_before(self, error: Error, reason: str) -> bool:
        """Whether such an edit lies in the five minutes before the request began."""
        return any(-5 <= error.began_s - at <= AROUND_S for at in self.edits.get(reason, ()))

    def crowd_before(self, error: Error) -> float:
        """Requests of the busiest of the three minutes before, over a minute's in the half hour around."""
        stream, at = ("group", error.group), error.began_s
        busiest = max(self._count(stream, at - 60 * n - 60, at - 60 * n)[0] for n in range(3))
        return busiest / max(self._count(stream, at - 900, at + 900)[0] / 30, 1.0)

    def share_failing_on_path(self, error: Error) -> float:
        """Share of the path's requests that fail in ten minutes around; 0 below five failures."""
        return self._share(("path", error.group, error.path), error)

    def share_failing_of_client(self, error: Error) -> float:
        """The same for the client."""
        return self._share(("client", error.group, error.client_ip), error)

    def is_constant_wait(self, error: Error) -> bool:
        """Whether five others of the group waited as long to two in a hundred, at other instants."""
        alike = [
            o.failed_s
            for o in self.by_group[error.group]
            if o.failure_class == "closed_midway"
            and abs(o.waited_s - error.waited_s) <= 0.02 * error.waited_s
        ]
        return error.waited_s > 3 and len(alike) >= 6 and max(alike) - min(alike) > 60

    def _count(self, key: tuple[object, ...], since: float, until: float) -> tuple[int, int]:
        """Requests and failures of a stream within a span."""
        every, failing = self.traffic.get(key, ([], []))
        requests = bisect_right(every, until) - bisect_left(every, since)
        return requests, bisect_right(failing, until) - bisect_left(failing, since)

    def _share(self, key: tuple[object, ...], error: Error) -> float:
        requests, failures = self._count(key, error.failed_s - AROUND_S, error.failed_s + AROUND_S)
        return failures / requests if failures >= 5 else 0.0


def _subnet(ip: str | None) -> str:
    return (ip or "").rpartition(".")[0]


def _keep_alive(errors: list[Error]) -> dict[str, float]:
    """Per group the pause at which at least five immediate closes pile up, twice as many as elsewhere."""
    found = {}
    for group in {e.group for e in errors}:
        gaps = [
            e.gap_s
            for e in errors
            if e.group == group and e.failure_class == "closed_at_once" and e.gap_s and e.together < 3
        ]
        piles = Counter(round(gap * 2) / 2 for gap in gaps)
        if piles:
            mode, count = piles.most_common(1)[0]
            rest = piles.most_common(2)[1][1] if len(piles) > 1 else 0
            if count >= 5 and count >= 2 * rest:
                found[group] = mode
    return found

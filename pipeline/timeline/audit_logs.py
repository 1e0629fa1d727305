"""Which EKS audit logs are read in which account and region, and what came of each.

A cluster's log lies beside the cluster: its group is looked for in every place that is asked about, or,
given by ARN, in the place that the ARN names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.timeline import kubernetes_audit_fetch
from pipeline.timeline.aws_faults import FAULTS, explain
from pipeline.timeline.collection import Call, Collection
from pipeline.timeline.collector import Collector
from pipeline.timeline.kubernetes_audit_objects import MISSING
from pipeline.timeline.scope import Scope

ACTION = kubernetes_audit_fetch.ACTION


@dataclass(frozen=True)
class Group:
    """A log group.

    Attributes:
        name: as the API takes it.
        account: its account; None: any that is asked about.
        region: its region; None: as before.
    """

    name: str
    account: str | None = None
    region: str | None = None

    def is_in(self, account: str | None, region: str | None) -> bool:
        """Whether it may be in a place; of a place of which something is unknown, the rest decides."""
        pairs = ((self.account, account), (self.region, region))
        return all(None in pair or pair[0] == pair[1] for pair in pairs)


def parsed(given: str) -> Group:
    """A group by name, or by ARN (``arn:aws:logs:<region>:<account>:log-group:<name>``), ``:*`` or not."""
    if not given.startswith("arn:"):
        return Group(given.removesuffix(":*"))
    _, _, _, region, account, _, name, *_ = given.split(":")
    return Group(name, account, region)


def of_place(given: Sequence[str], account: str | None, region: str | None) -> list[str]:
    """Names of the groups to read in an account and region."""
    groups = map(parsed, given)
    return list(dict.fromkeys(group.name for group in groups if group.is_in(account, region)))


def fetch(scope: Scope, ask: Collector, name: str) -> None:
    """Read one group for the window."""
    call = ask.began(kubernetes_audit_fetch.NAME, ACTION, name)
    try:
        client = ask.client("logs")
    except FAULTS as problem:
        fault = explain(problem, ACTION)
        call.fault, call.message = fault.kind, fault.message
        return
    found = kubernetes_audit_fetch.fetch(
        client, name, scope.since, scope.until, ask.folder, ask.scrubber, is_probe=scope.is_probe
    )
    call.calls = found.calls
    if found.path is not None:
        call.files = [found.path.name]
    if found.message:
        call.fault = "denied" if found.denied else MISSING if found.is_missing else "incomplete"
        call.message = found.message
    if found.covered_from is not None and found.covered_to is not None:
        ask.covered("audit", found.covered_from, found.covered_to)


def settle(given: Sequence[str], records: Sequence[Collection]) -> None:
    """A log that one place has is no fault of those that have it not; one that no place has is said."""
    calls = [
        call for record in records for call in record.calls if call.source == kubernetes_audit_fetch.NAME
    ]
    there = {(call.action, call.about) for call in calls if call.fault != MISSING}
    for call in calls:
        if call.fault == MISSING and (call.action, call.about) in there:
            call.fault = call.message = None
    for group in map(parsed, given):
        if not any(group.is_in(record.account, record.region) for record in records):
            place = f"account {group.account}, region {group.region}"
            lost = Call(kubernetes_audit_fetch.NAME, ACTION, group.name, records[0].asked_at)
            lost.fault = "elsewhere"
            lost.message = f"not asked: none of the load balancers is in {place}"
            records[0].calls.append(lost)

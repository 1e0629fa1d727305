"""What can be seen from here, what cannot, and what that costs: logs, AWS, the cluster, the store."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline.attribute.coverage import DECISIVE, FAMILIES, OBSERVES, REVEALED_BY
from pipeline.attribute.verdicts import TRUST_UNSEEN, TRUST_UNWATCHED
from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import ForensicsError
from pipeline.ingest import lateness
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import source_of
from pipeline.ingest.s3_options import S3Options
from pipeline.model import COVERAGE, EVENTS, Window
from pipeline.timeline import autoscaling_fetch, cloudtrail_fetch, cloudwatch_fetch, kubernetes_audit_fetch
from pipeline.timeline.collection import Call, Collection
from pipeline.timeline.folder import read_timeline
from pipeline.usecases import live, privacy
from pipeline.usecases.incident import Question, attach_logs
from pipeline.usecases.whence import whence

LOOKED_AT = timedelta(hours=24)
"""Logs, AWS and coverage are looked at this far back."""
_PROBE = timedelta(hours=1)
_KINDS = {
    "nodes": "^(instance|node|target|termination|spot)_",
    "pods": "^(pod|container)_",
    "deregistrations": "^target_deregistered$",
    "changes": "^(network|routing|setting)_changed$",
}
"""Event kinds that the sources of a family tell."""
_KEPT = {
    "autoscaling:DescribeScalingActivities": ("scaling_activities", autoscaling_fetch.REACH),
    "cloudtrail:LookupEvents": ("cloudtrail", cloudtrail_fetch.REACH),
    "cloudwatch:GetMetricData": ("cloudwatch", cloudwatch_fetch.KEPT),
}
"""Actions that tell of the past: the source of `coverage`, and how far back AWS reaches."""
_OF_NODES = {"ec2:DescribeInstances": "instances"}
"""Further actions on which verdicts rest."""
_AUDIT = "audit"
"""What every action tells that asks for audit logs."""


@dataclass(frozen=True)
class Line:
    """One source.

    Attributes:
        name: what was looked at.
        is_well: it answered, and lacks nothing.
        told: a sentence: what it showed, or what is missing and how to allow it.
    """

    name: str
    is_well: bool
    told: str


@dataclass(frozen=True)
class Watched:
    """What the timeline at hand covers of the last day.

    Attributes:
        family: nodes, pods or deregistrations.
        sources: sources of the family that were found.
        share: how much of the time one of them watched, 0 to 1.
        last_event_at: the newest event of them, UTC.
        cost: what verdicts lose without it.
    """

    family: str
    sources: tuple[str, ...]
    share: float
    last_event_at: datetime | None
    cost: str


@dataclass(frozen=True)
class Observed:
    """What one source covers, in one account and region.

    Attributes:
        source: as in `coverage`.
        place: account and region; None: the source names none.
        covered_from: first instant observed, UTC.
        covered_to: last one.
        share: how much of the last day was observed, 0 to 1.
        last_event_at: the newest event of it and its like (all Kubernetes sources tell alike), UTC.
    """

    source: str
    place: str | None
    covered_from: datetime
    covered_to: datetime
    share: float
    last_event_at: datetime | None


@dataclass
class Diagnosis:
    """Everything that was found out."""

    logs: list[Line] = field(default_factory=list)
    aws: list[Line] = field(default_factory=list)
    cluster: list[Line] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing is missing."""
        lines = [*self.logs, *self.aws, *self.cluster]
        return all(line.is_well for line in lines) and all(one.share > 0 for one in self.watched)


def doctor(
    settings: Settings,
    *,
    logs: str | None = None,
    timeline: Path | None = None,
    load_balancer: str | None = None,
    aws: bool = False,
    cluster: bool = False,
) -> Diagnosis:
    """Look at every source once; one that fails costs itself only.

    Args:
        settings: the store, and how buckets and the cluster are reached.
        logs: where access logs are; None: the load balancer is asked, if one is given, and the store is read.
        timeline: folder of dumps to judge instead of the store's timeline.
        load_balancer: name, app/name/id or ARN.
        aws: whether AWS is asked for the last hour, to see what it allows.
        cluster: whether Kubernetes is asked.
    """
    now = datetime.now(UTC)
    found = Diagnosis()
    found.logs += _logs(settings, logs, load_balancer, now)
    found.logs += _drift(settings)
    if aws:
        found.aws += _aws(settings, load_balancer, now)
    if cluster:
        found.cluster += _cluster(settings)
    found.watched, found.observed = _timeline(settings, timeline, now)
    return found


def _logs(settings: Settings, logs: str | None, load_balancer: str | None, now: datetime) -> Iterator[Line]:
    if logs is None and load_balancer is None:
        yield _store(settings)
        return
    try:
        place = whence(logs, load_balancer, settings, needs_access_logs=False)
    except ForensicsError as problem:
        yield Line("logs", is_well=False, told=str(problem))
        return
    if place.lacks is not None:
        yield Line("access logs", is_well=False, told=place.lacks)
    for uri, name in place.places.items():
        yield from _place(uri, name, place.s3, load_balancer, now)


def _place(uri: str, name: str, s3: S3Options, load_balancer: str | None, now: datetime) -> Iterator[Line]:
    """What lies at one place, and how late it came."""
    try:
        with closing(source_of(uri, s3, load_balancer)) as source:
            seen = lateness.of(source.candidates(Window(now - LOOKED_AT, now)))
    except ForensicsError as problem:
        yield Line(name, is_well=False, told=str(problem))
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(seen.kinds.items())) or "no object"
    yield Line(name, is_well=bool(seen.kinds), told=f"{uri}: {kinds} in the last 24 h")
    if seen.newest is not None:
        yield Line(
            "lateness",
            is_well=True,
            told=f"half come within {seen.median_s:.0f} s of the end of their five minutes, 95 % within "
            f"{seen.p95_s:.0f} s, all within {seen.worst_s:.0f} s; "
            f"the newest ends {seen.newest:%Y-%m-%d %H:%M} UTC",
        )


def _store(settings: Settings) -> Line:
    if not (settings.store / "ledger.sqlite").exists():
        return Line(
            "store", is_well=False, told=f"{settings.store} holds nothing yet; forensics pull fills it"
        )
    with Lake.open(settings.store) as lake:
        span, objects = lake.span(), lake.objects().num_rows
    if span is None:
        return Line("store", is_well=False, told=f"{settings.store} holds no rows; forensics pull fills it")
    told = f"{settings.store}: {objects:,} objects, {span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M} UTC"
    return Line("store", is_well=True, told=told)


def _drift(settings: Settings) -> Iterator[Line]:
    """Numbers of fields that AWS does not document, as the store has seen them."""
    if not (settings.store / "ledger.sqlite").exists():
        return
    with Lake.open(settings.store) as lake:
        for row in lake.field_layouts().to_pylist():
            told = (
                f"{row['rows']:,} {row['kind']} lines of {row['objects']:,} objects have {row['fields']} "
                f"fields, first in {row['first_object']}: AWS may have added some; extra_fields keeps them"
            )
            yield Line("field drift", is_well=True, told=told)


def _aws(settings: Settings, load_balancer: str | None, now: datetime) -> Iterator[Line]:
    """Ask what a collection asks, for the last hour or the newest page, and throw the answers away."""
    window = Window(now - _PROBE, now)
    with tempfile.TemporaryDirectory(prefix="forensics-") as folder:
        try:
            with Lake.open(settings.store) as lake, Engine(settings.memory_limit) as engine:
                attach_logs(engine, lake, Question(window=window, load_balancer=load_balancer))
                pages, redaction = Path(folder) / "pages", privacy.thrown_away(lake, settings)
                records = live.collect(
                    engine, window, load_balancer, settings, pages, redaction, is_probe=True
                )
        except ForensicsError as problem:
            yield Line("aws", is_well=False, told=str(problem))
            return
    by_action: dict[str, list[tuple[Collection, Call]]] = {}
    for record in records:
        for call in record.calls:
            if call.calls or call.fault:
                by_action.setdefault(_named(call), []).append((record, call))
    for action, asked in sorted(by_action.items()):
        yield _action(action, asked, several=len(records) > 1)
    made, most = sum(record.made for record in records), sum(record.budget for record in records)
    yield Line("API calls", is_well=True, told=f"{made:,} made, of {most:,} in the budget of a collection")


def _named(call: Call) -> str:
    """The action; of several buckets each is told for itself."""
    return f"{call.action} ({call.about})" if _is_delivered(call) else call.action


def _is_delivered(call: Call) -> bool:
    return call.source == kubernetes_audit_fetch.NAME and call.action.startswith("s3:")


def _action(action: str, asked: list[tuple[Collection, Call]], *, several: bool) -> Line:
    """Whether it answers and how far back; else what is missing and what that costs."""
    faults = [
        f"{record.account or 'account unknown'} {record.region}: {call.message}" if several else call.message
        for record, call in asked
        if call.fault and call.message
    ]
    first = asked[0][1]
    is_audit = first.source == kubernetes_audit_fetch.NAME
    source, reach = _KEPT.get(action, (_AUDIT if is_audit else _OF_NODES.get(action), None))
    if faults:
        return Line(action, is_well=False, told="; ".join([*dict.fromkeys(faults), *_costs(source)]))
    if _is_delivered(first):
        return Line(action, is_well=True, told=_held(str(first.about), [record for record, _ in asked]))
    if source is None or reach is None:
        return Line(action, is_well=True, told="answers")
    newest = max((record.newest[source] for record, _ in asked if source in record.newest), default=None)
    last = f"; the newest is of {newest:%Y-%m-%d %H:%M} UTC" if newest else ""
    return Line(action, is_well=True, told=f"answers, and reaches back {reach.days} days{last}")


def _held(uri: str, records: list[Collection]) -> str:
    """Since when a bucket holds objects, and how new the newest record in them is."""
    oldest = min((one.oldest[uri] for one in records if uri in one.oldest), default=None)
    newest = max((one.newest[uri] for one in records if uri in one.newest), default=None)
    told = "answers"
    if oldest is not None:
        told += f"; the oldest object is of {oldest:%Y-%m-%d %H:%M} UTC"
    if newest is not None:
        told += f"; the newest record is of {newest:%Y-%m-%d %H:%M} UTC"
    return told


def _costs(source: str | None) -> Iterator[str]:
    """What verdicts lose without a source, family by family."""
    for family, sources in FAMILIES.items():
        if source in sources:
            others = ", ".join(one for one in sources if one != source)
            unless = f"unless {family} are watched by {others}, " if others else ""
            yield f"{unless}{_cost(family)}"


def _cluster(settings: Settings) -> Iterator[Line]:
    from pipeline.timeline.kubernetes_api import RESOURCES, ApiRefusedError, Cluster  # noqa: PLC0415 - seldom asked

    try:
        cluster = Cluster(settings.kube_context)
    except ForensicsError as problem:
        yield Line("kubernetes", is_well=False, told=str(problem))
        return
    for resource in RESOURCES:
        try:
            cluster.page(resource, 1)
        except ApiRefusedError as problem:
            yield Line(f"list {resource.name}", is_well=resource.is_optional, told=str(problem))
        else:
            yield Line(f"list {resource.name}", is_well=True, told="answers")


def _timeline(
    settings: Settings, timeline: Path | None, now: datetime
) -> tuple[list[Watched], list[Observed]]:
    found = read_timeline(store=settings.store) if timeline is None else read_timeline(timeline)
    frames = found.frames()
    coverage, events = frames[COVERAGE.name], frames[EVENTS.name]
    if timeline is not None and not coverage.is_empty():
        now = min(now, max(coverage["covered_to"].to_list()))
    families = [_family(family, sources, coverage, events, now) for family, sources in FAMILIES.items()]
    return families, list(_observed(coverage, events, now))


def _observed(coverage: pl.DataFrame, events: pl.DataFrame, now: datetime) -> Iterator[Observed]:
    """Source by source, account and region apart."""
    told_by = {covered: source for source, several in OBSERVES.items() for covered in several}
    for (source, account, region), spans in coverage.sort("source", "account", "region").group_by(
        "source", "account", "region", maintain_order=True
    ):
        mine = events.filter(
            pl.col("source") == told_by.get(str(source), str(source)), pl.col("occurred_at") <= now
        )
        yield Observed(
            source=str(source),
            place=" ".join(str(word) for word in (account, region) if word) or None,
            covered_from=min(spans["covered_from"].to_list()),
            covered_to=max(spans["covered_to"].to_list()),
            share=_share(spans, now - LOOKED_AT, now),
            last_event_at=mine.select(pl.col("occurred_at").max()).item(),
        )


def _family(
    family: str, sources: tuple[str, ...], coverage: pl.DataFrame, events: pl.DataFrame, now: datetime
) -> Watched:
    spans = coverage.filter(pl.col("source").is_in(sources))
    since = now - LOOKED_AT
    mine = pl.col("kind").str.contains(_KINDS[family]) & (pl.col("occurred_at") <= now)
    last = events.filter(mine).select(pl.col("occurred_at").max()).item()
    return Watched(
        family=family,
        sources=tuple(sorted(set(spans["source"].to_list()))),
        share=_share(spans, since, now),
        last_event_at=last,
        cost=_cost(family),
    )


def _share(spans: pl.DataFrame, since: datetime, until: datetime) -> float:
    """Share of a time that a union of spans covers."""
    covered, reached = timedelta(), since
    for covered_from, covered_to in sorted(spans.select("covered_from", "covered_to").iter_rows()):
        first, last = max(covered_from, reached), min(covered_to, until)
        if last > first:
            covered += last - first
            reached = last
    return covered / (until - since)


def _cost(family: str) -> str:
    """What is lost where a family did not watch, from the tables that decide it."""
    needs = sorted(name for name, families in REVEALED_BY.items() if family in families)
    decides = sorted(name for name, families in DECISIVE.items() if family in families)
    told = (
        f"without it verdicts on {', '.join(needs)} are at most {TRUST_UNWATCHED:.0%} sure, "
        f"those that no event explains {TRUST_UNSEEN:.0%}"
    )
    if decides:
        told += f", and what no event explains among {', '.join(decides)} is insufficient_evidence"
    return told

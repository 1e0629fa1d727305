"""CloudTrail: who called what, from trail files (``{"Records": […]}``), ``lookup-events``, or bare records.

Failed calls (``errorCode``) changed nothing and are passed over. The same record may come through several
trails and lookups: its ``eventID`` makes it one. A record may tell of many instances or targets.
"""

import json
import re
from datetime import UTC, datetime, timedelta

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.cloudtrail_calls import CALLS, NAME, Call
from pipeline.timeline.cloudtrail_fetch import REACH, fetch
from pipeline.timeline.shapes import Record, instant, mapping, records, text

__all__ = ["NAME", "add_record", "fetch", "parse", "reads"]

_DAY_FOLDER = re.compile(
    r"(?:(?P<account>\d{12})/)?CloudTrail/(?P<region>[^/]+)/(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)/[^/]+$"
)
"""Where a trail puts its files: one folder per account, region and day of delivery."""


def reads(document: Document) -> bool:
    """Whether the document is a trail file, a page of ``lookup-events``, or one bare record."""
    value = document.value
    return "Records" in value or "Events" in value or _is_record(value)


def parse(document: Document, findings: Findings) -> None:
    """Add events, changed settings and coverage ``cloudtrail``."""
    if "Records" in document.value:
        seen = [add_record(record, ref, findings) for ref, record in records(document, "Records", findings)]
        _cover(document, seen, findings)
    elif "Events" in document.value:
        _lookup(document, findings)
    else:
        _cover(document, [add_record(document.value, document.ref, findings)], findings)


def add_record(record: Record, ref: str, findings: Findings) -> datetime | None:
    """Add what one record says; its time, None when it has none (then reported)."""
    at = instant(record, "eventTime", ref, findings)
    name = text(record, "eventName")
    if at is None or name is None:
        findings.problem(ref, "record without eventTime or eventName")
        return None
    handler = CALLS.get(name)
    if handler is not None and not record.get("errorCode"):
        handler(_call(record, name, at, ref), findings)
    return at


def _call(record: Record, name: str, at: datetime, ref: str) -> Call:
    identity = mapping(record, "userIdentity")
    actor = text(identity, "invokedBy") or text(identity, "arn") or text(record, "sourceIPAddress")
    return Call(
        own_id=text(record, "eventID") or f"{at.isoformat()}|{name}|{text(record, 'requestID')}|{actor}",
        name=name,
        at=at,
        asked=mapping(record, "requestParameters") or mapping(record, "RequestParameters"),
        answered=mapping(record, "responseElements"),
        told=mapping(record, "serviceEventDetails"),
        actor=actor or "unknown",
        ref=ref,
    )


def _is_record(value: Record) -> bool:
    return "eventName" in value and "eventSource" in value and "eventTime" in value


def _lookup(document: Document, findings: Findings) -> None:
    """Pages are newest first, up to the moment of asking; a copied file's time is bounded by the reach."""
    seen = [_looked_up(entry, ref, findings) for ref, entry in records(document, "Events", findings)]
    known = [at for at in seen if at is not None]
    if known:
        read_at = min(document.read_at, min(known) + REACH)
        findings.covered("cloudtrail", min(known), max(read_at, *known), document.ref)
    elif document.value["Events"] == []:
        findings.covered("cloudtrail", document.read_at - REACH, document.read_at, document.ref)


def _looked_up(entry: Record, ref: str, findings: Findings) -> datetime | None:
    """The record is JSON in a string; what it leaves out is in the entry around it."""
    inner = text(entry, "CloudTrailEvent") or ""
    try:
        record = json.loads(inner)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        findings.problem(ref, "CloudTrailEvent is no JSON object (cut short?)")
        return None
    outer = {"eventTime": "EventTime", "eventName": "EventName", "eventID": "EventId"}
    filled = {inside: entry[outside] for inside, outside in outer.items() if outside in entry}
    return add_record({**filled, **record}, ref, findings)


def _cover(document: Document, seen: list[datetime | None], findings: Findings) -> None:
    """From the first record to the last; in a trail's own folders, the day up to the file's time.

    A trail writes nothing while nothing is called, so a day's folder tells of the whole day. ``aws s3 sync``
    gives a file the time of its delivery: until then, at least, the day was observed.
    """
    known = [at for at in seen if at is not None]
    folder = _DAY_FOLDER.search(document.ref)
    day = _day(folder) if folder else None
    if folder is not None and day is not None:
        since, until = day
        told = [at for at in known if since <= at < until]  # a straggler tells nothing of its own day
        covered_to = max(since, min(until, document.read_at), *told)
        place = {"account": folder["account"], "region": folder["region"]}
        findings.covered("cloudtrail", since, covered_to, document.ref, **place)
    elif known:
        findings.covered("cloudtrail", min(known), max(known), document.ref)


def _day(folder: re.Match[str]) -> tuple[datetime, datetime] | None:
    try:
        since = datetime(int(folder["year"]), int(folder["month"]), int(folder["day"]), tzinfo=UTC)
        return since, since + timedelta(days=1)
    except (ValueError, OverflowError):
        return None

"""Where logs are read from: the place that is named, or those that the load balancer names itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.config import Settings
from pipeline.errors import SourceError, UsageError
from pipeline.ingest.s3_options import S3Options
from pipeline.model import Window

RECENT = timedelta(hours=24)
"""How far back a question goes that names neither a place nor a start."""


@dataclass(frozen=True)
class Whence:
    """Places of logs, and how their buckets are read.

    Attributes:
        places: what lies at each of them, by URI; access logs first.
        s3: as whom buckets are read.
        is_discovered: whether the load balancer named them.
        lacks: why there are no access logs among them, where there are others.
    """

    places: Mapping[str, str]
    s3: S3Options
    is_discovered: bool = False
    lacks: str | None = None

    @property
    def told(self) -> str:
        """The places as a sentence has them."""
        return " and ".join(self.places)

    @property
    def discovered(self) -> str | None:
        """The same where the load balancer named them."""
        return self.told if self.is_discovered else None


def whence(
    logs: str | None, load_balancer: str | None, settings: Settings, *, needs_access_logs: bool = True
) -> Whence:
    """The place of the logs; without ``logs`` the load balancer is asked for all that it writes.

    Args:
        logs: folder, file, ``-`` or ``s3://bucket/prefix``.
        load_balancer: name, ``app/name/id`` or ARN.
        settings: the store, and how buckets are read.
        needs_access_logs: whether the other kinds are of no use without them.

    Raises:
        UsageError: neither is given, or no region is configured.
        SourceError: there is no such load balancer, it writes no (access) logs, or AWS refuses.
    """
    s3 = S3Options.of(settings)
    if logs is not None:
        return Whence({logs: "logs"}, s3)
    if load_balancer is None:
        raise UsageError(
            "no logs: give --logs s3://bucket/prefix or a folder, or --lb NAME, whose attributes tell where "
            f"its logs are; without either the store is asked, but {settings.store} holds nothing"
        )
    from pipeline.ingest import discovery  # noqa: PLC0415 - a folder need not wait for boto3

    found = discovery.find(load_balancer)
    places, lacks = found.written(), None
    try:
        found.written_access_logs()
    except SourceError as problem:
        if needs_access_logs or not places:
            raise
        lacks = str(problem)
    return Whence(places, replace(s3, region=found.region), is_discovered=True, lacks=lacks)


def recent(window: Window) -> Window:
    """The window; without a start, the last day of it."""
    if window.since is not None:
        return window
    return replace(window, since=(window.until or datetime.now(UTC)) - RECENT)

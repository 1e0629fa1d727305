"""Look after the store: verify it, put small files together, let old hours go."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.ingest.check import CheckReport
from pipeline.ingest.check import check as check_lake
from pipeline.ingest.check import repair as repair_lake
from pipeline.ingest.compaction import CompactionSummary
from pipeline.ingest.compaction import compact as compact_lake
from pipeline.ingest.lake import Lake
from pipeline.ingest.retention import ExpirySummary
from pipeline.ingest.retention import expire as expire_lake


def check(settings: Settings) -> CheckReport:
    """Compare every file and every object of the store with the ledger.

    Raises:
        UsageError: there is no store.
        StoreError: the ledger cannot be read.
    """
    with _existing(settings) as lake:
        return check_lake(lake)


def repair(settings: Settings) -> list[str]:
    """Forget the objects with rows in damaged files; returns their keys.

    Raises:
        UsageError: there is no store.
        StoreError: the store cannot be written.
    """
    with _existing(settings) as lake:
        return repair_lake(lake)


def compact(settings: Settings, min_files: int) -> CompactionSummary:
    """Merge the small files of finished hours.

    Raises:
        UsageError: there is no store.
        StoreError: the store cannot be written.
    """
    with _existing(settings) as lake:
        return compact_lake(lake, min_files=min_files)


def expire(settings: Settings, before: datetime) -> ExpirySummary:
    """Drop the hours that ended before an instant (UTC).

    Raises:
        UsageError: there is no store.
        StoreError: the store cannot be written.
    """
    with _existing(settings) as lake:
        return expire_lake(lake, before)


@contextmanager
def _existing(settings: Settings) -> Iterator[Lake]:
    if not (settings.store / "ledger.sqlite").exists():
        raise UsageError(f"{settings.store} holds no lake; give --store, or fill one with forensics pull")
    with Lake.open(settings.store) as lake:
        yield lake

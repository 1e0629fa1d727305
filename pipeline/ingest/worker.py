"""One parsing thread: takes objects, parses them, commits them in batches."""

import threading
from collections.abc import Callable
from dataclasses import replace

from pipeline.ingest import keys
from pipeline.ingest.batch import Batch, now_us
from pipeline.ingest.lake import Lake
from pipeline.ingest.layout import PARSER_VERSION
from pipeline.ingest.ledger import ObjectEntry
from pipeline.ingest.objects import ObjectReader
from pipeline.ingest.parsed import Origin
from pipeline.ingest.source import Candidate, Payload, UnreadableError
from pipeline.ingest.summary import ObjectProblem, PullSummary
from pipeline.ingest.supply import Delivery, Supply

Progress = Callable[[PullSummary, int], None]
"""Called after each object with the summary so far and the number of objects to ingest in all."""


class Tally:
    """The summary that workers share, and the contents that one of them has taken on."""

    def __init__(self, summary: PullSummary, total: int, progress: Progress | None) -> None:
        """Count into ``summary``; ``total`` objects are expected."""
        self.summary = summary
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()
        self._claimed: set[tuple[str, str]] = set()

    def claim(self, base_name: str, content_hash: str) -> bool:
        """Take on a content under its object name; False when another worker did."""
        with self._lock:
            if (base_name, content_hash) in self._claimed:
                return False
            self._claimed.add((base_name, content_hash))
            return True

    def known(self) -> None:
        """An object turned out to be in the lake."""
        with self._lock:
            self.summary.already_known += 1
            self._tell()

    def unreadable(self, candidate: Candidate, problem: UnreadableError) -> None:
        """An object could not be read at all; the next pull tries again."""
        with self._lock:
            self.summary.problems.append(ObjectProblem(candidate.object_key, str(problem)))
            self._tell()

    def ingested(self, entry: ObjectEntry, field_counts: dict[int, int]) -> None:
        """An object is parsed."""
        with self._lock:
            summary = self.summary
            summary.ingested += 1
            summary.lines += entry.lines
            summary.rows += entry.rows
            summary.rejected += entry.rejected
            summary.compressed_bytes += entry.size
            for fields, rows in field_counts.items():
                summary.field_counts[fields] = summary.field_counts.get(fields, 0) + rows
            if entry.problem is not None:
                summary.problems.append(ObjectProblem(entry.object_key, entry.problem))
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.summary, self._total)


class Worker:
    """Runs in a thread of its own; ``stop`` ends it between two objects."""

    def __init__(self, lake: Lake, supply: Supply, tally: Tally, stop: threading.Event) -> None:
        """Share ``supply``, ``tally`` and ``stop`` with the other workers."""
        self._lake = lake
        self._supply = supply
        self._tally = tally
        self._stop = stop
        self._batch = Batch(lake)

    def run(self) -> None:
        """Work until nothing is left. An error ends the other workers too; what they committed stays."""
        try:
            while not self._stop.is_set() and (delivery := self._supply.take()) is not None:
                self._one(delivery)
            if not self._stop.is_set():
                self._batch.commit()
        except BaseException:
            self._stop.set()
            raise

    def _one(self, delivery: Delivery) -> None:
        candidate, payload = delivery
        if isinstance(payload, UnreadableError):
            self._tally.unreadable(candidate, payload)
            return
        with payload.stream:
            if self._is_known(candidate, payload):
                self._tally.known()
                return
            key = self._lake.free_key(candidate.object_key, candidate.locator)
            self._ingest(replace(candidate, object_key=key), payload)

    def _is_known(self, candidate: Candidate, payload: Payload) -> bool:
        if self._lake.has_content(candidate.locator, payload.content_hash):
            self._lake.touch(candidate.locator, candidate.etag)  # only its time of change is new
            return True
        name = keys.base_name(candidate.object_key)
        if keys.parse(name) is None:
            return False
        # The load balancer never writes one object name twice: the same content under it is a copy.
        return self._lake.has_copy(name, payload.content_hash, candidate.locator) or not self._tally.claim(
            name, payload.content_hash
        )

    def _ingest(self, candidate: Candidate, payload: Payload) -> None:
        named = keys.parse(candidate.object_key)
        reader = ObjectReader(payload.stream, Origin(candidate.object_key, named.node_ip if named else None))
        lines = rows = rejected = 0
        field_counts: dict[int, int] = {}
        for part in reader.parse():
            self._batch.add(candidate.locator, candidate.object_key, part)
            lines += part.lines
            rows += part.rows
            rejected += len(part.rejects)
            for fields, count in part.field_counts.items():
                field_counts[fields] = field_counts.get(fields, 0) + count
        entry = ObjectEntry(
            locator=candidate.locator,
            object_key=candidate.object_key,
            base_name=keys.base_name(candidate.object_key),
            etag=candidate.etag,
            content_hash=payload.content_hash,
            size=payload.size,
            lines=lines,
            rows=rows,
            rejected=rejected,
            problem=reader.problem,
            parser_version=PARSER_VERSION,
            ingested_at=now_us(),
        )
        self._batch.finish(entry)
        self._tally.ingested(entry, field_counts)

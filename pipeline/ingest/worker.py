"""One parsing thread: takes objects, parses them, commits them in batches."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from pipeline.ingest import keys
from pipeline.ingest.batch import Batch, now_us
from pipeline.ingest.kinds import ACCESS
from pipeline.ingest.layout import PARSER_VERSION
from pipeline.ingest.lean import LEAN_VERSION
from pipeline.ingest.ledger import ObjectEntry
from pipeline.ingest.readers import Reading, reading
from pipeline.ingest.redact import Redactor
from pipeline.ingest.several import RefusedError
from pipeline.ingest.shelf import Shelf
from pipeline.ingest.source import Candidate, Payload, UnreadableError
from pipeline.ingest.summary import Layout, ObjectProblem, PullSummary
from pipeline.ingest.supply import Delivery, Supply

_MOST_LAYOUTS = 20
"""Numbers of fields that are remembered of an object: AWS adds few, only nonsense has many."""

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
            if not isinstance(problem, RefusedError):
                self.summary.problems.append(ObjectProblem(candidate.object_key, str(problem)))
            self._tell()

    def left_out(self) -> None:
        """An object turned out to be no log of ours."""
        with self._lock:
            self.summary.left_out["other"] = self.summary.left_out.get("other", 0) + 1
            self._total -= 1
            self._tell()

    def ingested(self, entry: ObjectEntry, table: str) -> None:
        """An object is parsed; its rows belong to ``table``."""
        with self._lock:
            summary = self.summary
            summary.ingested += 1
            summary.lines += entry.lines
            summary.rows += entry.rows
            summary.rejected += entry.rejected
            summary.compressed_bytes += entry.size
            summary.rows_of[table] = summary.rows_of.get(table, 0) + entry.rows
            for fields, rows in entry.layouts.items():
                layout = summary.new_layouts.setdefault((entry.kind, fields), Layout(entry.object_key))
                layout.rows += rows
            if entry.problem is not None:
                summary.problems.append(ObjectProblem(entry.object_key, entry.problem))
            self._tell()

    def add(self, part: PullSummary) -> None:
        """Objects were read elsewhere; ``part`` counts them."""
        with self._lock:
            self.summary.add(part)
            self._total -= sum(part.left_out.values())
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.summary, self._total)


class Worker:
    """Runs in a thread of its own; ``stop`` ends it between two objects."""

    def __init__(
        self, lake: Shelf, supply: Supply, tally: Tally, stop: threading.Event, *, is_lean: bool = False
    ) -> None:
        """Share ``supply``, ``tally`` and ``stop`` with the other workers."""
        self._lake = lake
        self._supply = supply
        self._tally = tally
        self._stop = stop
        self._batch = Batch(lake, is_lean=is_lean)
        self._is_lean = is_lean
        self._redactor = None if lake.redaction is None else Redactor(lake.redaction)

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
            named = replace(candidate, object_key=key)
            way = reading(named, payload.stream)
            if way is None:
                self._tally.left_out()
            else:
                self._ingest(named, payload, way)

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

    def _ingest(self, candidate: Candidate, payload: Payload, way: Reading) -> None:
        lines = rows = rejected = 0
        layouts: Counter[int] = Counter()
        for part in way.reader.parse():
            kept = part if self._redactor is None else self._redactor.redacted(part, way.kind.table.name)
            self._batch.add(candidate.locator, candidate.object_key, kept, way.kind.table.name)
            lines += part.lines
            rows += part.rows
            rejected += len(part.rejects)
            layouts.update({n: count for n, count in part.field_counts.items() if n not in way.layouts})
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
            problem=way.reader.problem,
            parser_version=LEAN_VERSION if self._is_lean and way.kind == ACCESS else PARSER_VERSION,
            ingested_at=now_us(),
            kind=way.kind.name,
            layouts=dict(layouts.most_common(_MOST_LAYOUTS)),
        )
        self._batch.finish(entry)
        self._tally.ingested(entry, way.kind.table.name)

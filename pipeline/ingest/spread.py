"""Ingest on many machines: the parsing threads of one machine, each on an executor.

The driver lists, chooses and keeps the ledger. An executor fetches and parses objects and writes Parquet
below the store, as a thread would; what it would commit it sends to the driver, which enters it in the
ledger. Files of a task that died, or ran twice, are in no ledger: the next cleaning removes them.
Where the machines share no folder but a bucket, the executor sends its files there before it reports.
"""

import pickle
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import pyarrow as pa
from pyarrow.fs import copy_files

from pipeline.errors import ForensicsError, StoreError
from pipeline.ingest import keys
from pipeline.ingest.lake import Lake
from pipeline.ingest.ledger import FileEntry, ObjectEntry
from pipeline.ingest.several import SeveralSources
from pipeline.ingest.source import Candidate, Source
from pipeline.ingest.summary import PullSummary
from pipeline.ingest.supply import Supply
from pipeline.ingest.worker import Tally, Worker
from pipeline.redaction import Redaction

_TASK_BYTES, _TASK_OBJECTS = 64 << 20, 200
"""A task reads objects of about so many compressed bytes, at most so many: some seconds of work."""
_WAVE_TASKS = 256
"""Tasks between two entries in the ledger: what a lost driver costs."""

Work = Callable[[Iterable[bytes]], Iterator[bytes]]


@runtime_checkable
class Spreader(Protocol):
    """Runs work on other machines."""

    @property
    def rows_at(self) -> str | None:
        """URI for the rows of this run, where the machines share no folder."""
        ...

    def spread(self, work: Work, pieces: Sequence[bytes]) -> Iterator[bytes]:
        """What ``work`` gives for each piece, in any order; a piece whose machine is lost runs again."""
        ...


@dataclass
class Draft:
    """Stands for the lake on an executor, and holds what is to be committed.

    Attributes:
        root: the store's folder, which every machine sees.
        redaction: how rows are redacted before they are written.
        known: by base name, locator and hash of every object in the lake that could be one of the task's.
    """

    root: Path
    redaction: Redaction | None
    known: dict[str, list[tuple[str, str]]]
    commits: list[tuple[list[ObjectEntry], list[tuple[FileEntry, list[str]]]]] = field(default_factory=list)
    touched: list[tuple[str, str]] = field(default_factory=list)

    def has_content(self, locator: str, content_hash: str) -> bool:
        """As the lake does."""
        return any((locator, content_hash) in found for found in self.known.values())

    def has_copy(self, base_name: str, content_hash: str, locator: str) -> bool:
        """As the lake does."""
        return any(
            content == content_hash and other != locator for other, content in self.known.get(base_name, [])
        )

    def touch(self, locator: str, etag: str) -> None:
        """Leave it to the driver."""
        self.touched.append((locator, etag))

    def free_key(self, object_key: str, locator: str) -> str:
        """The driver has chosen it."""
        del locator
        return object_key

    def commit(
        self, objects: Sequence[ObjectEntry], files: Sequence[tuple[FileEntry, Sequence[str]]]
    ) -> None:
        """Leave it to the driver."""
        self.commits.append((list(objects), [(file, list(locators)) for file, locators in files]))


@dataclass(frozen=True)
class Task:
    """Objects for one executor, where they are, and the empty draft.

    Attributes:
        rows_at: where files are sent; None: the draft's folder is one that every machine sees.
    """

    open_source: Callable[[], Source]
    candidates: list[Candidate]
    draft: Draft
    is_lean: bool
    rows_at: str | None


@dataclass(frozen=True)
class Done:
    """What a task did, and what ended it before its time."""

    draft: Draft
    summary: PullSummary
    problem: ForensicsError | None = None


def ingest(
    spreader: Spreader,
    open_source: Callable[[], Source],
    lake: Lake,
    chosen: list[Candidate],
    tally: Tally,
    *,
    is_lean: bool = False,
) -> None:
    """Parse objects on the executors and commit what they wrote.

    Args:
        spreader: the engine.
        open_source: called on the executor; it travels there, so it must be a function of a module.
        lake: open for writing; its rows lie where every machine sees them.
        chosen: objects, no two of which are copies of each other.
        tally: what is counted into.
        is_lean: whether the columns of requests that no verdict reads are left out.

    Raises:
        SourceError: the source refuses an executor.
        StoreError: the store cannot be written from there.
    """
    tasks = [
        pickle.dumps(
            Task(
                open_source,
                part,
                Draft(lake.root.absolute(), lake.redaction, _known(lake, part)),
                is_lean,
                lake.rows_at,
            )
        )
        for part in _parts([_named(lake, candidate) for candidate in chosen])
    ]
    for start in range(0, len(tasks), _WAVE_TASKS):
        for done in spreader.spread(run, tasks[start : start + _WAVE_TASKS]):
            _enter(lake, _unpacked(done), tally)


def run(tasks: Iterable[bytes]) -> Iterator[bytes]:
    """On an executor: read the objects of each task as one parsing thread."""
    for packed in tasks:
        task = cast("Task", pickle.loads(packed))  # noqa: S301 - from our own driver, over Spark's own wire
        yield pickle.dumps(_done(task))


def _done(task: Task) -> Done:
    summary, problem = PullSummary(), None
    tally = Tally(summary, len(task.candidates), None)
    try:
        with (
            _written(task) as draft,
            closing(task.open_source()) as source,
            Supply(source, task.candidates) as supply,
        ):
            if isinstance(source, SeveralSources):
                summary.refusals = source.refusals
            Worker(draft, supply, tally, threading.Event(), is_lean=task.is_lean).run()
    except ForensicsError as refused:  # again and again it would be the same: no case for another try
        problem = refused
    return Done(replace(task.draft, known={}), summary, problem)


@contextmanager
def _written(task: Task) -> Iterator[Draft]:
    """The draft; what it commits is then where every machine sees it."""
    if task.rows_at is None:
        yield task.draft
        return
    with tempfile.TemporaryDirectory(prefix="forensics-") as here:
        yield replace(task.draft, root=Path(here))
        send(Path(here), task.rows_at)


def send(folder: Path, uri: str) -> None:
    """Copy the files below a folder to a URI, with their paths; S3 may be spelt as Spark spells it.

    Raises:
        StoreError: it cannot be written there.
    """
    scheme, _, place = uri.partition("://")
    try:
        copy_files(str(folder), f"{'s3' if scheme == 's3a' else scheme}://{place}")
    except (OSError, pa.ArrowInvalid) as problem:
        raise StoreError(f"{uri}: cannot write: {problem}") from problem


def _unpacked(done: bytes) -> Done:
    return cast("Done", pickle.loads(done))  # noqa: S301 - from our own executor, over Spark's own wire


def _parts(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    """In the order of keys, so that a task's objects lie in few partitions: fewer and larger files."""
    part: list[Candidate] = []
    size = 0
    for candidate in sorted(candidates, key=lambda one: one.object_key):
        part.append(candidate)
        size += candidate.size
        if size >= _TASK_BYTES or len(part) == _TASK_OBJECTS:
            yield part
            part, size = [], 0
    if part:
        yield part


def _named(lake: Lake, candidate: Candidate) -> Candidate:
    return replace(candidate, object_key=lake.free_key(candidate.object_key, candidate.locator))


def _known(lake: Lake, candidates: list[Candidate]) -> dict[str, list[tuple[str, str]]]:
    names = {keys.base_name(candidate.object_key) for candidate in candidates}
    found = {name: lake.contents(name) for name in names}
    return {name: contents for name, contents in found.items() if contents}


def _enter(lake: Lake, done: Done, tally: Tally) -> None:
    for objects, files in done.draft.commits:
        lake.commit(objects, files)
    for locator, etag in done.draft.touched:
        lake.touch(locator, etag)
    tally.add(done.summary)
    if done.problem is not None:
        raise done.problem

"""Brings logs into the lake: each object once, whatever happens in between."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

from pipeline.ingest import keys, local, spread
from pipeline.ingest.allocator import keep_arrows_memory, keep_freed_memory
from pipeline.ingest.lake import Lake
from pipeline.ingest.s3_options import S3Options
from pipeline.ingest.several import SeveralSources
from pipeline.ingest.source import Candidate, Source
from pipeline.ingest.summary import ObjectProblem, PullSummary
from pipeline.ingest.supply import Supply
from pipeline.ingest.worker import Progress, Tally, Worker
from pipeline.model import Window

__all__ = ["ObjectProblem", "Progress", "PullSummary", "pull", "source_of"]


def pull(
    source: str,
    lake: Lake,
    window: Window,
    *,
    more: Sequence[str] = (),
    load_balancer: str | None = None,
    progress: Progress | None = None,
    workers: int = 2,
    s3: S3Options | None = None,
    is_lean: bool = False,
    spreader: spread.Spreader | None = None,
) -> PullSummary:
    """Ingest what ``source`` has and the lake has not.

    Args:
        source: ``s3://bucket/prefix``, a folder of any layout, a file, or ``-`` for standard input.
        lake: where rows go.
        more: further places, where ``source`` is one in a bucket. Then one that refuses is told in the
            summary, and only when all of them do it is an error.
        window: objects whose names tell an interval apart from it are left out; rows are kept whole.
        load_balancer: name, ``app/name/id`` or ARN; objects that name another one are left out.
        progress: told after each object.
        workers: threads that parse.
        s3: how a bucket is read.
        is_lean: whether the columns of requests that no verdict reads are left out.
        spreader: runs the workers on other machines; standard input is read here all the same.

    Raises:
        SourceError: the source does not exist, cannot be reached or refuses us.
        StoreError: the lake cannot be written, or another process is writing to it.
    """
    keep_freed_memory()
    keep_arrows_memory()
    on_disk = lake.redaction is None
    places = [source, *more]
    open_source = partial(_where, places, s3, load_balancer, on_disk=on_disk)
    with lake.writing(), closing(open_source()) as where:
        lake.refuse_mixture()
        summary = PullSummary()
        if isinstance(where, SeveralSources):
            summary.refusals = where.refusals
        chosen = _choose(where, lake, window, load_balancer, summary)
        tally = Tally(summary, len(chosen), progress)
        for part in _rounds(chosen, lake):
            if spreader is None or source == "-":
                _ingest(where, lake, part, tally, workers, is_lean=is_lean)
            else:
                spread.ingest(spreader, open_source, lake, part, tally, is_lean=is_lean)
        return summary


def _where(
    places: Sequence[str], options: S3Options | None, load_balancer: str | None, *, on_disk: bool
) -> Source:
    sources = {place: source_of(place, options, load_balancer, on_disk=on_disk) for place in places}
    return SeveralSources(sources) if len(sources) > 1 else sources[places[0]]


def source_of(
    name: str, options: S3Options | None, load_balancer: str | None, *, on_disk: bool = True
) -> Source:
    """What holds the logs: a bucket, a folder, a file or standard input.

    Args:
        name: as the user gave it.
        options: how a bucket is read.
        load_balancer: the only one that is wanted.
        on_disk: whether large objects may wait in a temporary file, as they are.

    Raises:
        SourceError: it does not exist.
    """
    if name == "-":
        return local.StandardInput(on_disk=on_disk)
    if name.startswith("s3://"):
        from pipeline.ingest.s3 import S3Source  # noqa: PLC0415 - a folder need not wait for boto3

        return S3Source(name, options, load_balancer, on_disk=on_disk)
    return local.local_source(name)


def _choose(
    source: Source, lake: Lake, window: Window, load_balancer: str | None, summary: PullSummary
) -> list[Candidate]:
    chosen: list[Candidate] = []
    left_out: Counter[str] = Counter()
    for candidate in source.candidates(window):
        summary.listed += 1
        kind = _kind(candidate, load_balancer)
        if kind not in keys.INGESTED:
            left_out[kind] += 1
        elif _is_outside(candidate, window):
            summary.outside_window += 1
        elif lake.etag(candidate.locator) == candidate.etag:
            summary.already_known += 1
        else:
            chosen.append(candidate)
    summary.left_out = dict(left_out)
    return chosen


def _kind(candidate: Candidate, load_balancer: str | None) -> str:
    kind = keys.kind(candidate.object_key) if candidate.by_name else keys.ACCESS_LOG
    named = keys.parse(candidate.object_key)
    if load_balancer is None or named is None or kind not in keys.INGESTED:
        return kind
    return kind if keys.load_balancer_matches(load_balancer, named.load_balancer) else "other_load_balancer"


def _is_outside(candidate: Candidate, window: Window) -> bool:
    named = keys.parse(candidate.object_key)
    return named is not None and not keys.overlaps(named, window)


def _rounds(chosen: list[Candidate], lake: Lake) -> list[list[Candidate]]:
    """Objects of one name, which may be copies, go one after the other, committed in between.

    So which of them is read and which is left as a copy does not depend on the threads. One that the lake
    knows goes first: its former content leaves the lake, and a copy of that must then be read.
    """
    rounds: list[list[Candidate]] = []
    seen: Counter[str] = Counter()
    for candidate in sorted(chosen, key=lambda one: lake.etag(one.locator) is None):
        name = keys.base_name(candidate.object_key)
        place = seen[name] if keys.parse(name) else 0
        seen[name] += 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(candidate)
    return rounds


def _ingest(
    source: Source, lake: Lake, chosen: list[Candidate], tally: Tally, workers: int, *, is_lean: bool
) -> None:
    """Run the workers; the first error ends them all and is raised."""
    stop = threading.Event()
    with Supply(source, chosen) as supply, ThreadPoolExecutor(workers, thread_name_prefix="parse") as pool:
        futures = [
            pool.submit(Worker(lake, supply, tally, stop, is_lean=is_lean).run)
            for _ in range(min(workers, len(chosen)))
        ]
        try:
            for future in futures:
                future.result()
        finally:
            stop.set()

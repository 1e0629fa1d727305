"""Hands objects to the parsers; those of a bucket are fetched ahead, but never many at once."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pipeline.ingest.source import Candidate, Payload, Source, UnreadableError

_AHEAD = 8

Delivery = tuple[Candidate, Payload | UnreadableError]


class Supply:
    """A queue of objects that several threads may empty; use it as a context manager."""

    def __init__(self, source: Source, candidates: Iterable[Candidate]) -> None:
        """Fetch nothing yet."""
        self._source = source
        self._candidates: Iterator[Candidate] = iter(candidates)
        self._lock = threading.Lock()
        self._ahead: deque[tuple[Candidate, Future[Payload | UnreadableError]]] = deque()
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="fetch") if source.is_remote else None

    def __enter__(self) -> Self:
        """The supply itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was fetched and not taken."""
        if self._pool is None:
            return
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _, future in self._ahead:
            if not future.cancelled() and future.exception() is None:
                payload = future.result()
                if isinstance(payload, Payload):
                    payload.stream.close()

    def take(self) -> Delivery | None:
        """The next object with its bytes; None when there is none left.

        Raises:
            SourceError: the source refuses us.
        """
        if self._pool is None:
            with self._lock:
                candidate = next(self._candidates, None)
            return None if candidate is None else (candidate, self._fetch(candidate))
        with self._lock:
            self._top_up(self._pool)
            if not self._ahead:
                return None
            candidate, future = self._ahead.popleft()
        return candidate, future.result()

    def _top_up(self, pool: ThreadPoolExecutor) -> None:
        while len(self._ahead) < _AHEAD:
            candidate = next(self._candidates, None)
            if candidate is None:
                return
            self._ahead.append((candidate, pool.submit(self._fetch, candidate)))

    def _fetch(self, candidate: Candidate) -> Payload | UnreadableError:
        try:
            return self._source.fetch(candidate)
        except UnreadableError as problem:
            return problem

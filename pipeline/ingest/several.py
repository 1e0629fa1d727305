"""Several places read as one, of which any may refuse: that costs what lies there and nothing else."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.errors import SourceError
from pipeline.ingest.source import Candidate, Payload, Source, UnreadableError
from pipeline.model import Window


@dataclass
class Refusal:
    """Why a place could not be read (on), and how many of its listed objects were not read for it."""

    problem: SourceError
    objects: int = 0


class RefusedError(UnreadableError):
    """An object lies in a place that refuses; the place's refusal counts it."""


class SeveralSources:
    """Buckets, each by the start of its locators: ``s3://bucket/prefix/``, none the start of another."""

    is_remote = True

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Take at least one; they are closed together."""
        self._sources = sources
        self._lock = threading.Lock()
        self.refusals: dict[str, Refusal] = {}

    def candidates(self, window: Window) -> Iterator[Candidate]:
        """What every place lists; one that refuses in between has listed what came before.

        Raises:
            SourceError: all of them refuse; it is the first one's.
        """
        for place, source in self._sources.items():
            try:
                yield from source.candidates(window)
            except SourceError as problem:
                self._refuse(place, problem)

    def fetch(self, candidate: Candidate) -> Payload:
        """Bytes of one object; a place that has refused once is not asked again.

        Raises:
            SourceError: now all of them refuse; it is the first one's.
            UnreadableError: this object cannot be read, or its place refuses.
        """
        place = next(place for place in self._sources if candidate.locator.startswith(place))
        if place not in self.refusals:
            try:
                return self._sources[place].fetch(candidate)
            except SourceError as problem:
                self._refuse(place, problem)
        with self._lock:
            self.refusals[place].objects += 1
        raise RefusedError(str(self.refusals[place].problem))

    def _refuse(self, place: str, problem: SourceError) -> None:
        with self._lock:
            self.refusals.setdefault(place, Refusal(problem))
            if len(self.refusals) == len(self._sources):
                raise next(iter(self.refusals.values())).problem

    def close(self) -> None:
        """Close them all."""
        for source in self._sources.values():
            source.close()

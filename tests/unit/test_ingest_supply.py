"""Objects on their way from a bucket: fetched ahead, never many at once, never many in memory."""

import io
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.ingest.source import Candidate, Payload, UnreadableError, spooled
from pipeline.ingest.supply import Supply
from pipeline.model import Window

AHEAD = 8


class Remote:
    """A bucket that counts what it has handed out."""

    is_remote = True

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.streams: list[io.BytesIO] = []
        self.guard = threading.Lock()

    def candidates(self, window: Window) -> Iterator[Candidate]:  # noqa: ARG002 - as all sources
        yield from (Candidate(f"s3://b/{n}", f"s3://b/{n}", "e", 1, by_name=True) for n in range(40))

    def fetch(self, candidate: Candidate) -> Payload:
        with self.guard:
            self.fetched.append(candidate.locator)
            if candidate.locator.endswith("/3"):
                raise UnreadableError("gone")
            self.streams.append(io.BytesIO(candidate.locator.encode()))
            return Payload(self.streams[-1], "hash", 1)

    def close(self) -> None:
        pass


def test_no_more_than_eight_objects_are_fetched_ahead_of_the_parsers() -> None:
    remote = Remote()
    with Supply(remote, remote.candidates(Window())) as supply:
        taken = []
        while (delivery := supply.take()) is not None:
            taken.append(delivery)
            with remote.guard:
                assert len(remote.fetched) <= len(taken) + AHEAD
    assert [candidate.locator for candidate, _ in taken] == [f"s3://b/{n}" for n in range(40)]
    assert [place for place, (_, got) in enumerate(taken) if isinstance(got, UnreadableError)] == [3]


def test_what_was_fetched_and_not_taken_is_closed() -> None:
    remote = Remote()
    with Supply(remote, remote.candidates(Window())) as supply:
        _, first = supply.take() or pytest.fail("nothing")
    assert isinstance(first, Payload)
    assert [stream.closed for stream in remote.streams] == [False, *[True] * (len(remote.streams) - 1)]


def test_a_temporary_folder_that_cannot_hold_an_object_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spooled([b"small"], in_memory=100).stream as stream:
        assert stream.read() == b"small"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(StoreError, match=f"^{tmp_path / 'none'}: cannot hold a log object .*TMPDIR"):
        spooled([b"large" * 100], in_memory=100)

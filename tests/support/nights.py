"""Simulated days for the nightly run: logs that come late or twice, dumps that AWS's outages hold back.

Every day is a small world of its own, with its own load balancer, addresses used again, and known causes.
"""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl

from fixtures.world.run import generate
from fixtures.world.story import story

FIRST = date(2026, 3, 2)
SHARE = 0.2
"""Of the demo's traffic: four thousand requests a day or so, about a dozen errors."""
END_H = 14.0
"""The story goes on until midnight; its nodes have shown by then how they come and go."""
OLDEST_H = 18.0
"""Nodes are there for less than a day before theirs: events are late by so much at most."""
_AT = timedelta(hours=2)
_LATE_SHARE, _COPY_SHARE = 0.03, 0.01


@dataclass(frozen=True)
class Place:
    """Where one store's sources are.

    Attributes:
        logs: objects as they were delivered.
        timeline: dumps, the newest days only, as a job that fetches them would leave them.
    """

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def timeline(self) -> Path:
        return self.root / "timeline"

    @property
    def store(self) -> Path:
        return self.root / "store"


@dataclass
class Days:
    """The days, written once.

    Attributes:
        folder: where they are.
        count: how many.
    """

    folder: Path
    count: int
    errors: dict[date, int] = field(default_factory=dict)

    def write(self) -> None:
        """Generate all days."""
        for number in range(self.count):
            world = story(1000 + number, OLDEST_H)
            world.start = np.datetime64(f"{day(number)}T00:00:00")
            world.knobs.hours = END_H
            for service in world.services:
                service.rps *= SHARE
            made = generate(world, self.folder / str(number))
            self.errors[day(number)] = sum(made.causes.values())

    def objects(self, number: int) -> list[Path]:
        """Objects of a day, relative to the place of its logs."""
        logs = self.folder / str(number) / "logs"
        return sorted(path.relative_to(logs) for path in logs.rglob("*") if path.is_file())

    def deliver_logs(self, number: int, to: Place, *, late: bool) -> None:
        """Put a day's objects where they are looked for: the punctual ones, or those that come late."""
        for name in self.objects(number):
            if (_chance(name) < _LATE_SHARE) is late:
                self._put(number, name, to.logs / name)
                if _chance(name.with_suffix(".copy")) < _COPY_SHARE:
                    self._put(number, name, to.logs / "again" / name)

    def _put(self, number: int, name: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.folder / str(number) / "logs" / name, target)

    def deliver_dumps(self, numbers: list[int], to: Place) -> None:
        """Leave the dumps of these days, and no others."""
        shutil.rmtree(to.timeline, ignore_errors=True)
        to.timeline.mkdir(parents=True)
        for number in numbers:
            shutil.copytree(
                self.folder / str(number) / "timeline",
                to.timeline / str(number),
                copy_function=shutil.copy2,
            )


def day(number: int) -> date:
    """The date of a day."""
    return FIRST + timedelta(days=number)


def night_after(number: int) -> str:
    """When the run comes that answers a day, RFC 3339."""
    at = datetime.combine(day(number + 1), time(), UTC) + _AT
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _are_equal(one: pl.Series, other: pl.Series, within: float) -> bool:
    if within and one.name.endswith("confidence"):
        return bool(((one.fill_null(0.0) - other.fill_null(0.0)).abs() <= within).all())
    return one.equals(other)


def _chance(name: Path) -> float:
    """Between 0 and 1, the same for the same object."""
    digest = blake2b(str(name).encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32


def verdicts(store: Path) -> dict[str, pl.DataFrame]:
    """The verdicts that are kept, by day, in a fixed order."""
    files = sorted((store / "nightly" / "attributions").glob("*.parquet"))
    return {path.stem: pl.read_parquet(path).sort("request_id") for path in files}


def differences(
    found: dict[str, pl.DataFrame], wanted: dict[str, pl.DataFrame], within: float = 0.0
) -> list[str]:
    """Days and columns that differ; probabilities only where they are further apart than ``within``."""
    told = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    told += [f"{name} is too much" for name in found.keys() - wanted.keys()]
    for name in sorted(found.keys() & wanted.keys()):
        one, other = found[name], wanted[name]
        if one.height != other.height:
            told.append(f"{name}: {one.height} verdicts, {other.height} wanted")
        else:
            told += [
                f"{name}: {column} differs in {(one[column].ne_missing(other[column])).sum()} of {one.height}"
                for column in one.columns
                if not _are_equal(one[column], other[column], within)
            ]
    return told

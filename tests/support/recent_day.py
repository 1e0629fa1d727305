"""The bundled incident as if it had ended an hour ago: AWS forgets, so live collection needs a recent one."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fixtures.world.run import DEMO_SEED, generate
from fixtures.world.story import story

_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class RecentDay:
    """Folders of one simulated day.

    Attributes:
        logs: access logs.
        aws: dumps of AWS, CloudTrail files included.
        since: RFC 3339, when the day began.
        until: when it ended.
    """

    logs: Path
    aws: Path
    since: str
    until: str


def recent_day(folder: Path, end: np.datetime64 | None = None) -> RecentDay:
    """Write the day below ``folder``.

    Args:
        folder: gets the day's folders.
        end: when the day ends, UTC; an hour ago by default. Only a day from midnight to midnight is that
            of the bundled incident, error for error: people come by the hour.
    """
    world = story(DEMO_SEED)
    end = np.datetime64("now").astype("datetime64[h]") - _HOUR if end is None else end
    world.start = end - np.timedelta64(round(world.end), "s")
    generate(world, folder)
    aws = folder / "aws"
    aws.mkdir()
    for path in (folder / "timeline").glob("*"):
        if not path.name.startswith("kubectl"):
            shutil.move(path, aws / path.name)
    since, until = (f"{at.astype('datetime64[s]')}Z" for at in (world.start, end))
    return RecentDay(folder / "logs", aws, since, until)

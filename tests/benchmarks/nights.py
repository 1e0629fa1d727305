"""Do nights get slower, or the store larger, the longer the nightly run goes on? Prints, asserts nothing.

    python -m tests.benchmarks.nights
    python -m tests.benchmarks.nights --nights 40 --keep 10d

Days are simulated, each with its own load balancer, late and repeated objects; nothing fails. Without --keep,
as by default, nothing leaves the store. Processor time is the number to look at where others use the machine.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.measure import Run, measure
from tests.support.nights import Days, Place, night_after

ROOT = Path(__file__).resolve().parents[2]
_DUMPED_DAYS = 4
_LATE_DAYS = 2
_SHOWN = 5
"""Nights of which the median is printed, so that forty do not take forty lines."""


def main() -> None:
    """Make the days, run the nights, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--keep", help="as the setting: age at which logs, timeline and pages go")
    options = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FORENSICS_NIGHTLY__AWS": "false"}
    if options.keep:
        environment |= dict.fromkeys(
            ("FORENSICS_NIGHTLY__KEEP", "FORENSICS_NIGHTLY__KEEP_REPORTS"), options.keep
        )
    with tempfile.TemporaryDirectory() as folder:
        days = Days(Path(folder, "days"), options.nights)
        days.write()
        here = Place(Path(folder, "here"))
        print("nights    errors a day    wall s    processor s    memory MB    store MB")
        taken: list[Run] = []
        for number in range(options.nights):
            taken.append(_night(days, here, number, environment))
            if (number + 1) % _SHOWN == 0:
                _show(taken[-_SHOWN:], number, [*days.errors.values()], here.store)


def _night(days: Days, here: Place, number: int, environment: Mapping[str, str]) -> Run:
    days.deliver_logs(number, here, late=False)
    if number >= _LATE_DAYS:
        days.deliver_logs(number - _LATE_DAYS, here, late=True)
    days.deliver_dumps([*range(max(number + 1 - _DUMPED_DAYS, 0), number + 1)], here)
    command = [sys.executable, "-m", "pipeline", "nightly", "--quiet", "--as-of", night_after(number)]
    places = {"--logs": here.logs, "--timeline": here.timeline, "--store": here.store}
    given = [text for option, place in places.items() for text in (option, str(place))]
    return measure([*command, *given], environment, here.root)


def _show(runs: list[Run], number: int, errors: list[int], store: Path) -> None:
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    wall, cpu, memory = (
        statistics.median(values)
        for values in zip(*((run.wall, run.cpu, run.memory) for run in runs), strict=True)
    )
    of_these = statistics.median(errors[number + 1 - len(runs) : number + 1])
    print(
        f"{number + 2 - len(runs):3} to {number + 1:3}  {of_these:11,.0f} {wall:12.1f} {cpu:12.1f} "
        f"{memory:12,.0f} {size / 1e6:12.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""What the checks cost: 5,000 errors, thousands of events, a day of traffic. Prints, asserts nothing.

    python -m tests.benchmarks.checks
    python -m tests.benchmarks.checks --errors 5000 --events 4000 --targets 60 --hours 24

Only the counting is measured, on tables like those that sql/intermediate makes of logs and timeline.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from pipeline.attribute.checks import CheckStage

START = datetime(2026, 3, 2, tzinfo=UTC)
GROUPS, CAUSES = 4, ("draining_pod", "new_node", "scale_in", "target_crash", "spot_interruption")


def main() -> None:
    """Make tables, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=int, default=5000)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--targets", type=int, default=60)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    span_s, minutes = 3600.0 * options.hours, 60 * options.hours
    places = [(f"group-{n % GROUPS}", f"10.0.0.{n}") for n in range(options.targets)]
    traffic = pl.DataFrame(
        {
            "target_group_arn": [group for group, _ in places for _ in range(minutes)],
            "target_ip": [ip for _, ip in places for _ in range(minutes)],
            "minute": np.tile(int(START.timestamp()) // 60 + np.arange(minutes), len(places)),
            "requests": rng.poisson(120, minutes * len(places)),
        }
    )
    where = rng.integers(0, len(places), options.errors)
    errors = pl.DataFrame(
        {
            "target_group_arn": [places[n][0] for n in where],
            "target_ip": [places[n][1] for n in where],
            "elb_status_code": np.full(options.errors, 502),
            "is_placebo": rng.random(options.errors) < 0.1,
            "happened_at": [
                START + timedelta(seconds=float(at)) for at in rng.uniform(0, span_s, options.errors)
            ],
        }
    )
    stage = CheckStage(traffic, errors, {})
    began, busy, checks = time.perf_counter(), time.process_time(), 0
    for cause in CAUSES:
        for number in range(GROUPS):
            mine = [ip for group, ip in places if group == f"group-{number}"]
            opens = rng.uniform(0, span_s, options.events // len(CAUSES) // GROUPS)
            windows = pl.DataFrame(
                {
                    "cluster_id": [str(n) for n in range(opens.size)],
                    "target_ip": [mine[n % len(mine)] for n in range(opens.size)],
                    "opens_at": [START + timedelta(seconds=float(at)) for at in opens],
                    "closes_at": [START + timedelta(seconds=float(at) + 60.0) for at in opens],
                    "core_opens_at": [START + timedelta(seconds=float(at)) for at in opens],
                    "core_closes_at": [START + timedelta(seconds=float(at) + 10.0) for at in opens],
                }
            )
            stage.check(cause, f"group-{number}", windows)
            checks += 1
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    print(
        f"{options.errors:,} errors, {options.events:,} events, {options.targets} targets, "
        f"{options.hours} h: {checks} checks, wall {wall:.2f} s, cpu {cpu:.2f} s"
    )


if __name__ == "__main__":
    main()

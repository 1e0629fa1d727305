"""How often the inferred keep-alive timeout holds the true one, on simulated pools. Prints, asserts nothing.

    python -m tests.benchmarks.keepalive                  seeds from the clock
    python -m tests.benchmarks.keepalive --seeds 201 202

The load is the number of requests on one pair of load balancer node and target in the server's timeout.
Two requests in a thousand fail for no reason, so that there is something to mistake for a race.
"""

import argparse
import time
from collections import Counter

from tests.support.keepalive_world import inferred, world

TIMEOUTS_S = (2.0, 5.0, 6.0, 20.0, 30.0)
LOADS = (0.3, 1.0, 3.0, 6.0, 15.0)


def main() -> None:
    """Simulate, infer, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[int(time.time()) % 1_000_000 + 1000])
    options = parser.parse_args()
    print(f"seeds {options.seeds}, timeouts {TIMEOUTS_S} s, pools LIFO and FIFO")
    print("load   worlds   told   interval holds it   mean width s   cannot tell")
    for load in LOADS:
        outcomes: Counter[str] = Counter()
        widths = []
        for timeout in TIMEOUTS_S:
            for lifo in (True, False):
                for seed in options.seeds:
                    found = inferred(world(timeout, load, seed, requests=20_000, lifo=lifo, noise=2e-3))
                    told = bool(found) and found["verdict"] == "estimated"
                    outcomes["told"] += told
                    outcomes["right"] += told and found["low"] <= timeout <= found["high"]
                    outcomes["worlds"] += 1
                    widths += [found["high"] - found["low"]] if told else []
        width = sum(widths) / len(widths) if widths else float("nan")
        untold = outcomes["worlds"] - outcomes["told"]
        print(
            f"{load:4.1f}   {outcomes['worlds']:6d}   {outcomes['told']:4d}   {outcomes['right']:17d}   "
            f"{width:12.2f}   {untold:11d}",
            flush=True,
        )


if __name__ == "__main__":
    main()

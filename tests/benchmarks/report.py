"""The page at ten and a hundred thousand errors: size, time to open, time to search. Prints, asserts nothing.

    python -m tests.benchmarks.report
    python -m tests.benchmarks.report --errors 100000 --repeat 5

The errors are those of tests/support/incident.py, each with a request, a trace and a sentence of its own. The
page is opened in the system's headless Chromium, offline, a browser of its own each time. ``processor`` is
the time that the page's process computed until all charts were drawn.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from pipeline.engine.duckdb import Engine
from pipeline.report import page as report
from pipeline.report.summary import summarise
from tests.support.chromium import chromium
from tests.support.incident import incident

_ACTS = {
    "search": "const box = document.getElementById('search'); box.value = 'oomkilled'; "
    "box.dispatchEvent(new Event('input', {bubbles: true}))",
    "search again": "const box = document.getElementById('search'); box.value = '10.0.1.2'; "
    "box.dispatchEvent(new Event('input', {bubbles: true}))",
    "clear": "const box = document.getElementById('search'); box.value = ''; "
    "box.dispatchEvent(new Event('input', {bubbles: true}))",
    "sort": "document.querySelector('[data-sort=confidence]').click()",
    "filter": "document.querySelector('input[value=scale_in]').click()",
    "scroll": "const grid = document.getElementById('grid'); grid.scrollTop = grid.scrollHeight",
    "open one": "document.querySelector('#virtual a').click()",
}
"""What a reader does; each is timed with the layout that it forces, and the frame after it."""

_SHOWN = (
    "document.body.offsetHeight; await new Promise((next) => requestAnimationFrame(() => setTimeout(next))); "
    "return performance.now() - began;"
)


def main() -> None:
    """Write, open, use, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=int, action="append", help="10000 and 100000 where not given")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for errors in options.errors or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            written, count = write(errors, path)
            print(f"{count:,} errors: {path.stat().st_size / 1e6:.2f} MB, written in {written:.1f} s")
            runs = [opened(path) for _ in range(options.repeat)]
        for name in runs[0]:
            times = [run[name] for run in runs]
            print(f"  {name:12s} median {statistics.median(times):7.0f} ms   worst {max(times):7.0f} ms")


def write(errors: int, path: Path) -> tuple[float, int]:
    """Write the page; how long that took, s, and how many errors it has."""
    base = len(incident().attributions)
    story = incident(scale=errors / base * 1.05)
    story.attributions = story.attributions[:errors]
    with Engine() as engine:
        story.attach(engine)
        began = time.perf_counter()
        report.write_page(engine, summarise(engine), path, title="Gateway errors", manifest={})
        return time.perf_counter() - began, len(story.attributions)


def opened(path: Path) -> dict[str, float]:
    """What opening and using the page took, ms."""
    with chromium() as browser, browser.new_context(offline=True) as context:
        page = context.new_page()
        spent, began = _spent(), time.perf_counter()
        page.goto(path.as_uri())
        times = {"loaded": time.perf_counter() - began}
        for name, mark in (("first chart", "chart"), ("all charts", "charts")):
            page.wait_for_selector(f"body[data-{mark}=drawn]")
            times[name] = time.perf_counter() - began
        times["processor"] = _spent() - spent
        found = {name: 1000.0 * seconds for name, seconds in times.items()}
        for name, act in _ACTS.items():
            found[name] = page.evaluate(f"async () => {{ const began = performance.now(); {act}; {_SHOWN} }}")
        return found


def _spent() -> float:
    """Processor time of the page's own process so far, s: what a busy machine stretches least."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        if "--type=renderer" in process.cmdline():
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


if __name__ == "__main__":
    main()

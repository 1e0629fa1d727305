"""Writes the sample report of the bundled incident, and the README's pictures; a test compares its data."""

import base64
import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.chromium import chromium

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "reports" / "sample" / "report.html"
PICTURE = ROOT / "reports" / "sample" / "report.png"
EVIDENCE = ROOT / "reports" / "sample" / "evidence.png"
_MODIFIED = re.compile(r"\b(\d+)-\d{19}\b")
"""The tag of a local object: its size, and when the file was modified, which a checkout decides."""


def render(path: Path) -> None:
    """The report of `forensics demo`, as the command writes it."""
    command = [sys.executable, "-m", "pipeline", "demo", "--output", str(path)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


def data_of(path: Path) -> dict[str, Any]:
    """What the page's scripts get to see, without what hangs on the machine."""
    packed = re.search(r'id="report-data">([A-Za-z0-9+/=]*)<', path.read_text(encoding="utf-8"))
    if packed is None:
        raise AssertionError(path)
    shown = _MODIFIED.sub(r"\1", gzip.decompress(base64.b64decode(packed[1])).decode())
    data: dict[str, Any] = json.loads(shown)
    return {name: data[name] for name in ("csv", "errors", "candidates", "events")}


def photograph(path: Path) -> None:
    """The first screen, and the evidence behind one error."""
    with (
        chromium() as browser,
        browser.new_context(offline=True, viewport={"width": 1280, "height": 960}) as to,
    ):
        page = to.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-charts=drawn]")
        page.wait_for_timeout(300)
        page.screenshot(path=PICTURE)
        page.check("input[value=scale_in]")
        page.locator("#virtual tr:not(.pad) a").first.click()
        page.wait_for_selector("#detail[open]")
        page.locator("#detail").screenshot(path=EVIDENCE)


def main() -> None:
    """Write all three."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "report.html"
        render(fresh)
        SAMPLE.parent.mkdir(parents=True, exist_ok=True)
        SAMPLE.write_bytes(fresh.read_bytes())
    photograph(SAMPLE)


if __name__ == "__main__":
    main()

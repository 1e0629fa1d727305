"""Every chart as PNG and SVG, drawn by the system's Chromium without a network; hostile text stays text."""

import os
import struct
import subprocess
import sys
from pathlib import Path
from shutil import which
from xml.etree import ElementTree as ET

import pytest

from pipeline.engine.duckdb import Engine
from pipeline.errors import StoreError
from pipeline.report import images
from pipeline.report.charts import drawn
from pipeline.report.summary import summarise
from tests.support import hostile
from tests.support.incident import Incident, incident

ROOT = Path(__file__).resolve().parents[2]


def written(story: Incident, folder: Path) -> dict[str, bytes]:
    with Engine() as engine:
        story.attach(engine)
        paths = images.write_images(drawn(engine, summarise(engine)), folder)
    return {path.name: path.read_bytes() for path in paths}


def test_every_chart_becomes_a_png_and_an_svg_by_a_browser_that_reaches_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, browser = tmp_path / "arguments", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {asked}\nexec {which("chromium")} "$@"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    story = incident(scale=0.1)
    for row in story.attributions:
        row |= {"evidence": hostile.EVERYTHING, "target_ip": hostile.SCRIPT}
    for row in story.lifetimes:
        row |= {"node_group": hostile.EVERYTHING, "node_name": hostile.SCRIPT}
    found = written(story, tmp_path / "charts")
    assert "--proxy-server=127.0.0.1:9" in asked.read_text().split()
    assert len(found) >= 14
    for name, content in found.items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG")
            assert struct.unpack(">I", content[16:20]) == (2400,)
            continue
        picture = ET.fromstring(content)  # noqa: S314 - what our own browser wrote
        assert not [one.tag for one in picture.iter() if one.tag.endswith(("script", "foreignObject"))]
        assert not [key for one in picture.iter() for key in one.attrib if key.startswith("on")]
    assert b"What failed, and what came and went" in found["over-time.svg"]


def test_a_browser_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexit 1\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(browser))
    with pytest.raises(StoreError, match="the browser drew no image"):
        written(incident(scale=0.1), tmp_path / "charts")
    assert not (tmp_path / "charts").exists()


def test_the_command_refuses_before_it_reads_logs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "report", "--logs", str(tmp_path), "--images", str(tmp_path)]
    environment = {**os.environ, "BROWSER_PATH": str(tmp_path / "nowhere")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 2
    assert "--images needs Chrome or Chromium" in done.stderr

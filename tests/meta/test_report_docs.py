"""docs/report.md names every chart of the sample report, with the queries behind it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| `([a-z-]+)` \| .*?\? \| (.*) \|$", re.MULTILINE)
_SECTION = re.compile(r'<section class="chart-of".*?</section>', re.DOTALL)


def test_every_chart_is_described_with_its_queries() -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    told = {name: set(re.findall(r"sql/report/(\w+)\.sql", links)) for name, links in _ROW.findall(text)}
    page = (ROOT / "reports" / "sample" / "report.html").read_text(encoding="utf-8")
    drawn = {}
    for section in _SECTION.findall(page):
        (name,) = re.findall(r'class="chart" id="([a-z-]+)"', section)
        drawn[name] = set(re.findall(r'data-csv="(\w+)"', section))
    assert told == drawn

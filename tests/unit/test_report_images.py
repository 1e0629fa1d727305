"""Images from the command line: the page's ink on white paper, and a clear word when they cannot be drawn."""

import re
import sys
from pathlib import Path

import pytest

from pipeline import queries
from pipeline.engine.duckdb import Engine
from pipeline.errors import UsageError
from pipeline.report import colours, images
from pipeline.report.charts import Chart, drawn
from pipeline.report.summary import summarise
from tests.support.incident import incident


@pytest.fixture(scope="module")
def charts() -> dict[str, Chart]:
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        return {chart.id: chart for chart in drawn(engine, summarise(engine))}


def test_the_ink_is_that_of_the_light_page() -> None:
    css = (queries.template_folder() / "report.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", css.split("@media")[0]))
    assert {name: light[name] for name in ("paper", "ink", "soft", "rule", "grid", "stay")} == {
        "paper": colours.PAPER,
        "ink": colours.INK,
        "soft": colours.SOFT,
        "rule": colours.RULE,
        "grid": colours.GRID,
        "stay": colours.STAY,
    }


def test_a_figure_on_paper_has_its_title_and_leaves_the_chart_as_it_was(charts: dict[str, Chart]) -> None:
    chart = charts["over-time"]
    figure = images.on_paper(chart)
    assert figure.layout.title.text == "<b>What failed, and what came and went</b>"
    assert figure.layout.paper_bgcolor == "#ffffff"
    assert figure.layout.height == chart.height + 44
    assert {trace.line.color for trace in figure.data if trace.meta == "ink"} == {colours.SOFT}
    assert chart.figure.layout.title.text is None
    assert {trace.line.color for trace in chart.figure.data if trace.meta == "ink"} == {None}


def test_numbers_in_a_matrix_are_dark(charts: dict[str, Chart]) -> None:
    assert images.on_paper(charts["failure-classes"]).data[0].textfont.color == colours.INK


def test_without_kaleido_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "choreographer.browsers.chromium", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'forensics[images]'")):
        images.refuse_without_browser()


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"needs Chrome or Chromium: .*nowhere.* apt-get install chromium"):
        images.refuse_without_browser()

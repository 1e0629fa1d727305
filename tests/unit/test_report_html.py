"""The page holds what it must, nothing it must not, and replaces the old one whole or not at all."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.duckdb import Engine
from pipeline.errors import StoreError
from pipeline.report import evidence, page
from pipeline.report.charts import base
from pipeline.report.summary import summarise
from tests.support import hostile
from tests.support.incident import FIRST, Incident, incident, minutes

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "aside",
        "div",
        "p",
        "span",
    ),
    *("h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "dl", "dt", "dd"),
    *("a", "b", "em", "small", "strong", "code", "svg", "rect", "path"),
    *("form", "label", "input", "output", "noscript", "script", "wbr"),
    *("details", "summary", "pre", "button", "dialog"),
}


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.texts.append((self._open, data))


def rendered(story: Incident, **manifest: str) -> str:
    with Engine() as engine:
        story.attach(engine)
        return page.render(engine, summarise(engine), title="Gateway errors", manifest=manifest)


def elements(text: str) -> Elements:
    parser = Elements()
    parser.feed(text)
    return parser


def data_of(text: str) -> dict[str, Any]:
    """What the page's scripts get to see."""
    packed = re.search(r'id="report-data">([A-Za-z0-9+/=]*)<', text)
    assert packed
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    return data


def figure_of(text: str, name: str = "over-time") -> dict[str, Any]:
    """One chart as Plotly gets it."""
    figures: dict[str, dict[str, Any]] = {one["id"]: one["figure"] for one in data_of(text)["charts"]}
    return figures[name]


def attacked() -> Incident:
    """An incident in which whatever can be text is hostile."""
    story = incident(scale=0.1)
    for number, row in enumerate(story.attributions):
        text = hostile.EVERYTHING if number % 2 else hostile.BREAKOUT
        row |= {"evidence": text, "object_key": text, "trace_id": text, "remedy": text, "target_ip": text}
        row |= {"missing_sources": text, "request_id": f"{number}{hostile.ATTRIBUTE}"}
    story.attributions[0]["cause"] = hostile.EVERYTHING
    for row in story.lifetimes:
        row |= {"node_name": hostile.EVERYTHING, "private_ip": hostile.SCRIPT}
    for row in story.lifetimes[6:]:
        row |= {"node_group": hostile.EVERYTHING, "left_reason": hostile.SCRIPT}
    for row in story.events:
        row |= {"detail": hostile.EVERYTHING, "pod_name": hostile.EVERYTHING}
    for row in story.coverage:
        row["source"] = hostile.EVERYTHING
    return story


def test_the_page_loads_nothing_from_anywhere() -> None:
    for tag, attributes in elements(rendered(incident())).tags:
        assert not {"src", "srcset", "data", "action"} & attributes.keys(), tag
        assert (attributes.get("href") or "#").startswith("#"), tag


def test_the_policy_names_every_script_and_style_by_hash_and_no_unsafe_script() -> None:
    parsed = elements(rendered(incident()))
    policy = (
        next(a["content"] for t, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy") or ""
    )
    kinds = dict(part.split(" ", 1) for part in policy.split("; "))
    assert "unsafe" not in kinds["script-src"] + kinds["style-src"] + kinds["default-src"]
    own = [text for kind, text in parsed.texts if kind == "script" and text.startswith('"use strict"')]
    styles = [text for kind, text in parsed.texts if kind == "style"]
    for directive, texts in (("script-src", own), ("style-src", styles)):
        assert texts
        for text in texts:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in kinds[directive]


def test_the_compressed_bundle_is_the_script_whose_hash_the_policy_has() -> None:
    text = rendered(incident())
    packed = re.search(r'id="plotly-bundle">([^<]*)<', text)
    assert packed
    script = gzip.decompress(base64.b64decode(packed[1]))
    assert base64.b64encode(hashlib.sha256(script).digest()).decode() in text
    assert b"plotly.js" in script[:200]


def test_hostile_text_makes_no_tag_no_handler_and_no_link() -> None:
    for tag, attributes in elements(rendered(attacked(), **{hostile.SCRIPT: hostile.BREAKOUT})).tags:
        assert tag in TAGS
        assert not [name for name in attributes if name.startswith("on")]
        assert not (attributes.get("href") or "").lower().startswith("javascript")


def test_hostile_text_closes_no_data_block_and_makes_no_tag_in_a_hover() -> None:
    for chart in data_of(rendered(attacked()))["charts"]:
        traces = chart["figure"]["data"]
        hovers = [hover for trace in traces for hover in trace.get("hovertext") or []]
        tags = {tag for hover in hovers for tag in re.findall(r"<[^>]*>", hover)}
        assert tags <= {"<b>", "</b>", "<br>"}, chart["id"]


def test_cells_of_the_page_s_csv_are_no_formulas() -> None:
    story = attacked()
    for row in story.events:
        row["detail"] = hostile.FORMULA
    csv_texts = data_of(rendered(story))["csv"]
    assert csv_texts["cited_events"].count(f"\"'{hostile.FORMULA[:11]}") > 0
    for text in csv_texts.values():
        assert not re.search(r'(^|,)"?[=+@]', text, re.MULTILINE)


def test_the_data_hold_no_control_or_bidirectional_character() -> None:
    text = json.dumps(data_of(rendered(attacked()))["errors"], ensure_ascii=False)
    assert not re.findall("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", text)


def test_the_page_holds_no_control_or_bidirectional_character() -> None:
    assert not re.findall(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", rendered(attacked())
    )


def test_every_error_is_in_the_data_and_the_first_ones_have_anchors_in_the_markup() -> None:
    story = incident(scale=0.2)
    text = rendered(story)
    ids = [row["request_id"] for row in story.attributions]
    anchors = [a["id"] for t, a in elements(text).tags if t == "tr" and "id" in a]
    assert data_of(text)["errors"]["request_id"] == ids
    assert anchors == [f"req-{one}" for one in ids[: page.STATIC_ROWS]]


def test_ten_thousand_errors_fit_six_megabytes() -> None:
    story = incident(scale=8.4)
    assert len(story.attributions) > 10_000
    text = rendered(story)
    assert len(text.encode()) < 6_000_000
    assert len(data_of(text)["errors"]["cause"]) == len(story.attributions)


def test_candidates_stand_with_their_error_and_every_cause_keeps_a_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence, "MOST_DETAILED", 50)
    story = incident(scale=0.3)
    data = data_of(rendered(story))
    told = data["candidates"]
    assert len(set(told["error"])) == 50
    assert told["error"] == sorted(told["error"])
    named = {(place, cause) for place, cause in zip(told["error"], told["cause"], strict=True)}
    for place in set(told["error"]):
        assert (place, data["errors"]["cause"][place]) in named
    assert {data["errors"]["cause"][place] for place in told["error"]} == set(data["errors"]["cause"])


def test_numbers_in_charts_are_those_of_the_tables() -> None:
    story = incident()
    text = rendered(story)
    causes = [row["cause"] for row in story.attributions]
    cells = figure_of(text, "failure-classes")["data"][0]["z"]
    assert sum(n or 0 for line in cells for n in line) == len(causes)
    assert sum(figure_of(text, "confidence")["data"][0]["y"]) == len(causes)
    heat = figure_of(text, "target-heat")["data"][0]
    targets = [row["target_ip"] for row in story.attributions]
    assert {y: sum(n or 0 for n in z) for y, z in zip(heat["y"], heat["z"], strict=True)} == {
        target: targets.count(target) for target in set(targets)
    }
    nodes = figure_of(text, "balancer-nodes")["data"][0]
    requests = sum(row["requests"] // 2 for row in story.traffic)
    assert sum(nodes["x"]) == pytest.approx(len(causes) / requests * 1e6)


def test_the_manifest_names_rules_objects_and_libraries() -> None:
    story = incident(scale=0.1)
    text = rendered(story, logs="s3://example-logs")
    objects = len({row["object_key"] for row in story.attributions})
    assert "0.1.0 with causes 5f1c0c6e" in text
    assert f"<dd>{objects}, " in text
    assert "duckdb" in text
    assert f"<dd>{len(story.events)} events, 2 settings</dd>" in text
    assert data_of(text)["csv"]["objects"].count("\n") == objects + 1


def test_errors_that_follow_their_events_show_a_peak_that_moved_events_lack() -> None:
    story = incident()
    text = rendered(story)
    panels = [t for t in figure_of(text, "lags")["data"] if t["type"] == "bar"]
    moved = [t for t in figure_of(text, "lags")["data"] if t["type"] == "scatter"]
    assert sum(panels[0]["y"]) > 300
    assert sum(moved[0]["y"]) < sum(panels[0]["y"]) / 2


def test_bars_add_up_to_the_verdicts() -> None:
    story = incident()
    traces = figure_of(rendered(story))["data"]
    bars = {trace["name"]: sum(trace["y"]) for trace in traces if trace["type"] == "bar"}
    causes = [row["cause"] for row in story.attributions]
    assert bars == {cause: causes.count(cause) for cause in causes}


def test_the_node_line_steps_with_every_join_and_leave() -> None:
    story = Incident(attributions=incident(scale=0.1).attributions, traffic=incident(scale=0.1).traffic)
    stay = {"kind": "node", "node_group": "bulk", "private_ip": "10.0.0.1"}
    story.lifetimes = [
        {**stay, "lifetime_id": "a", "joined_at": None, "left_at": minutes(30)},
        {**stay, "lifetime_id": "b", "joined_at": FIRST.replace(year=2025), "left_at": None},
        {**stay, "lifetime_id": "c", "joined_at": minutes(10), "left_at": None},
        {**stay, "lifetime_id": "d", "joined_at": None, "left_at": FIRST},
    ]
    traces = figure_of(rendered(story))["data"]
    line = next(trace for trace in traces if trace["name"] == "bulk (nodes)")
    assert [moment[11:16] for moment in line["x"]] == ["02:00", "02:10", "02:30", "06:00"]
    assert line["y"] == [2, 3, 2, 2]
    marks = {
        trace["name"]: [m[11:16] for m in trace["x"]] for trace in traces if trace.get("mode") == "markers"
    }
    assert marks == {"node joined": ["02:10"], "node left": ["02:30"]}


def test_groups_that_get_no_line_are_counted_on_the_axis() -> None:
    story = incident(scale=0.1)
    for number, row in enumerate(story.lifetimes):
        row["node_group"] = f"group {number % 8}"
    figure = figure_of(rendered(story))
    assert figure["layout"]["yaxis2"]["title"]["text"] == "nodes (6 of 8 groups)"
    assert len([trace for trace in figure["data"] if trace.get("mode") == "lines"]) == 6


@pytest.mark.parametrize(
    ("hours", "width"), [(1, 1), (4, 1), (5, 2), (24, 5), (24 * 7, 60), (24 * 365, 1440)]
)
def test_bars_are_as_fine_as_the_window_allows(hours: int, width: int) -> None:
    assert base.bucket_minutes((FIRST, minutes(hours * 60))) == width


def test_without_errors_the_page_says_so_and_carries_no_chart() -> None:
    story = incident()
    story.attributions = []
    text = rendered(story)
    assert "No gateway error (502/504) among" in text
    assert "plotly-bundle" not in text
    assert "<script" not in text
    assert len(text) < 40_000


def test_the_same_incident_gives_the_same_page() -> None:
    assert rendered(incident()) == rendered(incident())


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        summary = summarise(engine)
        with pytest.raises(StoreError, match="No space left"):
            page.write_page(engine, summary, path, title="t", manifest={})
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_a_written_page_replaces_the_old_one_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    for title in ("first", "second"):
        with Engine() as engine:
            incident(scale=0.1).attach(engine)
            page.write_page(engine, summarise(engine), path, title=title, manifest={})
    assert "<title>second</title>" in path.read_text(encoding="utf-8")
    assert len(list(path.parent.iterdir())) == 1

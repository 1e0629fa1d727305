"""The page in a real browser with the network off: drawn under its own policy, filtered, inert, readable."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from pipeline.engine.duckdb import Engine
from pipeline.report import page as report
from pipeline.report.summary import summarise
from tests.support import hostile
from tests.support.chromium import chromium
from tests.support.incident import Incident, incident


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(offline=True, viewport={"width": 1440, "height": 900}) as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(incident(), tmp_path_factory.mktemp("report"))


def write(story: Incident, folder: Path) -> Path:
    path = folder / "report.html"
    with Engine() as engine:
        story.attach(engine)
        manifest = {"logs": "s3://example-logs", "title": hostile.EVERYTHING}
        report.write_page(engine, summarise(engine), path, title="Gateway errors", manifest=manifest)
    return path


def opened(context: BrowserContext, path: Path, fragment: str = "") -> tuple[Page, list[str]]:
    """The page once its chart is there, and what it complained about or asked a network for."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith("file:"):
            complaints.append(request.url)

    page = context.new_page()
    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    page.goto(path.as_uri() + fragment)
    page.wait_for_selector("body[data-chart=drawn]")
    return page, complaints


def visible_rows(page: Page) -> list[str]:
    causes: list[str] = page.eval_on_selector_all(
        "#rows tbody tr:not([hidden])", "rows => rows.map(row => row.dataset.cause)"
    )
    return causes


def test_the_chart_is_drawn_under_the_policy_without_a_word_on_the_console(
    context: BrowserContext, written: Path
) -> None:
    page, complaints = opened(context, written)
    assert complaints == []
    assert page.locator("#chart svg.main-svg").count() >= 1
    assert page.locator("#chart .bars .point path").count() == 207
    assert page.locator("#chart .xaxislayer-above text").count() > 4


def test_the_causes_filter_narrows_the_rows(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    assert len(visible_rows(page)) == 1258
    page.check("input[value=target_crash]")
    assert set(visible_rows(page)) == {"target_crash"}
    page.check("input[value=conntrack_reset]")
    assert set(visible_rows(page)) == {"target_crash", "conntrack_reset"}
    assert page.inner_text("#count") == "95 shown"


def test_the_search_finds_text_in_any_column(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.fill("#search", "  oomkilled 0.0 ")
    assert set(visible_rows(page)) == {"target_crash"}
    page.fill("#search", "no such text")
    assert visible_rows(page) == []
    assert page.is_visible("#none")


def test_a_link_to_a_request_shows_its_row(context: BrowserContext, written: Path) -> None:
    request_id = incident().attributions[900]["request_id"]
    page, _ = opened(context, written, f"#req-{request_id}")
    assert page.locator(f"#req-{request_id}").is_visible()
    assert page.evaluate(f"document.querySelector(':target').id === 'req-{request_id}'")
    page.wait_for_function("document.querySelector(':target').getBoundingClientRect().top < innerHeight")


def test_hovering_a_bar_shows_its_evidence(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.locator("#chart").scroll_into_view_if_needed()
    tallest = page.evaluate(
        """() => { let best = null;
            for (const bar of document.querySelectorAll("#chart .bars .point path")) {
                const box = bar.getBoundingClientRect();
                if (!best || box.height > best.height) {
                    best = {x: box.x + box.width / 2, y: box.y + box.height / 2, height: box.height};
                }
            } return best; }"""
    )
    page.mouse.move(tallest["x"], tallest["y"], steps=4)
    page.wait_for_selector("#chart .hovertext")
    assert "was terminated" in (page.text_content("#chart .hoverlayer") or "")


def test_hostile_text_is_inert(context: BrowserContext, tmp_path: Path) -> None:
    story = incident(scale=0.2)
    for row in story.attributions:
        row |= {"evidence": hostile.EVERYTHING, "object_key": hostile.BREAKOUT, "trace_id": hostile.ATTRIBUTE}
        row |= {"target_ip": hostile.SCRIPT, "remedy": hostile.EVERYTHING}
    for row in story.lifetimes:
        row |= {"node_group": hostile.EVERYTHING, "node_name": hostile.SCRIPT}
    page, complaints = opened(context, write(story, tmp_path))
    page.mouse.move(700, 500, steps=5)
    page.locator("#rows tbody tr").first.hover()
    assert complaints == []
    assert page.evaluate("window.pwned === undefined")
    assert page.locator("body img, #rows a[href^=javascript]").count() == 0


def test_markup_that_got_in_all_the_same_would_not_run(
    context: BrowserContext, written: Path, tmp_path: Path
) -> None:
    text = written.read_text(encoding="utf-8").replace("<main>", "<main>" + hostile.SCRIPT)
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    page, complaints = opened(context, path)
    assert page.evaluate("window.pwned === undefined")
    assert any("Content Security Policy" in complaint for complaint in complaints)


@pytest.mark.parametrize("width", [1440, 800, 390])
def test_nothing_is_wider_than_the_window(context: BrowserContext, written: Path, width: int) -> None:
    page, _ = opened(context, written)
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1440, "height": 900})


def test_dark_readers_get_light_ink(browser: Browser, written: Path) -> None:
    with browser.new_context(offline=True, color_scheme="dark") as dark:
        page, complaints = opened(dark, written)
        assert complaints == []
        ink = page.evaluate("getComputedStyle(document.querySelector('#chart .legendtext')).fill")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ink, paper) == ("rgb(231, 234, 238)", "rgb(20, 23, 27)")


def test_it_prints_light_and_with_its_chart(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.is_visible("#filter")
    page.set_viewport_size({"width": 688, "height": 970})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelector('#chart svg.main-svg').clientWidth === 680")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#chart .legendtext')).fill")
        == "rgb(22, 25, 29)"
    )
    assert page.locator(".causes").evaluate("element => element.clientWidth") > 600
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_errors_the_page_is_calm(context: BrowserContext, tmp_path: Path) -> None:
    story = incident()
    story.attributions = []
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(write(story, tmp_path).as_uri())
    assert complaints == []
    assert page.inner_text("h1").startswith("No gateway error")

"""The page in a real browser with the network off: drawn under its own policy, filtered, inert, readable."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

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
    page.wait_for_selector("body[data-charts=drawn]")
    return page, complaints


CHARTS = (
    *("over-time", "target-lives", "target-heat", "failure-classes"),
    *("balancer-nodes", "zones", "lags", "confidence"),  # no latency: the story has no requests
)


def shown(page: Page) -> int:
    """How many errors match, as the page says."""
    return int(page.inner_text("#count").split()[0].replace(",", ""))


def drawn_causes(page: Page) -> set[str]:
    """Causes of the rows that exist right now."""
    return set(
        page.eval_on_selector_all("#virtual tr:not(.pad)", "rows => rows.map(row => row.dataset.cause)")
    )


def test_every_chart_is_drawn_under_the_policy_without_a_word_on_the_console(
    context: BrowserContext, written: Path
) -> None:
    page, complaints = opened(context, written)
    assert complaints == []
    for chart in CHARTS:
        assert page.locator(f"#{chart} svg.main-svg").count() >= 1, chart
    assert page.locator(".chart").count() == len(CHARTS)
    assert page.locator("#over-time .bars .point path").count() == 207
    assert page.locator("#over-time .xaxislayer-above text").count() > 4


def test_the_causes_filter_narrows_the_rows(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    assert shown(page) == 1258
    page.check("input[value=target_crash]")
    assert drawn_causes(page) == {"target_crash"}
    page.check("input[value=conntrack_reset]")
    assert shown(page) == 95


def test_the_search_finds_text_in_any_column(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.fill("#search", "  oomkilled 0.0 ")
    assert drawn_causes(page) == {"target_crash"}
    page.fill("#search", "no such text")
    assert shown(page) == 0
    assert page.is_visible("#none")


def test_columns_sort_both_ways(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    sure = sorted(row["confidence"] for row in incident().attributions)
    first = "#virtual tr:not(.pad) b >> nth=0"
    page.click("[data-sort=confidence]")
    assert page.inner_text(first) == f"{sure[0]:.0%}"
    page.click("[data-sort=confidence]")
    assert page.inner_text(first) in {f"{sure[-1]:.0%}", ">99%"}
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_a_link_to_a_request_opens_its_evidence(context: BrowserContext, written: Path) -> None:
    row = incident().attributions[900]
    page, _ = opened(context, written, f"#req-{row['request_id']}")
    text = page.inner_text("#detail")
    assert row["cause"] in text
    assert row["evidence"] in text
    assert f"{row['object_key']}:{row['line_number']}" in text
    assert page.locator("#detail .waterfall tbody tr").count() == 2
    assert page.locator("#detail .around .self").count() == 1
    page.keyboard.press("Escape")
    assert not page.is_visible("#detail")
    assert "#" not in page.url


def test_a_row_opens_from_the_keyboard_and_names_the_event_it_cites(
    context: BrowserContext, written: Path
) -> None:
    page, _ = opened(context, written)
    page.check("input[value=scale_in]")
    page.locator("#virtual tr:not(.pad) a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")
    assert "cited by the verdict" in page.inner_text("#detail .around .cited")


def test_time_chosen_in_one_chart_is_shown_in_all_and_in_the_table(
    context: BrowserContext, written: Path
) -> None:
    page, complaints = opened(context, written)
    page.evaluate(
        "Plotly.relayout('over-time', {'xaxis.range[0]': '2026-11-22 03:00:00', "
        "'xaxis.range[1]': '2026-11-22 04:00:00'})"
    )
    page.wait_for_selector("#selection:not([hidden])")
    times = [row["time"] for row in incident().attributions]
    inside = [t for t in times if 3 * 60 <= t.hour * 60 + t.minute + t.second / 60 <= 4 * 60]
    assert shown(page) == len(inside)
    page.wait_for_function(
        "document.getElementById('target-heat').layout.xaxis.range[0].startsWith('2026-11-22T03:00')"
    )
    page.click("#selection-clear")
    assert shown(page) == len(times)
    page.wait_for_function("document.getElementById('target-heat').layout.xaxis.range[0].includes('02:00')")
    assert complaints == []


def test_a_hundred_thousand_errors_scroll_like_a_hundred(
    context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    story = incident(scale=84)
    assert len(story.attributions) > 100_000
    page, complaints = opened(context, write(story, tmp_path_factory.mktemp("large")))
    assert shown(page) == len(story.attributions)
    assert page.locator("#virtual tr").count() < 60
    page.evaluate(
        "() => { const grid = document.getElementById('grid'); grid.scrollTop = grid.scrollHeight; }"
    )
    last = f"a[href='#req-{story.attributions[-1]['request_id']}']"
    page.wait_for_selector(f"#virtual {last}")
    page.fill("#search", "oomkilled")
    assert drawn_causes(page) == {"target_crash"}
    assert complaints == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_screen_readers_and_keyboards_find_no_serious_obstacle(
    browser: Browser, written: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    size = ViewportSize(width=width, height=900)
    with browser.new_context(offline=True, color_scheme=scheme, viewport=size) as seen:
        page, _ = opened(seen, written)
        found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_tables_and_images_can_be_taken_along(context: BrowserContext, written: Path) -> None:
    page, complaints = opened(context, written)
    page.click("#over-time ~ .behind summary")
    with page.expect_download() as table:
        page.click("[data-csv=errors_over_time]")
    with page.expect_download() as image:
        page.click("[data-image=svg][data-of=over-time]")
    with page.expect_download() as errors:
        page.click("#errors-csv")
    assert table.value.path().read_text().startswith("bucket_at,cause,errors_504,errors,evidence\n")
    assert "<svg" in image.value.path().read_text()[:200]
    assert errors.value.path().read_text().count("\n") == len(incident().attributions) + 1
    assert complaints == []


def test_hovering_a_bar_shows_its_evidence(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.locator("#over-time").scroll_into_view_if_needed()
    tallest = page.evaluate(
        """() => { let best = null;
            for (const bar of document.querySelectorAll("#over-time .bars .point path")) {
                const box = bar.getBoundingClientRect();
                if (!best || box.height > best.height) {
                    best = {x: box.x + box.width / 2, y: box.y + box.height / 2, height: box.height};
                }
            } return best; }"""
    )
    page.mouse.move(tallest["x"], tallest["y"], steps=4)
    page.wait_for_selector("#over-time .hovertext")
    assert "was terminated" in (page.text_content("#over-time .hoverlayer") or "")


def test_hostile_text_is_inert(context: BrowserContext, tmp_path: Path) -> None:
    story = incident(scale=0.2)
    for row in story.attributions:
        row |= {"evidence": hostile.EVERYTHING, "object_key": hostile.BREAKOUT, "trace_id": hostile.ATTRIBUTE}
        row |= {"target_ip": hostile.SCRIPT, "remedy": hostile.EVERYTHING}
    for row in story.lifetimes:
        row |= {"node_group": hostile.EVERYTHING, "node_name": hostile.SCRIPT}
    page, complaints = opened(context, write(story, tmp_path))
    page.mouse.move(700, 500, steps=5)
    page.locator("#virtual tr:not(.pad)").first.hover()
    page.locator("#virtual a").first.click()
    page.wait_for_selector("#detail[open]")
    assert complaints == []
    assert page.evaluate("window.pwned === undefined")
    assert page.locator("body img, a[href^=javascript]").count() == 0


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
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("width", [800, 390])
def test_in_a_narrow_window_every_error_still_shows_its_evidence(
    context: BrowserContext, written: Path, width: int
) -> None:
    page, _ = opened(context, written)
    page.set_viewport_size({"width": width, "height": 900})
    evidence = page.locator("#virtual tr:not(.pad) td.evidence").first
    page.wait_for_function("document.querySelector('#virtual td.evidence').clientWidth > 250")
    assert incident().attributions[0]["evidence"] in evidence.inner_text()
    legend = page.locator("#over-time .legend").bounding_box()
    ticks = page.locator("#over-time .xaxislayer-above").last.bounding_box()
    assert legend
    assert ticks
    assert legend["y"] >= ticks["y"] + ticks["height"] or legend["y"] + legend["height"] <= ticks["y"]


def test_an_image_saved_from_a_dark_page_is_drawn_as_on_paper(browser: Browser, written: Path) -> None:
    with browser.new_context(offline=True, color_scheme="dark") as dark:
        page, complaints = opened(dark, written)
        page.click("#over-time ~ .behind summary")
        with page.expect_download() as image:
            page.click("[data-image=svg][data-of=over-time]")
        drawn = image.value.path().read_text()
        assert complaints == []
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert "rgb(22, 25, 29)" in drawn
    assert "rgb(231, 234, 238)" not in drawn


def test_dark_readers_get_light_ink(browser: Browser, written: Path) -> None:
    with browser.new_context(offline=True, color_scheme="dark") as dark:
        page, complaints = opened(dark, written)
        assert complaints == []
        ink = page.evaluate("getComputedStyle(document.querySelector('#over-time .legendtext')).fill")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ink, paper) == ("rgb(231, 234, 238)", "rgb(20, 23, 27)")


def test_it_prints_light_and_with_its_chart(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.is_visible("#filter")
    assert not page.is_visible("#grid")
    assert page.locator("#static tbody tr").first.is_visible()
    page.set_viewport_size({"width": 688, "height": 970})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelector('#over-time svg.main-svg').clientWidth === 680")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#over-time .legendtext')).fill")
        == "rgb(22, 25, 29)"
    )
    assert page.locator(".causes").evaluate("element => element.clientWidth") > 600
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_on_paper_no_column_is_squeezed_and_no_chart_is_torn(context: BrowserContext, written: Path) -> None:
    page, _ = opened(context, written)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 970})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.querySelector('#over-time svg.main-svg').clientWidth === 680")
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    for cells, least in (("#static td.evidence", 280), (".events tr:not(.uncited) td:nth-child(5)", 280)):
        assert (
            page.eval_on_selector_all(cells, "all => Math.min(...all.map(one => one.clientWidth))") >= least
        )
    tall = page.eval_on_selector_all(".chart-of", "all => Math.max(...all.map(one => one.clientHeight))")
    assert tall < 970
    assert page.eval_on_selector_all(
        ".chart-of", "all => all.every(one => getComputedStyle(one).breakInside === 'avoid')"
    )


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

"""The site of the documents: built strictly, complete, and without anything from a network."""

import functools
import tomllib
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support import site
from tests.support.chromium import chromium
from tests.support.loopback import serving


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built") / "site"
    site.build(target)
    return target


def navigation(entry: object) -> Iterator[str]:
    """Paths of the pages below an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for value in entry.values():
            yield from navigation(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from navigation(value)


def test_every_page_is_built_and_in_the_navigation(built: Path) -> None:
    named = list(navigation(tomllib.loads(site.CONFIGURATION.read_text())["project"]["nav"]))
    assert len(named) == len(set(named))
    assert set(named) == set(site.pages())
    assert all((built / name).with_suffix(".html").exists() for name in named)


@pytest.mark.parametrize("link", ["no-such-page.md", "causes.md#no_such_cause", "../sql/causes/none.sql"])
def test_a_link_that_leads_nowhere_ends_the_build(
    link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "docs/causes.md": "# Causes\n\n## scale_in\n",
        "docs/tutorial.md": f"# Tutorial\n\n[there]({link})\n",
    }
    (tmp_path / "docs").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(site, "ROOT", tmp_path)
    monkeypatch.setattr(site, "pages", lambda: {name: tmp_path / name for name in texts})
    with pytest.raises((RuntimeError, FileNotFoundError), match=r"does not exist|not there"):
        site.build(tmp_path / "site")


def test_in_a_browser_it_asks_nobody_else_and_its_search_works(built: Path) -> None:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(built))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]  # quiet
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with serving(server) as home, chromium() as browser:
        page: Page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{home}/docs/tutorial.html")
        expect(page.get_by_role("heading", level=1)).to_contain_text("From an alarm")
        page.get_by_role("link", name="runbook.md").click()
        expect(page.get_by_role("heading", name="scale_in")).to_be_visible()
        page.wait_for_load_state("networkidle")
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((home, "blob:", "data:"))] == []

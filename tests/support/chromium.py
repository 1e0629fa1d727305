"""The system's Chromium, headless; pages opened in it have no network."""

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed afterwards; open pages with ``new_context(offline=True)``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()

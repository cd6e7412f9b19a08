"""A real headless Chromium for tests of pages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1400,1000",
)


def missing_browser() -> str | None:
    """Return the first program of the browser that is not installed."""
    return next((program for program in PROGRAMS if shutil.which(program) is None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser with one page."""

    driver: Any

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a page, and wait until its script has drawn it."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(page.as_uri() + fragment)
        self.wait(lambda: self.script("return document.documentElement.dataset.ready") == "yes", "the page is drawn")

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a function's body in the page and return what it returns."""
        return self.driver.execute_script(text, *arguments)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of what is seen of a selector."""
        return [each.text for each in self.driver.find_elements("css selector", selector) if each.is_displayed()]

    def click(self, selector: str) -> None:
        """Click as a person does: where something is on top of it this fails."""
        found = self.driver.find_element("css selector", selector)
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
        found.click()

    def type(self, selector: str, text: str) -> None:
        """Type into a field in place of what it holds."""
        field = self.driver.find_element("css selector", selector)
        field.clear()
        field.send_keys(text)

    def wait(self, came_true: Callable[[], bool], what: str) -> None:
        """Wait until something is so; it must be some time."""
        deadline = time.monotonic() + 60
        while not came_true():
            assert time.monotonic() < deadline, f"it never came true that {what}"
            time.sleep(0.02)

    def complaints(self) -> list[str]:
        """Return what the browser wrote to its console: errors, refused scripts and styles, warnings."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def first_paint_ms(self) -> float:
        """Return when the page showed something, in milliseconds after it was asked for."""
        return float(self.script("return performance.getEntriesByType('paint')[0].startTime"))


@contextmanager
def started_browser(*, with_scripts: bool = True) -> Iterator[Browser]:
    """Start a browser and end it afterwards; without scripts pages are as they are for who switched these off."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not with_scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    try:
        yield Browser(driver=driver)
    finally:
        driver.quit()

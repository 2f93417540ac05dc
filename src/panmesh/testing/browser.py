"""The system's own Chromium, driven for tests: what a page does wrong is written down while it loads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW = 1280, 390  # CSS pixels: a desk, a phone
HEIGHT = 900
SERIOUS = ("serious", "critical")  # impacts by axe-core's words
COLOUR_RULES = ("color-contrast", "link-in-text-block")  # those that another colour scheme may break
LAYOUT_RULES = ("scrollable-region-focusable", "target-size")  # those that another width may break
_AXE = """async rules => {
    const options = {resultTypes: ["violations"], preload: false, iframes: false};
    if (rules.length) options.runOnly = {type: "rule", values: rules};
    return (await axe.run(document, options)).violations;
}"""


@contextmanager
def open_browser() -> Iterator[Any]:
    """A Playwright browser. Raises RuntimeError where the system has no Chromium."""
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox needs rights that containers do not give; only our own pages are opened here.
    switches = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=switches)
        try:
            yield browser
        finally:
            browser.close()


def find_chromium() -> str:
    """CHROMIUM of the environment, or the first on the path."""
    found = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError(f"None of {', '.join(NAMES)} is on the path. Install one: sudo apt-get install chromium")
    return found


@dataclass
class Faults:
    """What went wrong on a Playwright page since `watch`, in words."""

    home: str  # host and port of the server: no request may go elsewhere
    expected: set[int] = field(default_factory=set)  # statuses ≥ 400 that the test provokes
    found: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        for event, note in self._notes().items():
            page.on(event, note)

    def leave(self, page: Any) -> None:
        for event, note in self._notes().items():
            page.remove_listener(event, note)

    def _notes(self) -> dict[str, Any]:
        return {
            "console": self._said,
            "pageerror": self._broke,
            "request": self._asked,
            "requestfailed": self._failed,
            "response": self._answered,
        }

    def _broke(self, error: Any) -> None:
        self.found.append(f"script: {error}")

    def _said(self, message: Any) -> None:
        provoked = any(f"status of {status}" in message.text for status in self.expected)
        if message.type in ("error", "warning") and not provoked:
            self.found.append(f"console {message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.home:
            self.found.append(f"another host: {request.url}")

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # a download, or a picture of a page that was left
            self.found.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.found.append(f"status {response.status}: {response.url}")


def serious_findings(page: Any, rules: tuple[str, ...] = ()) -> list[str]:
    """axe-core's serious and critical findings on the page as it is now, by all or the given rules, with the elements concerned."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe_source())
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in page.evaluate(_AXE, list(rules))
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def overflow(page: Any) -> list[str]:
    """The elements that reach beyond the right edge of the window, when the page can be scrolled sideways."""
    script = """() => {
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 0.5)
            .map(e => e.outerHTML.slice(0, 120));
    }"""
    found: list[str] = page.evaluate(script)
    return found


@cache
def _axe_source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

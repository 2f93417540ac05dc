"""A served facility and a browser for each test process, and pages that tell what went wrong on them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.testing.browser import COLOUR_RULES, HEIGHT, NARROW, WIDE, Faults, open_browser, overflow, serious_findings
from panmesh.testing.personas import PASSWORD
from tests.browser.facility import Facility, build, serve
from tests.conftest import ROOT

OpenPage = Callable[..., Any]
PATIENCE_MS = 45_000  # for a state of a page on a loaded machine: a test is no stopwatch
SIZE = {"width": WIDE, "height": HEIGHT}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="package")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """With some of the real files where they are there, and with what it generates itself anywhere."""
    shared = Path(os.environ.get("PANMESH_SHARED") or ROOT.parent / "shared" / "data") / "nexus"
    base = tmp_path_factory.getbasetemp()
    common = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "built"
    with _alone(common.with_suffix(".lock")):  # the first test process builds it, all copy it
        if not (common / "pids.json").exists():
            pids = build(common, shared if shared.is_dir() else None)
            (common / "pids.json").write_text(json.dumps(pids), "utf-8")
    folder = tmp_path_factory.mktemp("facility") / "own"
    shutil.copytree(common, folder)
    with serve(folder, json.loads((common / "pids.json").read_text("utf-8"))) as served:
        yield served


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Closed after the last test of this folder: its driver keeps an event loop running in this thread."""
    expect.set_options(timeout=PATIENCE_MS)
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="package")
def new_page(facility: Facility, browser: Any) -> Callable[..., Any]:
    """A page with cookies of its own, of somebody who is signed in or of nobody."""

    def make(login: str | None, script: bool) -> Any:
        context = browser.new_context(base_url=facility.url, java_script_enabled=script, viewport=SIZE)
        context.set_default_timeout(PATIENCE_MS)
        if login is not None:
            given = {"login": login, "password": PASSWORD}
            assert context.request.post("/sign-in", form=given, max_redirects=0).status == 303
        return context.new_page()

    return make


@pytest.fixture(scope="package")
def kept() -> dict[tuple[str | None, bool], Any]:
    """Pages that tests use one after the other: a new one costs half a second."""
    return {}


@pytest.fixture
def faults(facility: Facility) -> Iterator[Faults]:
    """Watches every page of the test: at its end nothing may have gone wrong."""
    seen = Faults(home=facility.host)
    yield seen
    assert not seen.found


@pytest.fixture
def open_page(
    facility: Facility, new_page: Callable[..., Any], kept: dict[tuple[str | None, bool], Any], faults: Faults
) -> Iterator[OpenPage]:
    """`open_page("/ingest", login="admin")`; the path may name pids: "/datasets/{open}". `alone`: it signs in or out."""
    used: list[Any] = []
    alone_ones: list[Any] = []

    def open_one(path: str, *, login: str | None = None, script: bool = True, alone: bool = False) -> Any:
        if alone:
            page = new_page(login, script)
            alone_ones.append(page)
        else:
            page = kept.get((login, script)) or kept.setdefault((login, script), new_page(login, script))
        if page not in used:
            faults.watch(page)
            used.append(page)
        page.goto(path.format(**facility.pids))
        return page

    yield open_one
    for page in used:
        faults.leave(page)
        if page in alone_ones:
            page.context.close()
        else:
            page.goto("about:blank")
            page.set_viewport_size(SIZE)
            page.emulate_media(color_scheme="light")


def unfold(page: Any) -> None:
    """All but the menus, which lie over the page."""
    page.evaluate("document.querySelectorAll('details:not(.menu)').forEach(d => { d.open = true })")


def is_readable_and_fits(page: Any) -> None:
    """With all that folds open: axe finds nothing serious, in the light and in the dark, and nothing hangs out on a phone."""
    assert page.locator("h1").count() == 1
    unfold(page)
    findings = serious_findings(page)
    page.emulate_media(color_scheme="dark")
    findings += [f"dark: {one}" for one in serious_findings(page, COLOUR_RULES)]
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    assert not overflow(page)
    assert not findings, "\n".join(findings)

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

from panmesh.testing.browser import HEIGHT, WIDE, Faults, open_browser
from panmesh.testing.personas import PASSWORD
from tests.browser.facility import Facility, build, serve
from tests.conftest import ROOT

OpenPage = Callable[..., Any]


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
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="package")
def sessions(facility: Facility, browser: Any) -> Callable[[str | None], Any]:
    """The cookies of somebody who signed in through the form, once for all tests."""
    known: dict[str | None, Any] = {None: None}

    def of(login: str | None) -> Any:
        if login not in known:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{facility.url}/sign-in")
            page.get_by_label("Login").fill(login)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("main").get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Sign out").wait_for()
            known[login] = context.storage_state()
            context.close()
        return known[login]

    return of


@pytest.fixture
def faults(facility: Facility) -> Iterator[Faults]:
    """Watches every page of the test: at its end nothing may have gone wrong."""
    seen = Faults(home=facility.host)
    yield seen
    assert not seen.found


@pytest.fixture
def open_page(facility: Facility, browser: Any, sessions: Callable[[str | None], Any], faults: Faults) -> Iterator[OpenPage]:
    """`open_page("/ingest", login="admin", script=False)`; the path may name pids: "/datasets/{open}"."""
    contexts: list[Any] = []

    def open_one(path: str, *, login: str | None = None, script: bool = True, width: int = WIDE) -> Any:
        context = browser.new_context(
            base_url=facility.url,
            storage_state=sessions(login),
            java_script_enabled=script,
            viewport={"width": width, "height": HEIGHT},
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        faults.watch(page)
        page.goto(path.format(**facility.pids))
        return page

    yield open_one
    for context in contexts:
        context.close()

"""What a process makes ready for its first visitors, looked at in a process of its own: nothing is known there beforehand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOOKS = """
import sys, time
from pathlib import Path
import jinja2
import structlog
from starlette.testclient import TestClient
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.portal import rendering

read, lines = [], []
compiled = jinja2.Environment.compile
jinja2.Environment.compile = lambda self, source, name=None, *more, **named: read.append(name) or compiled(self, source, name, *more, **named)

def kept(_logger, _method, event):
    lines.append(event)
    raise structlog.DropEvent

structlog.configure(processors=[kept])
ready = sys.argv[2] == "ready"
with TestClient(build(Composition(load(data=Path(sys.argv[1]), environment={})), work=False, ready=ready)) as client:
    assert client.get("/health").status_code in (200, 503)
    late = time.monotonic() + 60
    while ready and not any(one["event"].startswith("ready") for one in lines) and time.monotonic() < late:
        time.sleep(0.05)
    read.clear()
    units = "pint" in sys.modules
    requests = sum(one["event"] == "request" for one in lines)
    client.get("/?quantity=incident_energy:10..20+keV")
    client.get("/instruments")
print(len(read), units, requests)
"""


def looked(folder: Path, how: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", LOOKS, folder, how], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.split()


def test_the_first_visitor_waits_for_no_template_and_no_unit_and_only_visitors_are_counted(tmp_path: Path) -> None:
    assert looked(tmp_path / "ready", "ready") == ["0", "True", "1"]


def test_a_process_that_is_not_told_to_makes_nothing_ready(tmp_path: Path) -> None:
    templates, units, _ = looked(tmp_path / "cold", "cold")
    assert int(templates) > 2
    assert units == "False"

"""A facility on disk with a run in each state that a page shows, ingested by the normal service and served by `panmesh serve`."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np

from panmesh.access.viewer import OPERATOR
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.query import DatasetQuery, Sort
from panmesh.testing.personas import PASSWORD, PERSONAS
from panmesh.testing.simulator import write_run

FRAMES = 130  # more than one page of files
CONFIG = """[facility]
key = "demo"
name = "Simulated facility"
time_zone = "Europe/Paris"
contact = "data@facility.example"

[policy]
unscheduled = "open"

[storage.open]
path = "runs/open"
instrument = "sim-powder"

[storage.imaging]
path = "runs/imaging"
instrument = "sim-imaging"

[storage.visits]
path = "runs/visits"
instrument = "sim-beamtime"

[storage.real]
path = "runs/real"

[instrument.sim-powder]
name = "Simulated powder diffractometer"
description = "Simulated by panmesh: these runs are no measurements."

[instrument.sim-imaging]
name = "Simulated imaging station"

[instrument.sim-beamtime]
name = "Simulated diffractometer with a schedule"
description = "Simulated: runs under embargo."
"""
# Small real files with a line, an image, an odd name, a missing part, and one of another format.
REAL = (
    "IPNS-LRMECS/chopper.nxs",
    "DLS-i22/i22-119583.nxs",
    "APS-33ID/33id_spec_22_2D.hdf5",
    "NIST-SANS/cs_af1410.h5",
    "ISIS-muon-hdf4/71545.NXS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    url: str
    folder: Path
    pids: dict[str, str]  # what it is → pid

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


def build(folder: Path, real: Path | None, wanted: tuple[str, ...] = REAL) -> dict[str, str]:
    """Write the files, ingest them; returns the pids that tests open. `real`: the shared NeXus files."""
    data = folder / "data"
    for name in ("open", "imaging", "visits/SIM001-1", "visits/elsewhere", "real"):
        (data / "runs" / name).mkdir(parents=True)
    (data / "panmesh.toml").write_text(CONFIG, "utf-8")
    month_ago = (datetime.now(UTC) - timedelta(days=30)).replace(hour=8, minute=0, second=0, microsecond=0)
    _write_runs(data / "runs", month_ago)
    for path in wanted if real is not None else ():
        assert real is not None
        target = data / "runs/real" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real / path, target)
    app = Composition(load(config=data / "panmesh.toml", data=data, environment={}))
    try:
        for login, (name, admin, steward, _) in PERSONAS.items():
            app.accounts.create(login=login, name=name, password=PASSWORD, admin=admin, steward=steward)
        app.schedule.load(OPERATOR, _schedule(month_ago), dry_run=False)
        for key in app.storages.keys():
            scan_tree(app, key, "")
        ingest_until_done(app)
        while app.digests.work(64):
            pass
        return _pids(app)
    finally:
        app.close()


@contextmanager
def serve(folder: Path, pids: dict[str, str]) -> Iterator[Facility]:
    port = _free_port()
    command = [sys.executable, "-m", "panmesh", "serve", "--data", str(folder / "data"), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(url, process, folder / "server.log")
            yield Facility(url=url, folder=folder, pids=pids)
        finally:
            process.terminate()
            process.wait(30)


def _write_runs(runs: Path, month_ago: datetime) -> None:
    for number in range(30):
        write_run(runs / "open", number + 1, month_ago + timedelta(days=20, minutes=7 * number))
    for number in range(4):
        write_run(runs / "visits/SIM001-1", number + 1, month_ago + timedelta(hours=1, minutes=10 * number), seed=7)
    write_run(runs / "visits/elsewhere", 77, month_ago - timedelta(days=9), seed=7)  # no visit then: quarantine
    _write_image(runs / "imaging/disc_0001.nxs", month_ago)
    (runs / "imaging/broken_0002.nxs").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    (runs / "imaging/notes.pdf").write_bytes(b"%PDF-1.7\n" + bytes(100))
    (runs / "imaging/frames").mkdir()
    for number in range(FRAMES):
        (runs / f"imaging/frames/frame_{number:04d}.tif").write_bytes(b"II*\0" + number.to_bytes(4, "little") * 64)


def _write_image(path: Path, start: datetime) -> None:
    y, x = np.mgrid[0:60, 0:90]
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
        file.attrs["default"] = "entry"
        entry["title"], entry["start_time"] = "Simulated: rings on a flat detector", start.isoformat()
        data = entry.create_group("data")
        data.attrs["NX_class"], data.attrs["signal"], data.attrs["axes"] = "NXdata", "counts", ["y", "x"]
        data["counts"] = np.random.default_rng(1).poisson(40 + 30 * np.cos(np.hypot(x - 45, y - 30) / 3))
        data["counts"].attrs["units"] = "counts"
        for name, values in (("y", np.arange(60) * 0.172), ("x", np.arange(90) * 0.172)):
            data[name] = values
            data[name].attrs["units"] = "mm"


def _schedule(start: datetime) -> str:
    end = start + timedelta(days=2)
    return (
        "proposal,title,kind,visit,instrument,start,end,pi,members,local_contacts\n"
        f"SIM001,Simulated: thermal expansion of oxides,user,SIM001-1,sim-beamtime,{start.isoformat()},{end.isoformat()},"
        "pi,member,scientist\n"
    )


def _pids(app: Composition) -> dict[str, str]:
    found: dict[str, str] = {}
    places = {
        "open/sim_00030.nxs": "open",
        "SIM001-1/sim_00002.nxs": "embargoed",
        "elsewhere/sim_00077.nxs": "quarantined",
        "disc_0001.nxs": "image",
        "broken_0002.nxs": "broken",
        "frame_*.tif": "series",
    }
    for one in app.search.search(OPERATOR, DatasetQuery(limit=1000, sort=Sort())).items:
        place = f"{one.instrument_key}/{one.path}"
        for end, name in places.items():
            if place.endswith(end) or (one.path or "").endswith(end) or (name == "open" and one.path == "sim_00030.nxs"):
                found[name] = one.pid
                if name == "embargoed" and one.investigation is not None:
                    found["visit"] = one.investigation.pid
                if name == "open" and one.sample is not None and one.instrument is not None:
                    found["sample"], found["instrument"] = one.sample.pid, one.instrument.pid
    return found


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text("utf-8", errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text('utf-8', errors='replace')[-2000:]}")

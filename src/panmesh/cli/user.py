"""search, show, download: over HTTP, with a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from panmesh.kernel.text import counted


def server(command: Callable[..., Any]) -> Callable[..., Any]:
    """--url, --token and --output."""
    command = click.option(
        "--token", envvar="PANMESH_TOKEN", help="API token (or PANMESH_TOKEN); without it you see what is open."
    )(command)
    command = click.option(
        "--url", envvar="PANMESH_URL", default="http://127.0.0.1:8000", show_default=True, help="The facility's address."
    )(command)
    return click.option("--output", type=click.Choice(["text", "json"]), default="text", help="json: for scripts.")(command)


@click.command()
@server
@click.argument("words", nargs=-1)
@click.option("--technique", help="PaNET name or pid.")
@click.option("--instrument", help="Key.")
@click.option("--sample", help="Name.")
@click.option("--from", "since", help="First day.")
@click.option("--to", "until", help="Last day.")
@click.option("--quantity", multiple=True, help="'incident_energy:10..20 keV'; repeat for more.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Show so many.")
def search(
    output: str,
    url: str,
    token: str | None,
    words: tuple[str, ...],
    technique: str | None,
    instrument: str | None,
    sample: str | None,
    since: str | None,
    until: str | None,
    quantity: tuple[str, ...],
    limit: int,
) -> None:
    """Find runs.

    Example: panmesh search CeO2 --quantity "incident_energy:10..20 keV"
    """
    from panmesh.client import connect

    with connect(url, token) as client:
        found = client.datasets.search(
            " ".join(words),
            technique=technique,
            instrument=instrument,
            sample=sample,
            since=since,
            until=until,
            quantity=quantity,
        )
        shown = found.first(limit)
    if output == "json":
        page = {"items": [dict(run.summary) for run in shown], "total": found.total, "offset": 0, "limit": limit}
        click.echo(json.dumps(page, indent=1))
        return
    for run in shown:
        pid, start, state, where, title = run.row()
        click.echo(f"{pid}  {start:16}  {state:10}  {where:14}  {title}")
    click.echo(counted(found.total, "run") + (f", the first {limit} shown" if found.total > limit else ""), err=True)


@click.command()
@server
@click.argument("pid")
def show(output: str, url: str, token: str | None, pid: str) -> None:
    """Show one run.

    Example: panmesh show pm-0123456789abcdef --output json
    """
    from panmesh.client import connect

    with connect(url, token) as client:
        run = client.datasets[pid]
    if output == "json":
        click.echo(json.dumps(run.record, indent=1))
        return
    files = f"{run.file_count}, {run.total_bytes} bytes" if run.file_count is not None else "not for you at the moment"
    lines = {
        "title": run.title,
        "pid": run.pid,
        "access": run.access,
        "start": run.start and run.start.isoformat(),
        "end": run.end and run.end.isoformat(),
        "instrument": run.instrument,
        "facility": run.facility,
        "proposal": run.proposal,
        "sample": run.sample,
        "technique": ", ".join(map(str, run.techniques)),
        "files": files,
    }
    for name, value in lines.items():
        if value:
            click.echo(f"{name:12} {value}")
    for name, quantity in run.parameters.items():
        click.echo(f"{name:24} {quantity}")


@click.command()
@server
@click.argument("pid")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("."), help="Folder to write into.")
@click.option("--workers", type=click.IntRange(1, 32), default=4, show_default=True, help="Files at once.")
def download(output: str, url: str, token: str | None, pid: str, folder: Path, workers: int) -> None:
    """Take a run home. Run it again after a break: it goes on where it stopped, and skips what is there.

    Example: panmesh download pm-0123456789abcdef --to ~/data
    """
    from panmesh.client import connect

    with connect(url, token) as client:
        taken = client.datasets[pid].files.download(folder, workers=workers)
    said = {"files": len(taken.files), "compared": taken.compared, "fetched": taken.fetched, "folder": str(folder)}
    click.echo(json.dumps(said) if output == "json" else str(taken))

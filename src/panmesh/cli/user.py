"""search, show, download: over HTTP, with a token."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def _server(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--token", envvar="PANMESH_TOKEN", help="API token (or PANMESH_TOKEN); without it you see what is open."
    )(command)
    command = click.option(
        "--url", envvar="PANMESH_URL", default="http://127.0.0.1:8000", show_default=True, help="The facility's address."
    )(command)
    return click.option("--output", type=click.Choice(["text", "json"]), default="text", help="json: for scripts.")(command)


@click.command()
@_server
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
    from panmesh.client.http import Client

    given: dict[str, Any] = {
        "text": " ".join(words),
        "technique": technique,
        "instrument": instrument,
        "sample": sample,
        "from": since,
        "to": until,
        "quantity": list(quantity),
        "limit": limit,
    }
    found = Client(url, token).search(**{k: v for k, v in given.items() if v})
    if output == "json":
        click.echo(json.dumps(found, indent=1))
        return
    for d in found["items"]:
        where = d["instrument"]["name"] if d["instrument"] else ""
        click.echo(
            f"{d['pid']}  {(d['start'] or '')[:16]:16}  {d['access']['state']:10}  {where:14}  {d['title'] or d['run'] or ''}"
        )
    click.echo(f"{found['total']} runs" + (f", the first {limit} shown" if found["total"] > limit else ""), err=True)


@click.command()
@_server
@click.argument("pid")
def show(output: str, url: str, token: str | None, pid: str) -> None:
    """Show one run.

    Example: panmesh show pm-0123456789abcdef --output json
    """
    from panmesh.client.http import Client

    d = Client(url, token).get(pid)
    if output == "json":
        click.echo(json.dumps(d, indent=1))
        return
    access = d["access"]["state"] + (f", opens {d['access']['opens']}" if d["access"]["opens"] else "")
    lines = {
        "title": d["title"],
        "pid": d["pid"],
        "access": access,
        "start": d["start"],
        "end": d["end"],
        "instrument": d["instrument"]["name"] if d["instrument"] else None,
        "facility": d["facility_name"],
        "proposal": d["proposal"],
        "sample": d["sample"]["name"] if d["sample"] else None,
        "technique": ", ".join(t["name"] for t in d["techniques"]),
        "files": f"{d['file_count']}, {d['total_bytes']} bytes" if d["file_count"] is not None else "not for you at the moment",
    }
    for name, value in lines.items():
        if value:
            click.echo(f"{name:12} {value}")
    for p in d["parameters"]:
        value = p["value"] if p["value"] is not None else f"{p['minimum']} … {p['maximum']}"
        click.echo(f"{p['name']:24} {value} {p['unit'] or ''}")


@click.command()
@_server
@click.argument("pid")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("."), help="Folder to write into.")
def download(output: str, url: str, token: str | None, pid: str, folder: Path) -> None:
    """Take a run home. Run it again after a break: it goes on where it stopped, and skips what is there.

    Example: panmesh download pm-0123456789abcdef --to ~/data
    """
    from tqdm import tqdm

    from panmesh.client.http import Client

    client = Client(url, token)
    files = list(client.files(pid))
    compared = 0
    with tqdm(total=sum(f["size"] for f in files), unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:
        for file in files:
            _, checked = client.download(pid, file, folder, bar.update)
            compared += checked
    words = f"{len(files)} file(s) in {folder}, {compared} compared with their SHA-256."
    if compared < len(files):
        words += f" {len(files) - compared} have no digest yet: only their size is known to be right."
    click.echo(json.dumps({"files": len(files), "compared": compared, "folder": str(folder)}) if output == "json" else words)

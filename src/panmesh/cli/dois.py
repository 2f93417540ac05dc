"""doi list, mint, retry, send, reconcile: how the DOIs stand, and what to do where one failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from panmesh.cli.options import facility, opened

if TYPE_CHECKING:
    from panmesh.app.compose import Composition

_STATES = ("waiting", "failed", "draft", "registered", "findable", "unwanted")


@click.group()
def doi() -> None:
    """DOIs at DataCite: which there are, which failed and why."""


@doi.command("list")
@facility
@click.option("--state", type=click.Choice(_STATES), help="Only those.")
@click.option("--limit", default=100, show_default=True, help="At most so many.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_dois(data: Path | None, config: Path | None, state: str | None, limit: int, output: str) -> None:
    """All DOIs, the newest first.

    Example: panmesh doi list --state failed
    """
    from panmesh.access.viewer import OPERATOR
    from panmesh.publication.doi_service import DoiFilter, Standing

    with opened(data, config) as app:
        page = app.doi_service.page(OPERATOR, DoiFilter(standing=Standing(state) if state else None), limit=limit)
    if output == "json":
        told = [{"pid": d.pid, "kind": d.kind, "doi": d.name, "state": d.standing, "error": d.doi.error} for d in page.items]
        click.echo(json.dumps({"total": page.total, "items": told}))
        return
    for one in page.items:
        click.echo(f"{one.standing.value:<10} {one.name or '-':<30} {one.kind:<13} {one.pid}  {one.title or ''}".rstrip())
        if one.doi.error:
            click.echo(f"           {one.doi.error}")
    click.echo(f"{page.total} in all.")


@doi.command()
@facility
@click.argument("pid")
def mint(data: Path | None, config: Path | None, pid: str) -> None:
    """This run, visit, proposal or instrument is to have a DOI.

    Example: panmesh doi mint pm-0123456789abcdef
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        app.doi_service.mint(OPERATOR, pid)
        _send(app)
        found = app.doi_service.one(OPERATOR, pid)
    click.echo(f"{found.url or found.pid}: {found.standing.value}{f'. {found.doi.error}' if found.doi.error else ''}")


@doi.command()
@facility
@click.argument("pids", nargs=-1)
def retry(data: Path | None, config: Path | None, pids: tuple[str, ...]) -> None:
    """Try again now what failed: these, or all.

    Example: panmesh doi retry
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        count = app.doi_service.retry(OPERATOR, list(pids) or None)
        click.echo(f"{count} to be tried again.")
        _send(app)


@doi.command()
@facility
def send(data: Path | None, config: Path | None) -> None:
    """Send what is due, once; `panmesh serve` and `panmesh worker` do it by themselves.

    Example: panmesh doi send
    """
    with opened(data, config) as app:
        _need_account(app)
        _send(app)


@doi.command()
@facility
def reconcile(data: Path | None, config: Path | None) -> None:
    """Compare every DOI with what DataCite has now, and send ours again where it differs.

    Example: panmesh doi reconcile
    """
    from panmesh.app.registering import Registering

    with opened(data, config) as app:
        _need_account(app)
        if not app.may_work:
            click.echo("The running server compares each DOI once a day; stop it to compare all of them now.")
            return
        before_us = app.clock()
        compared = differed = 0
        while (found := Registering(app).compare(100, before_us))[0]:
            compared, differed = compared + found[0], differed + found[1]
        click.echo(f"{compared} compared, {differed} differed{' and are sent again' if differed else ''}.")
        if differed:
            _send(app)


def _need_account(app: Composition) -> None:
    from panmesh.kernel.errors import Invalid

    if app.registry is None:
        raise Invalid("There is no account of DataCite here: set prefix, repository and password_file in [datacite].")


def _send(app: Composition) -> None:
    from panmesh.app.registering import Registering

    if app.registry is None:
        return
    if not app.may_work:
        click.echo("The running server sends it within seconds.")
        return
    sent = Registering(app).round()
    click.echo(f"{sent.requests} confirmed by DataCite, {sent.failed} failed.")

"""team show, invite, add, change, remove, undo: who is in the team of a proposal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from panmesh.cli.options import facility, opened

if TYPE_CHECKING:
    from panmesh.app.compose import Composition

ROLES = click.Choice(["pi", "member", "grantee"])


def _until(command: Callable[..., Any]) -> Callable[..., Any]:
    help_ = "Last day in the team; without: no end."
    return click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help=help_)(command)


@click.group()
def team() -> None:
    """Who is in the team of a proposal."""


@team.command()
@facility
@click.argument("proposal")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print.")
def show(data: Path | None, config: Path | None, proposal: str, output: str) -> None:
    """Members, invitations and changes; PROPOSAL is a number or pid.

    Example: panmesh team show CM1234
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        found = app.teams.team(OPERATOR, proposal, limit=100_000)
        if output == "json":
            import orjson

            click.echo(orjson.dumps(found, default=str, option=orjson.OPT_INDENT_2).decode())
            return
        for m in found.members:
            end = f"until {_last(app, m.until_us)}" if m.until_us else ""
            click.echo(f"{m.number:6} {m.name:32} {m.role.value:8} {m.source.value:9} {end}{' (ended)' if m.ended else ''}")
        for i in found.invitations:
            click.echo(f"invitation {i.id}: {i.address} {i.role.value}, {i.state.value}")
        for c in found.changes:
            click.echo(f"change {c.id}: {c.who} {c.what.value} by {c.by}{' (undone)' if c.undone_us else ''}")


@team.command()
@facility
@click.argument("proposal")
@click.argument("address")
@click.option("--role", type=ROLES, default="member", show_default=True, help="Role in the team.")
@_until
def invite(data: Path | None, config: Path | None, proposal: str, address: str, role: str, until: datetime | None) -> None:
    """Invite by mail; the link, which works once, is printed too.

    Example: panmesh team invite CM1234 student@example.org --until 2027-03-31
    """
    from panmesh.access.viewer import OPERATOR, TeamRole
    from panmesh.app.team_mails import link_of, send_invitations

    with opened(data, config) as app:
        made = app.teams.invite(OPERATOR, proposal, address, TeamRole(role), _instant(app, until))
        if app.settings.mail.host is not None:
            send_invitations(app)
        click.echo(link_of(app, made))


@team.command()
@facility
@click.argument("proposal")
@click.argument("login")
@click.option("--role", type=ROLES, default="member", show_default=True, help="Role in the team.")
@_until
def add(data: Path | None, config: Path | None, proposal: str, login: str, role: str, until: datetime | None) -> None:
    """Put an account into the team at once.

    Example: panmesh team add CM1234 ada --role pi
    """
    from panmesh.access.viewer import OPERATOR, TeamRole

    with opened(data, config) as app:
        app.teams.add(OPERATOR, proposal, login, TeamRole(role), _instant(app, until))
    click.echo("Done.")


@team.command()
@facility
@click.argument("proposal")
@click.argument("number", type=int)
@click.option("--role", type=ROLES, default="member", show_default=True, help="Role in the team.")
@_until
def change(data: Path | None, config: Path | None, proposal: str, number: int, role: str, until: datetime | None) -> None:
    """Another role or last day; NUMBER as `panmesh team show` prints it.

    Example: panmesh team change CM1234 17 --role grantee --until 2027-03-31
    """
    from panmesh.access.viewer import OPERATOR, TeamRole

    with opened(data, config) as app:
        app.teams.change(OPERATOR, proposal, number, TeamRole(role), _instant(app, until))
    click.echo("Done.")


@team.command()
@facility
@click.argument("proposal")
@click.argument("number", type=int)
def remove(data: Path | None, config: Path | None, proposal: str, number: int) -> None:
    """Take somebody out, from this moment on.

    Example: panmesh team remove CM1234 17
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        app.teams.remove(OPERATOR, proposal, number)
    click.echo("Done.")


@team.command()
@facility
@click.argument("proposal")
@click.argument("change", type=int)
def undo(data: Path | None, config: Path | None, proposal: str, change: int) -> None:
    """Take a change back; CHANGE as `panmesh team show` prints it.

    Example: panmesh team undo CM1234 3
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        app.teams.undo(OPERATOR, proposal, change)
    click.echo("Done.")


def _instant(app: Composition, until: datetime | None) -> int | None:
    from panmesh.kernel.clock import facility_midnight

    return facility_midnight(until.date() + timedelta(days=1), app.settings.facility.time_zone) if until is not None else None


def _last(app: Composition, until_us: int) -> date:
    from panmesh.kernel.clock import facility_day

    return facility_day(until_us - 1, app.settings.facility.time_zone)

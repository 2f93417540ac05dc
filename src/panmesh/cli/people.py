"""user and token: local accounts, by the operator of the host."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from panmesh.cli.options import facility, opened


@click.group()
def user() -> None:
    """Local accounts."""


@user.command("add")
@facility
@click.argument("login")
@click.option("--name", default="", help="Name to show.")
@click.option("--password", help="Asked for when not given; '-' makes one and shows it.")
@click.option("--admin", is_flag=True, help="Facility admin.")
@click.option("--steward", is_flag=True, help="Data steward.")
@click.option("--instrument", "instruments", multiple=True, help="Instrument that they look after (key); repeat for more.")
def add(
    data: Path | None,
    config: Path | None,
    login: str,
    name: str,
    password: str | None,
    admin: bool,
    steward: bool,
    instruments: tuple[str, ...],
) -> None:
    """Make an account.

    Example: panmesh user add ada --steward
    """
    made = None
    if password == "-":
        password = made = secrets.token_urlsafe(12)
    elif password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with opened(data, config) as app:
        app.accounts.create(login=login, name=name, password=password, admin=admin, steward=steward)
        if instruments:
            app.accounts.set_instruments(login, instruments)
    click.echo(f"Account {login} made." + (f" Password: {made}" if made else ""))


@user.command("list")
@facility
def list_(data: Path | None, config: Path | None) -> None:
    """All accounts.

    Example: panmesh user list
    """
    with opened(data, config) as app:
        for one in app.accounts.accounts():
            roles = [
                r
                for r, has in (
                    ("admin", one.admin),
                    ("steward", one.steward),
                    ("closed", one.disabled),
                    ("no password", not one.password_hash),
                )
                if has
            ]
            click.echo(f"{one.login:24} {one.name:32} {', '.join(roles)}")


@user.command("mail")
@facility
@click.argument("login")
@click.argument("address", required=False)
def mail_(data: Path | None, config: Path | None, login: str, address: str | None) -> None:
    """Where alerts of saved searches go; without an address none are mailed.

    Example: panmesh user mail ada ada@example.org
    """
    with opened(data, config) as app:
        app.accounts.set_email(login, address)
    click.echo(f"Mails to {login} go to {address}." if address else f"No mails go to {login}.")


@user.command("password")
@facility
@click.argument("login")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
def password_(data: Path | None, config: Path | None, login: str, password: str) -> None:
    """Set a new password; ends all their sessions.

    Example: panmesh user password ada
    """
    with opened(data, config) as app:
        app.accounts.set_password(login, password)
    click.echo("Done.")


@user.command("close")
@facility
@click.argument("login")
@click.option("--reopen", is_flag=True, help="Open it again.")
def close(data: Path | None, config: Path | None, login: str, reopen: bool) -> None:
    """Close an account: its sessions and tokens work no more.

    Example: panmesh user close ada
    """
    with opened(data, config) as app:
        app.accounts.set_disabled(login, not reopen)
    click.echo("Done.")


@user.command("instruments")
@facility
@click.argument("login")
@click.argument("keys", nargs=-1)
def instruments_(data: Path | None, config: Path | None, login: str, keys: tuple[str, ...]) -> None:
    """The instruments that somebody looks after.

    Example: panmesh user instruments ada i22 i15
    """
    with opened(data, config) as app:
        app.accounts.set_instruments(login, keys)
    click.echo("Done.")


@user.command("export")
@facility
@click.argument("login")
def export_(data: Path | None, config: Path | None, login: str) -> None:
    """Everything that is held of a person, as JSON: what they may ask for by law.

    Example: panmesh user export ada
    """
    import orjson

    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        click.echo(orjson.dumps(app.personal.export(OPERATOR, login), option=orjson.OPT_INDENT_2).decode())


@user.command("erase")
@facility
@click.argument("login")
@click.option("--yes", is_flag=True, help="Do it; without this it is only said what would go.")
@click.option("--withhold-name", is_flag=True, help="Also show the name no more on public pages.")
def erase_(data: Path | None, config: Path | None, login: str, yes: bool, withhold_name: bool) -> None:
    """Erase a person: says what goes and what stays, and with --yes does it. It cannot be undone.

    Example: panmesh user erase ada --yes --withhold-name
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        told = app.personal.erasure(OPERATOR, login)
        for word, lines in (("Goes", told.goes), ("Stays", told.stays), ("Before", told.hinders)):
            for line in lines:
                click.echo(f"{word}: {line}")
        if yes:
            app.personal.erase(OPERATOR, login, withhold=withhold_name)
    click.echo("Erased." if yes else "Nothing was changed: add --yes to do it.")


@user.command("withhold")
@facility
@click.option("--name", help="Name, in any order and with or without accents.")
@click.option("--orcid", help="ORCID iD, however the name is written.")
@click.option("--reason", required=True, help="Who asked for it, and when.")
def withhold_(data: Path | None, config: Path | None, name: str | None, orcid: str | None, reason: str) -> None:
    """Show a name no more on public pages and in records.

    Example: panmesh user withhold --name "Ada Lovelace" --reason "asked by letter in May"
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        app.personal.withhold(OPERATOR, name=name, orcid=orcid, reason=reason)
    click.echo("Done.")


@click.group()
def token() -> None:
    """API tokens."""


@token.command("make")
@facility
@click.argument("login")
@click.option("--name", default="command line", show_default=True, help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "data", "write", "ingest", "admin"]),
    default=("read", "data"),
    show_default=True,
    help="What it may do; repeat for more.",
)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="It works for so long.")
def make(data: Path | None, config: Path | None, login: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token for an account and show it once.

    Example: panmesh token make beamline --scope ingest --scope read
    """
    from panmesh.access.viewer import Scope

    with opened(data, config) as app:
        secret, _ = app.accounts.make_token(app.accounts.viewer(login), name, frozenset(Scope(s) for s in scopes), days)
    click.echo(secret)

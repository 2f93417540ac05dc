"""mail preview, test: alerts as they are mailed, and whether the mail server takes anything."""

from __future__ import annotations

from pathlib import Path

import click

from panmesh.cli.options import compose, facility


@click.group()
def mail() -> None:
    """Alerts by mail."""


@mail.command()
@facility
@click.argument("search", type=int)
def preview(data: Path | None, config: Path | None, search: int) -> None:
    """The newest alert of a saved search, as it would be sent now; nothing is sent.

    Example: panmesh mail preview 12
    """
    from panmesh.app.mails import compose_letter, mailing
    from panmesh.kernel.errors import NotFound

    app = compose(data, config)
    try:
        newest = app.search_store.newest_mail(search)
        letter = mailing(app).letter(newest) if newest is not None else None
        if letter is None:
            raise NotFound(f"There is no alert of the saved search {search} that could be sent now.")
        click.echo(compose_letter(app, letter).as_string())
    finally:
        app.close()


@mail.command()
@facility
@click.argument("address")
def test(data: Path | None, config: Path | None, address: str) -> None:
    """Send a mail about nothing, to see whether the server of [mail] takes it.

    Example: panmesh mail test ada@example.org
    """
    from email.message import EmailMessage

    from panmesh.app.mails import post, sender

    app = compose(data, config)
    try:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender(app), address, f"Test by {app.facility_name}"
        message.set_content("This mail says that mails of the catalogue arrive here.\n")
        post(app, message)
    finally:
        app.close()
    click.echo(f"The mail server took it. Look into the mailbox of {address}.")

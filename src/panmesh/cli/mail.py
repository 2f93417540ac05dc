"""mail preview, test: alerts as they are mailed, and whether the mail server takes anything."""

from __future__ import annotations

from pathlib import Path

import click

from panmesh.cli.options import facility, opened


@click.group()
def mail() -> None:
    """Alerts by mail."""


@mail.command()
@facility
@click.argument("what", metavar="[notice] NUMBER", nargs=-1, required=True)
def preview(data: Path | None, config: Path | None, what: tuple[str, ...]) -> None:
    """The newest alert of a saved search, or a notice of the policy, as it would be sent now; nothing is sent.

    Example: panmesh mail preview notice 7
    """
    from panmesh.app.mails import compose_letter, mailing, notice_mail
    from panmesh.kernel.errors import NotFound

    number = what[-1]
    if not number.isdigit() or what[:-1] not in ((), ("notice",)):
        raise click.BadParameter("give the number of a saved search, or 'notice' and the number of a notice", param_hint="NUMBER")
    search = int(number)
    with opened(data, config) as app:
        if len(what) == 2:
            one = app.notice_outbox.notice(search, app.clock())
            if one is None:
                raise NotFound(f"There is no notice {search}.")
            mail = notice_mail(app, one)
            click.echo("\n".join([*(f"{name}: {value}" for name, value in mail.items()), "", mail.get_content()]))
            return
        newest = app.search_store.newest_mail(search)
        letter = mailing(app).letter(newest) if newest is not None else None
        if letter is None:
            raise NotFound(f"There is no alert of the saved search {search} that could be sent now.")
        click.echo(compose_letter(app, letter).as_string())


@mail.command()
@facility
@click.argument("address")
def test(data: Path | None, config: Path | None, address: str) -> None:
    """Send a mail about nothing, to see whether the server of [mail] takes it.

    Example: panmesh mail test ada@example.org
    """
    from email.message import EmailMessage

    from panmesh.app.mails import post, sender

    with opened(data, config) as app:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender(app), address, f"Test by {app.facility_name}"
        message.set_content("This mail says that mails of the catalogue arrive here.\n")
        post(app, message)
    click.echo(f"The mail server took it. Look into the mailbox of {address}.")

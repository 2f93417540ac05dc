"""acl export, check: the rights on the disk against those of the catalogue."""

from __future__ import annotations

from pathlib import Path

import click

from panmesh.cli.options import facility, opened


@click.group()
def acl() -> None:
    """Rights on the disk against those of the catalogue."""


@acl.command()
@facility
@click.option("--format", "form", type=click.Choice(["posix", "nfs4"]), default="posix", show_default=True, help="Kind of ACL.")
def export(data: Path | None, config: Path | None, form: str) -> None:
    """The ACL that the policy gives each visit's folder today: for `setfacl --restore=FILE`, or commands of nfs4_setfacl.

    Example: panmesh acl export
    """
    from panmesh.app.disk_rights import export as exported

    with opened(data, config) as app:
        click.echo(exported(app, form))


@acl.command()
@facility
@click.option("--apply", is_flag=True, help="Mend what differs; without this nothing on the disk is changed.")
def check(data: Path | None, config: Path | None, apply: bool) -> int:
    """Where the disk says otherwise than the catalogue, with the command that mends it. Ends with 5 when it does.

    Example: panmesh acl check
    """
    from panmesh.app.disk_rights import check as checked

    with opened(data, config) as app:
        report = checked(app, apply=apply)
    for one in report.drifts:
        click.echo(f"{one.path} ({one.visit})")
        for word, entries in (("missing", one.missing), ("extra", one.extra)):
            for entry in entries:
                click.echo(f"  {word}: {entry}")
        if one.fault:
            click.echo(f"  fault: {one.fault}")
        click.echo(f"  {one.command}")
    for line in report.mixed:
        click.echo(f"not looked at: {line}")
    done = apply and not any(one.fault for one in report.drifts)
    click.echo(f"{report.folders} folders, {len(report.drifts)} {'mended' if done else 'differ'}.")
    return 5 if report.drifts and not done else 0

"""admin audit verify, export: whether the audit log is whole, and all of it with its seals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from panmesh.cli.options import compose, facility, opened


@click.group()
def audit() -> None:
    """The audit log: is it whole, and all of it as a file."""


@audit.command()
@facility
@click.option(
    "--head", metavar="POSITION:DIGEST", help="A seal that was written down elsewhere before; the page of the log shows the last."
)
def verify(data: Path | None, config: Path | None, head: str | None) -> None:
    """Compute every seal again; what was changed or is missing is named, and the command fails.

    Example: panmesh admin audit verify --head 1024:9f86d081884c7d65
    """
    from panmesh.kernel.errors import Conflict

    with opened(data, config) as app:
        found = app.audit_chain.verify(_head(head))
    click.echo(f"{found.sealed} entries are sealed, {found.waiting} wait for it. The last seal is {found.sealed}:{found.head}")
    for one in found.breaks:
        click.echo(f"position {one.position}, entry {one.audit_id}: {one.what}")
    if found.breaks:
        raise Conflict("The audit log is not as it was sealed.")
    click.echo("Every seal holds.")


@audit.command()
@facility
@click.option("--form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(data: Path | None, config: Path | None, form: str, file: Path) -> None:
    """Write all entries with their seals into a file that is not there yet.

    Example: panmesh admin audit export audit.jsonl
    """
    from panmesh.access.audit import AuditFilter
    from panmesh.access.viewer import OPERATOR
    from panmesh.kernel.errors import Conflict
    from panmesh.wire.audit_lines import csv_lines, json_lines

    app = compose(data, config)
    count = 0
    try:
        app.audit_chain.seal()
        lines: Any = csv_lines if form == "csv" else json_lines
        with file.open("xb") as out:
            for line in lines(app.audit.each(OPERATOR, AuditFilter())):
                out.write(line)
                count += 1
    except FileExistsError as error:
        raise Conflict(f"{file} is there already; name another file.") from error
    finally:
        app.close()
    click.echo(f"{count - (form == 'csv')} entries written to {file}.")


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    position, _, digest = text.partition(":")
    if not position.isdigit() or not 16 <= len(digest) <= 64:
        raise click.BadParameter("is written as POSITION:DIGEST, with 16 or more signs of the digest", param_hint="--head")
    return int(position), digest.lower()

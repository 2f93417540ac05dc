"""import schedule, search-api, icat, scicat."""

from __future__ import annotations

import json
from pathlib import Path

import click

from panmesh.cli.catalogues import icat, scicat, search_api
from panmesh.cli.options import compose, facility


@click.group("import")
def imports() -> None:
    """Bring in a user office's schedule, or what another catalogue has."""


@imports.command()
@facility
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@click.option("--correct-ended", is_flag=True, help="Also change the dates and embargoes of visits that are over.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text")
def schedule(data: Path | None, config: Path | None, file: Path, dry_run: bool, correct_ended: bool, output: str) -> None:
    """Proposals, visits, teams and instruments from CSV or JSON.

    Example: panmesh import schedule visits.csv --dry-run
    """
    from panmesh.access.viewer import OPERATOR
    from panmesh.ingest.schedule import COLUMNS
    from panmesh.kernel.errors import Invalid

    app = compose(data, config)
    try:
        found = app.schedule.load(OPERATOR, file.read_text("utf-8-sig"), dry_run=dry_run, correct_ended=correct_ended)
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is no UTF-8 text. Columns: {', '.join(COLUMNS)}.") from error
    finally:
        app.close()
    if output == "json":
        click.echo(json.dumps([{"what": d.what, "name": d.name, "change": d.change} for d in found], indent=1))
        return
    same = sum(d.change == "same" for d in found)
    for d in found:
        if d.change != "same":
            click.echo(f"{d.what:12} {d.name:30} {d.change}")
    click.echo(f"{len(found) - same} differences, {same} the same." + (" Dry run: nothing was changed." if dry_run else ""))


imports.add_command(search_api)
imports.add_command(icat)
imports.add_command(scicat)

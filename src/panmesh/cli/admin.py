"""admin: audit, migrate, check, backup, restore, reindex."""

from __future__ import annotations

from pathlib import Path

import click

from panmesh.cli.audit import audit
from panmesh.cli.options import bar, facility, opened, reached


@click.group()
def admin() -> None:
    """Migrate, check, back up, restore, reindex."""


admin.add_command(audit)


@admin.command()
@facility
def migrate(data: Path | None, config: Path | None) -> None:
    """Bring the database's schema up to date (a start does it too).

    Example: panmesh admin migrate --data /srv/panmesh
    """
    from panmesh.adapters.sql.migrate import current

    with opened(data, config) as app:
        click.echo(f"Schema {current(app.database)}: up to date.")


@admin.command()
@facility
@click.option("--deep", is_flag=True, help="Read every byte and compare its digest.")
def check(data: Path | None, config: Path | None, deep: bool) -> int:
    """Compare the catalogue with the disk; list what failed in ingest. Ends with 5 where files are not what the catalogue says.

    Example: panmesh admin check --deep
    """
    from panmesh.access.viewer import OPERATOR
    from panmesh.app.verify import verify
    from panmesh.ingest.units import UnitState

    with opened(data, config) as app:
        result = verify(app, deep=deep, shown=lambda kept: bar("comparing", "datasets", app.upkeep.number(), of=kept))
        how = f"{result.compared} compared by SHA-256" if deep else "compared by size and time only (--deep reads them)"
        click.echo(
            f"{result.files} files: {how}, {result.missing} missing, {result.changed} changed, {result.unreadable} unreadable."
        )
        for one in app.desk.units(OPERATOR, states=[UnitState.FAILED], limit=100).items:
            click.echo(f"not read: {one.storage}:{one.path}: {one.reason}")
    return 5 if result.wrong else 0


@admin.command()
@facility
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(data: Path | None, config: Path | None, file: Path) -> None:
    """Write the whole facility (without the measured files) into one archive, while it works.

    Example: panmesh admin backup /backup/panmesh-2026-03-01.tar.gz
    """
    from panmesh.app.backup import backup as run

    with opened(data, config) as app, bar("writing", "rows", scaled=True) as shown:
        rows = run(app, file, reached(shown))
    click.echo(f"{file}: {rows.get('dataset', 0)} datasets, {sum(rows.values())} rows.")


@admin.command()
@facility
@click.argument("file", type=click.Path(exists=True, path_type=Path, dir_okay=False))
def restore(data: Path | None, config: Path | None, file: Path) -> None:
    """Restore an archive into an empty facility, on either database.

    Example: panmesh admin restore /backup/panmesh-2026-03-01.tar.gz --data /srv/new
    """
    from panmesh.app.backup import restore as run

    with opened(data, config) as app, bar("restoring", "rows", scaled=True) as shown:
        rows = run(app, file, reached(shown))
    click.echo(f"Restored: {rows.get('dataset', 0)} datasets, {sum(rows.values())} rows.")


@admin.command()
@facility
def reindex(data: Path | None, config: Path | None) -> None:
    """Make all search columns anew from the layers of metadata; nothing is read from files.

    Example: panmesh admin reindex --data /srv/panmesh
    """
    from sqlalchemy import select

    from panmesh.adapters.sql.index.building import build
    from panmesh.adapters.sql.materialise import materialise_many
    from panmesh.adapters.sql.tables import dataset

    with opened(data, config) as app:
        with app.database.read() as connection:
            ids = list(connection.execute(select(dataset.c.id).order_by(dataset.c.id)).scalars())
        with bar("reindexing", "datasets", len(ids)) as shown:
            for i in range(0, len(ids), 200):
                with app.database.write() as connection:
                    materialise_many(connection, ids[i : i + 200], app.clock())
                shown.update(len(ids[i : i + 200]))
        build(app.database, app.index_folder)
    click.echo(f"{len(ids)} datasets indexed.")


@admin.command()
@facility
def index(data: Path | None, config: Path | None) -> None:
    """Make the search index anew from the search columns (a server does it by itself when enough has changed).

    Example: panmesh admin index --data /srv/panmesh
    """
    from panmesh.adapters.sql.index.building import build

    with opened(data, config) as app:
        folder = build(app.database, app.index_folder)
    click.echo(f"Made: {folder}")


@admin.command("strings")
@facility
@click.argument("language")
def translate(data: Path | None, config: Path | None, language: str) -> None:
    """Write, or bring up to date, what the pages say for a translator: strings/LANGUAGE.json in the data directory.

    What is filled in stays; new messages are empty and show in English until they are filled in; a restart takes them.

    Example: panmesh admin strings fr --data /srv/panmesh
    """
    import json

    from panmesh.kernel.errors import Invalid
    from panmesh.portal import sentences, strings, words

    with opened(data, config) as app:
        path = app.settings.data / "strings" / f"{language}.json"
        if not strings.is_language(language):
            raise Invalid(f"{language!r} is no language other than English: write de, fr, pt-BR …")
        try:
            known = strings.read(path) if path.exists() else {}
        except ValueError as error:
            raise Invalid(str(error)) from error
        held = strings.to_fill_in(known, words.all_words(), sentences.catalogue())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"language": language, "messages": held}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        click.echo(f"{path}: {len(held)} messages, {sum(1 for text in held.values() if text)} of them translated.")

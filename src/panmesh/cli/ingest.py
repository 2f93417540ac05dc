"""ingest: files and folders into the catalogue, with a progress bar."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from panmesh.cli.options import bar, compose, facility

if TYPE_CHECKING:
    from panmesh.app.compose import Composition


@click.command()
@facility
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--watch", is_flag=True, help="Stay, and read what is written from now on.")
@click.option("--no-digests", is_flag=True, help="Leave the digests to the server's worker.")
def ingest(data: Path | None, config: Path | None, paths: tuple[Path, ...], watch: bool, no_digests: bool) -> None:
    """Read files or folders into the catalogue. Running it again changes nothing that has not changed.

    Example: panmesh ingest /data/2026/cm123-1 --watch
    """
    app = compose(data, config)
    for path in paths:
        app, _ = app.with_storage(path)
    if app.database.sqlite and not app.lock.take():
        _hand_over(app, paths)
        return
    try:
        _load(app, paths, digests=not no_digests)
        if watch:
            _watch(app)
    finally:
        app.close()


def _load(app: Composition, paths: tuple[Path, ...], *, digests: bool) -> None:
    started = time.monotonic()
    waiting = sight(app, paths)
    files = failed = 0
    with bar("reading", "files", waiting) as shown:
        while (worked := app.ingest.work()).units:
            files, failed = files + worked.files, failed + worked.failed
            shown.update(worked.units)
    if digests:
        pending = app.desk_counts().pending_digests
        with bar("digests", "datasets", pending) as shown:
            while done := app.digests.work(16):
                shown.update(done)
    seconds = time.monotonic() - started
    counts = app.desk_counts()
    click.echo(
        f"{files} file{'' if files == 1 else 's'} read in {seconds:.1f} s ({files / max(seconds, 1e-9):.0f}/s), {failed} could not be read, "
        f"{counts.quarantined} in quarantine."
        + (" See the ingest report in the portal, or: panmesh admin check" if failed else "")
    )


def sight(app: Composition, paths: tuple[Path, ...]) -> int:
    """Record what is there; returns how many units wait."""
    from panmesh.app.worker import scan_tree
    from panmesh.kernel.errors import Invalid

    changed = 0
    for path in paths:
        located = app.storages.locate(str(path.resolve()))
        if located is None:
            raise Invalid(f"{path} lies in no storage.")
        storage, inner = located
        stat = app.storages.stat(storage, inner) if inner else None
        if stat is not None:
            changed += app.ingest.sight(storage, [stat])
        else:
            changed += scan_tree(app, storage, inner)
    return app.desk_counts().by_state.get("seen", changed)


def _watch(app: Composition) -> None:
    from panmesh.app.worker import Worker

    running = Worker(app)
    running.start()
    click.echo("Watching. Stop with Ctrl-C.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        running.stop()


def _hand_over(app: Composition, paths: tuple[Path, ...]) -> None:
    """A server works on this SQLite facility: record the files, it reads them."""
    waiting = sight(app, paths)
    click.echo(f"A server is running here and reads them: {waiting} file(s) handed over.")
    deadline = time.monotonic() + 3600
    while time.monotonic() < deadline and app.desk_counts().by_state.get("seen", 0):
        time.sleep(0.3)
    app.close()
    click.echo("Done.")

"""import search-api, icat, scicat: another catalogue's records, with a progress bar and a report of what became of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from panmesh.cli.options import bar, compose, facility

if TYPE_CHECKING:
    from panmesh.app.compose import Composition
    from panmesh.catalogue.importing import Batch, Report

_origin = click.option(
    "--origin",
    type=click.Choice(["migrated", "mirrored"]),
    default="migrated",
    show_default=True,
    help="migrated: ours from now on. mirrored: a copy of what stays another's; it gets no policy and no DOI of ours.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would come, change nothing.")
_report = click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the whole report here, as JSON.")


@click.command("search-api")
@facility
@click.argument("source", metavar="FILE|URL")
@_origin
@_dry_run
@_report
def search_api(data: Path | None, config: Path | None, source: str, origin: str, dry_run: bool, report: Path | None) -> None:
    """Documents, datasets and instruments in the PaNOSC Search API's JSON, from a file or from a provider's live service.

    Killed or broken off, the same command goes on. Run again later, it brings what is new and what has changed.

    Example: panmesh import search-api https://data.example.org/api --origin mirrored --dry-run
    """
    if source.startswith(("http://", "https://")):
        _from_service(compose(data, config), source, origin, dry_run, report)
    else:
        from panmesh.adapters.catalogues.search_api_file import PASSES, read_search_api_file
        from panmesh.catalogue.importing import batched

        path = _existing(source)
        app = compose(data, config)
        with bar("importing", "B", path.stat().st_size * PASSES, scaled=True) as shown:
            batches = batched(read_search_api_file(path, shown.update))
            _run(app, batches, origin=origin, source=path.name, dry_run=dry_run, report=report)


@click.command()
@facility
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@_dry_run
@_report
def icat(data: Path | None, config: Path | None, files: tuple[Path, ...], dry_run: bool, report: Path | None) -> None:
    """Dumps of icatdump (ICAT 4.4 to 6.2) and files for icatingest, in XML and YAML; a folder: all in it.

    Investigations become visits with their team; they open on their releaseDate, and without one stay with the team and the staff.

    Example: panmesh import icat icatdump-6.2.yaml --report report.json
    """
    from panmesh.adapters.catalogues.icat_files import read_icat_files
    from panmesh.catalogue.importing import batched

    app = compose(data, config)
    batches = batched(read_icat_files(files, app.settings.facility.key))
    with bar("importing", "records", scaled=True) as shown:
        _run(app, batches, origin="migrated", source=files[0].name, dry_run=dry_run, report=report, progress=shown.update)


@click.command()
@facility
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@_origin
@_dry_run
@_report
def scicat(
    data: Path | None, config: Path | None, files: tuple[Path, ...], origin: str, dry_run: bool, report: Path | None
) -> None:
    """SciCat's collections as JSON (datasets, origdatablocks, proposals, samples, instruments, published data); a folder: all in it.

    What is published is open; the rest stays with its ownerGroup and the staff.

    Example: panmesh import scicat export/ --dry-run
    """
    from panmesh.adapters.catalogues.scicat_files import read_scicat_files
    from panmesh.catalogue.importing import batched

    app = compose(data, config)
    batches = batched(read_scicat_files(files))
    with bar("importing", "records", scaled=True) as shown:
        _run(app, batches, origin=origin, source=files[0].name, dry_run=dry_run, report=report, progress=shown.update)


def _from_service(app: Composition, url: str, origin: str, dry_run: bool, report: Path | None) -> None:
    from panmesh.adapters.catalogues.search_api_live import LiveSearchApi

    live = LiveSearchApi(url, app.settings.data / "imports")
    try:
        with bar("importing", "records", live.total(), scaled=True) as shown:
            batches = live.batches(keep=not dry_run)
            _run(app, batches, origin=origin, source=url, dry_run=dry_run, report=report, progress=shown.update)
        for relation in live.left_out:
            click.echo(f"The provider does not serve {relation}: it was left out.")
    finally:
        live.close()


def _run(
    app: Composition,
    batches: Iterable[Batch],
    *,
    origin: str,
    source: str,
    dry_run: bool,
    report: Path | None,
    progress: Callable[[int], object] | None = None,
) -> None:
    from panmesh.access.viewer import OPERATOR
    from panmesh.catalogue.importing import Report
    from panmesh.catalogue.model import Origin

    started = time.monotonic()
    found = Report()
    try:
        app.importing.load(
            OPERATOR, batches, origin=Origin(origin), source=source, dry_run=dry_run, progress=progress, report=found
        )
    finally:
        app.close()
        if report is not None:
            report.write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        _show(found, time.monotonic() - started, dry_run)


def _show(report: Report, seconds: float, dry_run: bool) -> None:
    """Also after a failure: what came before it is here."""
    for line in _lines(report):
        click.echo(line)
    records = sum(sum(found.values()) for found in report.counts.values())
    click.echo(
        f"{records} records in {seconds:.1f} s ({records / max(seconds, 1e-9):.0f}/s)."
        + (" Dry run: nothing was changed." if dry_run else "")
    )


def _lines(report: Report) -> Iterator[str]:
    for kind, found in sorted(report.counts.items()):
        yield f"{kind:12} " + ", ".join(f"{number} {change}" for change, number in sorted(found.items()))
    if report.brought:
        yield "with " + ", ".join(f"{number} {name}" for name, number in sorted(report.brought.items()) if number)
    for (kind, reason), number in report.reason_counts.most_common(20):
        example = next(iter(report.reasons[kind, reason]), "")
        yield f"  {number} × {kind}: {reason}" + (f" (as {example})" if example else "")


def _existing(source: str) -> Path:
    from panmesh.kernel.errors import Invalid

    path = Path(source)
    if not path.is_file():
        raise Invalid(f"{source} is neither a file nor an address that begins with https:// or http://.")
    return path

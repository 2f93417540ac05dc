"""correct: say where runs belong, with a preview, and undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from panmesh.cli.options import bar, facility, opened, reached

if TYPE_CHECKING:
    from panmesh.catalogue.correction import Correction, Preview, Wanted


@click.group()
def correct() -> None:
    """Say where runs belong: move, split, merge, discard, undo.

    Example: panmesh correct move pm-0123456789abcdef --visit cm40607-1 --because "swap of beam time" --preview
    """


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)(command)
    command = click.option("--preview", is_flag=True, help="Only show what would change.")(command)
    command = click.option("--because", required=True, help="The reason; it is kept.")(command)
    return facility(command)


@correct.command()
@click.argument("pids", nargs=-1)
@click.option("--visit", required=True, help="Visit id, or its pid.")
@click.option("--quarantined", is_flag=True, help="Instead of pids: all in quarantine that --instrument, --from and --to fit.")
@click.option("--instrument", help="Key of the instrument.")
@click.option("--from", "first", help="First day of the runs.")
@click.option("--to", "last", help="Last day of the runs.")
@_common
def move(
    data: Path | None,
    config: Path | None,
    pids: tuple[str, ...],
    visit: str,
    quarantined: bool,
    instrument: str | None,
    first: str | None,
    last: str | None,
    because: str,
    preview: bool,
    output: str,
) -> None:
    """Move runs to a visit: they take its terms.

    Example: panmesh correct move --quarantined --instrument i22 --from 2026-03-03 --to 2026-03-03 --visit cm40607-1 --because "wrong clock"
    """
    from panmesh.catalogue.correction import Wanted, What

    def wanted(app: Any) -> Wanted:
        chosen = _quarantined(app, instrument, first, last) if quarantined else pids
        return Wanted(what=What.MOVE, pids=tuple(chosen), visit=visit, reason=because)

    _run(data, config, wanted, preview, output)


@correct.command()
@click.argument("pid")
@click.argument("files", nargs=-1, required=True)
@_common
def split(
    data: Path | None, config: Path | None, pid: str, files: tuple[str, ...], because: str, preview: bool, output: str
) -> None:
    """Take files out of a run: they become a run of their own.

    Example: panmesh correct split pm-0123456789abcdef neighbour.h5 --because "data of the run beside it"
    """
    from panmesh.catalogue.correction import Wanted, What

    _run(data, config, lambda _app: Wanted(what=What.SPLIT, pids=(pid,), files=files, reason=because), preview, output)


@correct.command()
@click.argument("pids", nargs=-1, required=True)
@_common
def merge(data: Path | None, config: Path | None, pids: tuple[str, ...], because: str, preview: bool, output: str) -> None:
    """Make one run of several: the first keeps its pid, those of the others lead to it.

    Example: panmesh correct merge pm-0123456789abcdef pm-fedcba9876543210 --because "one scan, stopped and gone on with"
    """
    from panmesh.catalogue.correction import Wanted, What

    _run(data, config, lambda _app: Wanted(what=What.MERGE, pids=pids, reason=because), preview, output)


@correct.command()
@click.argument("pids", nargs=-1, required=True)
@_common
def discard(data: Path | None, config: Path | None, pids: tuple[str, ...], because: str, preview: bool, output: str) -> None:
    """Put runs out of sight. Their files stay on disk, and undo brings them back.

    Example: panmesh correct discard pm-0123456789abcdef --because "beam was down"
    """
    from panmesh.catalogue.correction import Wanted, What

    _run(data, config, lambda _app: Wanted(what=What.DISCARD, pids=pids, reason=because), preview, output)


@correct.command()
@facility
@click.argument("number", type=int)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def undo(data: Path | None, config: Path | None, number: int, output: str) -> None:
    """Take back the whole of a correction, within 30 days.

    Example: panmesh correct undo 17
    """
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app, bar("undone", "runs") as shown:
        _say(app.corrections.undo(OPERATOR, number, reached(shown)), output)


def _run(data: Path | None, config: Path | None, wish: Callable[[Any], Wanted], preview: bool, output: str) -> None:
    from panmesh.access.viewer import OPERATOR

    with opened(data, config) as app:
        wanted = wish(app)
        if preview:
            _show(app.corrections.preview(OPERATOR, wanted), output)
            return
        with bar("corrected", "runs") as shown:
            _say(app.corrections.make(OPERATOR, wanted, reached(shown)), output)


def _quarantined(app: Any, instrument: str | None, first: str | None, last: str | None) -> tuple[str, ...]:
    from panmesh.access.viewer import OPERATOR
    from panmesh.http.filters import query_of

    given = {"instrument": instrument, "from": first, "to": last}
    query = query_of({name: [value] for name, value in given.items() if value}, zone=app.settings.facility.time_zone)
    found: tuple[str, ...] = app.corrections.chosen(OPERATOR, query, waiting=True)
    return found


def _show(seen: Preview, output: str) -> None:
    import orjson

    effects = [
        {
            "runs": e.count,
            "from": e.before.visit,
            "to": e.after.visit,
            "access": [e.before.state.value, e.after.state.value],
            "will_read_data": list(e.read_data_now),
            "will_no_longer_read_data": list(e.no_longer_read_data),
            "closes_again": e.closes_again,
        }
        for e in seen.effects
    ]
    if output == "json":
        refused = [{"pid": r.pid, "why": r.why} for r in seen.refused]
        click.echo(orjson.dumps({"total": seen.total, "effects": effects, "refused": refused}).decode())
        return
    click.echo(f"{seen.total} run{'' if seen.total == 1 else 's'} would change. Nothing has changed yet.")
    for e in seen.effects:
        click.echo(
            f"  {e.count}: {e.before.visit or 'no visit'} ({e.before.state.value}) → {e.after.visit or 'none'} ({e.after.state.value})"
        )
        click.echo(f"     will read the data: {', '.join(e.read_data_now) or 'nobody new'}")
        click.echo(f"     will no longer: {', '.join(e.no_longer_read_data) or 'nobody'}")
        if e.closes_again:
            click.echo("     Open to everyone now, and closed again afterwards.")
    for r in seen.refused:
        click.echo(f"  left as it is: {r.pid}: {r.why}")


def _say(done: Correction, output: str) -> None:
    import orjson

    if output == "json":
        said = {"id": done.id, "state": done.state.value, "total": done.total, "done": done.done, "to_pid": done.to_pid}
        click.echo(orjson.dumps(said).decode())
        return
    click.echo(f"Correction {done.id}: {done.state.value}, {done.total} run{'' if done.total == 1 else 's'}.")
    for r in done.refused:
        click.echo(f"  left as it is: {r.pid}: {r.why}")
    if done.state.value == "done":
        click.echo(f"To take it back: panmesh correct undo {done.id}")

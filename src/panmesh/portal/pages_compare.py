"""Runs side by side: their curves in one drawing, their images in a grid, and the quantities in which they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.access.viewer import Viewer
from panmesh.catalogue.comparing import MOST, Cell, Row, compare, ordered
from panmesh.catalogue.model import DatasetRecord, DatasetSummary
from panmesh.catalogue.query import DatasetQuery, Field, OneOf
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import PanmeshError, Unavailable
from panmesh.portal.overlay import OVERLAYS, Curve, LeftOut, Look, draw_overlay, extent, fitting
from panmesh.portal.pages_basket import visitor_of
from panmesh.portal.plots import Drawings
from panmesh.portal.previews import Previewed, preview_of, read_previews
from panmesh.portal.rendering import page, render, size_of
from panmesh.portal.words import plain_name, unit
from panmesh.wire.lists import csv_line

_DRAWINGS = Drawings(50)  # asked after it is decided that all of their runs may be seen
_LOOKS = ("log", "normal", "apart")


def routes() -> list[Route]:
    return [
        Route("/compare", page(comparison)),
        Route("/compare.csv", page(comparison_csv)),
        Route("/compare/overlay.svg", page(overlay, waits=True)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    runs: tuple[DatasetSummary, ...]  # that the viewer may know of, at most `MOST`
    sort: str | None = None  # name of what they are sorted by, with "-" before it for descending
    more: bool  # more were asked for than are compared at once
    fewer: bool  # some of those named by hand are not there

    @property
    def query(self) -> str:
        return urlencode([("run", run.pid) for run in self.runs])


def comparison(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    chosen = _chosen(request, s, who)
    records = [s.search.get(who, run.pid) for run in chosen.runs]
    curves, images = _kinds(records)
    return render(
        request,
        "compare.html",
        chosen=chosen,
        curves=curves,
        images=images,
        table=compare(chosen.runs),
        numbers={run.pid: i for i, run in enumerate(chosen.runs, 1)},
        looks=_looks(request, chosen),
        picture=_address("/compare/overlay.svg", chosen, _given(request)),
        most=MOST,
        sorted_by=lambda name: (
            _address("/compare", chosen, _given(request)) + "&" + urlencode({"sort": _turned(chosen.sort, name)})
        ),
        wide=extent(len(curves), OVERLAYS["wide"]),
        narrow=extent(len(curves), OVERLAYS["narrow"]),
    )


def comparison_csv(request: Request, _form: dict[str, str]) -> Response:
    """A line for each run, a column for each quantity: first those that differ, then those that all have alike."""
    chosen = _chosen(request, services(request), viewer(request))
    table = compare(chosen.runs)
    rows = (*table.differing, *table.common)
    lines = [csv_line(["pid", "title", *(_head(row) for row in rows)])]
    for i, run in enumerate(chosen.runs):
        lines.append(csv_line([run.pid, run.title, *(_written(row.cells[i]) for row in rows)]))
    headers = {"Content-Disposition": 'attachment; filename="comparison.csv"'}
    return Response("".join(lines), media_type="text/csv", headers=headers)


def overlay(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    chosen = _chosen(request, s, who)
    given, size = _given(request), size_of(request)
    readable, closed = _readable(s, who, _kinds([s.search.get(who, run.pid) for run in chosen.runs])[0])
    drawn = [(number, title, one.etag) for number, title, one in readable]
    key = hashlib.sha256(repr((drawn, closed, given, size)).encode()).hexdigest()
    etag = f'"{key[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    drawing = _DRAWINGS.get(key)
    if drawing is None:
        read, failed = _read(s, who, readable)
        kept, unlike = fitting(read)
        look = Look(logarithmic="log" in given, normalised="normal" in given, apart="apart" in given)
        left = sorted((*closed, *failed, *unlike), key=lambda one: one.number)
        drawing = _DRAWINGS.keep(key, draw_overlay(kept, left, look, OVERLAYS.get(size, OVERLAYS["wide"])))
    headers = {
        "ETag": etag,
        "Cache-Control": "private, max-age=60",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    return Response(drawing, media_type="image/svg+xml", headers=headers)


# --- parts ------------------------------------------------------------------------------------------------------------


def _chosen(request: Request, s: Services, who: Viewer) -> Chosen:
    found = _asked(request, s, who)
    sort = request.query_params.get("sort", "")
    if not sort:
        return found
    return replace(found, runs=ordered(found.runs, sort.removeprefix("-"), descending=sort.startswith("-")), sort=sort)


def _asked(request: Request, s: Services, who: Viewer) -> Chosen:
    """`run` or `pid` several times, in their order, or `basket`. Absent and hidden runs are left out alike."""
    key = request.query_params.get("basket")
    if key:
        found = s.baskets.runs(who, s.baskets.open(who, key, visitor_of(request)))
        return Chosen(runs=found[:MOST], more=len(found) > MOST, fewer=False)
    params = request.query_params
    wanted = tuple(dict.fromkeys(pid for name in ("run", "pid") for pid in params.getlist(name) if pid))
    asked = wanted[:MOST]
    known = {}
    if asked:
        query = DatasetQuery(where=OneOf(Field.PID, asked), limit=MOST)
        known = {str(run.pid): run for run in s.search.search(who, query).items}
    runs = tuple(known[pid] for pid in asked if pid in known)
    return Chosen(runs=runs, more=len(wanted) > MOST, fewer=len(runs) < len(asked))


Numbered = tuple[int, DatasetRecord]


def _kinds(records: Sequence[DatasetRecord]) -> tuple[list[Numbered], list[Numbered]]:
    """Runs with a curve and runs with an image, by what their files say."""
    curves: list[Numbered] = []
    images: list[Numbered] = []
    for number, record in enumerate(records, 1):
        plot = (record.facts or {}).get("plot")
        if plot:
            wide = [length for length in plot.get("shape") or () if length > 1]
            (images if len(wide) > 1 else curves).append((number, record))
    return curves, images


Readable = tuple[int, str, Previewed]


def _readable(s: Services, who: Viewer, curves: Sequence[Numbered]) -> tuple[list[Readable], list[LeftOut]]:
    """Those whose data this viewer may see, and those that the drawing only names."""
    found: list[Readable] = []
    closed: list[LeftOut] = []
    for number, record in curves:
        try:
            found.append((number, record.summary.title or record.summary.pid, preview_of(s, who, record)))
        except PanmeshError:
            closed.append(LeftOut(number=number, why="its data are not open to you, or not here"))
    return found, closed


def _read(s: Services, who: Viewer, readable: Sequence[Readable]) -> tuple[list[Curve], list[LeftOut]]:
    curves: list[Curve] = []
    left: list[LeftOut] = []
    plots = read_previews(s, who, [one for _, _, one in readable])
    for (number, title, _), plot in zip(readable, plots, strict=True):
        if isinstance(plot, Unavailable):
            left.append(LeftOut(number=number, why=plot.detail))
        elif plot.kind == "line":
            curves.append(Curve(number=number, title=title, plot=plot))
    return curves, left


def _given(request: Request) -> tuple[str, ...]:
    return tuple(name for name in _LOOKS if request.query_params.get(name))


def _turned(sort: str | None, name: str) -> str:
    return f"-{name}" if sort == name else name


def _looks(request: Request, chosen: Chosen) -> list[tuple[str, bool, str]]:
    """Each way to look at the curves: its name, whether it is on, the address that switches it."""
    given = _given(request)
    words = {"log": "logarithmic", "normal": "normalised", "apart": "one above the other"}
    found = []
    for name in _LOOKS:
        switched = tuple(n for n in _LOOKS if (n in given) != (n == name))
        found.append((words[name], name in given, _address("/compare", chosen, switched)))
    return found


def _address(path: str, chosen: Chosen, looks: Sequence[str]) -> str:
    return f"{path}?{'&'.join([chosen.query, *(f'{name}=1' for name in looks)])}"


def _head(row: Row) -> str:
    return f"{plain_name(row.name)} [{unit(row.unit)}]" if row.unit else plain_name(row.name)


def _written(cell: Cell | None) -> Any:
    """Numbers in full; both ends of what was scanned."""
    if cell is None:
        return None
    value: Any = cell.value if cell.value is not None else f"{cell.minimum!r}..{cell.maximum!r}"
    return f"{value} {cell.unit}" if cell.unit else value

"""One visit: its runs over time, who and what, and all runs as a table whose columns the reader chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from panmesh.access.explain import explain
from panmesh.access.terms import State
from panmesh.access.viewer import Viewer
from panmesh.catalogue.comparing import Cell
from panmesh.catalogue.model import DatasetSummary, InvestigationView, ProposalKind
from panmesh.catalogue.naming import run_title
from panmesh.catalogue.notes import AboutKind, Flag
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op
from panmesh.catalogue.visit_table import (
    FACTS,
    SORTED_BY,
    Column,
    Fact,
    Quantity,
    TableQuery,
    at_first,
    cells,
    columns_of,
    units_of,
)
from panmesh.http import landing
from panmesh.http.filters import query_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Invalid
from panmesh.kernel.units import alike
from panmesh.portal import timeline, words
from panmesh.portal.live import stream_since
from panmesh.portal.pages_basket import current_of
from panmesh.portal.pages_dois import doi_of
from panmesh.portal.pages_notes import notes_of
from panmesh.portal.rendering import offset_of, page, render, repeated
from panmesh.publication.record import Kind
from panmesh.wire.lists import csv_line, run_address

PER_PAGE = 50
NARROWING = ("q", "quantity", "sample", "technique", "flag", "person", "from", "to")
_ADDRESS = (*NARROWING, "column", "sort")


def routes() -> list[Route]:
    return [
        Route("/investigations/{pid}", page(investigation), name="investigation"),
        Route("/investigations/{pid}/runs.csv", page(runs_csv), name="visit-runs"),
        Route("/investigations/{pid}/columns", page(choose), methods=["POST"], name="visit-columns"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the reader asked for, and what there is to ask for."""

    given: dict[str, list[str]]
    query: TableQuery
    columns: tuple[Column, ...]
    known: tuple[Quantity, ...]
    units: dict[str, str | None]  # by column that is a quantity
    fault: Invalid | None

    @property
    def narrowed(self) -> bool:
        return any(name in self.given for name in NARROWING)

    def link(self, **changes: Any) -> str:
        """The query of the page with changes; None takes away."""
        offset = changes.pop("offset", None)
        kept = {**self.given, **{name: value if isinstance(value, list) else [value] for name, value in changes.items()}}
        pairs = [(name, value) for name, values in kept.items() for value in values if value is not None]
        return "?" + urlencode([*pairs, *([("offset", str(offset))] if offset else [])])

    def sorted_by(self, name: str) -> str:
        """The query that sorts by this column: turned around where it already does."""
        here = self.query.sort == name
        return self.link(sort=f"-{name}" if here and not self.query.descending else name)


def investigation(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    other = landing.answer(request, request.path_params["pid"], Kind.INVESTIGATION)
    if other is not None:
        return other
    visit = s.search.investigation(who, request.path_params["pid"])
    live = stream_since(s, s.events.head(), visit=visit.pid) if _grows(visit) else None  # before its runs are read
    public = landing.public(request, visit.pid, Kind.INVESTIGATION)
    table = table_of(request, s, who, visit, PER_PAGE)
    found = s.visits.page(who, visit, table.query, table.known)
    times = s.visits.timeline(who, visit)
    here = DatasetQuery(where=Compare(Field.VISIT, Op.EQUAL, visit.pid))
    techniques = s.search.facet(who, here, Field.TECHNIQUE, 30)
    names = {one.value: one.label for one in techniques}
    basket = current_of(request)
    shown = render(
        request,
        "investigation.html",
        json_ld=landing.embedded(public),
        buried=public if public is not None and public.gone else None,
        v=visit,
        access=explain(visit.access, visit.facility_zone, signed_in=who.user_id is not None),
        notes=notes_of(request, AboutKind.INVESTIGATION, visit),
        plan_of=s.plans.readable(who, visit.proposal),
        team_of=s.teams.about(who, visit.pid),
        doi=doi_of(request, visit.pid),
        releases=s.releases.made_of(who, visit=visit.pid),
        live=live,
        page=found,
        table=table,
        rows=[(run, cells(run, table.columns, table.units)) for run in found.items],
        flags=s.visits.flags(times),
        times=times,
        drawn=timeline.draw(
            times,
            names,
            visit.facility_zone,
            f"/investigations/{quote(visit.pid, safe='')}#runs",
            (visit.starts_us, visit.ends_us),
        ),
        pieces=timeline.rows(times, names),
        pause=timeline.longest_break(times),
        techniques=techniques,
        samples=s.search.facet(who, here, Field.SAMPLE, 12),
        named=s.visits.named(who, visit),
        sortable=SORTED_BY,
        facts=words.RUN_FACTS,
        alike=alike,
        basket=basket,
        basket_runs=s.baskets.runs(who, basket) if basket is not None else (),
        link=lambda **changes: f"/investigations/{quote(visit.pid, safe='')}{table.link(**changes)}#runs",
    )
    if request.url.query:
        shown.headers["X-Robots-Tag"] = "noindex, nofollow"
    return landing.signposted(shown, public)


def _grows(visit: InvestigationView) -> bool:
    """Runs may still come: its page follows them. Of a visit that is over, a page that is left open holds no connection."""
    return visit.access.state in (State.PLANNED, State.COLLECTING) or visit.kind is ProposalKind.UNSCHEDULED


def table_of(request: Request, s: Services, who: Viewer, visit: InvestigationView, limit: int) -> Table:
    """What cannot be understood is said on the page, and the table is shown without it."""
    given = _given(request)
    known = s.visits.quantities(who, visit)
    fault: Invalid | None = None
    columns = at_first(known, words.TELLING)
    try:
        columns = columns_of(given["column"]) if "column" in given else s.visits.remembered(who, visit) or columns
        units = units_of(columns, known)
    except Invalid as error:
        fault, columns = error, tuple(Column(one.name) for one in columns)
        units = units_of(columns, known)
    query = TableQuery(limit=limit)
    try:
        query = _query(given, known, visit, offset_of(request), limit)
    except Invalid as error:
        fault = error
    return Table(given=given, query=query, columns=columns, known=known, units=units, fault=fault)


def _query(
    given: Mapping[str, Sequence[str]], known: Sequence[Quantity], visit: InvestigationView, offset: int, limit: int
) -> TableQuery:
    narrowing = {name: values for name, values in given.items() if name in NARROWING}
    where = query_of(narrowing, zone=visit.facility_zone).where
    text = given.get("sort", ["start"])[-1]
    sort, descending = text.removeprefix("-"), text.startswith("-")
    if sort not in SORTED_BY and sort not in {one.name for one in known}:
        raise Invalid(f"No run of this visit says {sort!r} to you: sort by one of the columns, or by start.")
    return TableQuery(where=where, sort=sort, descending=descending, offset=offset, limit=limit)


def choose(request: Request, form: dict[str, str]) -> Response:
    """Remembers the columns for whoever is signed in, and shows them."""
    s, who = services(request), viewer(request)
    visit = s.search.investigation(who, request.path_params["pid"])
    columns = () if form.get("do") == "reset" else columns_of(_in_units(repeated(request, "column"), repeated(request, "unit")))
    s.visits.remember(who, visit, columns)
    kept = [(name, value) for name in (*NARROWING, "sort") for value in repeated(request, name) if value.strip()]
    query = urlencode([("column", str(column)) for column in columns] + kept)
    return RedirectResponse(f"/investigations/{quote(visit.pid, safe='')}{f'?{query}' if query else ''}#runs", 303)


def runs_csv(request: Request, _form: dict[str, str]) -> Response:
    """The table as it is shown, all of its pages. Raises Invalid before it begins."""
    s, who = services(request), viewer(request)
    visit = s.search.investigation(who, request.path_params["pid"])
    table = table_of(request, s, who, visit, PER_PAGE)
    if table.fault is not None:
        raise table.fault
    base = s.public_url or str(request.base_url).rstrip("/")
    headers = {
        "Content-Disposition": 'attachment; filename="runs.csv"',
        "Cache-Control": "private, no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    lines = _lines(s, who, visit, table, base)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8; header=present", headers=headers)


def _lines(s: Services, who: Viewer, visit: InvestigationView, table: Table, base: str) -> Iterator[str]:
    """A scanned quantity has two columns: both ends."""
    heads = ["pid", "title"]
    for column in table.columns:
        unit = "s" if column.name == Fact.LASTED else table.units.get(column.name)
        head = f"{column.name} ({unit})" if unit else column.name
        heads += [head] if _plain(column, table.known) else [f"{head} from", f"{head} to"]
    yield csv_line([*heads, "url"])
    flags = s.visits.flags_of(who, visit) if any(c.name == Fact.FLAG for c in table.columns) else {}
    for run in s.visits.runs(who, visit, table.query, table.known):
        values: list[Any] = [run.pid, run_title(run)]
        for column, cell in zip(table.columns, cells(run, table.columns, table.units), strict=True):
            if column.name in FACTS:
                values.append(_fact(run, column.name, flags))
            elif _plain(column, table.known):
                values.append(_single(cell))
            else:
                values += _both(cell)
        yield csv_line([*values, run_address(run.pid, base)])


def _plain(column: Column, known: Sequence[Quantity]) -> bool:
    """Whether one column is enough: facts, texts, and what no run scanned."""
    return column.name in FACTS or not any(one.name == column.name and one.scanned for one in known)


def _single(cell: Cell | None) -> Any:
    if cell is None or cell.unit is None:
        return None if cell is None else cell.value
    return f"{cell.value} {cell.unit}"  # another kind of unit than that of the column: said with its own


def _both(cell: Cell | None) -> list[Any]:
    if cell is None:
        return [None, None]
    ends = [cell.value, cell.value] if cell.value is not None else [cell.minimum, cell.maximum]
    return ends if cell.unit is None else [f"{end} {cell.unit}" for end in ends]


def _fact(run: DatasetSummary, name: str, flags: Mapping[str, Flag]) -> Any:
    match name:
        case Fact.START:
            return iso(run.start_us)
        case Fact.LASTED:
            return (run.end_us - run.start_us) / 1e6 if run.end_us is not None and run.start_us is not None else None
        case Fact.SAMPLE:
            return run.sample.name if run.sample else None
        case Fact.TECHNIQUE:
            return "; ".join(t.name for t in run.techniques)
        case Fact.RUN:
            return run.run
        case Fact.FILES:
            return run.file_count
        case Fact.BYTES:
            return run.total_bytes
    return flags[run.pid].value if run.pid in flags else None


def _given(request: Request) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in _ADDRESS and value.strip():
            given.setdefault(name, []).append(value)
    if "column" in given:
        given["column"] = _in_units(given["column"], request.query_params.getlist("unit"))
    return given


def _in_units(columns: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """The columns, each in the unit that was chosen beside it: `temperature`, `temperature:degC`."""
    units = {name: unit for name, _, unit in (one.partition(":") for one in chosen)}
    names = [column.partition(":")[0] for column in columns]
    return [
        (f"{name}:{units[name]}" if units[name] else name) if name in units else column
        for name, column in zip(names, columns, strict=True)
    ]

"""The page of a run: what it is, its plot, its files, its corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.access.artefact import Artefact
from panmesh.access.audit import is_staff_read
from panmesh.access.explain import explain
from panmesh.access.viewer import Viewer
from panmesh.catalogue import citation
from panmesh.catalogue.model import DatasetRecord, DatasetSummary, FilesPage
from panmesh.catalogue.notes import AboutKind
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op, Sort
from panmesh.http import landing
from panmesh.http.downloads import open_download
from panmesh.http.encoded_slashes import segment
from panmesh.http.fairness import fairness_of
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import NotFound, PanmeshError
from panmesh.portal import changing, run_parameters, sparklines
from panmesh.portal.file_tree import Folder, as_tree
from panmesh.portal.frames import stack_of
from panmesh.portal.live import stream_since
from panmesh.portal.looking import is_hdf5, looking_into
from panmesh.portal.pages_basket import current_of
from panmesh.portal.pages_dois import doi_of
from panmesh.portal.pages_notes import notes_of
from panmesh.portal.plots import SIZES, Drawings, draw
from panmesh.portal.previews import preview_of, primary_of, read_preview, read_series
from panmesh.portal.rendering import offset_of, render, size_of
from panmesh.publication.record import Kind

FILES_PER_PAGE = 100
SAME_SAMPLE = 6  # runs that are named
_DRAWINGS = Drawings(200)  # asked after it is decided that they may be seen
_SVG = {
    "Cache-Control": "private, max-age=60",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


def dataset(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    other = landing.answer(request, pid, Kind.DATASET)
    if other is not None:
        return other
    record, live = _under_way(s, who, pid, s.search.get(who, pid))
    public = landing.public_run(request, who, record)
    summary = record.summary
    if is_staff_read(who, summary.access.state, summary.access.readable, in_team=False):
        s.audit.record(who, "read", summary.pid)
    contains = request.query_params.get("contains") or None
    offset = offset_of(request)
    files = s.search.files_of(record, offset=offset, limit=FILES_PER_PAGE, contains=contains)
    full = Artefact.FULL_METADATA in summary.access.readable
    beside = s.search.beside(who, summary)
    word = request.query_params.get("parameter") or None
    changed = changing.changing(record.facts if full else None, _most(request)) if files is not None else ()
    shown = render(
        request,
        "dataset.html",
        json_ld=landing.embedded(public),
        buried=public if public is not None and public.gone else None,
        record=record,
        d=summary,
        live=live,
        full=full,
        files=files,
        tree=_tree(files) if files is not None else None,
        contains=contains,
        looking=looking_into(record, [f.name for f in files.items], request.query_params.get("view")) if files else None,
        is_hdf5=is_hdf5,
        per_page=FILES_PER_PAGE,
        access=explain(summary.access, summary.facility_zone, signed_in=who.user_id is not None),
        parameter=word,
        conditions=run_parameters.conditions(summary.parameters, word),
        quantities=run_parameters.grouped(record.facts, word) if full else [],
        changed=changed,
        changed_all=request.query_params.get("changed") == "all",
        changed_room={size: sparklines.extent(len(changed), size) for size in sparklines.COLUMNS},
        stack=stack_of(record.facts, request.query_params.get("frame")) if full else None,
        fair=fairness_of(s, record) if full and who.user_id is not None else None,
        previous=beside.before,
        following=beside.after,
        same_sample=_same_sample(s, who, summary),
        history=s.editing.history(who, pid) if full and who.user_id is not None else (),
        notes=notes_of(request, AboutKind.DATASET, summary),
        basket=current_of(request),
        doi=doi_of(request, summary.pid),
        releases=s.releases.holding(summary.pid),
        base=s.public_url or str(request.base_url).rstrip("/"),
        cited=citation.as_text(landing.cited(public)) if public is not None else None,
        plot_marking=(record.facts or {}).get("plot", {}).get("marking"),
        plot_missing=(record.facts or {}).get("plot", {}).get("missing") or [],
    )
    return landing.signposted(shown, public)


def _under_way(s: Services, who: Viewer, pid: str, record: DatasetRecord) -> tuple[DatasetRecord, str | None]:
    """While it is written: with the stream of what happens next, and read once more, so that nothing falls between the two."""
    visit = record.summary.investigation
    if not record.open or visit is None:
        return record, None
    live = stream_since(s, s.events.head(), visit=visit.pid)
    return s.search.get(who, pid), live


def _tree(files: FilesPage) -> Folder:
    return as_tree(files.items, before=files.offset > 0, after=files.offset + len(files.items) < files.total)


def _same_sample(s: Services, who: Viewer, summary: DatasetSummary) -> tuple[tuple[DatasetSummary, ...], int]:
    """The newest others, and how many others there are."""
    if summary.sample is None:
        return (), 0
    where = Compare(Field.SAMPLE_PID, Op.EQUAL, summary.sample.pid)
    page = s.search.search(who, DatasetQuery(where=where, sort=Sort(descending=True), limit=SAME_SAMPLE + 1), brief=True)
    others = tuple(one for one in page.items if one.pid != summary.pid)[:SAME_SAMPLE]
    return others, max(0, page.total - 1)


def _most(request: Request) -> int:
    return changing.ALL if request.query_params.get("changed") == "all" else changing.SHOWN


def plot(request: Request, _form: dict[str, str]) -> Response:
    """The default plot, for whoever may read the full metadata and the data it is drawn from."""
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    one = preview_of(s, who, record)
    asked = request.query_params.get("frame")
    stack = stack_of(record.facts, asked) if asked is not None else None
    frame = stack.index if stack is not None else None
    size = size_of(request)

    def drawn() -> str:
        if size != "thumb" or frame is not None:
            return draw(read_preview(s, who, one, frame), SIZES[size])
        known = s.thumbnails.get(one.content)
        if known is None:
            known = draw(read_preview(s, who, one), SIZES[size])
            s.thumbnails.keep(one.content, known)
        return known

    return _drawing(request, one.etag, f"{one.file} {size} {frame}", drawn)


def changes(request: Request, _form: dict[str, str]) -> Response:
    """What changed during the run, for whoever may read the full metadata and the data."""
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    one = primary_of(s, who, record)
    chosen = changing.changing(record.facts, _most(request))
    if not chosen:
        raise NotFound()
    size = size_of(request) if size_of(request) in sparklines.COLUMNS else "wide"

    def drawn() -> str:
        read = {series.path: series for series in read_series(s, who, one, [c.path for c in chosen])}
        return sparklines.draw_changes(chosen, read, size)

    return _drawing(request, one.etag, f"{one.file} changes {size} {len(chosen)}", drawn)


def _drawing(request: Request, etag: str, what: str, make: Callable[[], str]) -> Response:
    """Made once as long as nothing changes."""
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    key = f"{what} {etag}"
    found = _DRAWINGS.get(key) or _DRAWINGS.keep(key, make())
    return Response(found, media_type="image/svg+xml", headers={"ETag": etag} | _SVG)


def download(request: Request, _form: dict[str, str]) -> Any:
    return open_download(services(request), viewer(request), request.path_params["pid"], request.path_params["name"])


def edit(request: Request, form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    if request.method == "GET":
        return render(request, "edit.html", record=record, d=record.summary, fault=None, form={})
    values: dict[str, Any] = {}
    if form.get("title", "").strip() != (record.summary.title or ""):
        values["title"] = form.get("title", "").strip() or None
    description = str(((record.values or {}).get("description") or {}).get("value") or "")
    if form.get("description", "").strip() != description:
        values["description"] = form.get("description", "").strip() or None
    sample_name = record.summary.sample.name if record.summary.sample else ""
    if form.get("sample", "").strip() != sample_name:
        values["sample"] = {"name": form["sample"].strip()} if form.get("sample", "").strip() else None
    technique = record.summary.techniques[0].name if record.summary.techniques else ""
    if form.get("technique", "").strip() != technique:
        values["techniques"] = [form["technique"].strip()] if form.get("technique", "").strip() else None
    if values:
        try:
            s.editing.change(who, pid, values, int(form.get("revision") or 0))
        except PanmeshError as error:
            return render(
                request, "edit.html", record=record, d=record.summary, fault=error, form=form, status=status_of(error)[0]
            )
    return RedirectResponse(f"/datasets/{segment(pid)}", 303)


def undo(request: Request, form: dict[str, str]) -> Response:
    pid = request.path_params["pid"]
    services(request).editing.undo(viewer(request), pid, int(form.get("change") or 0))
    return RedirectResponse(f"/datasets/{segment(pid)}#history", 303)

"""The page of a run: what it is, its plot, its files, its corrections."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.access.artefact import Artefact
from panmesh.access.audit import is_staff_read
from panmesh.access.explain import explain
from panmesh.access.viewer import Viewer
from panmesh.catalogue.notes import AboutKind
from panmesh.catalogue.query import And, Compare, DatasetQuery, Field, Op, Sort
from panmesh.http.downloads import open_download
from panmesh.http.encoded_slashes import segment
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import PanmeshError
from panmesh.portal.pages_basket import current_of
from panmesh.portal.pages_notes import notes_of
from panmesh.portal.plots import SIZES, Drawings, draw
from panmesh.portal.previews import preview_of, read_preview
from panmesh.portal.rendering import offset_of, render, size_of

FILES_PER_PAGE = 100
_DRAWINGS = Drawings(200)  # asked after it is decided that they may be seen


def dataset(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    summary = record.summary
    if is_staff_read(who, summary.access.state, summary.access.readable, in_team=False):
        s.audit.record(who, "read", summary.pid)
    may_files = (Artefact.RAW if summary.kind.value == "raw" else Artefact.PROCESSED) in summary.access.readable
    contains = request.query_params.get("contains") or None
    offset = offset_of(request)
    files = s.search.files(who, pid, offset=offset, limit=FILES_PER_PAGE, contains=contains) if may_files else None
    full = Artefact.FULL_METADATA in summary.access.readable
    neighbours = _neighbours(s, who, summary) if summary.investigation is not None else (None, None)
    return render(
        request,
        "dataset.html",
        record=record,
        d=summary,
        full=full,
        files=files,
        contains=contains,
        per_page=FILES_PER_PAGE,
        access=explain(summary.access, summary.facility_zone, signed_in=who.user_id is not None),
        quantities=_quantities(record.facts) if full else [],
        previous=neighbours[0],
        following=neighbours[1],
        history=s.editing.history(who, pid) if full and who.user_id is not None else (),
        notes=notes_of(request, AboutKind.DATASET, summary),
        basket=current_of(request),
        base=s.public_url or str(request.base_url).rstrip("/"),
        plot_marking=(record.facts or {}).get("plot", {}).get("marking"),
        plot_missing=(record.facts or {}).get("plot", {}).get("missing") or [],
    )


def _neighbours(s: Services, who: Viewer, summary: Any) -> tuple[Any, Any]:
    """The run before and the run after, of the same visit."""
    if summary.start_us is None:
        return None, None
    visit = Compare(Field.VISIT, Op.EQUAL, summary.investigation.pid)
    found = []
    for op, descending in ((Op.LESS, True), (Op.MORE, False)):
        where = And((visit, Compare(Field.START, op, summary.start_us)))
        page = s.search.search(who, DatasetQuery(where=where, sort=Sort(descending=descending), limit=1))
        found.append(page.items[0] if page.items else None)
    return found[0], found[1]


def plot(request: Request, _form: dict[str, str]) -> Response:
    """The default plot, for whoever may read the full metadata and the data it is drawn from."""
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    one = preview_of(s, who, s.search.get(who, pid))
    path, key = one.file, one.etag
    if request.headers.get("if-none-match") == key:
        return Response(status_code=304, headers={"ETag": key})
    size = size_of(request)
    drawing = _DRAWINGS.get(f"{path} {key} {size}")
    if drawing is None:
        drawing = _DRAWINGS.keep(f"{path} {key} {size}", draw(read_preview(s, who, one), SIZES[size]))
    headers = {
        "ETag": key,
        "Cache-Control": "private, max-age=60",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    return Response(drawing, media_type="image/svg+xml", headers=headers)


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


def _quantities(facts: dict[str, Any] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """All numbers of the run, by the part of the instrument they belong to."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in (facts or {}).get("quantities", []):
        place, _, name = one["name"].rpartition("/")
        groups.setdefault(place, []).append(one | {"short": name})
    return sorted(groups.items())

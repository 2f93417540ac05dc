"""Routes of corrections in /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Query, Request, Response

from panmesh.catalogue.correcting import PATIENCE_US
from panmesh.catalogue.correction import Correction, Preview, Refusal, Stand, Wanted, What
from panmesh.http.filters import query_of
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.protocols.api import correction_models as models

Number = Annotated[int, Path(ge=1, le=2**53)]
Offset = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=0, le=1000)]
Pid = Annotated[str | None, Query(max_length=300, description="only of this dataset")]


def add_corrections(api: FastAPI) -> None:
    @api.post("/corrections", response_model=models.PreviewModel | models.CorrectionModel, status_code=200, tags=["corrections"])
    def correct(
        request: Request, body: models.CorrectionRequest, preview: Annotated[bool, Query(description="only show it")] = False
    ) -> Response:
        """Move datasets to a visit, split, merge or discard them. `preview=true` says what would change, and changes nothing."""
        who, corrections = viewer(request), services(request).corrections
        if (body.search is None) == (not body.pids):
            raise Invalid("Name datasets by their pids, or by a search: one of the two.", (Fault("/pids", "pids or search"),))
        pids = tuple(body.pids)
        if body.search is not None:
            zone = services(request).search.facilities()[0].time_zone
            pids = corrections.chosen(who, query_of(body.search, zone=zone), waiting=body.waiting)
        wanted = Wanted(
            what=What(body.what),
            pids=pids,
            reason=body.reason,
            visit=body.visit,
            files=tuple(body.files),
            waiting=body.waiting and body.search is None,
        )
        if preview:
            return _json(_preview(corrections.preview(who, wanted)))
        return _json(_correction(corrections.make(who, wanted, patience_us=PATIENCE_US)))

    @api.get("/corrections", response_model=models.CorrectionPage, tags=["corrections"])
    def history(request: Request, pid: Pid = None, offset: Offset = 0, limit: Limit = 50) -> Response:
        """What was corrected, newest first; undone corrections too."""
        page = services(request).corrections.history(viewer(request), pid=_plain(pid), offset=offset, limit=limit)
        return _json({"items": [_correction(c) for c in page.items], "total": page.total, "offset": offset, "limit": limit})

    @api.get("/corrections/discarded", response_model=models.DiscardedPage, tags=["corrections"])
    def discarded(request: Request, offset: Offset = 0, limit: Limit = 50) -> Response:
        page = services(request).corrections.discarded(viewer(request), offset=offset, limit=limit)
        items = [
            {
                "pid": d.pid,
                "title": d.title,
                "path": d.path,
                "correction": d.correction,
                "at": iso(d.at_us),
                "by": d.by,
                "reason": d.reason,
            }
            for d in page.items
        ]
        return _json({"items": items, "total": page.total, "offset": offset, "limit": limit})

    @api.get("/corrections/suggestions", response_model=list[models.SuggestionModel], tags=["corrections"])
    def suggestions(request: Request, pid: Annotated[str, Query(max_length=300)]) -> Response:
        """Visits that a run may belong to, and why; the likeliest first."""
        found = services(request).corrections.suggestions(viewer(request), [_plain(pid) or ""]).get(pid, ())
        return _json([{"visit": s.visit, "visit_id": s.visit_id, "title": s.title, "reasons": list(s.reasons)} for s in found])

    @api.get("/corrections/{number}", response_model=models.CorrectionModel, tags=["corrections"])
    def one(request: Request, number: Number) -> Response:
        return _json(_correction(services(request).corrections.one(viewer(request), number)))

    @api.post("/corrections/{number}/undo", response_model=models.CorrectionModel, tags=["corrections"])
    def undo(request: Request, number: Number) -> Response:
        """All of it, within 30 days; 409 says what changed meanwhile."""
        return _json(_correction(services(request).corrections.undo(viewer(request), number, patience_us=PATIENCE_US)))


def _preview(p: Preview) -> dict[str, Any]:
    return {
        "preview": True,
        "what": p.what.value,
        "total": p.total,
        "changes": [
            {
                "pid": None if c.made else c.pid,
                "title": c.title,
                "path": c.path,
                "before": _stand(c.before),
                "after": _stand(c.after),
                "results": list(c.results),
            }
            for c in p.changes
        ],
        "effects": [
            {
                "count": e.count,
                "known_now_to": list(e.see_it_now),
                "no_longer_known_to": list(e.no_longer_see_it),
                "data_now_readable_by": list(e.read_data_now),
                "data_no_longer_readable_by": list(e.no_longer_read_data),
                "closes_again": e.closes_again,
                "before": _stand(e.before),
                "after": _stand(e.after),
            }
            for e in p.effects
        ],
        "refused": _refused(p.refused),
    }


def _stand(s: Stand) -> dict[str, Any]:
    return {
        "visit": s.visit,
        "instrument": s.instrument,
        "state": s.state.value,
        "opens": iso(s.opens_us),
        "known_to": sorted(s.core),
        "data_readable_by": sorted(s.data),
        "files": s.files,
        "bytes": s.bytes,
        "sample": s.sample,
    }


def _correction(c: Correction) -> dict[str, Any]:
    return {
        "id": c.id,
        "at": iso(c.at_us),
        "by": c.by,
        "what": c.what.value,
        "reason": c.reason,
        "to": c.to,
        "to_pid": c.to_pid,
        "state": c.state.value,
        "total": c.total,
        "done": c.done,
        "pids": list(c.pids),
        "refused": _refused(c.refused),
        "undone": iso(c.undone_us),
        "undone_by": c.undone_by,
    }


def _refused(refused: tuple[Refusal, ...]) -> list[dict[str, str]]:
    return [{"pid": r.pid, "why": r.why} for r in refused]


def _plain(text: str | None) -> str | None:
    if not is_plain(text):
        raise Invalid("The text has signs that no identifier here has.", (Fault("/pid", "NUL or undecodable signs"),))
    return text


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers={"Cache-Control": "private, no-store"})

"""Routes of the logbook in /api/v1: notes, flag, tags and pictures of datasets and investigations."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import FastAPI, Header, Path, Query, Request, Response

from panmesh.catalogue.notes import About, AboutKind, Flag, Mark, Note, flag_of
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.protocols.api import note_models as models
from panmesh.wire import logbook as forms
from panmesh.wire import markdown

PidPath = Annotated[str, Path(max_length=300, description="persistent identifier")]
Number = Annotated[int, Path(ge=1, le=2**53)]
Offset = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=0, le=1000)]
IfMatch = Annotated[str | None, Header(max_length=200)]
_KINDS = {"datasets": AboutKind.DATASET, "investigations": AboutKind.INVESTIGATION}
_PICTURE = {"requestBody": {"content": {media: {} for media in ("image/png", "image/jpeg", "image/webp")}, "required": True}}


def add_notes(api: FastAPI) -> None:
    for base, kind in _KINDS.items():
        _of(api, base, kind)
    _one(api)

    @api.get("/investigations/{pid}/logbook", response_model=models.LogbookModel, tags=["logbook"])
    def logbook(
        request: Request,
        pid: PidPath,
        flag: Annotated[str | None, Query(max_length=20, description="good, doubtful or bad")] = None,
        tag: Annotated[str | None, Query(max_length=100)] = None,
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Response:
        """What was written of the visit and of its runs, in the order of time."""
        s, who = services(request), viewer(request)
        book = s.notes.logbook(who, _plain(pid), flag=flag_of(flag), tag=_plain(tag or "") or None, offset=offset, limit=limit)
        visit = s.search.investigation(who, pid)
        body = forms.as_plain(visit, book.entries, _base(request))
        body |= {"total": book.total, "offset": offset, "limit": limit}
        body |= {"flags": {f.value: n for f, n in book.flags}, "tags": dict(book.tags)}
        return _json(body)


def _of(api: FastAPI, base: str, kind: AboutKind) -> None:
    @api.get(f"/{base}/{{pid}}/notes", response_model=models.PagesModel, tags=["logbook"])
    def notes(request: Request, pid: PidPath) -> Response:
        """The oldest first. `text` has pictures under full addresses, `source` as they were written."""
        pages = services(request).notes.pages(viewer(request), _about(kind, pid))
        base_url = _base(request)
        return _json(
            {
                "items": [forms.note_plain(n, base_url) for n in pages.notes],
                "mark": forms.mark_plain(pages.mark),
                "tags_in_use": list(pages.tags_in_use),
                "may_write": pages.may_write,
            }
        )

    @api.post(f"/{base}/{{pid}}/notes", response_model=models.NoteModel, status_code=201, tags=["logbook"])
    def add(request: Request, pid: PidPath, body: models.NoteRequest) -> Response:
        made = services(request).notes.add(viewer(request), _about(kind, pid), body.text)
        return _note(request, made, status=201)

    @api.get(f"/{base}/{{pid}}/mark", response_model=models.MarkModel, tags=["logbook"])
    def get_mark(request: Request, pid: PidPath) -> Response:
        """Flag and tags, with those before them; the ETag is for a change."""
        pages = services(request).notes.pages(viewer(request), _about(kind, pid))
        history = [
            {"number": v.number, "flag": v.flag.value if v.flag else None, "tags": list(v.tags), "by": v.by, "at": iso(v.at_us)}
            for v in pages.mark_history
        ]
        return _json(forms.mark_plain(pages.mark) | {"history": history}, {"ETag": _mark_etag(pages.mark)})

    @api.put(f"/{base}/{{pid}}/mark", response_model=models.MarkModel, tags=["logbook"])
    def put_mark(request: Request, pid: PidPath, body: models.MarkRequest, if_match: IfMatch = None) -> Response:
        """Both as they shall be. `If-Match` is required: `"mark-0"` where nothing was said before."""
        s, who, about = services(request), viewer(request), _about(kind, pid)
        if if_match is None:
            s.notes.pages(who, about)
            return _unconditional()
        flag = Flag(body.flag) if body.flag else None
        made = s.notes.set_mark(who, about, flag, body.tags, _revision(if_match))
        return _json(forms.mark_plain(made), {"ETag": _mark_etag(made)})

    @api.post(
        f"/{base}/{{pid}}/pictures", response_model=models.PictureModel, status_code=201, tags=["logbook"], openapi_extra=_PICTURE
    )
    async def add_picture(request: Request, pid: PidPath) -> Response:
        """A PNG, JPEG or WebP as the body; it is decoded and written anew, without what the camera said of place and owner."""
        data = await request.body()
        about = _about(kind, pid)
        made = await to_thread.run_sync(services(request).notes.add_picture, viewer(request), about, data)
        body = {"name": made.name, "markdown": markdown.picture_of(made.name), "width": made.width, "height": made.height}
        return _json(body | {"size": made.size, "url": forms.picture_address(about, made.name, _base(request))}, status=201)

    @api.get(f"/{base}/{{pid}}/pictures/{{name}}", tags=["logbook"], response_class=Response)
    def get_picture(request: Request, pid: PidPath, name: Annotated[str, Path(max_length=100)]) -> Response:
        data = services(request).notes.picture(viewer(request), _about(kind, pid), _plain(name))
        media = "image/png" if name.endswith(".png") else "image/jpeg"
        return Response(data, media_type=media, headers={"ETag": f'"{name}"', "X-Content-Type-Options": "nosniff"})


def _one(api: FastAPI) -> None:
    @api.get("/notes/{number}", response_model=models.NoteDetail, tags=["logbook"])
    def note(request: Request, number: Number) -> Response:
        """With its versions, the newest first, for those who may change it."""
        one, versions = services(request).notes.note(viewer(request), number)
        said = [{"number": v.number, "text": v.text, "deleted": v.deleted, "by": v.by, "at": iso(v.at_us)} for v in versions]
        return _json(forms.note_plain(one, _base(request)) | {"versions": said}, {"ETag": _etag(one)})

    @api.patch("/notes/{number}", response_model=models.NoteModel, tags=["logbook"])
    def change(request: Request, number: Number, body: models.NoteRequest, if_match: IfMatch = None) -> Response:
        """`If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.notes.note(who, number)
            return _unconditional()
        return _note(request, s.notes.change(who, number, body.text, _revision(if_match)))

    @api.delete("/notes/{number}", response_model=models.NoteModel, tags=["logbook"])
    def delete(request: Request, number: Number, if_match: IfMatch = None) -> Response:
        """Out of sight; `restore` brings it back. `If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.notes.note(who, number)
            return _unconditional()
        return _note(request, s.notes.delete(who, number, _revision(if_match)))

    @api.post("/notes/{number}/restore", response_model=models.NoteModel, tags=["logbook"])
    def restore(request: Request, number: Number, body: models.RestoreRequest, if_match: IfMatch = None) -> Response:
        """As it was in an earlier version. `If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.notes.note(who, number)
            return _unconditional()
        return _note(request, s.notes.restore(who, number, body.version, _revision(if_match)))


def _note(request: Request, one: Note, status: int = 200) -> Response:
    return _json(forms.note_plain(one, _base(request)), {"ETag": _etag(one)}, status)


def _about(kind: AboutKind, pid: str) -> About:
    return About(kind=kind, pid=_plain(pid))


def _base(request: Request) -> str:
    s = services(request)
    return s.public_url or f"{request.url.scheme}://{request.url.netloc}"


def _etag(one: Note) -> str:
    return f'"note-{one.id}-{one.revision}"'


def _mark_etag(said: Mark) -> str:
    return f'"mark-{said.revision}"'


def _revision(etag: str) -> int:
    """The revision in an ETag of ours; -1, which is never current, for anything else."""
    text = etag.strip().removeprefix("W/").strip('"').rpartition("-")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _unconditional() -> Response:
    body = {"type": "about:blank", "title": "Send If-Match", "status": 428, "detail": "Send the ETag that you read as If-Match."}
    return Response(orjson.dumps(body), 428, media_type="application/problem+json")


def _plain(text: str) -> str:
    if not is_plain(text):
        raise Invalid("The text has signs that no identifier here has.", (Fault("/pid", "NUL or undecodable signs"),))
    return text


def _json(content: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, {"Cache-Control": "private, no-cache"} | (headers or {}), "application/json")

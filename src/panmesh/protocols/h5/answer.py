"""One answer to a client: from memory or from where it lies in the file, with validators, refusals as h5grove and as we say them."""

from __future__ import annotations

import os
from hashlib import blake2b

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.arrays import ArrayAnswer, ArrayQuestion, Ask
from panmesh.http.conditional import matches
from panmesh.http.files import PIECE, disposition, read_at
from panmesh.http.problems import body_of, headers_of, status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import PanmeshError
from panmesh.protocols.h5.opening import Opened


class ArrayResponse(Response):
    """Closes the file's handle when it is sent, however that ends."""

    def __init__(self, request: Request, opened: Opened, key: str, answer: ArrayAnswer, name: str | None) -> None:
        """`key`: of the question and the state of the file. `name`: under which it is saved, if it is a file."""
        self._handle, self._answer = opened.handle, answer
        headers = {"content-type": answer.media_type, **(answer.headers or {})}
        if name is not None:
            headers["content-disposition"] = disposition(name)
        if answer.growing:
            headers["cache-control"] = "no-store"
        else:
            headers["etag"] = f'"{key}{answer.depends}"'
            headers["cache-control"] = "public, max-age=60" if viewer(request) is ANONYMOUS else "private, max-age=60"
        self._unchanged = "etag" in headers and matches(request.headers.get("if-none-match"), headers["etag"])
        if not self._unchanged:
            headers["content-length"] = str(answer.extent[1] if answer.extent else len(answer.body))
        self.status_code = 304 if self._unchanged else 200
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if self._unchanged or scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            elif self._answer.extent is not None:
                await self._from_file(*self._answer.extent, send)
            else:
                await _from_memory(self._answer.body, send)
        finally:
            os.close(self._handle)

    async def _from_file(self, offset: int, size: int, send: Send) -> None:
        end = offset + size
        while offset < end:
            body = await read_at(self._handle, offset, min(PIECE, end - offset))
            if not body:
                raise OSError("became shorter while it was sent")
            offset += len(body)
            await send({"type": "http.response.body", "body": body, "more_body": offset < end})


async def _from_memory(body: bytes, send: Send) -> None:
    view = memoryview(body)
    for start in range(0, max(1, len(body)), PIECE):
        more = start + PIECE < len(body)
        await send({"type": "http.response.body", "body": bytes(view[start : start + PIECE]), "more_body": more})


def tag(opened: Opened, asked: ArrayQuestion) -> str:
    """Of one question about one state of one file."""
    known = f"{opened.pid}|{opened.name}|{opened.state}|{opened.file.modified_ns:x}|{asked!r}"
    return blake2b(known.encode("utf-8", "replace"), digest_size=16).hexdigest()


def export_name(file: str, asked: ArrayQuestion) -> str:
    """run_entry_data_17.npy"""
    stem = file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    parts = [stem, *asked.path.strip("/").split("/"), *(asked.selection or "").replace(":", "-").split(",")]
    suffix = "png" if asked.what is Ask.PICTURE else asked.format
    return "_".join(part.strip() for part in parts if part.strip())[:150] + f".{suffix}"


def refusal(request: Request, error: PanmeshError) -> Response:
    """Problem+json, with the one word that h5grove's clients look for."""
    status, _ = status_of(error)
    body = body_of(error, services(request).facility_contact) | {"message": error.detail}
    headers = headers_of(error) | {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), status, headers, "application/problem+json")

"""One answer to a client: from memory or from where it lies in the file, smaller where that pays, with validators; and refusals."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from hashlib import blake2b

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.arrays import ArrayAnswer, ArrayQuestion, Ask
from panmesh.http.compression import LEAST, OFFERED, compress, middle, pays, wanted
from panmesh.http.conditional import matches
from panmesh.http.files import DATA_OF, PIECE, disposition, read_at
from panmesh.http.problems import body_of, headers_of, status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import PanmeshError
from panmesh.protocols.h5.blocks import Blocks
from panmesh.protocols.h5.opening import Opened

MOST_PACKED = 32 << 20  # bytes of the file that are taken into memory to be made smaller


class ArrayResponse(Response):
    """Closes the file's handle when it is sent, however that ends."""

    def __init__(
        self, opened: Opened, answer: ArrayAnswer, headers: dict[str, str], done: Callable[[], None], blocks: Blocks | None = None
    ) -> None:
        """`done` is called when it is sent or given up. `blocks`: what it is made of, when it comes in blocks."""
        self._opened, self._handle, self._answer, self._done, self._blocks = opened, opened.handle, answer, done, blocks
        self.status_code = 200
        self._packed = blocks is not None and "content-encoding" in headers
        if not self._packed:
            headers |= {"content-length": str(answer.size)}
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[DATA_OF] = self._opened.pid
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            elif self._blocks is not None:
                await self._in_blocks(self._blocks, receive, send)
            elif self._answer.extents:
                await self._from_file(send)
            else:
                await _from_memory(self._answer.body, send)
        finally:
            os.close(self._handle)
            self._done()

    async def _from_file(self, send: Send) -> None:
        left = self._answer.size
        for start, size in self._answer.extents:
            for offset in range(start, start + size, PIECE):
                body = await read_at(self._handle, offset, min(PIECE, start + size - offset))
                left -= len(body)
                if not body:
                    raise OSError("became shorter while it was sent")
                await send({"type": "http.response.body", "body": body, "more_body": left > 0})

    async def _in_blocks(self, blocks: Blocks, receive: Receive, send: Send) -> None:
        """As fast as the client takes it, and no further when the client has gone."""
        gone = asyncio.create_task(_gone(receive))
        try:
            async with aclosing(blocks.packed() if self._packed else blocks.plain()) as bodies:
                async for body in bodies:
                    for start in range(0, len(body), PIECE):
                        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
                    if gone.done():
                        return
        finally:
            gone.cancel()
        if not self._answer.growing and not self._opened.unchanged():
            raise OSError("changed while it was sent")  # the client must not take it for whole
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _from_memory(body: bytes, send: Send) -> None:
    if len(body) <= PIECE:
        await send({"type": "http.response.body", "body": body})
        return
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        more = start + PIECE < len(body)
        await send({"type": "http.response.body", "body": bytes(view[start : start + PIECE]), "more_body": more})


def headers_for(request: Request, key: str, answer: ArrayAnswer, encoding: str | None, name: str | None) -> dict[str, str]:
    """`key`: of the question and the state of the file. `name`: under which it is saved, if it is a file."""
    headers = {"content-type": answer.media_type, "vary": "Accept-Encoding", **(answer.headers or {})}
    if name is not None:
        headers["content-disposition"] = disposition(name)
    if encoding is not None:
        headers["content-encoding"] = encoding
    if answer.growing:
        headers["cache-control"] = "no-store"
    else:
        headers["etag"] = f'"{key}{answer.depends}{f"-{encoding}" if encoding else ""}"'
        headers["cache-control"] = "public, max-age=60" if viewer(request) is ANONYMOUS else "private, max-age=60"
    return headers


def not_modified(request: Request, key: str, answer: ArrayAnswer) -> Response | None:
    """When the client has it already, in whatever encoding."""
    asked = request.headers.get("if-none-match")
    if asked is None or answer.growing:
        return None
    for encoding in (None, *OFFERED):
        headers = headers_for(request, key, answer, encoding, None)
        if matches(asked, headers["etag"]):
            kept = {name: headers[name] for name in ("etag", "cache-control", "vary")}
            return Response(status_code=304, headers=kept)
    return None


async def packed(request: Request, opened: Opened, answer: ArrayAnswer) -> tuple[ArrayAnswer, str | None]:
    """The answer as it is sent, and its encoding."""
    size, encoding = answer.size, wanted(request.headers.get("accept-encoding"))
    if encoding is None or size < LEAST or answer.media_type == "image/png" or (answer.extents and size > MOST_PACKED):
        return answer, None
    body = await to_thread.run_sync(_packed, opened.handle, answer, encoding)
    return (answer, None) if body is None else (replace(answer, body=body, extents=()), encoding)


def _packed(handle: int, answer: ArrayAnswer, encoding: str) -> bytes | None:
    """None: it does not pay."""
    start, end = middle(answer.size)
    sample = (
        answer.body[start:end]
        if not answer.extents
        else os.pread(handle, min(end - start, answer.extents[0][1]), answer.extents[0][0])
    )
    if not pays(sample, encoding):
        return None
    body = answer.body if not answer.extents else b"".join(os.pread(handle, size, start) for start, size in answer.extents)
    return compress(body, encoding) if len(body) == answer.size else None


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

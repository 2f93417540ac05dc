"""A large answer in blocks: the next one is decoded while one is sent, and no more than two of them are in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable

from anyio import to_thread
from isal import isal_zlib

from panmesh.catalogue.arrays import ArrayAnswer
from panmesh.http.compression import middle, pays, wanted
from panmesh.http.threads import waiting

_GZIP = 31  # window bits of zlib for a stream of gzip

Fetch = Callable[[str], Awaitable[ArrayAnswer]]


class Blocks:
    def __init__(self, handle: int, answer: ArrayAnswer, fetch: Fetch) -> None:
        """`fetch` asks for one selection. Whoever made the handle closes it."""
        self._handle = handle
        self._wanted = answer.blocks
        self._fetch = fetch
        self._first = b""

    async def begin(self, accept_encoding: str | None) -> str | None:
        """Asks for the first block, so that what is wrong is said before anything is sent. Returns the encoding that it will have."""
        self._first = await self._block(0)
        encoding = wanted(accept_encoding, ("gzip",))
        start, end = middle(len(self._first))
        return encoding if encoding is not None and pays(self._first[start:end], encoding) else None

    async def plain(self) -> AsyncGenerator[bytes, None]:
        body, self._first = self._first, b""
        for index in range(1, len(self._wanted) + 1):
            following = asyncio.create_task(self._block(index)) if index < len(self._wanted) else None
            try:
                yield body
            except BaseException:
                if following is not None:
                    following.cancel()
                    await asyncio.wait([following])
                raise
            if following is not None:
                body = await following

    async def packed(self) -> AsyncGenerator[bytes, None]:
        packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
        async for body in self.plain():
            if piece := await to_thread.run_sync(packer.compress, body):
                yield piece
        yield packer.flush()

    async def _block(self, index: int) -> bytes:
        selection, size = self._wanted[index]
        answer = await self._fetch(selection)
        body = answer.body
        if answer.extents:
            body = b"".join([await waiting(os.pread, self._handle, length, start) for start, length in answer.extents])
        if len(body) != size:
            raise OSError("changed while it was sent")
        return body

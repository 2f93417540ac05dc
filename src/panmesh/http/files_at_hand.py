"""Files of one dataset that somebody takes one by one: who it is and what they may is decided once for a moment, not for each file."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from anyio import Event, to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.access.viewer import Scope as TokenScope
from panmesh.catalogue.model import FilesAtHand
from panmesh.http.encoded_slashes import decoded
from panmesh.http.files import FileAnswer
from panmesh.http.services import Services, offloaded
from panmesh.kernel.errors import Invalid, PanmeshError

MOMENT_US = 1_000_000  # what was decided holds at most so long, and only while nothing is committed
OFTEN = 3  # files within a moment, from which on it is worth while
READERS = 256
_BEFORE, _BETWEEN = "/api/v1/datasets/", "/files/"


class _Route:
    path = "/api/v1/datasets/{pid}/files/{name} (at hand)"


@dataclass(frozen=True, slots=True)
class _Decided:
    stamp: Hashable
    at_us: int
    viewer: Viewer
    files: FilesAtHand | None  # None: by the long way, where refusals, staff's reads and rare cases are dealt with


class ManyFiles:
    def __init__(self, services: Services, stamp: Callable[[], Awaitable[Hashable]]) -> None:
        """`stamp` changes with every commit to the database, by whatever process."""
        self._services = services
        self._stamp = stamp
        self._decided: OrderedDict[tuple[bytes, str], _Decided] = OrderedDict()
        self._asked: OrderedDict[tuple[bytes, str], tuple[int, int]] = OrderedDict()  # since when, how often
        self._deciding: dict[tuple[bytes, str], Event] = {}

    async def early(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """The answer, with the viewer in the scope; None: go the long way."""
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(_BEFORE):
            return None
        pid, between, name = path[len(_BEFORE) :].partition(_BETWEEN)
        if not between or "/" in pid:
            return None
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" and (kind or "cookie" in headers):
            return None
        key = hashlib.sha256(secret.strip().encode("latin-1")).digest() if kind else b"", pid
        decided = await self._current(key, secret.strip() if kind else None, decoded(pid))
        if decided is None or decided.files is None:
            return None
        location = decided.files(decoded(name))
        if location is None or not location.storage:
            return None
        try:
            handle = self._services.storages.open_at_hand(location.storage, location.path)
        except (Invalid, OSError):
            return None  # said by the long way
        if handle is None:
            return None
        scope["panmesh.viewer"], scope["route"] = decided.viewer, _Route
        if kind:
            scope["panmesh.bearer"] = secret.strip()
        return FileAnswer(
            handle,
            pid=decoded(pid),
            name=decoded(name),
            sha256=location.sha256,
            size=location.size,
            modified_us=location.modified_us,
            offload=offloaded(self._services, location),
        )

    async def _current(self, key: tuple[bytes, str], secret: str | None, pid: str) -> _Decided | None:
        now = self._services.clock()
        if key not in self._decided and not self._often(key, now):
            return None
        stamp = await self._stamp()
        decided = self._decided.get(key)
        if decided is not None and decided.stamp == stamp and 0 <= now - decided.at_us < MOMENT_US:
            return decided
        if key in self._deciding:  # somebody asks the same just now: one look-up is enough, if it was of this state
            await self._deciding[key].wait()
            decided = self._decided.get(key)
            return decided if decided is not None and decided.stamp == stamp else None
        self._deciding[key] = Event()
        try:
            decided = await to_thread.run_sync(self._decide, secret, pid, stamp, now)
            self._keep(key, decided)
        finally:
            self._deciding.pop(key).set()
        return decided

    def _keep(self, key: tuple[bytes, str], decided: _Decided | None) -> None:
        if decided is None:
            self._decided.pop(key, None)
            return
        self._decided[key] = decided
        self._decided.move_to_end(key)
        while len(self._decided) > READERS:
            self._decided.popitem(last=False)

    def _decide(self, secret: str | None, pid: str, stamp: Hashable, now_us: int) -> _Decided | None:
        """The stamp is the one from before."""
        try:
            viewer = ANONYMOUS if secret is None else self._services.accounts.of_token(secret)
        except PanmeshError:
            return None
        audited = viewer.staff  # each file that staff read is written down
        may = TokenScope.DATA in viewer.scopes and not audited
        return _Decided(stamp, now_us, viewer, self._services.search.opened(viewer, pid) if may else None)

    def _often(self, key: tuple[bytes, str], now_us: int) -> bool:
        since, count = self._asked.pop(key, (now_us, 0))
        since, count = (since, count + 1) if 0 <= now_us - since < MOMENT_US else (now_us, 1)
        self._asked[key] = since, count
        while len(self._asked) > READERS:
            self._asked.popitem(last=False)
        return count >= OFTEN

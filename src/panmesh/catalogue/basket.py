"""Baskets: runs collected across searches, saved under a name, shared by a link. What somebody may not read is not in it for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import DatasetQuery, Field, OneOf
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated
from panmesh.kernel.text import is_plain

MAX_RUNS = 1000
MAX_BASKETS = 200  # of one account
MAX_NAME = 200
KEPT_US = 90 * DAY_US  # a basket of nobody, since it was last changed
FIRST_NAME = "Basket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Whose baskets they are: an account's, or those of a visitor whom a cookie recognises."""

    account_id: int | None
    visitor_hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    id: int
    key: str  # in its address
    share_key: str | None  # in the address for others; told to its keeper alone
    name: str
    pids: tuple[str, ...]  # as they were collected: never shown without asking what the viewer may know of
    revision: int
    updated_us: int
    mine: bool
    current: bool = False  # runs are added to it
    deleted: bool = False


class BasketStore(Protocol):
    def baskets(self, keeper: Keeper) -> tuple[Basket, ...]:
        """The current one first, then the last changed; without deleted ones."""
        ...

    def find(self, keeper: Keeper, key: str) -> Basket | None:
        """By its own key for its keeper (also when it is deleted), by its share key for anybody."""
        ...

    def create(self, keeper: Keeper, key: str, name: str, now_us: int) -> Basket: ...

    def save(self, basket: Basket, revision: int, name: str, pids: Sequence[str], now_us: int) -> Basket:
        """Raises Stale when `revision` is not the newest."""
        ...

    def version(self, basket: Basket, number: int) -> tuple[str, tuple[str, ...]] | None: ...

    def set_shared(self, basket: Basket, share_key: str | None, now_us: int) -> None: ...

    def set_deleted(self, basket: Basket, deleted: bool, now_us: int) -> None: ...

    def use(self, basket: Basket, now_us: int) -> None: ...

    def take_over(self, account_id: int, visitor_hash: bytes, now_us: int) -> None: ...

    def forget_before(self, us: int) -> None:
        """Baskets of visitors that were not changed since."""
        ...

    def present(self, pids: Sequence[str]) -> dict[str, str]:
        """Where pids lead now: what was merged leads to what it was merged into. Says nothing of who may know of it."""
        ...


class BasketService:
    def __init__(self, store: BasketStore, search: SearchService, clock: Clock, new_key: Callable[[], str]) -> None:
        self._store = store
        self._search = search
        self._clock = clock
        self._new_key = new_key

    def baskets(self, viewer: Viewer, visitor: str | None = None) -> tuple[Basket, ...]:
        _need_read(viewer)
        keeper = keeper_of(viewer, visitor)
        return self._store.baskets(keeper) if keeper is not None else ()

    def current(self, viewer: Viewer, visitor: str | None = None) -> Basket | None:
        return next(iter(self.baskets(viewer, visitor)), None)

    def open(self, viewer: Viewer, key: str, visitor: str | None = None) -> Basket:
        """One's own, or one that was shared. Raises NotFound."""
        _need_read(viewer)
        keeper = keeper_of(viewer, visitor) or Keeper(account_id=None, visitor_hash=None)
        found = self._store.find(keeper, key) if is_plain(key) else None
        if found is None or (found.deleted and not found.mine):
            raise NotFound()
        return found

    def runs(self, viewer: Viewer, basket: Basket) -> tuple[DatasetSummary, ...]:
        """Those that the viewer may know of, in the order of the basket; how many others there are is not told."""
        leads = self._store.present(basket.pids)
        wanted = tuple(dict.fromkeys(leads.get(pid, pid) for pid in basket.pids))
        known = {run.pid: run for run in self._known(viewer, wanted)}
        return tuple(known[pid] for pid in wanted if pid in known)  # type: ignore[index]

    def create(self, viewer: Viewer, name: str, visitor: str | None = None) -> Basket:
        keeper = keeper_of(viewer, visitor)
        if keeper is None:
            raise Unauthenticated()
        _need_write(viewer)
        used = len(self._store.baskets(keeper))
        if used >= MAX_BASKETS:
            raise QuotaExceeded(f"You have {used} baskets; delete one first.", MAX_BASKETS, used)
        self._store.forget_before(self._clock() - KEPT_US)
        return self._store.create(keeper, self._new_key(), checked_name(name), self._clock())

    def add(self, viewer: Viewer, pids: Sequence[str], visitor: str | None = None, key: str | None = None) -> Basket:
        """To the basket of that key, else to the current one, else to a new one. Raises NotFound when one of them is not there."""
        wanted = tuple(dict.fromkeys(pids))
        leads = self._store.present(wanted)
        found = {run.pid for run in self._known(viewer, [leads.get(pid, pid) for pid in wanted])}
        if not wanted or any(leads.get(pid, pid) not in found for pid in wanted):
            raise NotFound()
        basket = self._own(viewer, key, visitor) if key else self.current(viewer, visitor)
        basket = basket or self.create(viewer, FIRST_NAME, visitor)
        return self._save(viewer, basket, basket.revision, basket.name, (*basket.pids, *(leads.get(p, p) for p in wanted)))

    def change(
        self,
        viewer: Viewer,
        key: str,
        revision: int,
        *,
        name: str | None = None,
        pids: Sequence[str] | None = None,
        visitor: str | None = None,
    ) -> Basket:
        """Another name or another list. Raises NotFound for a run that is neither in it nor known to the viewer, Stale."""
        basket = self._own(viewer, key, visitor)
        new = basket.pids if pids is None else tuple(dict.fromkeys(pids))
        added = [pid for pid in new if pid not in basket.pids]
        if len({run.pid for run in self._known(viewer, added)}) != len(added):
            raise NotFound()
        return self._save(viewer, basket, revision, basket.name if name is None else checked_name(name), new)

    def restore(self, viewer: Viewer, key: str, number: int, revision: int, visitor: str | None = None) -> Basket:
        """The basket as it was in that version: the undo of what came after it."""
        basket = self._own(viewer, key, visitor)
        was = self._store.version(basket, number)
        if was is None:
            raise NotFound("This basket has no such version, or it is too long ago.")
        return self._save(viewer, basket, revision, *was)

    def share(self, viewer: Viewer, key: str, visitor: str | None = None) -> Basket:
        """With a new link, if it has none: one that was taken back stays dead."""
        basket = self._own(viewer, key, visitor)
        if basket.share_key is None:
            self._store.set_shared(basket, self._new_key(), self._clock())
        return self._own(viewer, key, visitor)

    def unshare(self, viewer: Viewer, key: str, visitor: str | None = None) -> Basket:
        self._store.set_shared(self._own(viewer, key, visitor), None, self._clock())
        return self._own(viewer, key, visitor)

    def use(self, viewer: Viewer, key: str, visitor: str | None = None) -> None:
        self._store.use(self._own(viewer, key, visitor), self._clock())

    def delete(self, viewer: Viewer, key: str, visitor: str | None = None) -> None:
        self._store.set_deleted(self._own(viewer, key, visitor), True, self._clock())

    def undelete(self, viewer: Viewer, key: str, visitor: str | None = None) -> Basket:
        basket = self.open(viewer, key, visitor)
        if not basket.mine:
            raise Forbidden(_NOT_YOURS)
        self._store.set_deleted(basket, False, self._clock())
        return self._own(viewer, key, visitor)

    def take_over(self, viewer: Viewer, visitor: str | None) -> None:
        """What somebody collected before they signed in is theirs afterwards."""
        if viewer.user_id is not None and visitor:
            self._store.take_over(viewer.user_id, hash_of(visitor), self._clock())

    def _own(self, viewer: Viewer, key: str, visitor: str | None) -> Basket:
        """For a change. Raises NotFound, Forbidden for one that was only shared."""
        basket = self.open(viewer, key, visitor)
        if not basket.mine:
            raise Forbidden(_NOT_YOURS)
        if basket.deleted:
            raise Conflict("This basket is deleted; bring it back first.")
        _need_write(viewer)
        return basket

    def _save(self, viewer: Viewer, basket: Basket, revision: int, name: str, pids: Sequence[str]) -> Basket:
        _need_write(viewer)
        kept = tuple(dict.fromkeys(pids))
        if len(kept) > MAX_RUNS:
            raise Invalid(f"A basket holds at most {MAX_RUNS} runs; begin another.", (Fault("/pids", f"more than {MAX_RUNS}"),))
        if (name, kept) == (basket.name, basket.pids) and revision == basket.revision:
            return basket
        return self._store.save(basket, revision, name, kept, self._clock())

    def _known(self, viewer: Viewer, pids: Sequence[str]) -> tuple[DatasetSummary, ...]:
        if not pids:
            return ()
        if len(pids) > MAX_RUNS:
            raise Invalid(f"A basket holds at most {MAX_RUNS} runs; you gave {len(pids)}.")
        return self._search.search(viewer, DatasetQuery(where=OneOf(Field.PID, tuple(pids)), limit=MAX_RUNS)).items


_NOT_YOURS = "This basket is somebody else's: look at it, or collect its runs into one of your own."


def keeper_of(viewer: Viewer, visitor: str | None) -> Keeper | None:
    """None: nobody who could keep one."""
    if viewer.user_id is not None:
        return Keeper(account_id=viewer.user_id, visitor_hash=None)
    return Keeper(account_id=None, visitor_hash=hash_of(visitor)) if visitor else None


def hash_of(visitor: str) -> bytes:
    return hashlib.sha256(visitor.encode()).digest()


def checked_name(name: str) -> str:
    plain = " ".join(name.split()) if is_plain(name) else ""
    if not plain or len(plain) > MAX_NAME:
        raise Invalid(f"A basket has a name, of at most {MAX_NAME} signs.", (Fault("/name", "blank, or too long"),))
    return plain


def _need_read(viewer: Viewer) -> None:
    if Scope.READ not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'read'.")


def _need_write(viewer: Viewer) -> None:
    """A visitor without an account changes what is theirs; a token only with the scope."""
    if viewer.user_id is not None and Scope.WRITE not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'write'.")

"""What one viewer may read of the records of a page: the pure policy, on the few terms that these records are under."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.permission import terms_of


@dataclass(frozen=True, slots=True)
class Right:
    public: bool
    core: bool
    full: bool
    raw: bool
    processed: bool


class Rights:
    def __init__(self, connection: Connection, viewer: Viewer, now_us: int) -> None:
        self._connection = connection
        self._viewer = viewer
        self._now_us = now_us
        self._known: dict[int, Right] = {}

    def learn(self, terms_ids: Iterable[int]) -> None:
        wanted = sorted(set(terms_ids) - self._known.keys())
        for start in range(0, len(wanted), 500):
            for row in self._connection.execute(_terms_of_ids(), {"ids": wanted[start : start + 500]}).mappings():
                self._known[row["id"]] = self._right(terms_of(row))

    def of(self, terms_id: int) -> Right:
        return self._known[terms_id]

    def _right(self, terms: Terms) -> Right:
        def may(artefact: Artefact) -> bool:
            return may_read(self._viewer, terms, artefact, self._now_us)

        return Right(
            public=state(terms, self._now_us) is State.OPEN,
            core=may(Artefact.CORE_METADATA),
            full=may(Artefact.FULL_METADATA),
            raw=may(Artefact.RAW),
            processed=may(Artefact.PROCESSED),
        )


@cache
def _terms_of_ids() -> Select[Any]:
    return select(t.terms).where(one_of(t.terms.c.id, "ids"))

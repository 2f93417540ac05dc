"""Fields that are the keys of other records (`instrumentId`): looked up for the rows of a page, in one question for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.graph.sources import PERSON_OF_ACCOUNT, Key, Source
from panmesh.catalogue.graph import Entity, Node

AT_ONCE = 500
_OWN = {Entity.DATASET: t.dataset, Entity.DOCUMENT: t.document}


class Keys:
    """`known`: what was found before, for each table."""

    def __init__(self, connection: Connection, known: Mapping[Any, dict[Any, str]]) -> None:
        self._connection = connection
        self._known = dict(known)

    def tell(self, source: Source, nodes: Sequence[Node], rows: Sequence[Any]) -> None:
        """Fills in the keys that these records have, and remembers their own for what they own."""
        if source.entity in _OWN:
            self._known.setdefault(_OWN[source.entity], {}).update((row["_id"], row["pid"]) for row in rows)
        for name, key in source.keys.items():
            found = self._of(key, {row[f"_{key.hidden}"] for row in rows} - {None})
            for node, row in zip(nodes, rows, strict=True):
                node.values[name] = found.get(row[f"_{key.hidden}"])

    def _of(self, key: Key, wanted: set[Any]) -> Mapping[Any, str]:
        known: dict[Any, str] = self._known.setdefault(key.table, {})
        missing = sorted(wanted - known.keys())
        if key.hidden == "person_key":
            known.update((one, PERSON_OF_ACCOUNT + one[1:]) for one in missing if one.startswith("a"))
            missing = [one for one in missing if one not in known]
        for start in range(0, len(missing), AT_ONCE):
            some = {"wanted": missing[start : start + AT_ONCE]}
            known.update((own, pid) for own, pid in self._connection.execute(_keys_of(key), some))
        return known


@cache
def _keys_of(key: Key) -> Any:
    return key.all.where(one_of(key.table.c[key.own], "wanted"))

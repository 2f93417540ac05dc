"""Places that items leave in the lists for harvesters, with a memory of them for harvests under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from panmesh.adapters.sql.dialects import columns_of

# What took its place in this very round was seen there by nobody.
_HERE = "FROM harvest_listing WHERE set_id = :set_id AND stamp_s = :stamp_s AND item_id = :item_id"
_KEEP_PAST = text(
    "INSERT INTO harvest_past (set_id, went, item_id, stamp_s, came) "
    f"SELECT set_id, CAST(:went AS bigint), item_id, stamp_s, came {_HERE} AND came < :went"
)
_LEAVE = text(f"DELETE {_HERE}")
_BOTH = text(
    "WITH gone AS (DELETE FROM harvest_listing l USING unnest(CAST(:set_id AS integer[]), CAST(:stamp_s AS bigint[]), "
    "CAST(:item_id AS bigint[])) AS x(set_id, stamp_s, item_id) "
    "WHERE l.set_id = x.set_id AND l.stamp_s = x.stamp_s AND l.item_id = x.item_id "
    "RETURNING l.set_id, l.item_id, l.stamp_s, l.came) "
    "INSERT INTO harvest_past (set_id, went, item_id, stamp_s, came) "
    "SELECT set_id, CAST(:went AS bigint), item_id, stamp_s, came FROM gone WHERE came < CAST(:went AS bigint)"
)


def leave(connection: Connection, places: Sequence[Mapping[str, Any]], went: int) -> None:
    """`places`: set, datestamp and item; `went`: the round."""
    if not places:
        return
    if connection.dialect.name == "postgresql":  # a statement for each place costs several times as much
        connection.execute(_BOTH, {**columns_of(places), "went": went})
        return
    rows = [{**place, "went": went} for place in places]
    connection.execute(_KEEP_PAST, rows)
    connection.execute(_LEAVE, rows)

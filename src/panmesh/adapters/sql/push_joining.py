"""One run that came twice, by a script and as a file: one dataset, which is read from the file and says what the script said above it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from panmesh.adapters.sql.absorption import remove_dataset
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.push_tables import pushed_file
from panmesh.adapters.sql.tables import change, dataset, layer, pid, relation, unit, unit_dataset


def join_pushed(connection: Connection, files: Sequence[tuple[str, str]], now_us: int) -> None:
    """`files`: (storage, path) of what was just read, or just pushed. A pushed dataset whose files are those of several runs stays
    beside them."""
    waiting: set[int] = set()
    for storage in {one for one, _ in files}:
        paths = [path for one, path in files if one == storage]
        for first in range(0, len(paths), 500):
            here = (pushed_file.c.storage == storage, pushed_file.c.path.in_(paths[first : first + 500]))
            waiting |= set(connection.execute(select(pushed_file.c.dataset_id).where(*here)).scalars())
    for number in sorted(waiting):
        runs = (
            select(unit_dataset.c.dataset_id)
            .join(unit, unit.c.id == unit_dataset.c.unit_id)
            .join(pushed_file, (pushed_file.c.storage == unit.c.storage) & (pushed_file.c.path == unit.c.path))
            .where(pushed_file.c.dataset_id == number)
            .distinct()
        )
        found = connection.execute(runs).scalars().all()
        if len(found) == 1 and found[0] != number:
            _join(connection, number, found[0], now_us)


def _join(connection: Connection, pushed_id: int, run_id: int, now_us: int) -> None:
    by_id = select(dataset.c.id, dataset.c.pid, dataset.c.investigation_id, dataset.c.terms_id, dataset.c.quarantine)
    pushed = connection.execute(by_id.where(dataset.c.id == pushed_id)).one()
    run = connection.execute(by_id.where(dataset.c.id == run_id)).one()
    _merge_layers(connection, pushed_id, run_id)
    if run.quarantine is not None and pushed.quarantine is None:
        there = {"investigation_id": pushed.investigation_id, "terms_id": pushed.terms_id, "quarantine": None}
        connection.execute(update(dataset).where(dataset.c.id == run_id).values(**there))
    connection.execute(update(pid).where(pid.c.concept == pushed.pid).values(concept=run.pid, kind="alias", version=None))
    sources = select(relation.c.source_id).where(relation.c.derived_id == run_id)
    connection.execute(
        delete(relation).where(
            relation.c.derived_id == pushed_id, relation.c.source_id.in_([*connection.execute(sources).scalars(), run_id])
        )
    )
    connection.execute(update(relation).where(relation.c.derived_id == pushed_id).values(derived_id=run_id))
    remove_dataset(connection, pushed_id, into=run_id)
    materialise(connection, run_id, now_us)
    told = [(pushed.pid, f"merged into {run.pid}"), (run.pid, "updated")]
    connection.execute(change.insert(), [{"at_us": now_us, "kind": "dataset", "pid": p, "what": what} for p, what in told])


def _merge_layers(connection: Connection, pushed_id: int, run_id: int) -> None:
    """The script's quantities join those of the file instead of hiding them; of one name, the script's counts."""
    live = layer.c.undone_us.is_(None)
    of_file = connection.execute(
        select(layer.c.values_json)
        .where(layer.c.dataset_id == run_id, layer.c.source == "file", live)
        .order_by(layer.c.id.desc())
    ).scalar()
    for row in connection.execute(select(layer).where(layer.c.dataset_id == pushed_id, layer.c.source == "push", live)).all():
        said = json.loads(row.values_json)
        if "parameters" in said and of_file is not None:
            known = json.loads(of_file).get("parameters", {}).get("value") or []
            said["parameters"]["value"] = _together(known, said["parameters"]["value"])
        connection.execute(update(layer).where(layer.c.id == row.id).values(values_json=json.dumps(said)))
    connection.execute(update(layer).where(layer.c.dataset_id == pushed_id, layer.c.source != "file").values(dataset_id=run_id))


def _together(of_file: list[dict[str, Any]], of_script: list[dict[str, Any]]) -> list[dict[str, Any]]:
    named = {one["name"] for one in of_script}
    return [*of_script, *(one for one in of_file if one["name"] not in named)]

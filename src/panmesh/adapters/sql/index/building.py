"""A generation from SQL, read as streams in one transaction: what it says is how the catalogue was at one moment."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.index.generation import NOTHING, Array, reach_of, write_generation
from panmesh.adapters.sql.tables import change, dataset, dataset_technique, investigation, parameter, proposal, sample

PIECE = 20_000  # rows fetched at once


def build(database: Database, root: Path, *, sync: bool = True) -> Path:
    """`sync`: it outlives a power cut."""
    with database.read() as connection:
        sequence, mark = newest_change(connection)
        arrays, words, ids = _rows(connection)
        size = len(ids)
        row_of = np.full(int(ids.max()) + 1 if size else 1, -1, np.int32)
        row_of[ids] = np.arange(size, dtype=np.int32)
        arrays["row_of_id"] = row_of
        _techniques(connection, arrays, words, row_of, size)
        names = _quantities(connection, arrays, words, row_of)
        tokens = _texts(connection, arrays, row_of)
    return write_generation(root, sequence, mark, arrays, tokens, {"size": size, "words": words, "names": names}, sync=sync)


def newest_change(connection: Connection) -> tuple[int, str]:
    """Its number, and something that another database would not have at that number."""
    row = connection.execute(select(change).order_by(change.c.sequence.desc()).limit(1)).first()
    return (0, "") if row is None else (row.sequence, mark_of(row))


def mark_of(row: Any) -> str:
    return f"{row.pid}|{row.at_us}|{row.what}"


def _rows(c: Connection) -> tuple[dict[str, Array], dict[str, list[str]], Array]:
    d = dataset.c
    query = (
        select(
            d.id, d.terms_id, d.instrument_id, d.facility_id, d.investigation_id, d.sample_id, d.start_us, d.end_us, d.created_us, d.total_bytes, d.file_count,
            investigation.c.proposal_id,
        )
        .select_from(dataset)
        .outerjoin(investigation, investigation.c.id == d.investigation_id)
    )  # fmt: skip
    columns: list[array[int]] = [array("q") for _ in range(12)]
    for piece in _pieces(c, query):
        for column, values in zip(columns, zip(*piece, strict=True), strict=True):
            column.extend(NOTHING if v is None else v for v in values)
    whole = [np.frombuffer(column, np.int64) if column else np.empty(0, np.int64) for column in columns]
    ids, start = whole[0], whole[6]
    order = np.lexsort((-ids, -np.where(start == NOTHING, 0, start), start == NOTHING))
    named = (
        "id",
        "terms",
        "instrument",
        "facility",
        "investigation",
        "sample",
        "start",
        "end",
        "created",
        "bytes",
        "files",
        "proposal",
    )
    arrays: dict[str, Array] = {}
    for name, values_of in zip(named, whole, strict=True):
        small = name in ("terms", "instrument", "facility", "investigation", "sample", "proposal")
        arrays[name] = np.where(values_of == NOTHING, 0, values_of).astype(np.int32)[order] if small else values_of[order]
    ids = arrays["id"]
    oldest = np.lexsort((-ids, np.where(arrays["start"] == NOTHING, 0, arrays["start"]), arrays["start"] == NOTHING))
    arrays["oldest_first"] = oldest.astype(np.int32)
    words: dict[str, list[str]] = {}
    row_of = np.zeros(int(ids.max()) + 1 if len(ids) else 1, np.int64)
    row_of[ids] = np.arange(len(ids))
    _coded(c, arrays, words, "kind", select(d.id, d.kind), row_of)
    _coded(c, arrays, words, "format", select(d.id, d.format), row_of)
    _by_owner(c, arrays, words, "sample", "sample_name", select(sample.c.id, sample.c.name))
    _by_owner(c, arrays, words, "proposal", "proposal_number", select(proposal.c.id, proposal.c.number))
    return arrays, words, ids


def _coded(c: Connection, arrays: dict[str, Array], words: dict[str, list[str]], name: str, query: Any, row_of: Array) -> None:
    codes: dict[str, int] = {}
    found = np.full(len(arrays["id"]), -1, np.int32)
    for piece in _pieces(c, query):
        ids, values = zip(*piece, strict=True)
        found[row_of[list(ids)]] = [codes.setdefault(v, len(codes)) if v is not None else -1 for v in values]
    arrays[name] = found
    words[name] = list(codes)


def _by_owner(c: Connection, arrays: dict[str, Array], words: dict[str, list[str]], owner: str, name: str, query: Any) -> None:
    """The name of what each row belongs to, as a code; the vocabulary in the order of its values."""
    pairs = [tuple(row) for piece in _pieces(c, query) for row in piece]
    vocabulary = sorted({value for _, value in pairs})
    code = {value: number for number, value in enumerate(vocabulary)}
    of = arrays[owner]
    most = max([int(of.max()) if len(of) else 0, *(number for number, _ in pairs)], default=0)
    codes = np.full(most + 1, -1, np.int32)
    for number, value in pairs:
        codes[number] = code[value]
    codes[0] = -1
    arrays[name] = codes[of]
    words[name] = vocabulary


def _techniques(c: Connection, arrays: dict[str, Array], words: dict[str, list[str]], row_of: Array, size: int) -> None:
    codes: dict[str, int] = {}
    rows, values = array("i"), array("i")
    for piece in _pieces(c, select(dataset_technique.c.dataset_id, dataset_technique.c.technique_pid)):
        for number, pid in piece:
            rows.append(row_of[number])
            values.append(codes.setdefault(pid, len(codes)))
    of, code = np.array(rows, np.int32), np.array(values, np.int32)
    order = np.lexsort((of, code))
    of, code = of[order], code[order]
    arrays["technique_rows"] = of
    arrays["technique_starts"] = np.searchsorted(code, np.arange(len(codes) + 1)).astype(np.int64)
    words["technique"] = list(codes)
    arrays["technique_set"], words["technique_set"] = _sets(of, code, size)


def _sets(of: Array, code: Array, size: int) -> tuple[Array, list[str]]:
    """Which techniques each row has, as the number of their set, -1: none; the sets as codes with blanks between. There are far fewer sets than rows."""
    found = np.full(size, -1, np.int32)
    sets: dict[tuple[int, ...], int] = {}
    order = np.lexsort((code, of))
    of, code = of[order], code[order]
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]]) if len(of) else np.empty(0, np.int64)
    for first, last in pairwise([*starts.tolist(), len(of)]):
        found[of[first]] = sets.setdefault(tuple(code[first:last].tolist()), len(sets))
    return found, [" ".join(map(str, one)) for one in sets]


def _quantities(c: Connection, arrays: dict[str, Array], words: dict[str, list[str]], row_of: Array) -> list[str]:
    p = parameter.c
    names: dict[str, int] = {}
    units: dict[str, int] = {}
    dimensions: dict[str, int] = {}
    rows, name, unit, dimension = array("i"), array("i"), array("h"), array("h")
    low, high = array("d"), array("d")
    nan = float("nan")
    for piece in _pieces(c, select(p.dataset_id, p.name, p.unit, p.dimension, p.low, p.high)):
        for number, called, symbol, kind, least, most in piece:
            rows.append(row_of[number])
            name.append(names.setdefault(called, len(names)))
            unit.append(-1 if symbol is None else min(units.setdefault(symbol, len(units)), 32_000))
            dimension.append(-1 if kind is None else min(dimensions.setdefault(kind, len(dimensions)), 32_000))
            low.append(nan if least is None else least)
            high.append(nan if most is None else most)
    plain: dict[str, array[Any]] = {"rows": rows, "low": low, "high": high, "dimension": dimension, "unit": unit}
    whole = {key: np.array(values, values.typecode) for key, values in plain.items()}
    of_name = np.array(name, np.int32)
    kind = np.where(np.isnan(whole["low"]), 2, whole["low"] != whole["high"])  # numbers, intervals, neither
    order = np.lexsort((whole["low"], kind, of_name))
    for key, found in whole.items():
        arrays[f"quantity_{key}"] = found[order]
    starts = np.searchsorted(of_name[order], np.arange(len(names) + 1))
    arrays["quantity_starts"] = starts.astype(np.int64)
    exact, known, single, alone = [], [], [], []
    reach = [np.empty(0)]
    for place in range(len(names)):
        part = slice(starts[place], starts[place + 1])
        least, most = arrays["quantity_low"][part], arrays["quantity_high"][part]
        exact.append(int(np.count_nonzero(least == most)))
        known.append(int(np.count_nonzero(~np.isnan(least))))
        kinds = np.unique(arrays["quantity_dimension"][part][: known[-1]])
        reach.append(reach_of(most[exact[-1] : known[-1]]))
        alone.append(int(kinds[0]) if len(kinds) == 1 else -1)
        single.append(len(np.unique(arrays["quantity_rows"][part])) == starts[place + 1] - starts[place])
    arrays["quantity_exact"] = np.array(exact, np.int64)
    arrays["quantity_known"] = np.array(known, np.int64)
    arrays["quantity_single"] = np.array(single, np.bool_)
    arrays["quantity_reach"] = np.concatenate(reach)
    arrays["quantity_steps"] = np.cumsum([len(part) for part in reach])
    arrays["quantity_alone"] = np.array(alone, np.int16)
    words["unit"], words["dimension"] = list(units), list(dimensions)
    return list(names)


def _texts(c: Connection, arrays: dict[str, Array], row_of: Array) -> list[str]:
    codes: dict[str, int] = {}
    found: dict[str, tuple[array[int], array[int]]] = {which: (array("i"), array("i")) for which in ("core", "full", "title")}
    for piece in _pieces(c, select(dataset.c.id, dataset.c.core_text, dataset.c.full_text, dataset.c.title_folded)):
        for number, core, full, title in piece:
            row = int(row_of[number])
            for which, text in (("core", core), ("full", full), ("title", title or "")):
                tokens, rows = found[which]
                for token in set(text.split()):
                    tokens.append(codes.setdefault(token, len(codes)))
                    rows.append(row)
    ordered = sorted(codes)  # so that those that begin alike are neighbours
    place = np.empty(len(codes), np.int32)
    place[[codes[token] for token in ordered]] = np.arange(len(codes), dtype=np.int32)
    for which, (tokens, rows) in found.items():
        of = place[np.array(tokens, np.int32)]
        order = np.argsort(of, kind="stable")
        arrays[f"{which}_rows"] = np.array(rows, np.int32)[order]
        arrays[f"{which}_starts"] = np.searchsorted(of[order], np.arange(len(codes) + 1)).astype(np.int64)
    return ordered


def _pieces(c: Connection, query: Any) -> Iterable[Any]:
    result = c.execution_options(stream_results=True).execute(query)
    yield from result.partitions(PIECE)


def size_of(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(dataset)).scalar_one())

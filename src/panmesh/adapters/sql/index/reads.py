"""Searches, counts and facets by the index where it can answer, in the same transaction as SQL's part; everything else by SQL.

What has changed since the index was made is known from the change feed (law 11): those datasets are taken out of the index's answer and asked of SQL.
So the answer is that of SQL at this moment, as long as they are few.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.counted import Held, held_among, panet_of, techniques_of, years_of
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import code_points
from panmesh.adapters.sql.facets import facet_label, facet_query
from panmesh.adapters.sql.graph.named import Named, Wanted
from panmesh.adapters.sql.graph.terms_of_art import OwnTerms
from panmesh.adapters.sql.horizon import Horizon
from panmesh.adapters.sql.index.building import mark_of
from panmesh.adapters.sql.index.counting import direct_counts, held_counts, technique_counts, year_counts
from panmesh.adapters.sql.index.generation import NOTHING, Array, Generation, newest
from panmesh.adapters.sql.index.matching import (
    QUANTITIES,
    REMEMBERED,
    STATES,
    Fitting,
    Matcher,
    NotIndexed,
    check_indexed,
    most_terms,
    rights_of,
    states_of,
)
from panmesh.adapters.sql.index.spreading import bars_in_index, counted_in_index, datasets_in_index
from panmesh.adapters.sql.instant import NOW, at
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.revisions import terms_revision
from panmesh.adapters.sql.spreading import bars_in_sql, counted_in_sql, datasets_in_sql, names_of
from panmesh.adapters.sql.tables import change, dataset, facility, instrument, parameter
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.catalogue.events import BYTES, QUIET
from panmesh.catalogue.manifest import ManifestStore
from panmesh.catalogue.model import DatasetSummary, FacetValue, Page
from panmesh.catalogue.quantity_spread import Counted, Spread, best, fits, merged, scale_of, spread_of
from panmesh.catalogue.query import ARTEFACT_OF, FACET_FIELDS, PARAMETER_ARTEFACT, Condition, DatasetQuery, Field, SortKey
from panmesh.catalogue.relevance import ranked_words
from panmesh.kernel import techniques
from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import storable

MOST_CHANGED = 2_000  # datasets asked of SQL beside the index; when more have changed, SQL answers until there is a new one
_SORTED = (SortKey.START, SortKey.CREATED, SortKey.RELEVANCE)  # in whose order it finds runs
VIEWERS = 32  # whose rights are remembered
LOOK_EVERY_US = 5_000_000  # for a newer generation


@dataclass(frozen=True, slots=True)
class _Current:
    generation: Generation
    changed: tuple[int, ...]  # ids of datasets that SQL is asked about
    stale: Array  # their rows here, and those of datasets that went


@dataclass(frozen=True, slots=True)
class _Rights:
    """What a viewer may read, while no terms changed and no embargo ended; and which rows fit what they asked, while nothing was
    committed."""

    stamp: str
    revision: Hashable  # of the terms
    since_us: int
    until_us: int
    terms: dict[Artefact, Array]
    fitting: Fitting


class IndexedReads(SqlReads):
    """Implements `catalogue.ports.CatalogueReads`."""

    def __init__(
        self,
        database: Database,
        manifests: ManifestStore,
        root: Path,
        *,
        least: int = 5_000,
    ) -> None:
        """`root`: the folder of generations. `least`: below so many datasets SQL is quick."""
        super().__init__(database, manifests)
        self._root = root
        self._horizon = Horizon(database)
        self._least = least
        self._generation: Generation | None = None
        self._words = Fitting(most=REMEMBERED)
        self._own_terms = OwnTerms()
        self._looked_us: int | None = None
        self._known: tuple[str, int, _Current | None] | None = None  # under which stamp, of which newest change
        self._rights: OrderedDict[Hashable, _Rights] = OrderedDict()
        self._lock = threading.Lock()
        self._pid_order: tuple[Generation, Array] | None = None

    def search(self, viewer: Viewer, query: DatasetQuery, now_us: int, *, brief: bool = False) -> Page[DatasetSummary]:
        if query.sort.key not in _SORTED or not self._may_answer(query):
            return super().search(viewer, query, now_us, brief=brief)
        with self._reading(now_us) as (connection, stamp):
            current = self._current(connection, stamp, now_us)
            if current is not None:
                total, ids = self._page(connection, current, self._matcher(connection, stamp, current, viewer, now_us), query)
                items = shown(connection, viewer, ids, now_us, brief=brief)
                return Page(items=items, total=total, offset=query.offset, limit=query.limit)
        return super().search(viewer, query, now_us, brief=brief)

    def count(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> int:
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    matcher = self._matcher(connection, stamp, current, viewer, now_us)
                    here = int(np.count_nonzero(_mask(matcher, current, query)))
                    return here + len(_of_changed(connection, current, matcher, query))
        return super().count(viewer, query, now_us)

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, now_us: int, limit: int = 50) -> tuple[FacetValue, ...]:
        if field not in FACET_FIELDS:
            raise Invalid(f"there is no facet of {field.value}; there is one of {', '.join(FACET_FIELDS)}.")
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    matcher = self._matcher(connection, stamp, current, viewer, now_us)
                    return self._facet(connection, current, matcher, query, field, limit)
        return super().facet(viewer, query, field, now_us, limit)

    def techniques(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> dict[str, int]:
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    matcher = self._matcher(connection, stamp, current, viewer, now_us)
                    found = technique_counts(current.generation, _mask(matcher, current, query), panet_of(connection))
                    if current.changed:
                        where = and_(matcher.compiler.where(query.where), dataset.c.id.in_(current.changed))
                        for pid, number in techniques_of(connection, where).items():
                            found[pid] = found.get(pid, 0) + number
                    return found
        return super().techniques(viewer, query, now_us)

    def years(self, viewer: Viewer, query: DatasetQuery, zone: str, now_us: int) -> dict[int, int]:
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    matcher = self._matcher(connection, stamp, current, viewer, now_us)
                    found = year_counts(current.generation, _mask(matcher, current, query), zone)
                    if current.changed:
                        where = and_(matcher.compiler.where(query.where), dataset.c.id.in_(current.changed))
                        for year, number in years_of(connection, where, zone).items():
                            found[year] = found.get(year, 0) + number
                    return found
        return super().years(viewer, query, zone, now_us)

    def latest(self, viewer: Viewer, where: Condition | None, before_id: int | None, now_us: int, limit: int) -> list[int]:
        query = DatasetQuery(where=where)
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    matcher = self._matcher(connection, stamp, current, viewer, now_us)
                    here = current.generation.array("id")[_mask(matcher, current, query)]
                    also = [row.id for row in _of_changed(connection, current, matcher, query)]
                    ids = np.concatenate([here, np.asarray(also, here.dtype)])
                    ids = ids[ids < before_id] if before_id is not None else ids
                    if len(ids) > limit:
                        ids = np.partition(ids, len(ids) - limit)[-limit:]
                    return [int(number) for number in np.sort(ids)[::-1]]
        return super().latest(viewer, where, before_id, now_us, limit)

    def held_by_instruments(self, viewer: Viewer, now_us: int) -> dict[int, Held]:
        with self._reading(now_us) as (connection, stamp):
            current = self._current(connection, stamp, now_us)
            if current is not None:
                matcher = self._matcher(connection, stamp, current, viewer, now_us)
                found = held_counts(current.generation, _mask(matcher, current, DatasetQuery()))
                if current.changed:
                    where = and_(matcher.compiler.may(Artefact.CORE_METADATA), dataset.c.id.in_(current.changed))
                    for number, held in held_among(connection, where).items():
                        found[number] = found.get(number, Held()) + held
                return found
        return super().held_by_instruments(viewer, now_us)

    def quantities(self, viewer: Viewer, now_us: int, *, limit: int = 200) -> tuple[FacetValue, ...]:
        with self._reading(now_us) as (connection, stamp):
            current = self._current(connection, stamp, now_us)
            if current is not None:
                return self._quantities(connection, current, self._matcher(connection, stamp, current, viewer, now_us), limit)
        return super().quantities(viewer, now_us, limit=limit)

    def spreads(self, viewer: Viewer, query: DatasetQuery, typed: str, now_us: int) -> tuple[Spread, ...]:
        if self._may_answer(query):
            with self._reading(now_us) as (connection, stamp):
                current = self._current(connection, stamp, now_us)
                if current is not None:
                    return self._spreads(
                        connection, current, self._matcher(connection, stamp, current, viewer, now_us), query, typed
                    )
        return super().spreads(viewer, query, typed, now_us)

    def _spreads(
        self, connection: Connection, current: _Current, matcher: Matcher, query: DatasetQuery, typed: str
    ) -> tuple[Spread, ...]:
        """What has changed is counted in SQL and added."""
        g, compiler = current.generation, matcher.compiler
        mask = _mask(matcher, current, query) & matcher.may(PARAMETER_ARTEFACT)
        changed = and_(compiler.where(query.where), compiler.may(PARAMETER_ARTEFACT), dataset.c.id.in_(current.changed))
        here = datasets_in_index(g, mask, [name for name in g.names if fits(name, typed)])
        there: dict[str, int] = {}
        if current.changed:
            there = datasets_in_sql(connection, changed, names_of(connection, current.changed, typed))
        both = (Counted(name=n, datasets=here.get(n, 0) + there.get(n, 0), parts=()) for n in {*here, *there})
        found = []
        for one in best(both):
            counted = counted_in_index(g, mask, one.name, here.get(one.name, 0))
            if one.name in there:
                counted = merged(counted, counted_in_sql(connection, changed, {one.name: there[one.name]})[one.name])
            scale = scale_of(counted)
            bars: list[int] = []
            if scale is not None:
                bars = bars_in_index(g, mask, one.name, scale)
                if one.name in there:
                    bars = [a + b for a, b in zip(bars, bars_in_sql(connection, changed, one.name, scale), strict=True)]
            found.append(spread_of(counted, scale, bars))
        return tuple(found)

    def candidates(self, viewer: Viewer, wanted: Wanted, after: str | None, most: int, now_us: int) -> Named | None:
        """For the catalogue as a graph; None: SQL answers."""
        with self._reading(now_us) as (connection, stamp):
            current = self._current(connection, stamp, now_us)
            if current is None:
                return None
            g = current.generation
            sure, doubtful = self._matcher(connection, stamp, current, viewer, now_us).candidates(wanted)
            sure[current.stale] = False
            if len(doubtful) > MOST_CHANGED:
                return None
            others = [*current.changed, *(int(i) for i in g.array("id")[doubtful])]
            order = self._by_pid(connection, g)
            if after is not None:
                place = self._place_after(connection, g, order, after)
                if place is None:
                    return None
                order = order[place:]
            rows = _first_in(sure, order, most + 1)
            ids = [int(i) for i in g.array("id")[rows[:most]]]
            return Named(ids, others, len(rows) > most, int(np.count_nonzero(sure)))

    def _place_after(self, connection: Connection, g: Generation, order: Array, pid: str) -> int | None:
        """Where in the order of pids those begin that come after it; None where the next ones are all newer than the index."""
        key = code_points(dataset.c.pid)
        next_ones = connection.execute(select(dataset.c.id).where(key > storable(pid)).order_by(key).limit(50)).scalars().all()
        if not next_ones:
            return len(order)
        row_of = g.array("row_of_id")
        rows = [int(row_of[i]) for i in next_ones if i < len(row_of) and row_of[i] >= 0]
        return int(np.flatnonzero(order == rows[0])[0]) if rows else None

    def _by_pid(self, connection: Connection, g: Generation) -> Array:
        """Rows in the order of pids, asked once for each generation."""
        if self._pid_order is None or self._pid_order[0] is not g:
            ids = np.fromiter(connection.execute(select(dataset.c.id).order_by(code_points(dataset.c.pid))).scalars(), np.int64)
            row_of = g.array("row_of_id")
            rows = row_of[ids[ids < len(row_of)]]
            self._pid_order = g, rows[rows >= 0]
        return self._pid_order[1]

    # --- what is current ---------------------------------------------------------------------------------------------

    def _may_answer(self, query: DatasetQuery) -> bool:
        try:
            check_indexed(query.where)
        except NotIndexed:
            return False
        return True

    def _current(self, connection: Connection, stamp: str, now_us: int) -> _Current | None:
        """The index with what has changed since; None: SQL answers. The stamp is older than what is looked up."""
        generation = self._newest(now_us)
        if generation is None or generation.size < self._least:
            return None
        known = self._known
        if known is not None and known[2] is not None and known[2].generation is not generation:
            known = None
        if known is not None and known[0] == stamp:
            return known[2]
        newest_change = int(connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one())
        if known is not None and known[1] == newest_change:
            found = known[2]
        else:
            found = self._changed(connection, generation, newest_change)
        self._known = stamp, newest_change, found
        return found

    def _newest(self, now_us: int) -> Generation | None:
        if self._looked_us is None or not 0 <= now_us - self._looked_us < LOOK_EVERY_US:
            found = newest(self._root)
            with self._lock:
                if found is None or self._generation is None or found.made != self._generation.made:
                    self._generation, self._words = found, Fitting(most=REMEMBERED)
                self._known = None  # whether it is of this database is looked at again, too
                self._looked_us = now_us
        return self._generation

    def _changed(self, connection: Connection, generation: Generation, newest_change: int) -> _Current | None:
        if generation.sequence > newest_change:
            return None
        at = connection.execute(select(change).where(change.c.sequence == generation.sequence)).first()
        if (mark_of(at) if at is not None else "") != generation.mark:
            return None  # made of another database, or of one that was set back
        query = select(change.c.pid).where(change.c.sequence > generation.sequence, touches_the_index()).distinct()
        pids = connection.execute(query.limit(MOST_CHANGED + 1)).scalars().all()
        if len(pids) > MOST_CHANGED:
            return None
        ids: list[int] = []
        for first in range(0, len(pids), 500):
            ids += connection.execute(select(dataset.c.id).where(dataset.c.pid.in_(pids[first : first + 500]))).scalars()
        row_of = generation.array("row_of_id")
        here = [i for i in ids if i < len(row_of)]
        rows = row_of[here]
        gone = self._gone(connection, generation) if len(ids) < len(pids) else np.empty(0, np.int32)
        return _Current(generation, tuple(ids), np.concatenate([rows[rows >= 0], gone]).astype(np.int64))

    def _gone(self, connection: Connection, generation: Generation) -> Array:
        """Rows whose dataset is there no more: it became one with another."""
        ids = np.fromiter(connection.execute(select(dataset.c.id)).scalars(), np.int64)
        return np.flatnonzero(~np.isin(generation.array("id"), ids))

    # --- answers -----------------------------------------------------------------------------------------------------

    def _matcher(self, connection: Connection, stamp: str, current: _Current, viewer: Viewer, now_us: int) -> Matcher:
        compiler = Compiler(viewer, NOW)
        rights = self._rights_of(connection, stamp, compiler, viewer, now_us)
        own = self._own_terms.of(connection, stamp)
        return Matcher(current.generation, connection, compiler, rights.terms, self._words, rights.fitting, own)

    def _page(self, connection: Connection, current: _Current, matcher: Matcher, query: DatasetQuery) -> tuple[int, list[int]]:
        mask = _mask(matcher, current, query)
        others = _of_changed(connection, current, matcher, query)
        total = int(np.count_nonzero(mask)) + len(others)
        wanted = query.offset + query.limit
        g = current.generation
        if query.sort.key is SortKey.RELEVANCE and ranked_words(query.where):
            return total, _best(g, mask, matcher.relevance(query.where), others, wanted)[query.offset :]
        if query.sort.key is SortKey.CREATED:
            return total, _arrived(g, mask, others, query.sort.descending, wanted)[query.offset :]
        newest_first = query.sort.descending or query.sort.key is SortKey.RELEVANCE
        if newest_first:
            rows = _first(mask, wanted)
        else:
            rows = _first_in(mask, g.array("oldest_first"), wanted)
        ids = g.array("id")[rows]
        if not others:
            return total, [int(i) for i in ids[query.offset : wanted]]
        starts = g.array("start")[rows]
        nothing = np.iinfo(np.int64).min
        pairs = [(None if s == nothing else int(s), int(i)) for s, i in zip(starts, ids, strict=True)]
        pairs += [(row.start_us, row.id) for row in others]
        sign = -1 if newest_first else 1
        pairs.sort(key=lambda p: (p[0] is None, 0 if p[0] is None else sign * p[0], -p[1]))
        return total, [i for _, i in pairs[query.offset : wanted]]

    def _facet(
        self, connection: Connection, current: _Current, matcher: Matcher, query: DatasetQuery, field: Field, limit: int
    ) -> tuple[FacetValue, ...]:
        compiler = matcher.compiler
        mask = _mask(matcher, current, query) & matcher.may(ARTEFACT_OF[field])
        counts: dict[str, int] = {}
        labels: dict[str, str] = {}
        if current.changed:
            where = and_(compiler.where(query.where), compiler.may(ARTEFACT_OF[field]), dataset.c.id.in_(current.changed))
            for row in connection.execute(facet_query(field, compiler, where)):
                if row.value is not None:
                    counts[str(row.value)] = row.number
                    labels[str(row.value)] = facet_label(field, row)
        for value, label, number in self._counted(connection, current.generation, matcher, mask, field, limit + len(counts)):
            counts[value] = counts.get(value, 0) + number
            labels.setdefault(value, label)
        best = sorted(counts, key=lambda value: (-counts[value], value))[:limit]
        own = technique_names(connection, best) if field is Field.TECHNIQUE else {}
        return tuple(FacetValue(value=v, label=own.get(v) or labels[v], count=counts[v]) for v in best)

    def _counted(
        self, connection: Connection, g: Generation, matcher: Matcher, mask: Array, field: Field, most: int
    ) -> Iterator[tuple[str, str, int]]:
        compiler = matcher.compiler
        match field:
            case Field.INSTRUMENT | Field.FACILITY:
                table, key = (instrument, "instrument_key") if field is Field.INSTRUMENT else (facility, "facility_key")
                numbers = np.bincount(g.array(field.value)[mask])
                for row in connection.execute(select(table.c.id, table.c[key], table.c.name)):
                    if row.id < len(numbers) and numbers[row.id]:
                        yield row[1], row.name, int(numbers[row.id])
            case Field.STATE:
                states, codes = matcher.fitting.once(
                    g, STATES, lambda: states_of(connection, compiler, most_terms(connection) + 1)
                )
                for state, number in zip(states, np.bincount(codes[g.array("terms")[mask]], minlength=len(states)), strict=True):
                    if number:
                        yield state, state, int(number)
            case Field.TECHNIQUE:
                each = direct_counts(g, mask)
                for pid, number in zip(g.words["technique"], each, strict=True):
                    if number:
                        yield pid, techniques.label(pid) or pid, number
            case Field.KIND | Field.FORMAT:
                codes = g.array(field.value)[mask]
                for place, count in enumerate(np.bincount(codes[codes >= 0])):
                    if count:
                        yield g.words[field.value][place], g.words[field.value][place], int(count)
            case Field.SAMPLE | Field.PROPOSAL:
                name = "sample_name" if field is Field.SAMPLE else "proposal_number"
                codes = g.array(name)[mask]
                numbers = np.bincount(codes[codes >= 0])
                there = np.flatnonzero(numbers)
                for code in there[np.lexsort((there, -numbers[there]))][:most]:
                    yield g.words[name][code], g.words[name][code], int(numbers[code])

    def _quantities(self, connection: Connection, current: _Current, matcher: Matcher, limit: int) -> tuple[FacetValue, ...]:
        g = current.generation
        mask = matcher.may(Artefact.FULL_METADATA)
        if len(current.stale):
            mask = mask.copy()
            mask[current.stale] = False
            found = counted_quantities(g, mask)
        else:
            found = dict(matcher.fitting.once(g, QUANTITIES, lambda: counted_quantities(g, mask)))
        if current.changed:
            mine = and_(matcher.compiler.may(Artefact.FULL_METADATA), dataset.c.id.in_(current.changed))
            count = func.count(func.distinct(parameter.c.dataset_id)).label("datasets")
            query = (
                select(parameter.c.name, func.min(parameter.c.unit).label("unit"), func.count().label("number"), count)
                .join(dataset, dataset.c.id == parameter.c.dataset_id)
                .where(mine)
                .group_by(parameter.c.name)
            )
            for row in connection.execute(query):
                number, datasets, unit = found.get(row.name, (0, 0, ""))
                both = [u for u in (unit, row.unit or "") if u]
                found[row.name] = number + row.number, datasets + row.datasets, min(both, default="")
        best = sorted(found, key=lambda name: (-found[name][0], name))[:limit]
        return tuple(FacetValue(value=name, label=found[name][2], count=found[name][1]) for name in best)

    # --- rights ------------------------------------------------------------------------------------------------------

    def _rights_of(self, connection: Connection, stamp: str, compiler: Compiler, viewer: Viewer, now_us: int) -> _Rights:
        """The stamp is older than what is looked up."""
        key = viewer.rights
        known = self._rights.get(key)
        holds = known is not None and known.since_us <= now_us < known.until_us
        if known is not None and holds and known.stamp == stamp:
            return known
        revision = terms_revision(connection)
        if known is not None and holds and known.revision == revision:
            found = replace(known, stamp=stamp, fitting=known.fitting.lasting(STATES))
        else:
            until = self._horizon(now_us)
            rights = _rights_now(connection, compiler)
            same = known is not None and all(np.array_equal(rights[a], known.terms[a]) for a in rights)
            fitting = known.fitting.lasting() if known is not None and same else Fitting()
            found = _Rights(stamp, revision, now_us, 2**63 if until is None else until, rights, fitting)
        with self._lock:
            self._rights[key] = found
            self._rights.move_to_end(key)
            while len(self._rights) > VIEWERS:
                self._rights.popitem(last=False)
        return found

    @contextmanager
    def _reading(self, now_us: int) -> Iterator[tuple[Connection, str]]:
        stamp = self._db.stamp()
        with self._db.read() as connection, at(now_us):
            yield connection, stamp

    def look(self) -> None:
        """For a newer generation, at the next question."""
        self._looked_us = None


def touches_the_index() -> ColumnElement[bool]:
    """Of a row of `change`. What is compared on the disk is searched by nobody: else the index would be made anew for it."""
    return and_(change.c.kind == "dataset", change.c.what.not_in(QUIET | BYTES))


def _rights_now(connection: Connection, compiler: Compiler) -> dict[Artefact, Array]:
    """Of equal length."""
    rights = rights_of(connection, compiler, most_terms(connection) + 1)
    size = max(len(mask) for mask in rights.values())
    return {artefact: np.pad(mask, (0, size - len(mask))) for artefact, mask in rights.items()}


def counted_quantities(g: Generation, mask: Array) -> dict[str, tuple[int, int, str]]:
    """Name → values, datasets, a unit."""
    found: dict[str, tuple[int, int, str]] = {}
    for name in g.names:
        values = g.quantity(name)
        assert values is not None
        fits = mask[values.rows]
        number = int(np.count_nonzero(fits))
        if number:
            datasets = number if values.single else len(np.unique(values.rows[fits]))
            codes = np.flatnonzero(np.bincount(values.unit[fits].astype(np.int64) + 1)) - 1
            units = {g.words["unit"][code] for code in codes if code >= 0}
            found[name] = number, datasets, min(units, default="")
    return found


def _mask(matcher: Matcher, current: _Current, query: DatasetQuery) -> Array:
    mask = matcher.where(query.where)
    mask[current.stale] = False
    return mask


def _of_changed(connection: Connection, current: _Current, matcher: Matcher, query: DatasetQuery) -> list[Any]:
    if not current.changed:
        return []
    where = and_(matcher.compiler.where(query.where), dataset.c.id.in_(current.changed))
    ranks = query.sort.key is SortKey.RELEVANCE and query.limit > 0
    points = matcher.compiler.relevance(query.where if ranks else None).label("points")
    return list(connection.execute(select(dataset.c.id, dataset.c.start_us, dataset.c.created_us, points).where(where)))


def _best(g: Generation, mask: Array, points: Array, others: list[Any], wanted: int) -> list[int]:
    """The first so many, by points and then by start, newest first; rows are in the order of their starts."""
    rows = np.flatnonzero(mask)
    held = points[rows]
    found: list[Array] = []
    count = 0
    for one in np.flatnonzero(np.bincount(held))[::-1]:
        if count >= wanted:
            break
        same = rows[held == one][: wanted - count]
        found.append(same)
        count += len(same)
    best = np.concatenate(found) if found else np.empty(0, np.int64)
    if not others:
        return [int(i) for i in g.array("id")[best]]
    keys = [
        (-int(p), s == NOTHING, -int(s) if s != NOTHING else 0, -int(i))
        for p, s, i in zip(points[best], g.array("start")[best], g.array("id")[best], strict=True)
    ]
    keys += [(-row.points, row.start_us is None, -(row.start_us or 0), -row.id) for row in others]
    return [-key[3] for key in sorted(keys)[:wanted]]


def _arrived(g: Generation, mask: Array, others: list[Any], descending: bool, wanted: int) -> list[int]:
    """The first so many in the order of their arrival."""
    rows = np.flatnonzero(mask)
    sign = -1 if descending else 1
    keys = sign * g.array("created")[rows]
    if 0 < wanted < len(rows):
        last = np.partition(keys, wanted - 1)[wanted - 1]
        rows = rows[keys <= last]
    pairs = [(sign * int(at), -int(i)) for at, i in zip(g.array("created")[rows], g.array("id")[rows], strict=True)]
    pairs += [(sign * row.created_us, -row.id) for row in others]
    return [-number for _, number in sorted(pairs)[:wanted]]


def _first_in(mask: Array, order: Array, wanted: int) -> Array:
    """The first rows that fit, in that order."""
    found: list[Array] = []
    count, at, step = 0, 0, 16_384
    while at < len(order) and count < wanted:
        rows = order[at : at + step]
        found.append(rows[mask[rows]])
        count, at, step = count + len(found[-1]), at + step, step * 2
    return (np.concatenate(found) if found else np.empty(0, np.int64))[:wanted]


def _first(mask: Array, wanted: int) -> Array:
    """The first rows that fit, without looking through all when they come early."""
    found: list[Array] = []
    count, at, step = 0, 0, 65_536
    while at < len(mask) and count < wanted:
        rows = np.flatnonzero(mask[at : at + step]) + at
        found.append(rows)
        count, at, step = count + len(rows), at + step, step * 2
    return (np.concatenate(found) if found else np.empty(0, np.int64))[:wanted]

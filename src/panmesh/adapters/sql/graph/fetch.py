"""`catalogue.graph.Selection` answered: a page of records in one statement, then one statement for each relation that is included."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select, true
from sqlalchemy.exc import DataError

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import code_points, contains, one_of
from panmesh.adapters.sql.graph.conditions import Conditions
from panmesh.adapters.sql.graph.files import Files
from panmesh.adapters.sql.graph.keys import Keys
from panmesh.adapters.sql.graph.named import Candidates, Named, Sought, Wanted
from panmesh.adapters.sql.graph.quantities import Asked, asked, convert, sought
from panmesh.adapters.sql.graph.rights import Rights
from panmesh.adapters.sql.graph.sources import LINKS, Around, Source
from panmesh.adapters.sql.graph.terms_of_art import OwnTerms, Vocabulary, kept
from panmesh.adapters.sql.horizon import Horizon
from panmesh.adapters.sql.instant import at
from panmesh.adapters.sql.patterns import fits_expression
from panmesh.catalogue import quantity_names
from panmesh.catalogue.graph import (
    NEGATIVE,
    SHAPES,
    All,
    AnyOf,
    Entity,
    GraphCondition,
    GraphOp,
    Include,
    Kind,
    Node,
    Places,
    Selection,
    Test,
    walk,
)
from panmesh.catalogue.graph_match import in_order, matches
from panmesh.catalogue.manifest import ManifestStore
from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import fold, storable

AT_ONCE = 500  # parents whose relation is loaded by one statement
MAX_NODES = 200_000  # of one answer's page
WALK = 1000  # rows that are looked through before everything that satisfies a condition is searched
FEW = 5000  # records that are rather searched than walked to
LAST = "\U0010ffff"  # after every key
NO_SCORE = 0.5  # federations drop what has no score strictly between 0 and 1


class SqlGraph:
    """Implements `catalogue.ports.GraphReads`."""

    def __init__(self, database: Database, manifests: ManifestStore, candidates: Candidates | None = None) -> None:
        """`candidates`: where an index says which datasets may satisfy required quantities and techniques."""
        self._db = database
        self._candidates = candidates
        self._manifests = manifests
        self._horizon = Horizon(database)
        self._instruments: dict[Any, str] = {}  # pids, which stay as they were minted
        self._own_terms = OwnTerms()

    def select(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> list[Node]:
        with self._reading(viewer, now_us) as reading:
            named = self._named(reading, viewer, entity, selection, now_us)
            found = reading.page_of(named, selection) if named is not None else None
            return reading.page(entity, selection) if found is None else found

    def places(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> Places:
        with self._reading(viewer, now_us) as reading:
            return reading.places(entity, selection)

    def these(self, viewer: Viewer, entity: Entity, places: Places, selection: Selection, now_us: int) -> list[Node]:
        with self._reading(viewer, now_us) as reading:
            return reading.these(entity, places, selection)

    def count(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> int:
        """By the index where it knows of each record for certain, but for some."""
        with self._reading(viewer, now_us) as reading:
            alone = replace(selection, limit=1, skip=0, after=None)
            named = self._named(reading, viewer, entity, alone, now_us)
            found = reading.count_of(named, selection) if named is not None else None
            return reading.count(entity, selection) if found is None else found

    def _named(
        self, reading: _Reading, viewer: Viewer, entity: Entity, selection: Selection, now_us: int
    ) -> tuple[Wanted, Named] | None:
        wanted = reading.wanted(selection) if self._candidates is not None and entity is Entity.DATASET else None
        if wanted is None or self._candidates is None or selection.limit is None:
            return None
        named = self._candidates(viewer, wanted, selection.after, 2 * (selection.skip + selection.limit) + 50, now_us)
        return None if named is None else (wanted, named)

    def one(self, viewer: Viewer, entity: Entity, pid: str, selection: Selection, now_us: int) -> Node | None:
        """By pid, also by a version's pid or an alias."""
        with self._reading(viewer, now_us) as reading:
            return reading.one(entity, pid, selection)

    def horizon(self, now_us: int) -> int | None:
        return self._horizon(now_us)

    def last_commit(self) -> object:
        return self._db.last_commit

    def files(self, viewer: Viewer, pid: str, selection: Selection, now_us: int) -> list[Node] | None:
        with self._reading(viewer, now_us) as reading:
            found = reading.one(Entity.DATASET, pid, Selection(includes=(Include("files", selection),)))
        files = found.links["files"] if found is not None else None
        return files if isinstance(files, list) else None

    def techniques(self, where: GraphCondition | None) -> list[Node]:
        stamp = self._db.stamp()
        with self._db.read() as connection:
            terms = {term.pid: term for term in Vocabulary(connection, self._own_terms, stamp).everything()}.values()
        kept_ = [term for term in terms if matches(where, term.values, SHAPES[Entity.TECHNIQUE].text, fits_expression)]
        return [Node(Entity.TECHNIQUE, term.values | {"synonym": list(term.names[1:])}, {}) for term in kept_]

    @contextmanager
    def _reading(self, viewer: Viewer, now_us: int) -> Iterator[_Reading]:
        """What RE2 takes for a regular expression and PostgreSQL does not is none here."""
        stamp = self._db.stamp()
        try:
            with self._db.read() as connection, at(now_us):
                keys = Keys(connection, {t.instrument: self._instruments})
                vocabulary = Vocabulary(connection, self._own_terms, stamp)
                yield _Reading(connection, Around(viewer), now_us, self._db.sqlite, self._manifests, keys, vocabulary)
        except DataError as error:
            if getattr(error.orig, "sqlstate", None) != "2201B":
                raise
            raise Invalid(f"This is no regular expression for the database: {str(error.orig).splitlines()[0]}.") from error


class _Reading:
    """One transaction, one viewer, one instant."""

    def __init__(
        self,
        connection: Connection,
        around: Around,
        now_us: int,
        sqlite: bool,
        manifests: ManifestStore,
        keys: Keys,
        vocabulary: Vocabulary,
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._around = around
        self._sqlite = sqlite
        self._vocabulary = vocabulary
        self._tags: dict[int, list[str]] = {}  # techniques of datasets, by pid
        self._files = Files(connection, manifests)
        self._rights = Rights(connection, around.viewer, now_us)
        self._say = Conditions(around, self._vocabulary, sqlite, self._files.having)
        self._nodes = 0

    def wanted(self, selection: Selection) -> Wanted | None:
        """What an index can say of a page in the order of keys; None: nothing."""
        if selection.order or selection.words or selection.limit is None or selection.skip + selection.limit > WALK // 4:
            return None
        quantities: list[Sought] = []
        tags: list[frozenset[str]] = []
        everything = selection.where is None
        for include in selection.includes:
            if not include.required:
                continue
            target, inner = SHAPES[Entity.DATASET].relations[include.relation][0], include.selection
            values = sought(inner.where) if target is Entity.PARAMETER else None
            if inner.includes or inner.words:
                everything = False
            elif values is not None:
                quantities.append(values)
            elif target is Entity.TECHNIQUE and isinstance(inner.where, Test) and inner.where.op not in NEGATIVE:
                tags.append(self._vocabulary.meant(inner.where))
            else:
                everything = False
        return Wanted(tuple(quantities), tuple(tags), everything) if quantities or tags else None

    def page_of(self, found: tuple[Wanted, Named], selection: Selection) -> list[Node] | None:
        """Among the datasets that the index names; None: too few of them are what was asked for."""
        wanted, named = found
        if wanted.everything and not named.doubtful:
            return self._certain(named, selection)
        say, source = self._walking(Entity.DATASET)
        key = code_points(source.columns["pid"])
        ids = source.hidden["id"].in_(named.ids)
        whole: ColumnElement[bool] = ids
        if named.doubtful or not wanted.everything:
            decided, some = say.where(source, selection), source.hidden["id"].in_(named.doubtful)
            whole = or_(ids, and_(some, decided)) if wanted.everything else and_(or_(ids, some), decided)
        query = select(*_columns(source), literal(NO_SCORE).label("score")).select_from(source.from_)
        query = query.where(source.visible, whole)
        if selection.after is not None:
            query = query.where(key > storable(selection.after))
        if named.more:
            last = select(t.dataset.c.pid).where(t.dataset.c.id == named.ids[-1]).correlate(None).scalar_subquery()
            query = query.where(key <= code_points(last))
        query = query.order_by(key).limit(selection.limit).offset(selection.skip or None)
        rows = self._rows(query)
        if named.more and len(rows) < (selection.limit or 0):
            return None
        return self._nodes_of(source, rows, selection, root=True)

    def _certain(self, named: Named, selection: Selection) -> list[Node] | None:
        """Those that the index names satisfy it, under the rights of this viewer; the law is asked of each once more."""
        source, query = _datasets_of_ids()
        wanted = named.ids[selection.skip :][: selection.limit]
        rows = self._rows(query, ids=wanted) if wanted else []
        self._rights.learn(row["_terms_id"] for row in rows)
        if len(rows) < len(wanted) or not all(self._rights.of(row["_terms_id"]).core for row in rows):
            return None
        return self._nodes_of(source, rows, selection, root=True)

    def count_of(self, found: tuple[Wanted, Named], selection: Selection) -> int | None:
        wanted, named = found
        if not wanted.everything:
            return None
        if not named.doubtful:
            return named.number
        say, source = self._walking(Entity.DATASET)
        query = say.select(source, selection, func.count()).where(source.hidden["id"].in_(named.doubtful))
        return named.number + int(self._connection.execute(query).scalar_one())

    def _walking(self, entity: Entity) -> tuple[Conditions, Source]:
        """To ask one row after another."""
        around = Around(self._around.viewer, walking=True)
        return Conditions(around, self._vocabulary, self._sqlite, self._files.having), around.source(entity)

    def page(self, entity: Entity, selection: Selection) -> list[Node]:
        """In the order of keys, a page is mostly full after few rows: these are looked through first."""
        by_key = not selection.order and not selection.words
        short = selection.limit is not None and selection.skip + selection.limit <= WALK // 4
        if by_key and short and not self._few(entity, selection):
            found = self._walk(entity, selection)
            if found is not None:
                return found
        source = self._begin(entity, selection)
        return self._load(source, self._ordered(source, selection, *_columns(source)), selection, root=True)

    def places(self, entity: Entity, selection: Selection) -> Places:
        """Which records, in order, and no more of each than its number: what takes all records in an order takes it once."""
        source = self._begin(entity, selection)
        query = self._ordered(source, selection, source.hidden["id"]).execution_options(yield_per=AT_ONCE * 10)
        found = Places()
        for number, score in self._connection.execute(query):
            found.add(number, _within(score))
        return found

    def these(self, entity: Entity, places: Places, selection: Selection) -> list[Node]:
        """Those of them that the viewer may still know of."""
        self._around.begin()
        source = self._around.source(entity)
        query = select(*_columns(source)).select_from(source.from_).where(source.visible)
        rows = self._rows(query.where(source.hidden["id"].in_(places.numbers)))
        by_number = {row["_id"]: row for row in rows}
        there = [(number, score) for number, score in places if number in by_number]
        nodes = self._nodes_of(source, [by_number[number] for number, _ in there], selection, root=True)
        for node, (_, score) in zip(nodes, there, strict=True):
            node.score = score
        return nodes

    def _begin(self, entity: Entity, selection: Selection) -> Source:
        self._around.begin(scanning=_scans(entity, selection.where))
        return self._around.source(entity)

    def _ordered(self, source: Source, selection: Selection, *columns: Any) -> Any:
        """The page, with a score."""
        key = code_points(source.columns[SHAPES[source.entity].key])
        score = self._score(source, selection.words)
        query = self._say.select(source, selection, *columns, score.label("score"))
        if selection.after is not None:
            query = query.where(key > storable(selection.after))
        order = self._say.order(source, selection)
        if selection.words and not order:
            order = [score.desc()]
        return query.order_by(*order, key).limit(selection.limit).offset(selection.skip or None)

    def _few(self, entity: Entity, selection: Selection) -> bool:
        """Whether an index finds the few records that satisfy a required quantity: nothing to walk to then."""
        for include in selection.includes:
            if include.required and SHAPES[entity].relations[include.relation][0] is Entity.PARAMETER:
                self._around.begin()
                ways = self._say.quantity_ways(entity, include)
                some = [query.limit(FEW).subquery() for query in ways or ()]
                counts = [select(func.count()).select_from(one).scalar_subquery() for one in some]
                if counts and sum(self._connection.execute(select(*counts)).one()) < FEW:
                    return True
        return False

    def _walk(self, entity: Entity, selection: Selection) -> list[Node] | None:
        """The page, if it fills up within a stretch of rows; else None."""
        if any(SHAPES[entity].relations[i.relation][0] is Entity.FILE for i in selection.includes if i.required):
            return None
        say, source = self._walking(entity)
        key = code_points(source.columns[SHAPES[entity].key])
        start = key > storable(selection.after) if selection.after is not None else true()
        end = select(key).select_from(source.from_).where(start).order_by(key).offset(WALK).limit(1)
        columns = _columns(source)
        query = say.select(source, selection, *columns, literal(NO_SCORE).label("score")).where(start)
        query = query.where(key <= func.coalesce(end.correlate(None).scalar_subquery(), LAST))
        query = query.order_by(key).limit(selection.limit).offset(selection.skip or None)
        rows = self._rows(query)
        if len(rows) < (selection.limit or 0) and self._connection.execute(end).scalar() is not None:
            return None
        return self._nodes_of(source, rows, selection, root=True)

    def count(self, entity: Entity, selection: Selection) -> int:
        self._around.begin(scanning=_scans(entity, selection.where))
        source = self._around.source(entity)
        return int(self._connection.execute(self._say.select(source, selection, func.count())).scalar_one())

    def one(self, entity: Entity, pid: str, selection: Selection) -> Node | None:
        self._around.begin()
        source = self._around.source(entity)
        concept = select(t.pid.c.concept).where(t.pid.c.pid == storable(pid)).scalar_subquery()
        query = select(*_columns(source), literal(NO_SCORE).label("score")).select_from(source.from_).where(source.visible)
        found = self._load(
            source, query.where(source.columns[SHAPES[entity].key] == func.coalesce(concept, storable(pid))), selection, root=True
        )
        for node in found:
            node.score = None
        return found[0] if found else None

    # --- rows to nodes ------------------------------------------------------------------------------------------------

    def _rows(self, query: Any, **given: Any) -> list[dict[str, Any]]:
        """Plain ones: they are looked into many times."""
        result = self._connection.execute(query, given)
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    def _load(self, source: Source, query: Any, selection: Selection, *, root: bool) -> list[Node]:
        return self._nodes_of(source, self._rows(query), selection, root=root)

    def _nodes_of(self, source: Source, rows: Sequence[Any], selection: Selection, *, root: bool) -> list[Node]:
        nodes = self._as_nodes(source, rows)
        for node, row in zip(nodes, rows, strict=True):
            node.score = _within(row["score"]) if "score" in row else None
        self._include(source.entity, list(zip(nodes, rows, strict=True)), selection.includes, root=root)
        return nodes

    def _as_nodes(self, source: Source, rows: Sequence[Any]) -> list[Node]:
        """Without what the viewer may not read."""
        nodes = [_node(source, row) for row in rows]
        self._keys.tell(source, nodes, rows)
        if source.terms_id is not None:
            self._rights.learn(row["_terms_id"] for row in rows)
            for node, row in zip(nodes, rows, strict=True):
                right = self._rights.of(row["_terms_id"])
                node.values["is_public"] = right.public
                if node.entity is Entity.DATASET and row["_origin"] != "native" and not node.values["size"]:
                    node.values["size"] = None  # its source did not say
                if not right.full:
                    node.values.update(dict.fromkeys(_FULL_FIELDS[source.entity]))
                if right.public and "license" in node.values:
                    node.values["license"] = row["_license"]
        return nodes

    def _may(self, row: Any, artefact: Artefact) -> bool:
        if artefact is Artefact.CORE_METADATA:
            return True
        right = self._rights.of(row["_terms_id"])
        if artefact is Artefact.RAW:
            return right.raw if row["_kind"] == "raw" else right.processed
        return right.full

    def _include(self, entity: Entity, parents: list[tuple[Node, Any]], includes: Sequence[Include], *, root: bool) -> None:
        self._nodes += len(parents)
        if self._nodes > MAX_NODES:
            raise Invalid(f"The answer would hold more than {MAX_NODES} records: set limits, also within includes.")
        for relation in dict.fromkeys(include.relation for include in includes):
            same = [include for include in includes if include.relation == relation]
            target, many = SHAPES[entity].relations[relation]
            merged = _merged(same)
            keep_all = root and entity is Entity.DATASET and target is Entity.PARAMETER
            for start in range(0, len(parents), AT_ONCE):
                some = parents[start : start + AT_ONCE]
                found = self._children(entity, relation, target, some, merged, keep_all)
                for (node, _), children in zip(some, found, strict=True):
                    kept_ = children[merged.skip :][: merged.limit] if many else children
                    node.links[relation] = kept_ if many else (kept_[0] if kept_ else None)

    def _children(
        self, entity: Entity, relation: str, target: Entity, parents: list[tuple[Node, Any]], selection: Selection, keep_all: bool
    ) -> list[list[Node]]:
        if target is Entity.TECHNIQUE:
            return self._techniques(parents, selection)
        if target is Entity.FILE:
            files = self._files.of([row if self._may(row, Artefact.RAW) else None for _, row in parents], selection)
            self._dataset_of(files, parents, selection.includes)
            return files
        if target is Entity.PARAMETER and entity is Entity.DATASET and keep_all and not (selection.includes or selection.order):
            return self._all_parameters(parents, selection)
        way, many = LINKS[entity, relation], SHAPES[entity].relations[relation][1]
        self._around.begin()
        source = self._around.source(target, entity)
        allowed = [row for _, row in parents if self._may(row, way.parent_artefact)]
        wanted = selection if not keep_all else Selection(includes=selection.includes, order=selection.order)
        found: dict[tuple[str, Any], list[Any]] = {}
        rows: dict[Any, Any] = {}
        for bridge in way.bridges:
            values = {row.get(f"_{bridge.parent}") for row in allowed} - {None}  # a dataset's parameter has no document
            if not values:
                continue
            child = source.hidden[bridge.child]
            owner = child if bridge.via is None else bridge.via.c[bridge.via_parent]
            query = self._say.select(source, wanted, owner.label("_owner"), *_columns(source))
            if bridge.via is not None:
                query = query.where(bridge.via.c[bridge.via_child] == child)
            if way.child_artefact is not Artefact.CORE_METADATA:
                query = query.where(self._around.may(way.child_artefact, source.terms_id))
            last = source.hidden["id"] if target is Entity.PARAMETER else code_points(source.columns[SHAPES[target].key])
            order = [*self._say.order(source, wanted), last]
            query = query.where(owner.in_(sorted(values)))
            if many and wanted.limit is not None:
                query = _first_of_each(query, owner, order, wanted.skip + wanted.limit)
            else:
                query = query.order_by(*order)
            for row in self._rows(query):
                identity = row[SHAPES[target].key]
                rows.setdefault(identity, row)
                found.setdefault((bridge.parent, row["_owner"]), []).append(identity)
        nodes = dict(zip(rows, self._as_nodes(source, list(rows.values())), strict=True))
        self._include(target, [(nodes[i], rows[i]) for i in rows], selection.includes, root=False)
        if target is Entity.PARAMETER:
            _in_units(nodes, rows, selection.where, self._not_photons(rows, selection.where))
        return [_of_parent(way, row, found, nodes, (*wanted.order, (SHAPES[target].key, False))) for _, row in parents]

    def _all_parameters(self, parents: list[tuple[Node, Any]], selection: Selection) -> list[list[Node]]:
        """Of a page of datasets: in the order in which they were written."""
        source, query = _parameters_of_ids()
        ids = [row["_id"] for _, row in parents if self._may(row, Artefact.FULL_METADATA)]
        rows = {row["id"]: row for row in self._rows(query, ids=ids)} if ids else {}
        nodes = dict(zip(rows, self._as_nodes(source, list(rows.values())), strict=True))
        self._include(Entity.PARAMETER, [(nodes[i], rows[i]) for i in rows], (), root=False)
        _in_units(nodes, rows, selection.where, self._not_photons(rows, selection.where))
        found: dict[int, list[Node]] = {}
        for identity, node in nodes.items():
            found.setdefault(rows[identity]["_dataset_id"], []).append(node)
        return [found.get(row["_id"], []) for _, row in parents]

    def _not_photons(self, rows: dict[Any, Any], condition: GraphCondition | None) -> frozenset[Any]:
        """Parameters whose energy and wavelength do not follow from each other as those of photons do."""
        if not any(quantity_names.converse(name) for wish in asked(condition) for name in wish.names):
            return frozenset()
        probes = self._vocabulary.neutrons()
        owners = sorted({row["_dataset_id"] for row in rows.values() if "_dataset_id" in row})
        neutrons = {owner for owner, tags in self._tags_of(owners).items() if not probes.isdisjoint(tags)}
        return frozenset(
            identity
            for identity, row in rows.items()
            if (row["_dataset_id"] in neutrons if "_dataset_id" in row else row["name"] not in quantity_names.PHOTON)
        )

    def _tags_of(self, ids: Sequence[int]) -> dict[int, list[str]]:
        """Pids of the techniques of datasets, in order."""
        missing = [number for number in ids if number not in self._tags]
        if missing:
            self._tags.update((number, []) for number in missing)
            for row in self._connection.execute(_tags_of_ids(), {"ids": missing}):
                self._tags[row.dataset_id].append(row.technique_pid)
        return {number: self._tags[number] for number in ids}

    def _techniques(self, parents: list[tuple[Node, Any]], selection: Selection) -> list[list[Node]]:
        ids = [row["_id"] for _, row in parents]
        shown = kept(self._vocabulary, selection.where)
        found: dict[int, list[Node]] = {}
        for number, tags in self._tags_of(ids).items():
            told = [self._vocabulary.term(pid) for pid in tags if shown is None or pid in shown]
            if told:
                found[number] = [Node(Entity.TECHNIQUE, term.values, {}) for term in told]
        if selection.includes:
            self._datasets_of(found, selection)
        return [in_order(found.get(number, ()), selection.order) for number in ids]

    def _dataset_of(self, files: list[list[Node]], parents: list[tuple[Node, Any]], includes: Sequence[Include]) -> None:
        """From files back to their dataset, which is the one that they were found by; only the records that were asked for have a score."""
        for inner in includes[:1]:
            again = [(replace(node, links={}, score=None), row) for node, row in parents]
            self._include(Entity.DATASET, again, inner.selection.includes, root=False)
            for some, (dataset, _) in zip(files, again, strict=True):
                for one in some:
                    one.links["dataset"] = dataset

    def _datasets_of(self, found: dict[int, list[Node]], selection: Selection) -> None:
        """From techniques back to the datasets that have them."""
        source, tags = self._around.source(Entity.DATASET), t.dataset_technique
        inner = _merged([i for i in selection.includes if i.relation == "datasets"])
        wanted = {node.values["pid"] for nodes in found.values() for node in nodes}
        query = self._say.select(source, inner, tags.c.technique_pid.label("_owner"), *_columns(source)).where(
            tags.c.dataset_id == source.hidden["id"], tags.c.technique_pid.in_(sorted(wanted))
        )
        order = [*self._say.order(source, inner), code_points(source.columns["pid"])]
        if inner.limit is not None:
            query = _first_of_each(query, tags.c.technique_pid, order, inner.skip + inner.limit)
        else:
            query = query.order_by(*order).limit(MAX_NODES + 1)  # with one more it is too many
        rows = self._rows(query)
        nodes = self._as_nodes(source, rows)
        self._include(Entity.DATASET, list(zip(nodes, rows, strict=True)), inner.includes, root=False)
        by_tag: dict[str, list[Node]] = {}
        for node, row in zip(nodes, rows, strict=True):
            by_tag.setdefault(row["_owner"], []).append(node)
        required = any(one.required for one in selection.includes)
        for number, some in found.items():
            found[number] = [one for one in some if not required or one.values["pid"] in by_tag]
            for one in some:
                datasets: list[Node] = by_tag.get(one.values["pid"], [])[inner.skip :][: inner.limit]
                one.links["datasets"] = datasets

    # --- relevance ----------------------------------------------------------------------------------------------------

    def _score(self, source: Source, words: tuple[str, ...]) -> ColumnElement[Any]:
        """The share of the asked words' weight that a record has; rare words weigh more, words of the title count twice.

        Strictly between 0 and 1. Weights come from what this viewer may read, so that they tell nothing of the rest.
        """
        if not words:
            return literal(NO_SCORE)
        everything = self._connection.execute(self._say.select(source, Selection(), func.count())).scalar_one()
        total, parts = 0.0, []
        for word in dict.fromkeys(words):
            has = self._say.has_word(source, word)
            query = select(func.count()).select_from(source.from_).where(source.visible, has)
            number = self._connection.execute(query).scalar_one()
            weight = math.log10(1 + everything / max(number, 1))
            title = source.folded.get("title", source.columns.get("name"))
            in_title = contains(func.coalesce(title, ""), storable(fold(word)))
            parts.append(case((in_title, 2 * weight), (has, weight), else_=0.0))
            total += 2 * weight
        share = parts[0] if len(parts) == 1 else sum(parts[1:], parts[0])
        return 0.01 + 0.98 * share / (total or 1.0)


_BY_RIGHT = ("is_public", "license")  # follow from the terms


def _columns(source: Source) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = [source.columns[name].label(name) for name in source.columns if name not in _BY_RIGHT]
    return found + [column.label(f"_{name}") for name, column in source.hidden.items()]


@cache
def _datasets_of_ids() -> tuple[Source, Select[Any]]:
    """In the order of pids, whoever looks: of whom it is known that they may."""
    source = Around(ANONYMOUS).source(Entity.DATASET)
    query = select(*_columns(source), literal(NO_SCORE).label("score")).select_from(source.from_)
    return source, query.where(one_of(source.hidden["id"], "ids")).order_by(code_points(source.columns["pid"]))


@cache
def _parameters_of_ids() -> tuple[Source, Select[Any]]:
    source = Around(ANONYMOUS).source(Entity.PARAMETER, Entity.DATASET)
    query = select(*_columns(source)).select_from(source.from_)
    return source, query.where(one_of(source.hidden["dataset_id"], "ids")).order_by(source.hidden["id"])


@cache
def _tags_of_ids() -> Select[Any]:
    tags = t.dataset_technique.c
    query = select(tags.dataset_id, tags.technique_pid).where(one_of(tags.dataset_id, "ids"))
    return query.order_by(code_points(tags.technique_pid))


_FULL_FIELDS = {
    entity: tuple(name for name, (_, artefact) in shape.fields.items() if artefact is Artefact.FULL_METADATA)
    for entity, shape in SHAPES.items()
}


def _scans(entity: Entity, condition: GraphCondition | None) -> bool:
    """Whether a condition is on text or numbers that an index has by itself, besides the terms."""
    if isinstance(condition, All | AnyOf):
        return any(_scans(entity, part) for part in condition.parts)
    if isinstance(condition, Test):
        kind = SHAPES[entity].fields.get(condition.field, (Kind.TEXT,))[0]
        return kind in (Kind.NUMBER, Kind.INSTANT)
    return condition is not None


def _first_of_each(query: Any, owner: Any, order: Sequence[Any], number: int) -> Any:
    """The first so many rows of each owner, in order."""
    rank = func.row_number().over(partition_by=owner, order_by=list(order)).label("_rank")
    ranked = query.add_columns(rank).subquery()
    return select(ranked).where(ranked.c["_rank"] <= number).order_by(ranked.c["_rank"])


def _within(score: Any) -> float:
    return min(max(round(float(score), 6), 0.000001), 0.999999)


def _node(source: Source, row: Any) -> Node:
    values = {name: row[name] if name not in _BY_RIGHT else None for name in source.columns}
    if source.entity is Entity.DOCUMENT:
        values["keywords"] = json.loads(values["keywords"] or "[]")
    if source.entity is Entity.PARAMETER:
        values["value"] = _value(row)
        if row["_value"] is None and row["_minimum"] is not None:
            values["range"] = [row["_minimum"], row["_maximum"]]
    return Node(source.entity, values, {})


def _value(row: Any) -> float | int | str | None:
    """A number, whole where it is; else the text; of a scanned quantity its smallest value."""
    number = row["_value"] if row["_value"] is not None else row["_minimum"]
    if number is None:
        return row["_text"]  # type: ignore[no-any-return]
    return _whole(float(number))


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _of_parent(way: Any, row: Any, found: dict[tuple[str, Any], list[Any]], nodes: dict[Any, Node], order: Any) -> list[Node]:
    each = [found.get((bridge.parent, row.get(f"_{bridge.parent}")), ()) for bridge in way.bridges]
    identities = dict.fromkeys(identity for one in each for identity in one)
    children = [nodes[identity] for identity in identities]
    return in_order(children, order) if sum(map(bool, each)) > 1 else children  # each way is in order by itself


def _merged(same: Sequence[Include]) -> Selection:
    """The same relation asked for twice: what satisfies either is shown (the parent had to satisfy both)."""
    first = same[0].selection if same else Selection()
    if len(same) < 2:
        return first
    wheres = [include.selection.where for include in same]
    where = AnyOf(tuple(w for w in wheres if w is not None)) if all(w is not None for w in wheres) else None
    includes = tuple(inner for include in same for inner in include.selection.includes)
    return Selection(where=where, includes=includes, order=first.order, fields=first.fields, limit=first.limit, skip=first.skip)


def _in_units(
    nodes: dict[Any, Node], rows: dict[Any, Any], condition: GraphCondition | None, not_photons: frozenset[Any]
) -> None:
    """Values in the unit that was asked for, under the name that was asked for."""
    wishes = [(wish, {photons: _other_names(wish, photons=photons) for photons in (True, False)}) for wish in asked(condition)]
    said = _as_said(condition)
    for identity, node in nodes.items():
        photons = identity not in not_photons
        turned = any(wish.units and _turn(node, rows[identity], wish, names[photons]) for wish, names in wishes)
        if not turned:
            node.values["name"] = said.get(node.values["name"], node.values["name"])


def _other_names(wish: Asked, *, photons: bool) -> dict[str, str]:
    """Names that a quantity may have here → what it was asked for as."""
    names = {other: name for name in wish.names for other in (quantity_names.converse(name) if photons else ())}
    return names | {other: name for name in wish.names for other in quantity_names.same(name)}


def _as_said(condition: GraphCondition | None) -> dict[str, str]:
    """The same of names that are asked for without a unit."""
    names = [
        test.value for test in walk(condition) if test.field == "name" and test.op is GraphOp.EQ and isinstance(test.value, str)
    ]
    return {other: name for name in names for other in quantity_names.same(name)}


def _turn(node: Node, row: Any, wish: Asked, names: dict[str, str]) -> bool:
    if wish.names and node.values["name"] not in names:
        return False
    if row["_dimension"] is None or not isinstance(node.values["value"], int | float):
        return False
    ends = node.values.get("range") or [node.values["value"]]
    turned = [convert(float(end), row["unit"], row["_dimension"], wish.units) for end in ends]
    if any(one is None for one in turned):
        return False
    numbers = sorted(one[0] for one in turned if one is not None)
    node.values["value"] = _whole(numbers[0])
    node.values["unit"] = turned[0][1] if turned[0] else None
    if "range" in node.values:
        node.values["range"] = [_whole(number) for number in numbers]
    node.values["name"] = names.get(node.values["name"], node.values["name"])
    return True

"""Conditions of `catalogue.graph` as SQL: fields, free text, and relations that must lead somewhere."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Join, Select, and_, case, false, literal, not_, or_, select, true, union_all

from panmesh.access.artefact import Artefact
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.dialects import among, code_points, contains
from panmesh.adapters.sql.graph.quantities import Quantities
from panmesh.adapters.sql.graph.sources import LINKS, Around, Link, Source
from panmesh.adapters.sql.graph.terms_of_art import Vocabulary, of_dataset
from panmesh.adapters.sql.patterns import folded, for_postgresql, like, like_pattern, matching, regular
from panmesh.catalogue.graph import SHAPES, All, AnyOf, Entity, GraphCondition, GraphOp, Include, Kind, Selection, Test, Text
from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import fold, storable

_LARGEST = 2**63 - 1


class Conditions:
    """`files`: ids of the datasets that have a file which satisfies a condition (their names are in manifests, not in rows)."""

    def __init__(self, around: Around, vocabulary: Vocabulary, sqlite: bool, files: Any) -> None:
        self._around = around
        self._vocabulary = vocabulary
        self._sqlite = sqlite
        self._files = files

    def select(self, source: Source, selection: Selection, *columns: Any) -> Select[Any]:
        """Rows that the viewer may know of, that satisfy the condition, and whose required relations lead somewhere."""
        said = self.where(source, selection)
        both = (said, source.visible) if self._around.scanning else (source.visible, said)  # what leaves out most comes first
        return select(*columns).select_from(source.from_).where(*both)

    def where(self, source: Source, selection: Selection) -> ColumnElement[bool]:
        parts = [self.condition(source, selection.where)]
        parts += [self.link(source, include) for include in selection.includes if include.required]
        if selection.words:
            parts.append(self.any_word(source, selection.words))
        return and_(true(), *parts)

    def condition(self, source: Source, condition: GraphCondition | None) -> ColumnElement[bool]:
        if condition is None:
            return true()
        if source.entity is Entity.PARAMETER:
            return Quantities(source, self._test, walking=self._around.walking).where(condition)
        if isinstance(condition, All):
            return and_(true(), *(self.condition(source, part) for part in condition.parts))
        if isinstance(condition, AnyOf):
            return or_(false(), *(self.condition(source, part) for part in condition.parts))
        if isinstance(condition, Text):
            return self._text(source, condition)
        return self._test(source, condition)

    def link(self, parent: Source, include: Include) -> ColumnElement[bool]:
        """True of parents for which the relation leads to something that satisfies the include's own selection."""
        target, _ = SHAPES[parent.entity].relations[include.relation]
        if target is Entity.TECHNIQUE:
            return self._techniques(parent, include)
        if target is Entity.FILE:
            found = among(parent.hidden["id"], json.dumps(self._files(include.selection.where)))
            back = [self.where(parent, one.selection) for one in include.selection.includes if one.required]  # a file's dataset
            return and_(self._around_may(parent, Artefact.RAW), found, *back)
        way = LINKS[parent.entity, include.relation]
        if not any(bridge.parent in parent.hidden for bridge in way.bridges):  # a dataset's parameter has no document of its own
            return false()
        child = self._around.source(target, parent.entity)
        satisfied = and_(child.visible, self._around_may(child, way.child_artefact), self.where(child, include.selection))
        if self._around.walking:
            return and_(self._around_may(parent, way.parent_artefact), self._leads(parent, child, way, satisfied))
        if target is Entity.PARAMETER and (each := self.quantity_ways(parent.entity, include)) is not None:
            owner = parent.hidden[way.bridges[0].parent]
            return and_(self._around_may(parent, way.parent_artefact), owner.in_(union_all(*each)))
        ways: list[ColumnElement[bool]] = []
        for bridge in way.bridges:
            inner: Any = select(child.hidden[bridge.child]).select_from(child.from_).where(satisfied)
            if bridge.via is not None:
                inner = select(bridge.via.c[bridge.via_parent]).where(bridge.via.c[bridge.via_child].in_(inner))
            else:
                inner = inner.where(child.hidden[bridge.child].is_not(None))
            ways.append(parent.hidden[bridge.parent].in_(inner))
        return and_(self._around_may(parent, way.parent_artefact), or_(*ways))

    def quantity_ways(self, parent: Entity, include: Include) -> list[Select[Any]] | None:
        """Owners of the quantities that an include asks for, as statements that an index answers; None: there is no such form."""
        if include.selection.includes:
            return None
        child = self._around.source(Entity.PARAMETER, parent)
        alternatives = Quantities(child, self._test).ways(include.selection.where)
        if alternatives is None:
            return None
        owner = child.hidden[LINKS[parent, include.relation].bridges[0].child]
        return [select(owner).select_from(child.from_).where(child.visible, one) for one in alternatives]

    def _leads(self, parent: Source, child: Source, way: Link, satisfied: ColumnElement[bool]) -> ColumnElement[bool]:
        """The same, asked of one row."""
        ways: list[ColumnElement[bool]] = []
        for bridge in way.bridges:
            here, there = parent.hidden[bridge.parent], child.hidden[bridge.child]
            if bridge.via is None:
                inner = select(literal(1)).select_from(child.from_).where(there == here, satisfied)
                ways.append(inner.correlate(*_tables(parent.from_)).exists())
            else:
                pairs = bridge.via.alias()
                inner = select(literal(1)).select_from(child.from_.join(pairs, pairs.c[bridge.via_child] == there))
                ways.append(inner.where(pairs.c[bridge.via_parent] == here, satisfied).correlate(*_tables(parent.from_)).exists())
        return or_(*ways)

    def order(self, source: Source, selection: Selection) -> list[ColumnElement[Any]]:
        """A field that the viewer may not read sorts as if it were missing: last."""
        shape = SHAPES[source.entity]
        found: list[ColumnElement[Any]] = []
        for name, descending in selection.order:
            if name not in shape.fields or (name not in source.columns and name not in source.keys):
                continue
            kind, artefact = shape.fields[name]
            key = source.keys.get(name)
            column = key.of(source.hidden[key.hidden]) if key is not None else self.readable(source, name, artefact)
            column = code_points(column) if kind is Kind.TEXT else column
            found.append(column.desc().nulls_last() if descending else column.asc().nulls_last())
        return found

    def readable(self, source: Source, name: str, artefact: Artefact) -> ColumnElement[Any]:
        """The field, or nothing on rows whose part it belongs to the viewer may not read."""
        column = source.columns[name]
        conditions = [source.told[name]] if name in source.told else []
        if artefact is not Artefact.CORE_METADATA and source.terms_id is not None and not self._around.viewer.operator:
            conditions.append(self._around.may(artefact, source.terms_id))
        return case((and_(*conditions), column), else_=None) if conditions else column

    def any_word(self, source: Source, words: tuple[str, ...]) -> ColumnElement[bool]:
        return or_(false(), *(self.has_word(source, word) for word in words))

    def has_word(self, source: Source, word: str) -> ColumnElement[bool]:
        wanted = storable(fold(word))
        return or_(
            false(),
            *(and_(self._around.may(artefact, source.terms_id), contains(column, wanted)) for artefact, column in source.words),
        )

    def _around_may(self, source: Source, artefact: Artefact) -> ColumnElement[bool]:
        if artefact is Artefact.RAW and source.entity is Entity.DATASET:
            raw = source.hidden["kind"] == "raw"
            may = self._around.may
            return or_(and_(raw, may(Artefact.RAW, source.terms_id)), and_(not_(raw), may(Artefact.PROCESSED, source.terms_id)))
        return true() if artefact is Artefact.CORE_METADATA else self._around.may(artefact, source.terms_id)

    def _techniques(self, parent: Source, include: Include) -> ColumnElement[bool]:
        if parent.entity is not Entity.DATASET:
            return false()
        found = of_dataset(self._vocabulary, include.selection.where, parent.hidden["id"], walking=self._around.walking)
        for inner in include.selection.includes:
            if inner.required:  # back to datasets that share a tag
                other = self._around.source(Entity.DATASET)
                same = t.dataset_technique
                mine = self.select(other, inner.selection, other.hidden["id"])
                shared = select(same.c.technique_pid).where(same.c.dataset_id.in_(mine))
                found = and_(found, parent.hidden["id"].in_(select(same.c.dataset_id).where(same.c.technique_pid.in_(shared))))
        return found

    def _text(self, source: Source, condition: Text) -> ColumnElement[bool]:
        """Every word in some text field of the record."""
        names = SHAPES[source.entity].text
        words = [storable(fold(word)) for word in condition.words if fold(word)]
        if not words or not names:
            return false()
        columns = [self._folded(source, name) for name in names]
        return and_(*(or_(*(contains(column, word) for column in columns)) for word in words))

    def _folded(self, source: Source, name: str) -> ColumnElement[str]:
        artefact = SHAPES[source.entity].fields[name][1]
        if name in source.folded and (artefact is Artefact.CORE_METADATA or source.terms_id is None):
            return source.folded[name]
        return folded(self.readable(source, name, artefact))

    def _test(self, source: Source, test: Test) -> ColumnElement[bool]:
        fields = SHAPES[source.entity].fields
        if (key := source.keys.get(test.field)) is not None:
            said = self._letters(source, key.table.c[key.column], test)
            return source.hidden[key.hidden].in_(key.which(said))
        if test.field not in fields or test.field not in source.columns:
            return false()
        kind, artefact = fields[test.field]
        said = self._compare(source, test, kind)
        if test.field in source.told and not _above_zero(test):
            said = and_(said, source.told[test.field])
        if artefact is Artefact.CORE_METADATA or source.terms_id is None:
            return said
        return and_(self._around.may(artefact, source.terms_id), said)

    def _compare(self, source: Source, test: Test, kind: Kind) -> ColumnElement[bool]:
        column = source.columns[test.field]
        if kind is Kind.BOOLEAN:
            return _boolean(column, test)
        if kind is Kind.TEXTS:
            return self._one_of_texts(column, test)
        if kind is Kind.INSTANT:
            return _instant(column, test)
        if kind is Kind.NUMBER:
            return _number(column, test)
        return self._letters(source, column, test)

    def _letters(self, source: Source, column: Any, test: Test) -> ColumnElement[bool]:
        values = [storable(str(v)) for v in (test.value if isinstance(test.value, tuple) else (test.value,))]
        value, ordered = (values or [""])[0], code_points(column)
        match test.op:
            case GraphOp.EQ | GraphOp.NEQ | GraphOp.INQ | GraphOp.NIN:
                return _equal(column, values, value, test.op)
            case GraphOp.LIKE:
                return like(column, like_pattern(value, sqlite=self._sqlite))
            case GraphOp.NLIKE:
                return and_(column.is_not(None), not_(like(column, like_pattern(value, sqlite=self._sqlite))))
            case GraphOp.ILIKE:
                return like(self._lower(source, test.field, column), like_pattern(fold(value), sqlite=self._sqlite))
            case GraphOp.NILIKE:
                pattern = like_pattern(fold(value), sqlite=self._sqlite)
                return and_(column.is_not(None), not_(like(self._lower(source, test.field, column), pattern)))
            case GraphOp.REGEXP:
                pattern = regular(value)
                return matching(column, pattern if self._sqlite else for_postgresql(pattern))
            case GraphOp.BETWEEN:
                return and_(ordered >= values[0], ordered <= values[1])
        return {
            GraphOp.GT: ordered > value,
            GraphOp.GTE: ordered >= value,
            GraphOp.LT: ordered < value,
            GraphOp.LTE: ordered <= value,
        }[test.op]

    def _lower(self, source: Source, name: str, column: Any) -> Any:
        return source.folded[name] if name in source.folded else folded(column)

    def _one_of_texts(self, column: Any, test: Test) -> ColumnElement[bool]:
        """A list of texts, kept as JSON: has one that is equal, or that contains the pattern."""
        values = [storable(str(v)) for v in (test.value if isinstance(test.value, tuple) else (test.value,))]
        within = or_(false(), *(contains(column, json.dumps(v, ensure_ascii=False)) for v in values))
        match test.op:
            case GraphOp.EQ | GraphOp.INQ:
                return within
            case GraphOp.NEQ | GraphOp.NIN:
                return and_(column != "[]", not_(within))
            case GraphOp.LIKE | GraphOp.NLIKE:
                found = like(column, like_pattern(values[0], sqlite=self._sqlite))
                return found if test.op is GraphOp.LIKE else and_(column != "[]", not_(found))
            case GraphOp.ILIKE | GraphOp.NILIKE:
                found = like(folded(column), like_pattern(fold(values[0]), sqlite=self._sqlite))
                return found if test.op is GraphOp.ILIKE else and_(column != "[]", not_(found))
        return false()


def _above_zero(test: Test) -> bool:
    """Whether a number that satisfies it was told: a size that its source did not say is kept as 0."""
    if test.op in (GraphOp.LT, GraphOp.LTE, GraphOp.NEQ, GraphOp.NIN):
        return False
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    least = values[0] if test.op is GraphOp.BETWEEN else min(values, default=1)
    return least > 0 or (test.op is GraphOp.GT and least == 0)


def _tables(from_: FromClause) -> list[FromClause]:
    """Of a join, each: a statement is correlated with tables, not with their join."""
    return [*_tables(from_.left), *_tables(from_.right)] if isinstance(from_, Join) else [from_]


def _boolean(column: Any, test: Test) -> ColumnElement[bool]:
    if test.op in (GraphOp.EQ, GraphOp.INQ):
        values = test.value if isinstance(test.value, tuple) else (test.value,)
        return or_(false(), *(column if value else not_(column) for value in values))
    if test.op in (GraphOp.NEQ, GraphOp.NIN):
        values = test.value if isinstance(test.value, tuple) else (test.value,)
        return and_(true(), *(not_(column) if value else column for value in values))
    return false()


def _instant(column: Any, test: Test) -> ColumnElement[bool]:
    """Instants are compared as they are shown, in whole milliseconds: what an answer says finds what it was said of."""
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    firsts = [value - value % 1000 for value in values if isinstance(value, int)]
    if len(firsts) != len(values):
        raise Invalid(f"{test.op.value} is for text, {test.field} is a date.")
    during = or_(false(), *(column.between(first, first + 999) for first in firsts))
    match test.op:
        case GraphOp.EQ | GraphOp.INQ:
            return during
        case GraphOp.NEQ | GraphOp.NIN:
            return and_(column.is_not(None), not_(during))
        case GraphOp.LT:
            return column < firsts[0]  # type: ignore[no-any-return]
        case GraphOp.GTE:
            return column >= firsts[0]  # type: ignore[no-any-return]
        case GraphOp.LTE:
            return column <= firsts[0] + 999  # type: ignore[no-any-return]
        case GraphOp.GT:
            return column > firsts[0] + 999  # type: ignore[no-any-return]
        case GraphOp.BETWEEN:
            return column.between(firsts[0], firsts[1] + 999)  # type: ignore[no-any-return]
    return false()


def _equal(column: Any, values: list[Any], value: Any, op: GraphOp) -> ColumnElement[bool]:
    """`value`: the first of `values`. A record that says nothing is not among the others."""
    match op:
        case GraphOp.EQ:
            return column == value  # type: ignore[no-any-return]
        case GraphOp.NEQ:
            return column != value  # type: ignore[no-any-return]
        case GraphOp.INQ:
            return column.in_(values)  # type: ignore[no-any-return]
        case _:
            return and_(column.is_not(None), column.not_in(values))


def _number(column: Any, test: Test) -> ColumnElement[bool]:
    values = [_held(v) for v in (test.value if isinstance(test.value, tuple) else (test.value,))]
    if not values or any(isinstance(v, float) and math.isnan(v) for v in values):
        return false()
    value = values[0]
    match test.op:
        case GraphOp.EQ | GraphOp.NEQ | GraphOp.INQ | GraphOp.NIN:
            return _equal(column, values, value, test.op)
        case GraphOp.GT:
            return column > value  # type: ignore[no-any-return]
        case GraphOp.GTE:
            return column >= value  # type: ignore[no-any-return]
        case GraphOp.LT:
            return column < value  # type: ignore[no-any-return]
        case GraphOp.LTE:
            return column <= value  # type: ignore[no-any-return]
        case GraphOp.BETWEEN:
            return and_(column >= value, column <= values[1])
    raise Invalid(f"{test.op.value} is for text, {test.field} is a number.")


def _held(value: float | int) -> float | int:
    return min(max(value, -_LARGEST), _LARGEST) if isinstance(value, int) else value

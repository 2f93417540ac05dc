"""Conditions on techniques, asked of datasets as a whole: a term includes all narrower ones, and "not this" means that no tag is.

Terms are PaNET's, and those that other catalogues brought (table `technique`), which may say which PaNET term they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, literal, or_, select, true

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.graph.quantities import NEUTRONS
from panmesh.adapters.sql.patterns import fits_expression
from panmesh.catalogue.graph import NEGATIVE, All, AnyOf, GraphCondition, GraphOp, Test, Text
from panmesh.catalogue.graph_match import matches
from panmesh.kernel import techniques
from panmesh.kernel.text import fold


@dataclass(frozen=True, slots=True)
class Term:
    pid: str
    name: str
    panet_pid: str | None
    names: tuple[str, ...]

    @property
    def values(self) -> dict[str, Any]:
        return {"pid": self.pid, "name": self.name, "panet_id": self.panet_pid}


class OwnTerms:
    """Those that other catalogues brought: read when they are needed, kept until something is committed."""

    def __init__(self) -> None:
        self._kept: tuple[str, dict[str, Term]] | None = None

    def of(self, connection: Connection, stamp: str) -> dict[str, Term]:
        """`stamp`: of the database, from before the transaction began."""
        kept = self._kept
        if kept is None or kept[0] != stamp:
            found = connection.execute(select(t.technique))
            kept = self._kept = stamp, {row.pid: Term(row.pid, row.name, row.panet_pid, (row.name,)) for row in found}
        return kept[1]


class Vocabulary:
    """All terms, and which of them a condition means."""

    def __init__(self, connection: Connection, own: OwnTerms, stamp: str) -> None:
        self._connection = connection
        self._own, self._stamp = own, stamp

    @cached_property
    def own(self) -> dict[str, Term]:
        return self._own.of(self._connection, self._stamp)

    def term(self, pid: str) -> Term:
        if pid in self.own:
            return self.own[pid]
        one = techniques.table().get(pid)
        return Term(pid, one.name, pid, techniques.names(one)) if one else Term(pid, pid, None, (pid,))

    def meant(self, test: Test) -> frozenset[str]:
        """Pids of the terms that a test names (in its positive form), with all that are narrower."""
        positive = Test(test.field, NEGATIVE.get(test.op, test.op), test.value)
        found = self._named(positive)
        closed = {narrower for pid in found for narrower in techniques.descendants(self.term(pid).panet_pid or pid)}
        closed |= found
        return frozenset(closed | {one.pid for one in self.own.values() if one.panet_pid in closed})

    def neutrons(self) -> frozenset[str]:
        """Pids of the terms that are done with neutrons."""
        return self.meant(Test("pid", GraphOp.EQ, NEUTRONS))

    def _named(self, test: Test) -> set[str]:
        if test.op in (GraphOp.EQ, GraphOp.INQ):
            wanted = test.value if test.op is GraphOp.INQ else (test.value,)
            folded = {fold(str(value)) for value in wanted}
            found = {pid for value in wanted if (pid := techniques.find(str(value))) is not None}
            if test.field != "name":
                return {pid for pid in found if pid in wanted} | {
                    o.pid for o in self.own.values() if o.values.get(test.field) in wanted
                }
            return found | {one.pid for one in self.own.values() if fold(one.name) in folded}
        return {one.pid for one in self.everything() if any(_fits(test, value) for value in _values(one, test.field))}

    def text(self, words: tuple[str, ...]) -> frozenset[str]:
        folded = [fold(word) for word in words]
        found = (
            {o.pid for o in self.everything() if any(all(w in fold(name) for w in folded) for name in o.names)}
            if folded
            else set()
        )
        return frozenset(found)

    def everything(self) -> list[Term]:
        return [*(self.term(pid) for pid in techniques.table()), *self.own.values()]


def _values(term: Term, field: str) -> tuple[Any, ...]:
    return term.names if field == "name" else (term.values.get(field),)


def _fits(test: Test, value: Any) -> bool:
    return matches(test, {test.field: value}, (), fits_expression)


def of_dataset(
    vocabulary: Vocabulary, condition: GraphCondition | None, dataset_id: Any, *, walking: bool = False
) -> ColumnElement[bool]:
    """True of datasets that satisfy it as a whole; a dataset without any technique satisfies nothing. `walking`: asked of one row."""
    tags = t.dataset_technique
    if isinstance(condition, All) and condition.parts:
        return and_(true(), *(of_dataset(vocabulary, part, dataset_id, walking=walking) for part in condition.parts))
    if isinstance(condition, AnyOf):
        return or_(false(), *(of_dataset(vocabulary, part, dataset_id, walking=walking) for part in condition.parts))
    some = dataset_id.in_(select(tags.c.dataset_id))
    if condition is None or isinstance(condition, All):
        return some  # type: ignore[no-any-return]
    negative = isinstance(condition, Test) and condition.op in NEGATIVE
    meant = vocabulary.text(condition.words) if isinstance(condition, Text) else vocabulary.meant(condition)
    tagged = dataset_id.in_(select(tags.c.dataset_id).where(tags.c.technique_pid.in_(sorted(meant))))
    if walking and not negative:
        one = tags.alias()
        return select(literal(1)).where(one.c.dataset_id == dataset_id, one.c.technique_pid.in_(sorted(meant))).exists()
    return and_(some, ~tagged) if negative else tagged


def kept(vocabulary: Vocabulary, condition: GraphCondition | None) -> frozenset[str] | None:
    """Which tags of a dataset that satisfies the condition are shown: those that it names; None: all."""
    if condition is None:
        return None
    if isinstance(condition, All | AnyOf):
        named = [one for part in condition.parts if (one := kept(vocabulary, part)) is not None]
        return frozenset().union(*named) if named else None
    if isinstance(condition, Text):
        return vocabulary.text(condition.words)
    return None if condition.op in NEGATIVE else vocabulary.meant(condition)

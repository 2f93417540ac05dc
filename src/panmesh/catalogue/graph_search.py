"""The door to the catalogue as a graph of records: checks what is asked, asks the store with the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.graph import SHAPES, All, AnyOf, Entity, GraphCondition, Kind, Node, Selection, Test, Text, walk
from panmesh.catalogue.ports import GraphReads
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden, Invalid, NotFound

MAX_DEPTH = 8  # of includes within includes
MAX_NESTING = 30  # of conditions within conditions
MAX_TESTS = 300
TERMS = 10  # conditions that one on techniques counts for
MAX_CHOICES = 10_000
AT_ONCE = 500  # records of a long answer that are held at the same time


class GraphService:
    def __init__(self, reads: GraphReads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock

    def page(self, viewer: Viewer, entity: Entity, selection: Selection) -> list[Node]:
        _check(viewer, entity, selection)
        return self._reads.select(viewer, entity, selection, self._clock())

    def all(self, viewer: Viewer, entity: Entity, selection: Selection) -> Iterator[list[Node]]:
        """Everything, in pieces: by key, so that memory stays flat; in another order, which is found once, with 16 bytes a record."""
        _check(viewer, entity, selection)
        if selection.order or selection.words:
            for piece in self._reads.places(viewer, entity, selection, self._clock()).pieces(AT_ONCE):
                if there := self._reads.these(viewer, entity, piece, selection, self._clock()):
                    yield there
            return
        left = selection.limit
        while left is None or left > 0:
            wanted = AT_ONCE if left is None else min(AT_ONCE, left)
            found = self._reads.select(viewer, entity, replace(selection, limit=wanted), self._clock())
            if found:
                yield found
            if len(found) < wanted:
                return
            left = None if left is None else left - len(found)
            selection = replace(selection, after=str(found[-1].values[SHAPES[entity].key]), skip=0)

    def count(self, viewer: Viewer, entity: Entity, selection: Selection) -> int:
        _check(viewer, entity, selection)
        return self._reads.count(viewer, entity, selection, self._clock())

    def one(self, viewer: Viewer, entity: Entity, pid: str, selection: Selection) -> Node:
        _check(viewer, entity, selection)
        found = self._reads.one(viewer, entity, pid, selection, self._clock())
        if found is None:
            raise NotFound()
        return found

    def files(self, viewer: Viewer, pid: str, selection: Selection) -> list[Node]:
        _check(viewer, Entity.FILE, selection)
        found = self._reads.files(viewer, pid, selection, self._clock())
        if found is None:
            raise NotFound()
        return found

    def horizon(self) -> int | None:
        """When an answer given now may change by the clock alone."""
        return self._reads.horizon(self._clock())

    def last_commit(self) -> object:
        """Another one after each change of the catalogue by this process."""
        return self._reads.last_commit()

    def techniques(self, where: GraphCondition | None = None) -> list[Node]:
        """All terms: public."""
        return self._reads.techniques(where)


def _check(viewer: Viewer, entity: Entity, selection: Selection) -> None:
    if Scope.READ not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'read'.")
    if _tests(entity, selection, 0) > MAX_TESTS:
        raise Invalid(f"A question has at most {MAX_TESTS} conditions; ask in several questions.")
    if _choices(selection) > MAX_CHOICES:
        raise Invalid(f"The choices of a question have at most {MAX_CHOICES} values together; ask in several questions.")


def _tests(entity: Entity, selection: Selection, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise Invalid(f"Includes are nested at most {MAX_DEPTH} deep.")
    number = _size(entity, selection.where, 0) + len(selection.words)
    for include in selection.includes:
        relations = SHAPES[entity].relations
        if include.relation not in relations:
            raise Invalid(f"{entity.value} has no relation {include.relation!r}; it has {', '.join(sorted(relations))}.")
        number += 1 + _tests(relations[include.relation][0], include.selection, depth + 1)
    return number


def _choices(selection: Selection) -> int:
    here = sum(len(test.value) for test in walk(selection.where) if isinstance(test.value, tuple))
    return here + sum(_choices(include.selection) for include in selection.includes)


def _size(entity: Entity, condition: GraphCondition | None, depth: int) -> int:
    if depth > MAX_NESTING:
        raise Invalid(f"Conditions are nested at most {MAX_NESTING} deep.")
    if isinstance(condition, All | AnyOf):
        return 1 + sum(_size(entity, part, depth + 1) for part in condition.parts)
    if entity is Entity.TECHNIQUE and condition is not None:
        return TERMS  # each is compared with all terms, and names many
    if isinstance(condition, Text):
        return len(condition.words)
    if isinstance(condition, Test) and isinstance(condition.value, tuple):
        kind = SHAPES[entity].fields.get(condition.field, (Kind.TEXT,))[0]
        plain = kind in (Kind.TEXT, Kind.NUMBER) and entity is not Entity.PARAMETER
        return 1 if plain else len(condition.value)  # others are compared one by one
    return 0 if condition is None else 1

"""The catalogue as records that refer to one another, and a question to it as a value: what federations and outside portals ask.

A `Selection` picks records of one entity; each `Include` follows a relation and may require that something is found there.
`Test` leaves compare one field; a missing value satisfies nothing, and neither does one that the viewer may not read (law 1).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from panmesh.access.artefact import Artefact


class Entity(StrEnum):
    DATASET = "dataset"
    DOCUMENT = "document"
    INSTRUMENT = "instrument"
    FILE = "file"
    PARAMETER = "parameter"
    SAMPLE = "sample"
    TECHNIQUE = "technique"
    MEMBER = "member"
    PERSON = "person"
    AFFILIATION = "affiliation"


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"  # UTC microseconds
    TEXTS = "texts"
    ANY = "any"  # number or text: the value of a parameter


@dataclass(frozen=True, slots=True)
class Shape:
    """Fields with their kind and the artefact that each belongs to; relations with their target and whether they lead to many.

    A field "<relation>_id" is the key of the one record that the relation leads to, and as hidden as the relation.
    """

    fields: Mapping[str, tuple[Kind, Artefact]]
    relations: Mapping[str, tuple[Entity, bool]]
    key: str
    text: tuple[str, ...]  # the fields that free text looks into


_CORE, _FULL, _RAW = Artefact.CORE_METADATA, Artefact.FULL_METADATA, Artefact.RAW
_T, _N = Kind.TEXT, Kind.NUMBER


def _all(artefact: Artefact, **kinds: Kind) -> dict[str, tuple[Kind, Artefact]]:
    return {name: (kind, artefact) for name, kind in kinds.items()}


SHAPES: Mapping[Entity, Shape] = {
    Entity.DATASET: Shape(
        _all(_CORE, pid=_T, title=_T, is_public=Kind.BOOLEAN, creation_date=Kind.INSTANT, instrument_id=_T)
        | _all(_FULL, size=_N),
        {
            "documents": (Entity.DOCUMENT, True),
            "document": (Entity.DOCUMENT, False),
            "techniques": (Entity.TECHNIQUE, True),
            "instrument": (Entity.INSTRUMENT, False),
            "files": (Entity.FILE, True),
            "parameters": (Entity.PARAMETER, True),
            "samples": (Entity.SAMPLE, True),
        },
        "pid",
        ("title",),
    ),
    Entity.DOCUMENT: Shape(
        _all(_CORE, pid=_T, is_public=Kind.BOOLEAN, type=_T, title=_T, summary=_T, doi=_T, license=_T, keywords=Kind.TEXTS)
        | _all(_CORE, start_date=Kind.INSTANT, end_date=Kind.INSTANT, release_date=Kind.INSTANT),
        {
            "datasets": (Entity.DATASET, True),
            "members": (Entity.MEMBER, True),
            "parameters": (Entity.PARAMETER, True),
        },
        "pid",
        ("title", "summary"),
    ),
    Entity.INSTRUMENT: Shape(
        _all(_CORE, pid=_T, name=_T, facility=_T), {"datasets": (Entity.DATASET, True)}, "pid", ("name", "facility")
    ),
    Entity.FILE: Shape(
        _all(_RAW, id=_T, name=_T, path=_T, size=_N, dataset_id=_T), {"dataset": (Entity.DATASET, False)}, "id", ("name",)
    ),
    Entity.PARAMETER: Shape(
        _all(_FULL, id=_T, name=_T, value=Kind.ANY, unit=_T, dataset_id=_T, document_id=_T),
        {"dataset": (Entity.DATASET, False), "document": (Entity.DOCUMENT, False)},
        "id",
        (),
    ),
    Entity.SAMPLE: Shape(
        _all(_FULL, pid=_T, name=_T, description=_T), {"datasets": (Entity.DATASET, True)}, "pid", ("name", "description")
    ),
    Entity.TECHNIQUE: Shape(_all(_CORE, pid=_T, name=_T, panet_id=_T), {"datasets": (Entity.DATASET, True)}, "pid", ("name",)),
    Entity.MEMBER: Shape(
        _all(_CORE, id=_T, role=_T, document_id=_T, person_id=_T, affiliation_id=_T),
        {
            "document": (Entity.DOCUMENT, False),
            "person": (Entity.PERSON, False),
            "affiliation": (Entity.AFFILIATION, False),
        },
        "id",
        (),
    ),
    Entity.PERSON: Shape(
        _all(_CORE, id=_T, full_name=_T, orcid=_T, researcher_id=_T, first_name=_T, last_name=_T),
        {"members": (Entity.MEMBER, True)},
        "id",
        ("full_name",),
    ),
    Entity.AFFILIATION: Shape(
        _all(_CORE, id=_T, name=_T, address=_T, city=_T, country=_T),
        {"members": (Entity.MEMBER, True)},
        "id",
        ("name",),
    ),
}


class GraphOp(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"  # both ends included
    INQ = "inq"
    NIN = "nin"
    LIKE = "like"  # a part of the text; % any letters, _ any letter
    NLIKE = "nlike"
    ILIKE = "ilike"
    NILIKE = "nilike"
    REGEXP = "regexp"


NEGATIVE: Mapping[GraphOp, GraphOp] = {
    GraphOp.NEQ: GraphOp.EQ,
    GraphOp.NIN: GraphOp.INQ,
    GraphOp.NLIKE: GraphOp.LIKE,
    GraphOp.NILIKE: GraphOp.ILIKE,
}


@dataclass(frozen=True, slots=True)
class Test:
    field: str
    op: GraphOp
    value: Any  # of the field's kind; a tuple for BETWEEN, INQ and NIN


@dataclass(frozen=True, slots=True)
class Text:
    """Every word occurs, case folded, in one of the entity's text fields."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[GraphCondition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[GraphCondition, ...]


GraphCondition = Test | Text | All | AnyOf
NOTHING = AnyOf(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`limit` None: all. `after`: the key of the last record of the page before (only in the order of keys)."""

    where: GraphCondition | None = None
    includes: tuple[Include, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # (field, descending); none: by key
    fields: frozenset[str] | None = None
    limit: int | None = None
    skip: int = 0
    after: str | None = None
    words: tuple[str, ...] = ()  # free words: what has any of them, the best first


@dataclass(frozen=True, slots=True)
class Include:
    relation: str
    selection: Selection = Selection()
    required: bool = False  # records that find nothing there are left out


@dataclass(slots=True)
class Node:
    """One record as the viewer may read it; `links` holds what was included: a list, or one node or None."""

    entity: Entity
    values: dict[str, Any]
    links: dict[str, list[Node] | Node | None]
    score: float | None = None


class Places:
    """Records in an order, by numbers that only the store knows, each with its score: 16 bytes a record."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.scores = array("d")

    def add(self, number: int, score: float) -> None:
        self.numbers.append(number)
        self.scores.append(score)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.numbers, self.scores, strict=True)

    def pieces(self, size: int) -> Iterator[Places]:
        for start in range(0, len(self.numbers), size):
            piece = Places()
            piece.numbers, piece.scores = self.numbers[start : start + size], self.scores[start : start + size]
            yield piece


def walk(condition: GraphCondition | None) -> list[Test]:
    """All tests of a condition."""
    if isinstance(condition, All | AnyOf):
        return [test for part in condition.parts for test in walk(part)]
    return [condition] if isinstance(condition, Test) else []

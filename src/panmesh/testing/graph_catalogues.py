"""Random questions to the catalogue as a graph (Hypothesis), what random catalogues need for them, and a catalogue redacted in place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, delete, update

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import AccessClass, Hold, Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.graph import SHAPES, All, AnyOf, Entity, GraphCondition, GraphOp, Include, Kind, Selection, Test, Text
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.kernel.text import fold
from panmesh.testing.catalogues import PEOPLE, SAMPLES, TECHNIQUES, TERMS, UNITS, WORDS, fill

FILES = ("a.nxs", "Beta.h5", "frame_1.cbf")
ROLES = ("owner", "principal investigator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document that is no visit's."""

    terms: Terms
    title: str
    summary: str | None
    keywords: tuple[str, ...]
    members: tuple[tuple[str, int], ...]  # role, person
    parameters: tuple[tuple[str, float, str | None], ...]
    datasets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    papers: tuple[Paper, ...] = ()
    files: dict[int, tuple[str, ...]] = field(default_factory=dict)
    samples: tuple[tuple[int, int], ...] = ()  # (dataset, another's sample)


@st.composite
def more(draw: st.DrawFn, records: list[Record]) -> More:
    numbers = st.sampled_from([record.id for record in records])
    papers = tuple(
        Paper(
            terms=replace(draw(TERMS), id=100 + n),
            title=draw(st.sampled_from(WORDS)),
            summary=draw(st.one_of(st.none(), st.sampled_from(WORDS))),
            keywords=tuple(draw(st.lists(st.sampled_from(WORDS), unique=True, max_size=2))),
            members=tuple(draw(st.lists(st.tuples(st.sampled_from(ROLES), st.integers(1, 2)), max_size=2))),
            parameters=tuple(
                (name, float(draw(st.integers(0, 300))), draw(st.sampled_from(UNITS[name])))
                for name in draw(st.lists(st.sampled_from(sorted(UNITS)), unique=True, max_size=2))
            ),
            datasets=tuple(draw(st.lists(numbers, unique=True, max_size=3))),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    files = {record.id: tuple(draw(st.lists(st.sampled_from(FILES), unique=True, max_size=2))) for record in records}
    owners = [record.id for record in records if record.sample is not None]
    pairs = st.lists(st.tuples(numbers, st.sampled_from(owners)), unique=True, max_size=3) if owners else st.just([])
    return More(papers=papers, files=files, samples=tuple(draw(pairs)))


# --- questions --------------------------------------------------------------------------------------------------------

_DATASETS = tuple(f"pm-{n:016d}" for n in (1, 2, 5))
_DOCUMENTS = ("v1", "v2", "paper1000")
_TEXTS: dict[tuple[Entity, str], tuple[str, ...]] = {
    (Entity.DATASET, "title"): WORDS,
    (Entity.DATASET, "pid"): _DATASETS,
    (Entity.DOCUMENT, "title"): WORDS,
    (Entity.DOCUMENT, "summary"): WORDS,
    (Entity.DOCUMENT, "type"): ("proposal", "publication"),
    (Entity.DOCUMENT, "keywords"): WORDS,
    (Entity.INSTRUMENT, "name"): ("i22", "in16b"),
    (Entity.SAMPLE, "name"): SAMPLES,
    (Entity.PERSON, "full_name"): PEOPLE,
    (Entity.MEMBER, "role"): ROLES,
    (Entity.FILE, "name"): FILES,
    (Entity.DATASET, "instrument_id"): ("i1", "i2", "i3"),
    (Entity.FILE, "dataset_id"): _DATASETS,
    (Entity.PARAMETER, "dataset_id"): _DATASETS,
    (Entity.PARAMETER, "document_id"): _DOCUMENTS,
    (Entity.MEMBER, "document_id"): _DOCUMENTS,
    (Entity.MEMBER, "person_id"): ("p1", "p2", "person-1"),
    (Entity.TECHNIQUE, "pid"): TECHNIQUES,
    (Entity.TECHNIQUE, "name"): ("x-ray powder diffraction", "scattering", "x-ray probe"),
}
_TEXT_OPS = tuple(op for op in GraphOp if op is not GraphOp.REGEXP)
_NUMBER_OPS = tuple(op for op in GraphOp if op.value in ("eq", "neq", "gt", "gte", "lt", "lte", "between", "inq", "nin"))


def _leaf(entity: Entity) -> st.SearchStrategy[GraphCondition]:
    if entity is Entity.PARAMETER:
        return _quantity()
    shape = SHAPES[entity]
    kinds: list[st.SearchStrategy[GraphCondition]] = []
    for name, (kind, artefact) in shape.fields.items():
        if kind in (Kind.TEXT, Kind.TEXTS) and (entity, name) in _TEXTS:
            values: st.SearchStrategy[Any] = st.sampled_from(_TEXTS[entity, name])
            values = values | values.map(lambda text: text[1:4]) | st.sampled_from(("%", "_", ""))
            kinds.append(_test(name, _TEXT_OPS, values))
            kinds.append(st.builds(Test, st.just(name), st.just(GraphOp.REGEXP), st.sampled_from(("^[a-m]", "/A$/i", "t.*a"))))
        elif kind in (Kind.NUMBER, Kind.INSTANT):
            small = _test(name, _NUMBER_OPS, st.integers(0, 3) | st.integers(0, 5000))
            kinds += [small] * (1 if artefact is Artefact.CORE_METADATA else 4)  # what may leak is asked for more often
        elif kind is Kind.BOOLEAN:
            kinds.append(_test(name, (GraphOp.EQ, GraphOp.NEQ), st.booleans()))
    if shape.text:
        kinds.append(
            st.builds(
                Text, st.lists(st.sampled_from((*WORDS, *SAMPLES, "i22", "an", "frame")), min_size=1, max_size=2).map(tuple)
            )
        )
    return st.one_of(kinds)


def _test(name: str, ops: tuple[GraphOp, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[GraphCondition]:
    return st.sampled_from(ops).flatmap(lambda op: _operand(op, values).map(lambda value: Test(name, op, value)))


def _operand(op: GraphOp, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if op is GraphOp.BETWEEN:
        return st.tuples(values, values)
    if op in (GraphOp.INQ, GraphOp.NIN):
        return st.lists(values, max_size=3).map(tuple)
    return values


@st.composite
def _quantity(draw: st.DrawFn) -> GraphCondition:
    name = draw(st.sampled_from(sorted(UNITS)))
    parts: list[GraphCondition] = [Test("name", draw(st.sampled_from((GraphOp.EQ, GraphOp.EQ, GraphOp.NEQ))), name)]
    if draw(st.booleans()):
        parts.append(draw(_test("value", _NUMBER_OPS, st.integers(-300, 20_000))))
    if not draw(st.integers(0, 3)):
        owner = draw(st.sampled_from(("dataset_id", "document_id")))
        parts.append(draw(_test(owner, _TEXT_OPS, st.sampled_from(_TEXTS[Entity.PARAMETER, owner]))))
    if draw(st.booleans()):
        parts.append(Test("unit", GraphOp.EQ, draw(st.sampled_from((*(u for u in UNITS[name] if u), "m", "angstrom")))))
    return All(tuple(parts))


@st.composite
def _conditions(draw: st.DrawFn, entity: Entity) -> GraphCondition:
    leaf = _leaf(entity)
    if draw(st.integers(0, 2)):
        return draw(leaf)
    parts = tuple(draw(st.lists(leaf, min_size=1, max_size=2)))
    forms: tuple[GraphCondition, ...] = (All(parts), AnyOf(parts), AnyOf((All(parts),)), All((AnyOf(parts),)))
    return draw(st.sampled_from(forms))


_WORDS = st.lists(st.sampled_from(("alpha", "beta", "ceo2", "i22", "delta")), unique=True, min_size=1, max_size=2).map(tuple)


@st.composite
def selections(draw: st.DrawFn, entity: Entity, depth: int = 2, *, root: bool = True) -> Selection:
    shape = SHAPES[entity]
    includes: list[Include] = []
    if depth:
        for relation in draw(st.lists(st.sampled_from(sorted(shape.relations)), max_size=2, unique=True)):
            inner = draw(selections(shape.relations[relation][0], depth - 1, root=False))
            required = inner.where is not None or any(one.required for one in inner.includes)
            includes.append(Include(relation, inner, required=required and draw(st.booleans())))
    sortable = [
        name for name, (kind, _) in shape.fields.items() if kind is not Kind.TEXTS and (entity, name) != (Entity.PARAMETER, "id")
    ]
    return Selection(
        where=draw(_conditions(entity)) if draw(st.integers(0, 3 if root else 1)) else None,
        includes=tuple(includes),
        order=tuple(draw(st.lists(st.tuples(st.sampled_from(sortable), st.booleans()), max_size=2))),
        limit=draw(st.none() | st.integers(1, 12)),
        skip=draw(st.just(0) | st.integers(0, 2)) if root else 0,
        words=draw(_WORDS) if root and not draw(st.integers(0, 3)) else (),
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def fill_graph(database: Database, records: list[Record], extra: More) -> None:
    """Replaces whatever the database has."""
    fill(database, records)
    with database.write() as c:
        for number, name in enumerate(PEOPLE[:2], 1):
            c.execute(t.person.insert(), {"id": number, "person_key": f"p{number}", "full_name": name})
        for record in records:
            if record.proposal is not None:
                keep_document(c, record.id)
            _files(c, record, extra.files.get(record.id, ()))
        for number, paper in enumerate(extra.papers, 1000):
            _paper(c, number, paper)
        for dataset, sample in extra.samples:
            c.execute(t.dataset_sample.insert(), {"dataset_id": dataset, "sample_id": sample})


def _files(c: Connection, record: Record, names: tuple[str, ...]) -> None:
    rows = [
        FileRow(name=name, size=len(name), modified_us=0, storage="runs", path=f"{record.id}/{name}") for name in sorted(names)
    ]
    ref = ManifestRef(file_count=len(rows), total_bytes=sum(row.size for row in rows), inline=pack(rows))
    c.execute(update(t.dataset_version).where(t.dataset_version.c.id == record.id).values(manifest=ref.to_bytes()))
    c.execute(update(t.dataset).where(t.dataset.c.id == record.id).values(file_count=len(rows)))
    keep_file_names(c, [(record.id, ref)])


def _paper(c: Connection, number: int, paper: Paper) -> None:
    terms = {name: getattr(paper.terms, name) for name in t.terms.c.keys()}
    c.execute(t.terms.insert(), terms | {"access": paper.terms.access.value, "hold": paper.terms.hold})
    values = {
        "id": number, "pid": f"paper{number}", "facility_id": 1, "terms_id": paper.terms.id, "origin": "native", "type": "publication",
        "title": paper.title, "title_folded": fold(paper.title), "summary": paper.summary, "summary_folded": fold(paper.summary or "") or None,
        "keywords_json": json.dumps(paper.keywords), "license": "CC-BY-4.0",
    }  # fmt: skip
    c.execute(t.document.insert(), values)
    for position, (role, person) in enumerate(paper.members):
        c.execute(t.member.insert(), {"document_id": number, "person_id": person, "role": role, "position": position})
    said = {"parameters": [{"name": name, "value": value, "unit": unit} for name, value, unit in paper.parameters]}
    for row in describe(said, Surroundings()).parameters:
        c.execute(t.document_parameter.insert(), {"document_id": number, **row})
    for dataset in paper.datasets:
        c.execute(t.document_dataset.insert(), {"document_id": number, "dataset_id": dataset})


# --- redaction --------------------------------------------------------------------------------------------------------


def redact_in_place(database: Database, viewer: Viewer, now_us: int) -> None:
    """Rows that this viewer may not know of are deleted, what they may not read of the others is emptied: by the pure policy alone."""
    with database.write() as c:
        terms = {row["id"]: _terms(row) for row in c.execute(t.terms.select()).mappings()}

        def may(row: Any, artefact: Artefact) -> bool:
            return may_read(viewer, terms[row.terms_id], artefact, now_us)

        for row in c.execute(t.dataset.select()).all():
            if not may(row, Artefact.CORE_METADATA):
                _forget_dataset(c, row.id)
                continue
            if not may(row, Artefact.FULL_METADATA):
                _forget_details(c, row.id)
            if not may(row, Artefact.RAW if row.kind == "raw" else Artefact.PROCESSED):
                _files_gone(c, row.id)
        for row in c.execute(t.document.select()).all():
            if not may(row, Artefact.FULL_METADATA):
                c.execute(delete(t.document_parameter).where(t.document_parameter.c.document_id == row.id))
            if not may(row, Artefact.CORE_METADATA):
                for table in (t.member, t.document_parameter, t.document_dataset):
                    c.execute(delete(table).where(table.c.document_id == row.id))
                c.execute(delete(t.document).where(t.document.c.id == row.id))


def _terms(row: Any) -> Terms:
    return Terms(**{**row, "access": AccessClass(row["access"]), "hold": Hold(row["hold"]) if row["hold"] else None})


def _forget_dataset(c: Connection, number: int) -> None:
    _forget_details(c, number)
    for table in (t.dataset_technique, t.dataset_person, t.document_dataset, t.file_names, t.dataset_version):
        c.execute(delete(table).where(table.c.dataset_id == number))
    c.execute(delete(t.dataset).where(t.dataset.c.id == number))


def _forget_details(c: Connection, number: int) -> None:
    """A size that no source told is one that nobody knows."""
    unknown = {"sample_id": None, "full_text": "", "total_bytes": 0, "origin": "migrated"}
    c.execute(update(t.dataset).where(t.dataset.c.id == number).values(**unknown))
    for table in (t.parameter, t.dataset_sample):
        c.execute(delete(table).where(table.c.dataset_id == number))


def _files_gone(c: Connection, number: int) -> None:
    empty = ManifestRef(file_count=0, total_bytes=0, inline=pack([])).to_bytes()
    c.execute(update(t.dataset_version).where(t.dataset_version.c.dataset_id == number).values(manifest=empty))
    c.execute(update(t.dataset).where(t.dataset.c.id == number).values(file_count=0))
    c.execute(delete(t.file_names).where(t.file_names.c.dataset_id == number))

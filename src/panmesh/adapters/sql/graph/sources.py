"""Each entity as rows: its fields as columns, what links it to others, and which of its rows one viewer may know of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, case, cast, func, literal, null, or_, select, true, union_all

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.permission import readable, state_label
from panmesh.catalogue.graph import Entity
from panmesh.catalogue.model import Origin

Column = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Source:
    """`columns`: the fields. `hidden`: what links and loaders need besides. `folded`: fields that are stored case folded too."""

    entity: Entity
    from_: FromClause
    columns: Mapping[str, Column]
    hidden: Mapping[str, Column]
    visible: ColumnElement[bool]
    terms_id: Column | None
    folded: Mapping[str, Column]
    words: tuple[tuple[Artefact, Column], ...] = ()  # texts that free words look into, the widest last
    told: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)  # of fields that are not known of every row: whether


class Columns(Mapping[str, Column]):
    """Fields as columns; those that take work to say are said when they are asked for."""

    def __init__(self, ready: Mapping[str, Column], later: Mapping[str, Callable[[], Column]] | None = None) -> None:
        self._ready = dict(ready)
        self._later = later or {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._ready and name in self._later:
            self._ready[name] = self._later[name]()
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._ready), **dict.fromkeys(self._later)})

    def __len__(self) -> int:
        return len(set(self._ready) | set(self._later))

    def __contains__(self, name: object) -> bool:
        return name in self._ready or name in self._later


class Around:
    """One viewer at one instant, while one statement is made.

    `walking`: conditions are said so that rows can be looked through one after another until a page is full, instead of
    so that all rows that satisfy them are found at once.
    """

    def __init__(self, viewer: Viewer, now_us: int, *, walking: bool = False) -> None:
        self.viewer = viewer
        self.now_us = now_us
        self.walking = walking
        self.scanning = False  # every row is looked through anyhow: by the index that holds the text, not by that of the terms
        self._used: dict[str, int] = {}
        self._readable: dict[Artefact, ColumnElement[bool]] = {}

    def begin(self, *, scanning: bool = False) -> None:
        """Another statement: the names of tables may be used again."""
        self._used.clear()
        self.scanning = scanning

    def may(self, artefact: Artefact, terms_id: Column | None) -> ColumnElement[bool]:
        if terms_id is None:
            return true()
        if artefact not in self._readable:
            self._readable[artefact] = readable(self.viewer, artefact, self.now_us)
        holds = self._readable[artefact]
        if self.walking:
            row = select(literal(1)).select_from(t.terms).where(t.terms.c.id == terms_id, holds)
            return row.correlate_except(t.terms).exists()
        here = terms_id + 0 if self.scanning else terms_id
        return here.in_(select(t.terms.c.id).where(holds))

    def is_public(self, terms_id: Column) -> ColumnElement[bool]:
        return terms_id.in_(select(t.terms.c.id).where(state_label(self.now_us) == State.OPEN.value))

    def _alias(self, table: Any) -> Any:
        """Names are made once for all statements: to make one takes longer than many a statement."""
        number = self._used.get(table.name, 0)
        self._used[table.name] = number + 1
        return _alias(table, number)

    def source(self, entity: Entity, parent: Entity | None = None) -> Source:
        """Parameters are those of datasets or of documents, as the parent says."""
        if entity is Entity.PARAMETER:
            return self._parameter(t.document_parameter if parent is Entity.DOCUMENT else t.parameter, parent)
        made: Source = _MAKERS[entity](self)
        return made

    def dataset(self) -> Source:
        d = self._alias(t.dataset)
        return Source(
            Entity.DATASET,
            d,
            Columns(
                {
                    "pid": d.c.pid,
                    "title": func.coalesce(d.c.title, d.c.pid),
                    "creation_date": func.coalesce(d.c.start_us, d.c.created_us),
                    "size": d.c.total_bytes,
                },
                {"is_public": lambda: self.is_public(d.c.terms_id)},
            ),
            {
                name: d.c[name]
                for name in ("id", "investigation_id", "instrument_id", "sample_id", "terms_id", "kind", "version_id", "origin")
            },
            self.may(Artefact.CORE_METADATA, d.c.terms_id),
            d.c.terms_id,
            {"title": d.c.title_folded},
            ((Artefact.CORE_METADATA, d.c.core_text), (Artefact.FULL_METADATA, d.c.full_text)),
            {"size": or_(d.c.total_bytes > 0, d.c.origin == Origin.NATIVE.value)},
        )

    def document(self) -> Source:
        d = self._alias(t.document)
        plain = ("pid", "type", "title", "summary", "doi")
        dates = {"keywords": d.c.keywords_json, "start_date": d.c.starts_us, "end_date": d.c.ends_us}
        text = func.coalesce(d.c.title_folded, "") + " " + func.coalesce(d.c.summary_folded, "")
        opens = select(_TERMS.c.opens_us).where(_TERMS.c.id == d.c.terms_id).scalar_subquery()
        return Source(
            Entity.DOCUMENT,
            d,
            Columns(
                {**{name: d.c[name] for name in plain}, **dates, "release_date": func.coalesce(d.c.release_us, opens)},
                {
                    "is_public": lambda: self.is_public(d.c.terms_id),
                    "license": lambda: case((self.is_public(d.c.terms_id), d.c.license), else_=None),  # none before it is open
                },
            ),
            {name: d.c[name] for name in ("id", "investigation_id", "terms_id", "license")},
            self.may(Artefact.CORE_METADATA, d.c.terms_id),
            d.c.terms_id,
            {"title": d.c.title_folded, "summary": d.c.summary_folded},
            ((Artefact.CORE_METADATA, text),),
        )

    def instrument(self) -> Source:
        i, f = self._alias(t.instrument), self._alias(t.facility)
        return Source(
            Entity.INSTRUMENT,
            i.join(f, f.c.id == i.c.facility_id),
            {"pid": i.c.pid, "name": i.c.name, "facility": f.c.name},
            {"id": i.c.id},
            true(),
            None,
            {},
            ((Artefact.CORE_METADATA, func.lower(i.c.name + " " + f.c.name + " " + func.coalesce(i.c.description, ""))),),
        )

    def sample(self) -> Source:
        s = self._alias(t.sample)
        columns = {"pid": s.c.pid, "name": s.c.name, "description": s.c.description}
        return Source(Entity.SAMPLE, s, columns, {"id": s.c.id}, true(), None, {"name": s.c.name_folded})

    def member(self) -> Source:
        m = self._members.alias()
        known = select(t.document.c.id).where(self.may(Artefact.CORE_METADATA, t.document.c.terms_id))
        hidden = {name: m.c[name] for name in ("id", "document_id", "person_key", "affiliation_id")}
        return Source(Entity.MEMBER, m, {"id": m.c.id, "role": m.c.role}, hidden, m.c.document_id.in_(known), None, {})

    def person(self) -> Source:
        p = self._alias(_PEOPLE)
        fields = ("id", "full_name", "orcid", "researcher_id", "first_name", "last_name")
        return Source(Entity.PERSON, p, {f: p.c[f] for f in fields}, {"key": p.c.key}, true(), None, {})

    def affiliation(self) -> Source:
        a = self._alias(t.affiliation)
        columns: dict[str, Column] = {f: a.c[f] for f in ("name", "address", "city", "country")}
        return Source(Entity.AFFILIATION, a, {"id": a.c.affiliation_key} | columns, {"id": a.c.id}, true(), None, {})

    def _parameter(self, table: Any, parent: Entity | None) -> Source:
        p = self._alias(table)
        owner = "document_id" if table is t.document_parameter else "dataset_id"
        owners = t.document if table is t.document_parameter else t.dataset
        visible: ColumnElement[bool] = true()
        if parent not in (Entity.DATASET, Entity.DOCUMENT):  # reached from its owner, the owner's predicate holds already
            visible = p.c[owner].in_(select(owners.c.id).where(self.may(Artefact.FULL_METADATA, owners.c.terms_id)))
        hidden = ("id", owner, "value", "minimum", "maximum", "text", "dimension", "low", "high")
        return Source(
            Entity.PARAMETER,
            p,
            {"id": cast(p.c.id, Text), "name": p.c.name, "unit": p.c.unit, "value": p.c.value},
            {name: p.c[name] for name in hidden},
            visible,
            None,
            {},
        )

    @cached_property
    def _members(self) -> Any:
        m, d, tm, a = t.member, t.document, t.team_member, t.account
        brought = select(
            ("m" + cast(m.c.id, Text)).label("id"),
            m.c.document_id,
            m.c.role,
            ("p" + cast(m.c.person_id, Text)).label("person_key"),
            m.c.affiliation_id,
        )
        role = case((tm.c.role == TeamRole.PI.value, "principal investigator"), else_="member")
        teams = (
            select(
                (literal("t") + cast(d.c.id, Text) + "-" + cast(a.c.id, Text)).label("id"),
                d.c.id.label("document_id"),
                role.label("role"),
                ("a" + cast(a.c.id, Text)).label("person_key"),
                null().label("affiliation_id"),
            )
            .join(t.terms, t.terms.c.id == d.c.terms_id)
            .join(tm, tm.c.team_id == t.terms.c.team_id)
            .join(a, a.c.id == tm.c.account_id)
            .where(
                d.c.investigation_id.is_not(None),
                tm.c.role.in_([TeamRole.PI.value, TeamRole.MEMBER.value]),
                or_(tm.c.expires_us.is_(None), tm.c.expires_us > self.now_us),
            )
        )
        return union_all(brought, teams).subquery()


_TERMS = t.terms.alias("own_terms")


@cache
def _alias(table: Any, number: int) -> Any:
    return table.alias(f"{table.name}_{number}")


_PEOPLE = union_all(
    select(
        ("p" + cast(t.person.c.id, Text)).label("key"),
        t.person.c.person_key.label("id"),
        t.person.c.full_name,
        t.person.c.orcid,
        t.person.c.researcher_id,
        t.person.c.first_name,
        t.person.c.last_name,
    ),
    select(
        ("a" + cast(t.account.c.id, Text)).label("key"),
        ("person-" + cast(t.account.c.id, Text)).label("id"),  # a login is nobody's business
        t.account.c.name.label("full_name"),
        t.account.c.orcid,
        null().label("researcher_id"),
        null().label("first_name"),
        null().label("last_name"),
    ),
).subquery("people")

_MAKERS: Mapping[Entity, Any] = {
    Entity.DATASET: Around.dataset,
    Entity.DOCUMENT: Around.document,
    Entity.INSTRUMENT: Around.instrument,
    Entity.SAMPLE: Around.sample,
    Entity.MEMBER: Around.member,
    Entity.PERSON: Around.person,
    Entity.AFFILIATION: Around.affiliation,
}


@dataclass(frozen=True, slots=True)
class Bridge:
    """From `parent` (a hidden column there) to `child` (a hidden column here), directly or through a table of pairs."""

    parent: str
    child: str
    via: Any = None
    via_parent: str = ""
    via_child: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """`parent_artefact`: what the viewer must be able to read of the parent; `child_artefact`: of the child."""

    bridges: tuple[Bridge, ...]
    parent_artefact: Artefact = Artefact.CORE_METADATA
    child_artefact: Artefact = Artefact.CORE_METADATA


_PAIRS = t.document_dataset
_SAMPLES = t.dataset_sample
_FULL = Artefact.FULL_METADATA
_TO_DOCUMENTS = Link(
    (
        Bridge("investigation_id", "investigation_id"),
        Bridge("id", "id", _PAIRS, "dataset_id", "document_id"),
    )
)

LINKS: Mapping[tuple[Entity, str], Link] = {
    (Entity.DATASET, "documents"): _TO_DOCUMENTS,
    (Entity.DATASET, "document"): _TO_DOCUMENTS,
    (Entity.DATASET, "instrument"): Link((Bridge("instrument_id", "id"),)),
    (Entity.DATASET, "parameters"): Link((Bridge("id", "dataset_id"),), _FULL),
    (Entity.DATASET, "samples"): Link(
        (Bridge("sample_id", "id"), Bridge("id", "id", _SAMPLES, "dataset_id", "sample_id")), _FULL
    ),
    (Entity.DOCUMENT, "datasets"): Link(
        (
            Bridge("investigation_id", "investigation_id"),
            Bridge("id", "id", _PAIRS, "document_id", "dataset_id"),
        )
    ),
    (Entity.DOCUMENT, "members"): Link((Bridge("id", "document_id"),)),
    (Entity.DOCUMENT, "parameters"): Link((Bridge("id", "document_id"),), _FULL),
    (Entity.INSTRUMENT, "datasets"): Link((Bridge("id", "instrument_id"),)),
    (Entity.MEMBER, "document"): Link((Bridge("document_id", "id"),)),
    (Entity.MEMBER, "person"): Link((Bridge("person_key", "key"),)),
    (Entity.MEMBER, "affiliation"): Link((Bridge("affiliation_id", "id"),)),
    (Entity.PERSON, "members"): Link((Bridge("key", "person_key"),)),
    (Entity.AFFILIATION, "members"): Link((Bridge("id", "affiliation_id"),)),
    (Entity.SAMPLE, "datasets"): Link(
        (Bridge("id", "sample_id"), Bridge("id", "id", _SAMPLES, "sample_id", "dataset_id")), child_artefact=_FULL
    ),
    (Entity.PARAMETER, "dataset"): Link((Bridge("dataset_id", "id"),), child_artefact=_FULL),
    (Entity.PARAMETER, "document"): Link((Bridge("document_id", "id"),), child_artefact=_FULL),
}

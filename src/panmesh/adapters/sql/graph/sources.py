"""Each entity as rows: its fields as columns, what links it to others, and which of its rows one viewer may know of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from panmesh.access.artefact import Artefact
from panmesh.access.names import NAME_WITHHELD
from panmesh.access.terms import State
from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.instant import NOW
from panmesh.adapters.sql.named_people import former, former_withheld, members
from panmesh.adapters.sql.people_tables import former_member
from panmesh.adapters.sql.permission import names_seen, readable_now, state_label
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
    keys: Mapping[str, Key] = field(default_factory=dict)  # fields that are keys of other records


@dataclass(frozen=True, slots=True)
class Key:
    """The key of the record in `table` whose `own` column is what this row has as `hidden`; never joined, so that it costs only who asks."""

    hidden: str
    table: Any
    column: str
    own: str = "id"

    @property
    def all(self) -> Any:
        """(what rows have, key) of every record."""
        return select(self.table.c[self.own], self.table.c[self.column])

    def which(self, said: ColumnElement[bool]) -> Any:
        """What rows have whose key satisfies a condition."""
        return select(self.table.c[self.own]).where(said).correlate(None)

    def of(self, row: Column) -> Column:
        found = select(self.table.c[self.column]).where(self.table.c[self.own] == row)
        return found.correlate_except(self.table).scalar_subquery()


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
    """One viewer, while one statement is made; it is asked `at` an instant.

    `walking`: conditions are said so that rows can be looked through one after another until a page is full, instead of
    so that all rows that satisfy them are found at once.
    """

    def __init__(self, viewer: Viewer, *, walking: bool = False, scanning: bool = False) -> None:
        self.viewer = viewer
        self.walking = walking
        self.scanning = scanning  # every row is looked through anyhow: by the index that holds the text, not by that of the terms
        self._used: dict[tuple[Entity, Entity | None], int] = {}
        self._readable: dict[Artefact, ColumnElement[bool]] = {}

    def begin(self, *, scanning: bool = False) -> None:
        """Another statement: the names of tables may be used again."""
        self._used.clear()
        self.scanning = scanning

    def may(self, artefact: Artefact, terms_id: Column | None) -> ColumnElement[bool]:
        if terms_id is None:
            return true()
        if artefact not in self._readable:
            self._readable[artefact] = readable_now(self.viewer, artefact)
        holds = self._readable[artefact]
        if self.walking:
            row = select(literal(1)).select_from(t.terms).where(t.terms.c.id == terms_id, holds)
            return row.correlate_except(t.terms).exists()
        here = terms_id + 0 if self.scanning else terms_id
        return here.in_(select(t.terms.c.id).where(holds))

    def is_public(self, terms_id: Column) -> ColumnElement[bool]:
        return terms_id.in_(select(t.terms.c.id).where(state_label(NOW) == State.OPEN.value))

    def source(self, entity: Entity, parent: Entity | None = None) -> Source:
        """Parameters are those of datasets or of documents, as the parent says."""
        parent = parent if entity is Entity.PARAMETER else None
        number = self._used.get((entity, parent), 0)
        self._used[entity, parent] = number + 1
        if self.viewer == ANONYMOUS:
            return _for_anybody(entity, parent, number, self.walking, self.scanning)
        return self.make(entity, parent, number)

    def make(self, entity: Entity, parent: Entity | None, number: int) -> Source:
        """`number`: of the same entity in the same statement."""
        if entity is Entity.PARAMETER:
            return self._parameter(t.document_parameter if parent is Entity.DOCUMENT else t.parameter, parent, number)
        made: Source = _MAKERS[entity](self, number)
        return made

    def dataset(self, number: int) -> Source:
        d = _alias(t.dataset, number)
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
            {"instrument_id": Key("instrument_id", t.instrument, "pid")},
        )

    def document(self, number: int) -> Source:
        d = _alias(t.document, number)
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

    def instrument(self, number: int) -> Source:
        i, f = _alias(t.instrument, number), _alias(t.facility, number)
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

    def sample(self, number: int) -> Source:
        s = _alias(t.sample, number)
        columns = {"pid": s.c.pid, "name": s.c.name, "description": s.c.description}
        return Source(Entity.SAMPLE, s, columns, {"id": s.c.id}, true(), None, {"name": s.c.name_folded})

    def member(self, number: int) -> Source:
        m = _alias(_members(), number)
        known = select(t.document.c.id).where(self.may(Artefact.CORE_METADATA, t.document.c.terms_id))
        hidden = {name: m.c[name] for name in ("id", "document_id", "person_key", "affiliation_id")}
        seen = m.c.terms_id.in_(select(t.terms.c.id).where(names_seen(self.viewer)))
        shown = case((and_(m.c.withheld, ~seen), WITHHELD), else_=m.c.person_key)
        hidden |= {"person_key": shown, "affiliation_id": case((and_(m.c.withheld, ~seen), null()), else_=m.c.affiliation_id)}
        columns = {"id": m.c.id, "role": m.c.role}
        return Source(Entity.MEMBER, m, columns, hidden, m.c.document_id.in_(known), None, {}, keys=_MEMBER_KEYS)

    def person(self, number: int) -> Source:
        p = _alias(_PEOPLE, number)
        fields = ("id", "full_name", "orcid", "researcher_id", "first_name", "last_name")
        return Source(Entity.PERSON, p, {f: p.c[f] for f in fields}, {"key": p.c.key}, true(), None, {})

    def affiliation(self, number: int) -> Source:
        a = _alias(t.affiliation, number)
        columns: dict[str, Column] = {f: a.c[f] for f in ("name", "address", "city", "country")}
        return Source(Entity.AFFILIATION, a, {"id": a.c.affiliation_key} | columns, {"id": a.c.id}, true(), None, {})

    def _parameter(self, table: Any, parent: Entity | None, number: int) -> Source:
        p = _alias(table, number)
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
            keys={owner: Key(owner, owners, "pid")},
        )


@cache
def _members() -> Any:
    """Of documents that were brought; of our visits those who are in their teams, and those who were when they measured."""
    m, d = t.member, t.document
    a, f = t.account.c, former_member.c
    brought = (
        select(
            ("m" + cast(m.c.id, Text)).label("id"),
            m.c.document_id,
            m.c.role,
            ("p" + cast(m.c.person_id, Text)).label("person_key"),
            m.c.affiliation_id,
            d.c.terms_id,
            func.coalesce(t.person.c.withheld, false()).label("withheld"),
        )
        .join(d, d.c.id == m.c.document_id)
        .outerjoin(t.person, t.person.c.id == m.c.person_id)
    )
    teams = _of_visits(
        members(),
        (literal("t") + cast(d.c.id, Text) + "-" + cast(a.id, Text)),
        t.team_member.c.role,
        "a" + cast(a.id, Text),
        a.withheld,
    )
    left = _of_visits(
        former(),
        (literal("f") + cast(d.c.id, Text) + "-" + cast(f.id, Text)),
        f.role,
        func.coalesce("a" + cast(a.id, Text), "f" + cast(f.id, Text)),
        former_withheld(),
    )
    return union_all(brought, teams, left).subquery("members")


def _of_visits(people: Any, number: Column, role: Column, key: Column, withheld: Column) -> Any:
    d = t.document
    said = case((role == TeamRole.PI.value, "principal investigator"), else_="member")
    return (
        people.join(d, d.c.terms_id == t.terms.c.id)
        .where(d.c.investigation_id.is_not(None))
        .with_only_columns(
            number.label("id"),
            d.c.id.label("document_id"),
            said.label("role"),
            key.label("person_key"),
            null().label("affiliation_id"),
            d.c.terms_id,
            withheld.label("withheld"),
        )
    )


_TERMS = t.terms.alias("own_terms")


@lru_cache(maxsize=1000)
def _for_anybody(entity: Entity, parent: Entity | None, number: int, walking: bool, scanning: bool) -> Source:
    return Around(ANONYMOUS, walking=walking, scanning=scanning).make(entity, parent, number)


@cache
def _alias(table: Any, number: int) -> Any:
    return table.alias(f"{table.name}_{number}")


PERSON_OF_ACCOUNT = "person-"
WITHHELD = "w"  # key of the one person that all stand for whose name is withheld from the viewer
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
        (PERSON_OF_ACCOUNT + cast(t.account.c.id, Text)).label("id"),  # a login is nobody's business
        t.account.c.name.label("full_name"),
        t.account.c.orcid,
        null().label("researcher_id"),
        null().label("first_name"),
        null().label("last_name"),
    ),
    select(
        ("f" + cast(former_member.c.id, Text)).label("key"),
        ("former-" + cast(former_member.c.id, Text)).label("id"),
        former_member.c.name.label("full_name"),
        former_member.c.orcid,
        null().label("researcher_id"),
        null().label("first_name"),
        null().label("last_name"),
    ).where(former_member.c.account_id.is_(None)),
    select(
        literal(WITHHELD).label("key"),
        literal("withheld").label("id"),
        literal(NAME_WITHHELD).label("full_name"),
        null().label("orcid"),
        null().label("researcher_id"),
        null().label("first_name"),
        null().label("last_name"),
    ),
).subquery("people")

_MEMBER_KEYS = {
    "document_id": Key("document_id", t.document, "pid"),
    "person_id": Key("person_key", _PEOPLE, "id", "key"),
    "affiliation_id": Key("affiliation_id", t.affiliation, "affiliation_key"),
}

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

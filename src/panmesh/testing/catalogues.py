"""Random catalogues, viewers and queries (Hypothesis), and a catalogue's rows in SQL."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import CompoundSelect, literal, select, union_all

from panmesh.access.terms import AccessClass, Hold, Terms
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.memory.catalogue import Parameter, Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.manifest import ManifestRef, pack
from panmesh.catalogue.query import (
    And,
    Compare,
    Condition,
    DatasetQuery,
    Field,
    OneOf,
    Op,
    Or,
    QuantityRange,
    Sort,
    SortKey,
    Words,
)
from panmesh.kernel.techniques import PREFIX
from panmesh.kernel.text import fold, key_of

TECHNIQUES = tuple(PREFIX + n for n in ("PaNET01101", "PaNET01022", "PaNET01196", "PaNET01129"))
WORDS = ("alpha", "Beta", "gamma_1", "50%", "delta")
SAMPLES = ("CeO2", "ceo2 b", "Zr%", "water")
PEOPLE = ("Ann Other", "Ann", "Bo Person")
UNITS = {"incident_energy": ("eV", "keV"), "temperature": ("K", "degC"), "count_time": ("s", None)}
INSTRUMENTS = ("i22", "in16b")
PROPOSALS = ("P-1", "P-2")
FORMATS = ("hdf5", "tiff")

_instants = st.one_of(st.none(), st.integers(0, 9))
TERMS = st.builds(
    Terms,
    id=st.just(0),
    access=st.sampled_from((AccessClass.PUBLIC, AccessClass.PUBLIC, *AccessClass)),
    team_id=st.sampled_from([None, 1, 2]),
    instrument_id=st.sampled_from([None, 1, 2]),
    core_from_proposal=st.booleans(),
    starts_us=_instants,
    ends_us=_instants,
    opens_us=_instants,
    declassified_us=_instants,
    held_us=st.one_of(st.none(), st.none(), st.integers(0, 9)),
    hold=st.just(Hold.LEGAL),
    withdrawn_us=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 9)),
    deleted_us=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 9)),
)
VIEWERS = st.one_of(
    st.just(Viewer()),
    st.builds(
        Viewer,
        user_id=st.just(7),
        teams=st.dictionaries(st.integers(1, 2), st.sampled_from(TeamRole), max_size=2),
        instruments=st.frozensets(st.integers(1, 2), max_size=1),
        admin=st.booleans(),
        steward=st.booleans(),
        granted=st.frozensets(st.integers(1, 3), max_size=1),
        emergencies=st.frozensets(st.integers(1, 3), max_size=1),
    ),
)


@st.composite
def _parameter(draw: st.DrawFn) -> Parameter:
    name = draw(st.sampled_from(sorted(UNITS)))
    unit = draw(st.sampled_from(UNITS[name]))
    numbers = st.integers(-300, 20_000).map(float)
    if draw(st.booleans()):
        return Parameter(name=name, unit=unit, value=draw(numbers))
    low, high = sorted((draw(numbers), draw(numbers)))
    return Parameter(name=name, unit=unit, minimum=low, maximum=high)


@st.composite
def catalogues(draw: st.DrawFn, largest: int = 12) -> list[Record]:
    """Records with terms of their own (id = the record's)."""
    records: list[Record] = []
    for number in range(1, draw(st.integers(1, largest)) + 1):
        from dataclasses import replace

        terms = replace(draw(TERMS), id=number)
        unique = {p.name: p for p in draw(st.lists(_parameter(), max_size=3))}
        values: dict[str, Any] = {
            "title": draw(st.one_of(st.none(), st.sampled_from(WORDS))),
            "description": draw(st.one_of(st.none(), st.sampled_from(WORDS))),
            "sample": {"name": s} if (s := draw(st.one_of(st.none(), st.sampled_from(SAMPLES)))) else None,
            "people": [{"name": p} for p in draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2))],
            "techniques": sorted(draw(st.sets(st.sampled_from(TECHNIQUES), max_size=2))),
        }
        instrument = draw(st.sampled_from(INSTRUMENTS))
        proposal = draw(st.one_of(st.none(), st.sampled_from(PROPOSALS)))
        described = describe(values, Surroundings(facility="fac", instrument=instrument, proposal=proposal or ""))
        records.append(
            Record(
                id=number,
                pid=f"pm-{number:016d}",
                terms=terms,
                kind=draw(st.sampled_from(("raw", "processed"))),
                title=values["title"],
                start=draw(st.one_of(st.none(), st.integers(0, 5))),
                end=draw(st.one_of(st.none(), st.integers(0, 5))),
                created=draw(st.integers(0, 5)),
                facility="fac",
                instrument=instrument,
                proposal=proposal,
                visit=None,
                techniques=tuple(values["techniques"]),
                core_text=described.columns["core_text"],
                full_text=described.columns["full_text"],
                sample=values["sample"]["name"] if values["sample"] else None,
                people=tuple(p["name"] for p in values["people"]),
                parameters=tuple(unique.values()),
                bytes=draw(st.integers(0, 3)),
                format=draw(st.one_of(st.none(), st.sampled_from(FORMATS))),
            )
        )
    return records


_TEXT_OPS = st.sampled_from((Op.EQUAL, Op.NOT_EQUAL, Op.CONTAINS, Op.NOT_CONTAINS))
_NUMBER_OPS = st.sampled_from((Op.EQUAL, Op.NOT_EQUAL, Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST))


@st.composite
def _quantity(draw: st.DrawFn) -> QuantityRange:
    name = draw(st.sampled_from(sorted(UNITS)))
    ends = st.one_of(st.none(), st.integers(-300, 20_000).map(float))
    low, high = draw(ends), draw(ends)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return QuantityRange(name, low, high, draw(st.sampled_from((*UNITS[name], "m"))))


_PIDS = tuple(f"pm-{number:016d}" for number in range(1, 6))
_LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compare, st.just(Field.TITLE), _TEXT_OPS, st.sampled_from(WORDS)),
    st.builds(Compare, st.just(Field.SAMPLE), _TEXT_OPS, st.sampled_from(SAMPLES)),
    st.builds(Compare, st.just(Field.PERSON), _TEXT_OPS, st.sampled_from(PEOPLE)),
    st.builds(OneOf, st.just(Field.PERSON), st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2).map(tuple)),
    st.builds(OneOf, st.just(Field.PID), st.lists(st.sampled_from(_PIDS), min_size=1, max_size=3).map(tuple)),
    st.builds(Compare, st.just(Field.PID), st.sampled_from((Op.EQUAL, Op.NOT_EQUAL)), st.sampled_from(_PIDS)),
    st.builds(Compare, st.just(Field.TECHNIQUE), st.sampled_from((Op.EQUAL, Op.NOT_EQUAL)), st.sampled_from(TECHNIQUES)),
    st.builds(Compare, st.just(Field.INSTRUMENT), _TEXT_OPS, st.sampled_from(INSTRUMENTS)),
    st.builds(Compare, st.just(Field.PROPOSAL), st.sampled_from((Op.EQUAL, Op.NOT_EQUAL)), st.sampled_from(PROPOSALS)),
    st.builds(Compare, st.sampled_from((Field.START, Field.END, Field.CREATED, Field.BYTES)), _NUMBER_OPS, st.integers(0, 5)),
    st.builds(Compare, st.just(Field.FORMAT), st.sampled_from((Op.EQUAL, Op.NOT_EQUAL)), st.sampled_from(FORMATS)),
    st.builds(
        OneOf,
        st.just(Field.STATE),
        st.lists(st.sampled_from(("open", "embargoed", "internal")), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Words, st.lists(st.sampled_from((*WORDS, *SAMPLES, "diffraction", "i22", "p-1")), min_size=1, max_size=2).map(tuple)
    ),
    _quantity(),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
QUERIES = st.builds(
    DatasetQuery,
    where=st.one_of(st.none(), CONDITIONS),
    sort=st.builds(Sort, st.sampled_from(SortKey), st.booleans()),
    offset=st.integers(0, 3),
    limit=st.integers(0, 12),
)
BEST_FIRST = st.builds(
    DatasetQuery,
    where=st.builds(
        And,
        st.lists(
            st.one_of(
                st.builds(Words, st.lists(st.sampled_from((*WORDS, "al", "gam", "ceo2", "i22", "a")), max_size=3).map(tuple)),
                CONDITIONS,
            ),
            min_size=1,
            max_size=2,
        ).map(tuple),
    ),
    sort=st.just(Sort(SortKey.RELEVANCE)),
    offset=st.integers(0, 2),
)


@cache
def _held() -> CompoundSelect[tuple[str]]:
    """Names of the tables that hold anything; the audit log only grows."""
    return union_all(
        *(
            select(literal(table.name)).where(select(literal(1)).select_from(table).exists())
            for table in t.metadata.sorted_tables
            if not table.name.startswith("audit")
        )
    )


def fill(database: Database, records: list[Record]) -> None:
    """Replaces whatever datasets the database has."""
    with database.write() as c:
        held = set(c.execute(_held()).scalars())
        for table in reversed(t.metadata.sorted_tables):
            if table.name in held:
                c.execute(table.delete())
        c.execute(t.facility.insert(), {"id": 1, "facility_key": "fac", "name": "Facility", "time_zone": "UTC"})
        c.execute(t.team.insert(), [{"id": i, "name": str(i)} for i in (1, 2)])
        instruments = [
            {"id": i, "pid": f"i{i}", "facility_id": 1, "instrument_key": k, "name": k, "aliases_json": "[]", "scheduled": False}
            for i, k in enumerate(INSTRUMENTS, 1)
        ]
        c.execute(t.instrument.insert(), instruments)
        for number, name in enumerate(PROPOSALS, 1):
            c.execute(
                t.proposal.insert(),
                {
                    "id": number,
                    "pid": f"p{number}",
                    "facility_id": 1,
                    "number": name,
                    "number_folded": key_of(name),
                    "kind": "user",
                    "policy_version": "1",
                },
            )
        for record in records:
            _insert(c, record)


def _insert(c: Any, record: Record) -> None:
    terms = {name: getattr(record.terms, name) for name in t.terms.c.keys()}
    c.execute(t.terms.insert(), terms | {"access": record.terms.access.value, "hold": record.terms.hold})
    number = record.id
    investigation = None
    if record.proposal is not None:
        investigation = number
        row = {
            "id": number,
            "pid": f"v{number}",
            "facility_id": 1,
            "proposal_id": PROPOSALS.index(record.proposal) + 1,
            "terms_id": number,
        }
        c.execute(t.investigation.insert(), row | {"natural_key": str(number), "visit_id": str(number), "kind": "user"})
    sample = None
    if record.sample is not None:
        sample = number
        row = {"id": number, "pid": f"s{number}", "facility_id": 1, "natural_key": str(number), "name": record.sample}
        c.execute(t.sample.insert(), row | {"name_folded": fold(record.sample)})
    c.execute(
        t.dataset.insert(),
        {
            "id": number, "pid": record.pid, "identity": record.pid.encode(), "facility_id": 1, "instrument_id": INSTRUMENTS.index(record.instrument) + 1,
            "investigation_id": investigation, "terms_id": number, "sample_id": sample, "origin": "native", "kind": record.kind, "title": record.title,
            "title_folded": fold(record.title) if record.title else None, "start_us": record.start, "end_us": record.end, "core_text": record.core_text,
            "full_text": record.full_text, "read_state": "read", "version_id": number, "version": 1, "file_count": 0, "total_bytes": record.bytes,
            "created_us": record.created, "updated_us": 0, "revision": 1, "storage": "runs", "path": f"{number}.nxs",
            "format": record.format,
        },
    )  # fmt: skip
    manifest = ManifestRef(file_count=0, total_bytes=0, inline=pack([])).to_bytes()
    version = {
        "id": number,
        "pid": f"{record.pid}.v1",
        "dataset_id": number,
        "number": 1,
        "manifest": manifest,
        "content_key": b"",
        "file_count": 0,
    }
    c.execute(t.dataset_version.insert(), version | {"total_bytes": 0, "digest_state": "done", "created_us": 0})
    c.execute(t.pid.insert(), {"pid": record.pid, "kind": "dataset", "concept": record.pid, "version": None, "origin": "native"})
    values = {
        "parameters": [
            {"name": p.name, "unit": p.unit, "value": p.value, "minimum": p.minimum, "maximum": p.maximum}
            for p in record.parameters
        ]
    }
    for row in describe(values, Surroundings()).parameters:
        c.execute(t.parameter.insert(), {"dataset_id": number, **row})
    for pid in record.techniques:
        c.execute(t.dataset_technique.insert(), {"dataset_id": number, "technique_pid": pid})
    for position, name in enumerate(record.people):
        c.execute(
            t.dataset_person.insert(), {"dataset_id": number, "position": position, "name": name, "name_folded": fold(name)}
        )

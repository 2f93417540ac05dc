"""Everything that is read from the catalogue, under one law of access: the predicate is in every statement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql.beside import beside
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.counted import Held, held_among, techniques_of, years_of
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.facets import facet_label, facet_query
from panmesh.adapters.sql.instant import at
from panmesh.adapters.sql.investigations import (
    began,
    investigation_view,
    members_of_visits,
    not_left,
    totals_of_visits,
    visit_query,
    visit_rows,
    visits_wanted,
)
from panmesh.adapters.sql.named_people import people_of
from panmesh.adapters.sql.permission import readable
from panmesh.adapters.sql.records import (
    access_view,
    artefact_of_files,
    record,
    shown,
)
from panmesh.adapters.sql.spreading import bars_in_sql, counted_in_sql, datasets_in_sql, names_in_sql
from panmesh.adapters.sql.tables import (
    correction,
    dataset,
    dataset_version,
    facility,
    instrument,
    investigation,
    parameter,
    pid,
    proposal,
    sample,
    set_aside,
    terms,
)
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.adapters.sql.whole_records import findings_of, parts_of, rows_of, whole_records
from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore
from panmesh.catalogue.model import (
    Beside,
    DatasetKind,
    DatasetRecord,
    DatasetSummary,
    FacetValue,
    FacilityView,
    FileLocation,
    FilesAtHand,
    FilesPage,
    FileState,
    FileView,
    InstrumentView,
    InvestigationView,
    Page,
    PersonView,
    ProposalKind,
    ProposalView,
    RecordWithFiles,
    SampleView,
    VisitParts,
    VisitTeam,
)
from panmesh.catalogue.quantity_spread import Counted, Spread, best, scale_of, spread_of
from panmesh.catalogue.query import (
    ARTEFACT_OF,
    EVERY_VISIT,
    FACET_FIELDS,
    PARAMETER_ARTEFACT,
    Condition,
    DatasetQuery,
    Field,
    VisitQuery,
)
from panmesh.kernel.clock import facility_day
from panmesh.kernel.errors import Invalid
from panmesh.kernel.pid import Pid
from panmesh.kernel.text import storable

_TEAMS = 10  # of one proposal that are asked for their members


class SqlReads:
    """Implements `catalogue.ports.CatalogueReads`."""

    def __init__(self, database: Database, manifests: ManifestStore) -> None:
        self._db = database
        self._manifests = manifests
        self._facilities: tuple[object, float, tuple[FacilityView, ...]] | None = None  # after which commit, when

    def search(self, viewer: Viewer, query: DatasetQuery, now_us: int, *, brief: bool = False) -> Page[DatasetSummary]:
        compiler = Compiler(viewer, now_us)
        where = compiler.where(query.where)
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(dataset).where(where)).scalar_one()
            found = (
                select(dataset.c.id)
                .where(where)
                .order_by(*compiler.order(query.sort, query.where))
                .offset(query.offset)
                .limit(query.limit)
            )
            ids = [row.id for row in connection.execute(found)]
            items = shown(connection, viewer, ids, now_us, brief=brief)
        return Page(items=items, total=total, offset=query.offset, limit=query.limit)

    def count(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> int:
        with self._db.read() as connection:
            where = Compiler(viewer, now_us).where(query.where)
            return connection.execute(select(func.count()).select_from(dataset).where(where)).scalar_one()

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, now_us: int, limit: int = 50) -> tuple[FacetValue, ...]:
        if field not in FACET_FIELDS:
            raise Invalid(f"there is no facet of {field.value}; there is one of {', '.join(FACET_FIELDS)}.")
        compiler = Compiler(viewer, now_us)
        where = and_(compiler.where(query.where), compiler.may(ARTEFACT_OF[field]))
        with self._db.read() as connection:
            rows = connection.execute(facet_query(field, compiler, where).limit(limit)).all()
            own = technique_names(connection, [r.value for r in rows]) if field is Field.TECHNIQUE else {}
        return tuple(
            FacetValue(value=str(r.value), label=own.get(r.value) or facet_label(field, r), count=r.number) for r in rows
        )

    def techniques(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> dict[str, int]:
        compiler = Compiler(viewer, now_us)
        with self._db.read() as connection:
            return techniques_of(connection, compiler.where(query.where))

    def years(self, viewer: Viewer, query: DatasetQuery, zone: str, now_us: int) -> dict[int, int]:
        compiler = Compiler(viewer, now_us)
        with self._db.read() as connection:
            return years_of(connection, compiler.where(query.where), zone)

    def dataset(self, viewer: Viewer, pid: str, now_us: int) -> DatasetRecord | None:
        with self._db.read() as connection, at(now_us):
            row = _found(connection, viewer, pid)
            return None if row is None else record(connection, row, viewer, now_us, row.asked_version)

    def beside(self, viewer: Viewer, summary: DatasetSummary, now_us: int) -> Beside:
        with self._db.read() as connection, at(now_us):
            return beside(connection, viewer, summary, now_us)

    def datasets(self, viewer: Viewer, pids: Sequence[str], now_us: int, *, files: int) -> dict[str, RecordWithFiles]:
        with self._db.read() as connection, at(now_us):
            found = whole_records(connection, viewer, pids, now_us)
        return {
            asked: RecordWithFiles(
                record=one, files=None if one.manifest is None else self._files(one.manifest, notes, offset=0, limit=files)
            )
            for asked, (one, notes) in found.items()
        }

    def files(self, viewer: Viewer, pid: str, now_us: int, *, offset: int, limit: int, contains: str | None) -> FilesPage | None:
        with self._db.read() as connection:
            found = self._data(connection, viewer, pid, now_us)
            if found is None:
                return None
            row, manifest = found
            notes = findings_of(connection, [row.id]).get(row.id, {})
        return self._files(manifest, notes, offset=offset, limit=limit, contains=contains)

    def files_of(self, record: DatasetRecord, *, offset: int, limit: int, contains: str | None) -> FilesPage | None:
        if record.manifest is None:
            return None
        notes: dict[str, str] = {}
        if record.findings or Artefact.FULL_METADATA not in record.summary.access.readable:
            with self._db.read() as connection:
                notes = findings_of(connection, [record.summary.id]).get(record.summary.id, {})
        return self._files(record.manifest, notes, offset=offset, limit=limit, contains=contains)

    def locate(self, viewer: Viewer, pid: str, name: str, now_us: int) -> FileLocation | None:
        with self._db.read() as connection:
            found = self._data(connection, viewer, pid, now_us)
        row = self._manifests.lookup(found[1], name) if found is not None else None
        return None if row is None else _location(row)

    def opened(self, viewer: Viewer, pid: str, now_us: int) -> FilesAtHand | None:
        with self._db.read() as connection:
            found = self._data(connection, viewer, pid, now_us)
        if found is None:
            return None
        manifest = found[1]
        if manifest.inline is None:
            return lambda name: None if (row := self._manifests.at_hand(manifest, name)) is None else _location(row)
        return {row.name: _location(row) for row in self._manifests.iterate(manifest)}.get

    def investigation(self, viewer: Viewer, pid: str, now_us: int) -> InvestigationView | None:
        return next(iter(self.visits(viewer, [pid], now_us).values()), None)

    def visits(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> dict[str, InvestigationView]:
        with self._db.read() as connection, at(now_us):
            rows = visit_rows(connection, viewer, pids)
            members = members_of_visits(connection, viewer, rows)
            totals = totals_of_visits(connection, viewer, [row.id for row in rows])
        return {
            row.pid: investigation_view(row, access_view(row, viewer, now_us), totals, members.get(row.terms_id, ()))
            for row in rows
        }

    def teams(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> dict[str, VisitTeam]:
        with self._db.read() as connection, at(now_us):
            rows = visit_rows(connection, viewer, pids)
            members = members_of_visits(connection, viewer, rows)
        return {row.pid: VisitTeam(ends_us=row.ends_us, members=members.get(row.terms_id, ())) for row in rows}

    def parts(self, viewer: Viewer, visits: Sequence[int], now_us: int, *, runs: int, techniques: int) -> dict[int, VisitParts]:
        with self._db.read() as connection, at(now_us):
            return parts_of(connection, viewer, visits, runs=runs, techniques_=techniques)

    def investigations(
        self, viewer: Viewer, now_us: int, *, offset: int, limit: int, wanted: VisitQuery = EVERY_VISIT
    ) -> Page[InvestigationView]:
        where = and_(not_left(investigation.c.id), *visits_wanted(viewer, wanted))
        with self._db.read() as connection, at(now_us):
            query = visit_query(viewer).where(where)
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            ordered = query.order_by(began().desc().nulls_last(), investigation.c.id.desc()).offset(offset).limit(limit)
            rows = connection.execute(ordered).all()
            totals = totals_of_visits(connection, viewer, [row.id for row in rows])
            items = tuple(investigation_view(row, access_view(row, viewer, now_us), totals, ()) for row in rows)
        return Page(items=items, total=total, offset=offset, limit=limit)

    def proposal(self, viewer: Viewer, pid: str, now_us: int) -> ProposalView | None:
        named = or_(proposal.c.pid == storable(pid), proposal.c.number == storable(pid))
        visits = (
            select(investigation.c.id)
            .join(terms, terms.c.id == investigation.c.terms_id)
            .where(investigation.c.proposal_id == proposal.c.id, investigation.c.natural_key.not_like("%|quarantine"))
            .correlate(proposal)
        )
        core, text = (
            visits.where(readable(viewer, artefact, now_us)).exists()
            for artefact in (Artefact.CORE_METADATA, Artefact.PROPOSAL_TEXT)
        )
        query = (
            select(
                proposal,
                case((text, proposal.c.proposal_text), else_=None).label("text"),
                facility.c.name.label("facility_title"),
                facility.c.time_zone,
            )
            .join(facility, facility.c.id == proposal.c.facility_id)
            .where(named, core)
            .order_by((proposal.c.pid == storable(pid)).desc(), proposal.c.id)
        )
        with self._db.read() as connection:
            row = connection.execute(query.limit(1)).first()
            if row is None:
                return None
            members = _of_teams(connection, viewer, row.id, now_us)
        return ProposalView(
            id=row.id,
            pid=Pid(row.pid),
            number=row.number,
            title=row.title,
            kind=ProposalKind(row.kind),
            facility_name=row.facility_title,
            facility_zone=row.time_zone,
            members=members,
            text=row.text,
        )

    def instrument(self, viewer: Viewer, pid: str, now_us: int) -> InstrumentView | None:
        return next(iter(self._instruments(viewer, instrument.c.pid == storable(pid), now_us)), None)

    def instruments(self, viewer: Viewer, now_us: int) -> tuple[InstrumentView, ...]:
        return self._instruments(viewer, true(), now_us)

    def _instruments(self, viewer: Viewer, which: ColumnElement[bool], now_us: int) -> tuple[InstrumentView, ...]:
        query = (
            select(instrument, facility.c.facility_key, facility.c.name.label("facility_name"), facility.c.time_zone)
            .join(facility, facility.c.id == instrument.c.facility_id)
            .where(which)
            .order_by(instrument.c.instrument_key)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        held = self.held_by_instruments(viewer, now_us) if rows else {}
        return tuple(
            InstrumentView(
                id=r.id,
                pid=Pid(r.pid),
                key=r.instrument_key,
                name=r.name,
                facility=r.facility_key,
                facility_name=r.facility_name,
                facility_zone=r.time_zone,
                description=r.description,
                dataset_count=held.get(r.id, Held()).number,
                latest_us=held.get(r.id, Held()).latest_us,
            )
            for r in rows
        )

    def latest(self, viewer: Viewer, where: Condition | None, before_id: int | None, now_us: int, limit: int) -> list[int]:
        """Numbers of those that arrived last, from below that one on."""
        found = select(dataset.c.id).where(Compiler(viewer, now_us).where(where)).order_by(dataset.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(dataset.c.id < before_id)
        with self._db.read() as connection:
            return list(connection.execute(found).scalars())

    def held_by_instruments(self, viewer: Viewer, now_us: int) -> dict[int, Held]:
        """By their numbers, of the runs that the viewer may know of."""
        with self._db.read() as connection:
            return held_among(connection, Compiler(viewer, now_us).may(Artefact.CORE_METADATA))

    def facilities(self) -> tuple[FacilityView, ...]:
        """Asked for every page, changed hardly ever: what other processes wrote is seen a second later."""
        known = self._facilities
        if known is None or known[0] is not self._db.last_commit or time.monotonic() - known[1] > 1:
            commit, at_s = self._db.last_commit, time.monotonic()
            with self._db.read() as connection:
                rows = connection.execute(select(facility).order_by(facility.c.id))
                found = tuple(
                    FacilityView(id=r.id, key=r.facility_key, name=r.name, time_zone=r.time_zone, ror=r.ror) for r in rows
                )
            known = self._facilities = (commit, at_s, found)
        return known[2]

    def sample(self, viewer: Viewer, pid: str, now_us: int) -> SampleView | None:
        seen = (
            select(dataset.c.id)
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(dataset.c.sample_id == sample.c.id, readable(viewer, Artefact.FULL_METADATA, now_us))
            .correlate(sample)
        )
        with self._db.read() as connection:
            row = connection.execute(select(sample).where(sample.c.pid == storable(pid), seen.exists())).first()
        if row is None:
            return None
        return SampleView(pid=row.pid, name=row.name, identifier=row.identifier, formula=row.formula, description=row.description)

    def quantities(self, viewer: Viewer, now_us: int, *, limit: int = 200) -> tuple[FacetValue, ...]:
        query = (
            select(
                parameter.c.name,
                func.min(parameter.c.unit).label("unit"),
                func.count(func.distinct(parameter.c.dataset_id)).label("number"),
            )
            .join(dataset, dataset.c.id == parameter.c.dataset_id)
            .where(Compiler(viewer, now_us).may(Artefact.FULL_METADATA))
            .group_by(parameter.c.name)
            .order_by(func.count().desc(), parameter.c.name)
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(FacetValue(value=r.name, label=r.unit or "", count=r.number) for r in connection.execute(query))

    def spreads(self, viewer: Viewer, query: DatasetQuery, typed: str, now_us: int) -> tuple[Spread, ...]:
        compiler = Compiler(viewer, now_us)
        where = and_(compiler.where(query.where), compiler.may(PARAMETER_ARTEFACT))
        with self._db.read() as connection:
            datasets = datasets_in_sql(connection, where, names_in_sql(connection, typed))
            found = best(Counted(name=name, datasets=number, parts=()) for name, number in datasets.items())
            counted = counted_in_sql(connection, where, {one.name: one.datasets for one in found})
            return tuple(self._spread(connection, where, counted[one.name]) for one in found)

    def _spread(self, connection: Connection, where: ColumnElement[bool], counted: Counted) -> Spread:
        scale = scale_of(counted)
        bars = bars_in_sql(connection, where, counted.name, scale) if scale is not None else []
        return spread_of(counted, scale, bars)

    def set_aside(self, viewer: Viewer, pid_: str, now_us: int) -> str | None:
        named = select(pid.c.concept).where(pid.c.pid == storable(pid_))
        query = (
            select(correction.c.at_us, correction.c.reason, facility.c.time_zone)
            .select_from(dataset)
            .join(facility, facility.c.id == dataset.c.facility_id)
            .join(set_aside, set_aside.c.dataset_id == dataset.c.id)
            .join(terms, terms.c.id == set_aside.c.terms_id)
            .join(correction, correction.c.id == set_aside.c.correction_id)
            .where(dataset.c.pid.in_(named), set_aside.c.what == "discarded", readable(viewer, Artefact.CORE_METADATA, now_us))
        )
        with self._db.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        day = facility_day(row.at_us, row.time_zone)
        reason = f": {row.reason}" if viewer.staff else ""
        return f"This run was discarded by the facility's staff on {day.day} {day:%B %Y}{reason}."

    # --- parts -------------------------------------------------------------------------------------------------------

    def _files(
        self, of: ManifestRef, notes: Mapping[str, str], *, offset: int, limit: int, contains: str | None = None
    ) -> FilesPage:
        total, size, rows = self._manifests.page(of, offset=offset, limit=limit, contains=contains)
        return FilesPage(items=tuple(_file(r, notes.get(r.name)) for r in rows), total=total, total_bytes=size, offset=offset)

    def _data(self, connection: Connection, viewer: Viewer, wanted: str, now_us: int) -> tuple[Any, ManifestRef] | None:
        with at(now_us):
            row = _found(connection, viewer, wanted)
        if row is None:
            return None
        if artefact_of_files(DatasetKind(row.kind)) not in access_view(row, viewer, now_us).readable:
            return None
        manifest = connection.execute(
            select(dataset_version.c.manifest).where(
                dataset_version.c.dataset_id == row.id, dataset_version.c.number == (row.asked_version or row.version)
            )
        ).scalar_one()
        return row, ManifestRef.from_bytes(manifest)


def _found(connection: Connection, viewer: Viewer, wanted: str) -> Any:
    return next(iter(rows_of(connection, viewer, [wanted])), None)


def _of_teams(connection: Connection, viewer: Viewer, proposal_id: int, now_us: int) -> tuple[PersonView, ...]:
    """Of the visits of a proposal that the viewer may know of: nearly always one team."""
    newest = (
        select(func.max(terms.c.id))
        .join(investigation, investigation.c.terms_id == terms.c.id)
        .where(investigation.c.proposal_id == proposal_id, terms.c.team_id.is_not(None))
        .where(readable(viewer, Artefact.CORE_METADATA, now_us), investigation.c.natural_key.not_like("%|quarantine"))
        .group_by(terms.c.team_id)
        .order_by(terms.c.team_id)
        .limit(_TEAMS)
    )
    found: dict[str, PersonView] = {}
    for terms_id in connection.execute(newest).scalars().all():
        for one in people_of(connection, viewer, terms_id):
            found.setdefault(one.orcid or one.name, one)
    return tuple(sorted(found.values(), key=lambda one: (one.role != TeamRole.PI, one.name)))


def _location(row: FileRow) -> FileLocation:
    return FileLocation(storage=row.storage, path=row.path, size=row.size, modified_us=row.modified_us, sha256=row.sha256)


def _file(row: FileRow, note: str | None) -> FileView:
    return FileView(
        name=row.name,
        size=row.told_size,
        modified_us=row.modified_us,
        sha256=row.sha256.hex() if row.sha256 else None,
        blake3=row.blake3.hex() if row.blake3 else None,
        crc32=f"{row.crc32:08x}" if row.crc32 is not None else None,
        adler32=f"{row.adler32:08x}" if row.adler32 is not None else None,
        state=_state(row, note),
    )


def _state(row: FileRow, note: str | None) -> FileState:
    if row.storage == "":
        return FileState.ELSEWHERE
    return FileState(note) if note in ("missing", "changed", "unreadable") else FileState.ONLINE

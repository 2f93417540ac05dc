"""Releases in SQL: frozen in one transaction with the document, the feed and the intent of their DOIs; read with how they stand now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.release_policy import may_change_release, release_state
from panmesh.access.terms import AccessClass, Hold, State, Terms
from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.event_notices import tell_of_papers
from panmesh.adapters.sql.permission import readable, terms_of
from panmesh.adapters.sql.release_documents import keep_publication
from panmesh.adapters.sql.release_drafts import SqlDrafts, take_turn
from panmesh.adapters.sql.release_shapes import read, written
from panmesh.adapters.sql.release_tables import release, release_run, release_version
from panmesh.adapters.sql.tables import change, dataset, dataset_version, document, instrument, investigation, pid, terms
from panmesh.adapters.sql.tables import proposal as proposals
from panmesh.catalogue.model import Origin
from panmesh.kernel.errors import Conflict, NotFound, Stale
from panmesh.kernel.pid import Pid, version_pid
from panmesh.kernel.text import storable
from panmesh.publication.citing import naming
from panmesh.publication.dois import DoiState
from panmesh.publication.release import (
    Candidate,
    Description,
    DoiStanding,
    Draft,
    Listed,
    Release,
    ReleasedRun,
    VersionRef,
    obstacle,
)

Intend = Callable[..., None]  # (connection, *, kind, pid, now_us): a DOI is wanted; registered later, by the outbox
RELEASE = "release"  # what the feed, the list of pids and the outbox of DOIs call it
_V, _R = release_version.c, release_run.c
_PIECE = 500
_REGISTERED = (DoiState.REGISTERED.value, DoiState.FINDABLE.value)


def no_dois(_connection: Connection, *, kind: str, pid: str, now_us: int) -> None:
    """Where the facility registers none: the permanent address is the identifier."""


class SqlReleases(SqlDrafts):
    """Implements `publication.releasing.ReleaseStore`."""

    def __init__(self, database: Database, intend_doi: Intend = no_dois) -> None:
        super().__init__(database)
        self._intend = intend_doi

    def candidates(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> tuple[Candidate, ...]:
        with self._db.read() as connection:
            return _candidates(connection, viewer, pids, now_us)

    def publish(self, viewer: Viewer, draft: Draft, revision: int, now_us: int) -> str:
        with self._db.write() as connection:
            self._db.lock(connection, "releases")
            found = _candidates(connection, viewer, draft.pids, now_us)
            if len(found) != len(draft.pids) or any(obstacle(viewer, one, now_us) for one in found):
                raise Conflict("A run has changed meanwhile and cannot be published now; look at the check again.")
            number, concept_id = _next_number(connection, draft)
            made = version_pid(Pid(draft.pid), number)
            take_turn(connection, draft, revision, {"published": made, "updated_us": now_us})
            before = _named_papers(connection, concept_id)
            terms_id = connection.execute(
                terms.insert().values(access=AccessClass.OPEN.value, policy_version="release").returning(terms.c.id)
            ).scalar_one()
            document_id = keep_publication(connection, draft.pid, terms_id, draft.description, [one.pid for one in found], now_us)
            if concept_id is None:
                row = {"pid": draft.pid, "document_id": document_id}
                concept_id = connection.execute(release.insert().values(**row).returning(release.c.id)).scalar_one()
                _name(connection, draft.pid, draft.pid, None)
            values = {
                "pid": made,
                "release_id": concept_id,
                "number": number,
                "terms_id": terms_id,
                "description_json": written(draft.description),
                "account_id": viewer.user_id,
                "published_us": now_us,
                "changed_us": now_us,
                "revision": 1,
            }
            version_id = connection.execute(release_version.insert().values(**values).returning(_V.id)).scalar_one()
            _name(connection, made, draft.pid, number)
            _freeze(connection, version_id, found)
            keep_terms(connection, [version_id], now_us)
            self._tell(connection, concept_id, draft.pid, now_us)
            _tell_runs(connection, [one.pid for one in found], now_us)
            self._tell_teams(connection, viewer, version_id, draft.pid, set(naming(draft.description.papers)) - before, now_us)
            write_audit(connection, viewer, "release published", made, now_us, runs=len(found))
        return made

    def release(self, text: str, now_us: int) -> Release | None:
        wanted = storable(text)
        query = select(release_version, release.c.pid.label("concept"), terms.c.withdrawn_us).join(
            release, release.c.id == _V.release_id
        )
        query = query.join(terms, terms.c.id == _V.terms_id).where(or_(_V.pid == wanted, release.c.pid == wanted))
        with self._db.read() as connection:
            there = terms.c.withdrawn_us.is_(None)  # the concept leads to the newest that is
            row = connection.execute(query.order_by(there.desc(), _V.number.desc()).limit(1)).first()
            if row is None:
                return None
            runs = connection.execute(_frozen(row.id)).all()
            under = terms_of_runs(connection, [row.id])[row.id]
            versions = connection.execute(_versions(row.release_id)).all()
        withdrawn = row.withdrawn_us is not None and row.withdrawn_us <= now_us
        current, opens_us = release_state(under, withdrawn, now_us)
        return Release(
            concept=row.concept,
            pid=row.pid,
            number=row.number,
            description=read(row.description_json),
            runs=tuple(ReleasedRun(pid=r.pid, version=r.number, version_pid=r.version_pid) for r in runs),
            published_us=row.published_us,
            changed_us=row.changed_us,
            revision=row.revision,
            state=current,
            opens_us=opens_us,
            withdrawn_us=row.withdrawn_us,
            reason=row.reason,
            versions=tuple(
                VersionRef(pid=v.pid, number=v.number, published_us=v.published_us, withdrawn=v.withdrawn_us is not None)
                for v in versions
            ),
        )

    def doi(self, text: str) -> DoiStanding | None:
        with self._db.read() as connection:
            row = connection.execute(select(doi.c.name, doi.c.confirmed, doi.c.error).where(doi.c.pid == storable(text))).first()
        if row is None:
            return None
        return DoiStanding(name=row.name, registered=row.confirmed in _REGISTERED, error=row.error)

    def may_change(self, viewer: Viewer, text: str) -> bool:
        with self._db.read() as connection:
            row = connection.execute(select(_V.id, _V.account_id).where(_V.pid == storable(text))).first()
            return row is not None and may_change_release(viewer, row.account_id, terms_of_runs(connection, [row.id])[row.id])

    def amend(self, viewer: Viewer, text: str, revision: int, said: Description, now_us: int) -> None:
        with self._db.write() as connection:
            row = _version(connection, text)
            before = _named_papers(connection, row.release_id)
            values = {"description_json": written(said), "revision": revision + 1, "changed_us": now_us}
            here = and_(_V.id == row.id, _V.revision == revision)
            if connection.execute(update(release_version).where(here).values(**values)).rowcount != 1:
                raise Stale("It has changed since you saw it; look at it again.", str(row.revision))
            self._tell(connection, row.release_id, row.concept, now_us)
            self._tell_teams(connection, viewer, row.id, row.concept, set(naming(said.papers)) - before, now_us)
            write_audit(
                connection, viewer, "release amended", row.pid, now_us, papers=len(said.papers), funders=len(said.funding)
            )

    def withdraw(self, viewer: Viewer, text: str, reason: str, now_us: int) -> None:
        with self._db.write() as connection:
            row = _version(connection, text)
            connection.execute(update(terms).where(terms.c.id == row.terms_id).values(withdrawn_us=now_us))
            values = {"reason": reason, "changed_us": now_us, "revision": row.revision + 1}
            connection.execute(update(release_version).where(_V.id == row.id).values(**values))
            self._tell(connection, row.release_id, row.concept, now_us)
            held = select(dataset.c.pid).join(release_run, _R.dataset_id == dataset.c.id).where(_R.version_id == row.id)
            _tell_runs(connection, list(connection.execute(held).scalars()), now_us)
            write_audit(connection, viewer, "release withdrawn", row.pid, now_us, reason=reason)

    def mine(self, account_id: int) -> tuple[Listed, ...]:
        own = select(_V.release_id).where(_V.account_id == account_id)
        with self._db.read() as connection:
            return _listed(connection.execute(_newest().where(_V.release_id.in_(own)).order_by(_V.published_us.desc())))

    def published(self, offset: int, limit: int, but_of: int | None = None) -> tuple[tuple[Listed, ...], int]:
        query = _newest(there=True)
        if but_of is not None:
            query = query.where(
                _V.release_id.not_in(select(release_version.c.release_id).where(release_version.c.account_id == but_of))
            )
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            rows = connection.execute(query.order_by(_V.published_us.desc(), _V.id.desc()).offset(offset).limit(limit))
            return _listed(rows), total

    def first_published(self) -> tuple[tuple[int, Listed], ...]:
        """When each that is there was first published, and its newest version."""
        first = release_version.alias("first")
        since = select(func.min(first.c.published_us)).where(first.c.release_id == _V.release_id).scalar_subquery()
        with self._db.read() as connection:
            rows = connection.execute(_newest(there=True).add_columns(since.label("since_us")).order_by(_V.id)).all()
        return tuple(zip((row.since_us for row in rows), _listed(rows), strict=True))

    def holding(self, text: str) -> tuple[Listed, ...]:
        return self.holding_each([text]).get(storable(text), ())

    def holding_each(self, texts: Sequence[str]) -> dict[str, tuple[Listed, ...]]:
        query = (
            _lines()
            .add_columns(pid.c.pid.label("asked"))
            .join(release_run, _R.version_id == _V.id)
            .join(dataset, dataset.c.id == _R.dataset_id)
            .join(pid, pid.c.concept == dataset.c.pid)
            .where(pid.c.pid.in_([storable(text) for text in texts]), terms.c.withdrawn_us.is_(None))
        )
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(_V.published_us)).all()
        found: dict[str, dict[str, Listed]] = defaultdict(dict)
        for row, one in zip(rows, _listed(rows), strict=True):
            found[row.asked][one.concept] = one
        return {asked: tuple(held.values()) for asked, held in found.items()}

    def made_of(self, viewer: Viewer, now_us: int, *, visit: str | None, proposal: str | None) -> tuple[Listed, ...]:
        theirs = investigation.c.pid == visit if visit is not None else proposals.c.pid == proposal
        visits = select(investigation.c.id).outerjoin(proposals, proposals.c.id == investigation.c.proposal_id).where(theirs)
        runs = _holding(dataset.c.investigation_id.in_(visits), viewer, now_us)
        found_by = and_(doi.c.pid == _V.pid, doi.c.confirmed == DoiState.FINDABLE.value)
        query = _lines().add_columns(doi.c.name.label("doi")).outerjoin(doi, found_by)
        with self._db.read() as connection:
            rows = connection.execute(query.where(_V.id.in_(runs), terms.c.withdrawn_us.is_(None)).order_by(_V.published_us))
            return tuple({one.concept: one for one in _listed(rows)}.values())

    def of_instrument(self, text: str, now_us: int) -> tuple[Listed, ...]:
        wanted = select(instrument.c.id).where(instrument.c.pid == storable(text))
        held = _holding(dataset.c.instrument_id.in_(wanted), ANONYMOUS, now_us)
        with self._db.read() as connection:
            return _listed(connection.execute(_newest(there=True).where(_V.id.in_(held)).order_by(_V.published_us)))

    def described(self, limit: int) -> tuple[Description, ...]:
        with self._db.read() as connection:
            rows = connection.execute(_newest(there=True).order_by(_V.published_us.desc()).limit(limit))
            return tuple(read(row.description_json) for row in rows)

    def _tell(self, connection: Connection, release_id: int, concept: str, now_us: int) -> None:
        """Each version tells of the others: all of them are other records than before, and so is the concept."""
        pids = list(connection.execute(select(_V.pid).where(_V.release_id == release_id).order_by(_V.number)).scalars())
        rows = [{"at_us": now_us, "kind": RELEASE, "pid": one, "what": "updated"} for one in pids]
        connection.execute(change.insert(), rows)
        self._db.lock(connection, "doi")
        for one in (concept, *pids):
            self._intend(connection, kind=RELEASE, pid=one, now_us=now_us)

    def _tell_teams(
        self, connection: Connection, viewer: Viewer, version_id: int, concept: str, papers: set[str], now_us: int
    ) -> None:
        under = terms_of_runs(connection, [version_id])[version_id] if papers else []
        tell_of_papers(connection, sorted(papers), release=concept, under=under, by=viewer.user_id, now_us=now_us)


def _named_papers(connection: Connection, release_id: int | None) -> set[str]:
    """By any version so far: what was told of is no news with the next."""
    query = select(_V.description_json).where(_V.release_id == release_id)
    return {doi for said in connection.execute(query).scalars() for doi in naming(read(said).papers)} if release_id else set()


def keep_terms(connection: Connection, version_ids: Sequence[int], now_us: int) -> None:
    """The release's own terms as those of its runs make them: for lists that tell by them whether something is open. What may be read
    of a run follows from the run's own."""
    under = terms_of_runs(connection, version_ids)
    for number, parts in under.items():
        current, opens_us = release_state(parts, False, now_us)
        values: dict[str, Any] = {
            "access": AccessClass.OPEN.value,
            "ends_us": None,
            "opens_us": None,
            "held_us": None,
            "hold": None,
        }
        if current is State.EMBARGOED:
            values |= {"access": AccessClass.PUBLIC.value, "ends_us": 0, "opens_us": opens_us}
        elif current is not State.OPEN:
            values |= {"held_us": 0, "hold": Hold.LEGAL.value}
        own = select(_V.terms_id).where(_V.id == number).scalar_subquery()
        connection.execute(update(terms).where(terms.c.id == own).values(**values))


def keep_document_dois(connection: Connection, pids: Sequence[str]) -> None:
    """What the Search API tells as the DOI of a release, of these concepts; one that DataCite has confirmed."""
    for text in pids:
        row = connection.execute(
            select(release.c.document_id, doi.c.name, doi.c.confirmed)
            .join(doi, doi.c.pid == release.c.pid)
            .where(release.c.pid == text)
        ).first()
        if row is not None:
            name = row.name if row.confirmed in _REGISTERED else None
            connection.execute(update(document).where(document.c.id == row.document_id).values(doi=name))


def terms_of_runs(connection: Connection, version_ids: Sequence[int]) -> dict[int, list[Terms]]:
    """Under which the runs of each version stand now, each once."""
    found: dict[int, list[Terms]] = defaultdict(list)
    for start in range(0, len(version_ids), _PIECE):
        query = (
            select(_R.version_id, *terms.c)
            .join(dataset, dataset.c.id == _R.dataset_id)
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(_R.version_id.in_(version_ids[start : start + _PIECE]))
            .distinct()
        )
        for row in connection.execute(query).mappings():
            found[row["version_id"]].append(terms_of({c.name: row[c] for c in terms.c}))
    return found


def _candidates(connection: Connection, viewer: Viewer, pids: Sequence[str], now_us: int) -> tuple[Candidate, ...]:
    found: dict[str, Candidate] = {}
    for start in range(0, len(pids), _PIECE):
        query = (
            select(
                dataset.c.pid, dataset.c.version, dataset.c.origin, dataset.c.growing, dataset_version.c.open,
                dataset_version.c.pid.label("version_pid"), investigation.c.pid.label("visit_pid"),
                investigation.c.terms_id.label("visit_terms"), *(c.label(f"held_{c.name}") for c in terms.c),
            )
            .join(terms, terms.c.id == dataset.c.terms_id)
            .join(dataset_version, dataset_version.c.id == dataset.c.version_id)
            .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
            .where(dataset.c.pid.in_(pids[start : start + _PIECE]), readable(viewer, Artefact.CORE_METADATA, now_us))
        )  # fmt: skip
        for row in connection.execute(query):
            held = terms_of({c.name: row._mapping[f"held_{c.name}"] for c in terms.c})
            found[row.pid] = Candidate(
                pid=row.pid,
                version=row.version,
                version_pid=row.version_pid,
                terms=held,
                native=row.origin != Origin.MIRRORED.value,
                growing=bool(row.growing or row.open),
                about=row.visit_pid if row.visit_terms == held.id else row.pid,
            )
    return tuple(found[one] for one in pids if one in found)


def _next_number(connection: Connection, draft: Draft) -> tuple[int, int | None]:
    """And the release's id, if there is one."""
    row = connection.execute(
        select(release.c.id, func.max(_V.number).label("newest"))
        .join(release_version, _V.release_id == release.c.id)
        .where(release.c.pid == draft.pid)
        .group_by(release.c.id)
    ).first()
    return (1, None) if row is None else (row.newest + 1, row.id)


def _freeze(connection: Connection, version_id: int, found: Sequence[Candidate]) -> None:
    ids: dict[str, int] = {}
    for start in range(0, len(found), _PIECE):
        wanted = [one.pid for one in found[start : start + _PIECE]]
        ids |= {r.pid: r.id for r in connection.execute(select(dataset.c.pid, dataset.c.id).where(dataset.c.pid.in_(wanted)))}
    rows = [
        {"version_id": version_id, "position": at, "dataset_id": ids[one.pid], "number": one.version}
        for at, one in enumerate(found)
    ]
    connection.execute(release_run.insert(), rows)


def _name(connection: Connection, text: str, concept: str, number: int | None) -> None:
    row = {"pid": text, "kind": RELEASE if number is None else "version", "concept": concept, "version": number}
    connection.execute(pid.insert(), row | {"origin": Origin.NATIVE.value})


def _tell_runs(connection: Connection, pids: Sequence[str], now_us: int) -> None:
    """What is told of a run says in which releases it is."""
    rows = [{"at_us": now_us, "kind": "dataset", "pid": one, "what": "released"} for one in pids]
    if rows:
        connection.execute(change.insert(), rows)


def _holding(runs: ColumnElement[bool], viewer: Viewer, now_us: int) -> Select[Any]:
    """Versions that hold one of these runs of which the viewer may know."""
    held = select(_R.version_id).join(dataset, dataset.c.id == _R.dataset_id).join(terms, terms.c.id == dataset.c.terms_id)
    return held.where(runs, readable(viewer, Artefact.CORE_METADATA, now_us))


def _version(connection: Connection, text: str) -> Any:
    query = select(release_version, release.c.pid.label("concept")).join(release, release.c.id == _V.release_id)
    row = connection.execute(query.where(_V.pid == storable(text))).first()
    if row is None:
        raise NotFound()
    return row


def _frozen(version_id: int) -> Select[Any]:
    same = and_(dataset_version.c.dataset_id == dataset.c.id, dataset_version.c.number == _R.number)
    return (
        select(dataset.c.pid, _R.number, dataset_version.c.pid.label("version_pid"))
        .join(dataset, dataset.c.id == _R.dataset_id)
        .join(dataset_version, same)
        .where(_R.version_id == version_id)
        .order_by(_R.position)
    )


def _versions(release_id: int) -> Select[Any]:
    query = select(_V.pid, _V.number, _V.published_us, terms.c.withdrawn_us).join(terms, terms.c.id == _V.terms_id)
    return query.where(_V.release_id == release_id).order_by(_V.number)


def _lines() -> Select[Any]:
    told = (_V.pid, _V.number, _V.description_json, _V.published_us, _V.changed_us)
    return (
        select(*told, release.c.pid.label("concept"), terms.c.withdrawn_us)
        .join(release, release.c.id == _V.release_id)
        .join(terms, terms.c.id == _V.terms_id)
    )


def _newest(*, there: bool = False) -> Select[Any]:
    """Of each release; `there`: of those that are not withdrawn."""
    later, its = release_version.alias("later"), terms.alias("its")
    after = select(later.c.id).where(later.c.release_id == _V.release_id, later.c.number > _V.number)
    if not there:
        return _lines().where(~after.exists())
    after = after.join(its, its.c.id == later.c.terms_id).where(its.c.withdrawn_us.is_(None))
    return _lines().where(terms.c.withdrawn_us.is_(None), ~after.exists())


def titles_of(connection: Connection, pids: Sequence[str]) -> dict[str, str]:
    """Of versions, and of releases by their concept: that of the newest. Public for good, also when it was withdrawn."""
    query = select(_V.pid, release.c.pid.label("concept"), _V.description_json).join(release, release.c.id == _V.release_id)
    found: dict[str, str] = {}
    for row in connection.execute(query.where(or_(_V.pid.in_(pids), release.c.pid.in_(pids))).order_by(_V.number)):
        found[row.pid] = found[row.concept] = read(row.description_json).title
    return found


def _listed(rows: Any) -> tuple[Listed, ...]:
    found = []
    for row in rows:
        said = read(row.description_json)
        found.append(
            Listed(
                concept=row.concept,
                pid=row.pid,
                number=row.number,
                title=said.title,
                creators=tuple(one.name for one in said.creators),
                published_us=row.published_us,
                changed_us=row.changed_us,
                withdrawn=row.withdrawn_us is not None,
                papers=said.papers,
                doi=row._mapping.get("doi"),
            )
        )
    return tuple(found)

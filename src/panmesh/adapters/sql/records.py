"""Rows to values, already cut to what the viewer may read: a page of results costs a fixed number of statements."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, case, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import A_PERSON, sees_editors
from panmesh.access.names import NAME_WITHHELD, without, writings
from panmesh.access.naming_policy import sees_names
from panmesh.access.policy import readable
from panmesh.access.terms import Terms, state
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.materialise import layers_of_many
from panmesh.adapters.sql.permission import readable_now, terms_of
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_person,
    dataset_technique,
    dataset_version,
    facility,
    finding,
    instrument,
    investigation,
    parameter,
    proposal,
    relation,
    sample,
    technique,
    terms,
)
from panmesh.catalogue.layers import merge
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import (
    AccessView,
    DatasetKind,
    DatasetRecord,
    DatasetSummary,
    DigestState,
    Origin,
    ParameterView,
    PersonView,
    ProposalKind,
    Ref,
    RelationView,
    SampleView,
    TechniqueView,
)
from panmesh.catalogue.naming import visit_name
from panmesh.kernel import techniques
from panmesh.kernel.pid import Pid

Viewed = TypeVar("Viewed")
SHOWN = (
    Artefact.PID_RECORD,
    Artefact.CORE_METADATA,
    Artefact.FULL_METADATA,
    Artefact.LOGBOOK,
    Artefact.RAW,
    Artefact.PROCESSED,
)


_FACTS = tuple(fact.name for fact in fields(Terms))
_NEVER_TOLD = ("identity", "title_folded", "core_text", "full_text", "time_basis", "instrument_name", "definition", "quarantine")
_TERM = "its_"  # begins the names of the columns that the access of a row follows from


@cache
def access_columns() -> tuple[Any, ...]:
    """Of the joined `terms`, for `access_view`."""
    return tuple(terms.c[fact].label(_TERM + fact) for fact in _FACTS)


def access_view(row: Any, viewer: Viewer, now_us: int) -> AccessView:
    """Which artefacts of a row that they know of the viewer may read. The law itself is asked: said as conditions it would have
    to be written and read anew for every viewer, which takes longer than all else."""
    facts = _terms(row)
    current = state(facts, now_us)
    return AccessView(
        state=current,
        opens_us=facts.opens_us,
        readable=readable(viewer, facts, SHOWN, current),
        held=facts.hold.value if facts.hold else None,
    )


def _terms(row: Any) -> Terms:
    return terms_of({fact: getattr(row, _TERM + fact) for fact in _FACTS})


@cache
def summary_query() -> Select[Any]:
    """Of each dataset what a summary needs, whoever looks: which of it is told is decided by `summaries`."""
    return (
        select(
            *(column for column in dataset.c if column.name not in _NEVER_TOLD),
            facility.c.facility_key,
            facility.c.name.label("facility_title"),
            facility.c.time_zone,
            instrument.c.pid.label("instrument_pid"),
            instrument.c.instrument_key,
            instrument.c.name.label("instrument_title"),
            investigation.c.pid.label("investigation_pid"),
            investigation.c.title.label("investigation_title"),
            investigation.c.kind.label("visit_kind"),
            investigation.c.visit_id,
            *visit_span(),
            proposal.c.number.label("proposal_number"),
            sample.c.pid.label("sample_pid"),
            sample.c.name.label("sample_name"),
            sample.c.identifier.label("sample_identifier"),
            sample.c.formula.label("sample_formula"),
            sample.c.description.label("sample_description"),
            *access_columns(),
        )
        .select_from(dataset)
        .join(terms, terms.c.id == dataset.c.terms_id)
        .join(facility, facility.c.id == dataset.c.facility_id)
        .outerjoin(instrument, instrument.c.id == dataset.c.instrument_id)
        .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
        .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
        .outerjoin(sample, sample.c.id == dataset.c.sample_id)
    )


@cache
def _summaries_of() -> Select[Any]:
    return summary_query().where(one_of(dataset.c.id, "ids"))


def shown(
    connection: Connection, viewer: Viewer, ids: Sequence[int], now_us: int, *, brief: bool = False
) -> tuple[DatasetSummary, ...]:
    """In this order. The caller has found out that the viewer may know of them. `brief`: without techniques and quantities."""
    if not ids:
        return ()
    by_id = {row.id: row for row in connection.execute(_summaries_of(), {"ids": list(ids)})}
    return summaries(connection, viewer, [by_id[one] for one in ids if one in by_id], now_us, brief=brief)


@cache
def visit_span() -> tuple[Any, ...]:
    """Of the joined investigation, when it has no schedule: the starts of its first and last run, `first_us` and `last_us`. Only
    of runs under its own terms: whoever reads its name may read theirs."""
    found = []
    for name in ("first_us", "last_us"):
        run = dataset.alias()
        start = run.c.start_us
        edge = (
            select(start)
            .where(run.c.investigation_id == investigation.c.id, run.c.terms_id == investigation.c.terms_id, start.is_not(None))
            .order_by(start.asc() if name == "first_us" else start.desc())
            .limit(1)
            .correlate(investigation)
            .scalar_subquery()
        )
        found.append(case((investigation.c.kind == ProposalKind.UNSCHEDULED.value, edge), else_=None).label(name))
    return tuple(found)  # made once: an alias of so many columns costs more than the query that it is part of


def name_of_visit(row: Any, title: str | None) -> str:
    return visit_name(
        kind=ProposalKind(row.visit_kind),
        title=title,
        visit_id=row.visit_id,
        instrument=row.instrument_title,
        zone=row.time_zone,
        first_us=row.first_us,
        last_us=row.last_us,
    )


def summaries(
    connection: Connection, viewer: Viewer, rows: Sequence[Any], now_us: int, *, brief: bool = False
) -> tuple[DatasetSummary, ...]:
    """Rows of `summary_query`, each cut to what the viewer may read."""
    under = {row.terms_id: row for row in rows}  # runs of a visit are mostly under the same terms
    access = {terms_id: access_view(row, viewer, now_us) for terms_id, row in under.items()}
    if brief:
        return tuple(_summary(row, access[row.terms_id], (), ()) for row in rows)
    ids = [row.id for row in rows]
    full = [row.id for row in rows if Artefact.FULL_METADATA in access[row.terms_id].readable]
    used = _grouped(connection, _techniques_of(), ids, _technique)
    said = _grouped(connection, _parameters_of(), full, _parameter)
    return tuple(_summary(row, access[row.terms_id], used.get(row.id, ()), said.get(row.id, ())) for row in rows)


@cache
def _techniques_of() -> Select[Any]:
    d = dataset_technique.c
    return (
        select(d.dataset_id, d.technique_pid, technique.c.name)
        .outerjoin(technique, technique.c.pid == d.technique_pid)
        .where(one_of(d.dataset_id, "ids"))
    )


def _technique(pid: str, own_name: str | None) -> TechniqueView:
    return TechniqueView(pid=pid, name=own_name or techniques.label(pid) or pid)


@cache
def _parameters_of() -> Select[Any]:
    p = parameter.c
    said = select(p.dataset_id, p.name, p.label, p.unit, p.value, p.text, p.minimum, p.maximum)
    return said.where(one_of(p.dataset_id, "ids")).order_by(p.id)


def _parameter(
    name: str, label: str, unit: str | None, value: float | None, text: str | None, minimum: float | None, maximum: float | None
) -> ParameterView:
    plain = value if value is not None else text
    return ParameterView(name=name, label=label, unit=unit, value=plain, minimum=minimum, maximum=maximum)


def record(connection: Connection, row: Any, viewer: Viewer, now_us: int, version_number: int | None) -> DatasetRecord:
    """Within `instant.at`."""
    asked = version_number or row.version
    version = versions_of(connection, {row.id: asked})[row.id]
    return records(connection, [row], {row.id: version}, viewer, now_us)[0]


def versions_of(connection: Connection, asked: Mapping[int, int]) -> dict[int, Any]:
    """`asked`: dataset → number of its version."""
    c = dataset_version.c
    query = select(dataset_version).where(c.dataset_id.in_(list(asked)), c.number.in_(sorted(set(asked.values()))))
    return {row.dataset_id: row for row in connection.execute(query) if asked[row.dataset_id] == row.number}


def records(
    connection: Connection, rows: Sequence[Any], versions: Mapping[int, Any], viewer: Viewer, now_us: int, *, facts: bool = True
) -> list[DatasetRecord]:
    """In the order of the rows, by a fixed number of statements, within `instant.at`. `facts`: also all that the files say, which is much to read."""
    told = summaries(connection, viewer, rows, now_us)
    full = [one.id for one in told if Artefact.FULL_METADATA in one.access.readable]
    around = _Around(connection, full, viewer) if full else None
    found = []
    for row, summary in zip(rows, told, strict=True):
        version = versions[row.id]
        core = DatasetRecord(
            summary=summary,
            version=version.number,
            version_pid=version.pid,
            versions=row.version,
            revision=row.revision,
            updated_us=row.updated_us,
            open=version.open,
            manifest=ManifestRef.from_bytes(version.manifest)
            if artefact_of_files(summary.kind) in summary.access.readable
            else None,
        )
        found.append(core if around is None or row.id not in around.ids else around.told(core, row, version, facts=facts))
    return found


def artefact_of_files(kind: DatasetKind) -> Artefact:
    return Artefact.RAW if kind is DatasetKind.RAW else Artefact.PROCESSED


class _Around:
    """What stands in other tables on datasets whose full metadata the viewer may read."""

    def __init__(self, connection: Connection, ids: Sequence[int], viewer: Viewer) -> None:
        self.ids = frozenset(ids)
        self._viewer = viewer
        f = finding.c
        findings = select(f.dataset_id, func.count().label("number")).where(f.dataset_id.in_(ids)).group_by(f.dataset_id)
        self._people: dict[int, list[Any]] = {}
        for row in connection.execute(_people_of(), {"ids": ids}):
            self._people.setdefault(row.dataset_id, []).append(row)
        self._findings = {row.dataset_id: int(row.number) for row in connection.execute(findings)}
        self._layers = layers_of_many(connection, ids)
        self._relations = _relations(connection, ids, viewer)

    def told(self, core: DatasetRecord, row: Any, version: Any, *, facts: bool) -> DatasetRecord:
        document: dict[str, Any] = json.loads(zlib.decompress(version.facts)) if facts and version.facts else {}
        people, owners = self._people.get(row.id, []), _terms(row)
        named = sees_editors(self._viewer, owners)
        hidden = [] if sees_names(self._viewer, owners) else [p for p in people if p.withheld]
        made = replace(
            core,
            people=tuple(_person(p, shown=p not in hidden) for p in people),
            facts=document.get("entry"),
            values={
                field: {
                    "value": e.value,
                    "source": e.source,
                    "path": e.path,
                    "by": e.by if named or e.source == "file" else A_PERSON,
                    "at": e.at_us,
                }
                for field, e in merge(self._layers.get(row.id, [])).items()
            },
            problems=tuple(document.get("problems", ())),
            advice=row.advice,
            format=row.format,
            relations=tuple(self._relations.get(row.id, ())),
            digest_state=DigestState(version.digest_state),
            findings=self._findings.get(row.id, 0),
        )
        return made if not hidden else _without(made, hidden)


@cache
def _people_of() -> Select[Any]:
    p = dataset_person.c
    return select(dataset_person).where(one_of(p.dataset_id, "ids")).order_by(p.position)


def _person(row: Any, *, shown: bool) -> PersonView:
    if not shown:
        return PersonView(name=NAME_WITHHELD, role=row.role, orcid=None, affiliation=None)
    return PersonView(name=row.name, role=row.role, orcid=row.orcid, affiliation=row.affiliation)


def _without(made: DatasetRecord, hidden: Sequence[Any]) -> DatasetRecord:
    """Also what was read of the file, and what people wrote of it, says these names no more."""
    names, orcids = withheld_texts(hidden)
    told = {"facts": made.facts, "values": made.values, "problems": list(made.problems)}
    cut = without(told, names, orcids)
    return replace(made, facts=cut["facts"], values=cut["values"], problems=tuple(cut["problems"]))


def withheld_texts(rows: Sequence[Any]) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(one for row in rows for one in writings(row.name)), frozenset(row.orcid for row in rows if row.orcid)


def hidden_people(connection: Connection, dataset_id: int) -> Sequence[Any]:
    p = dataset_person.c
    return connection.execute(select(dataset_person).where(p.dataset_id == dataset_id, p.withheld.is_(True))).all()


def _summary(row: Any, access: AccessView, used: Sequence[TechniqueView], said: Sequence[ParameterView]) -> DatasetSummary:
    full = Artefact.FULL_METADATA in access.readable
    visit = Ref(pid=row.investigation_pid, name=name_of_visit(row, row.investigation_title)) if row.investigation_pid else None
    return DatasetSummary(
        id=row.id,
        pid=Pid(row.pid),
        title=row.title,
        kind=DatasetKind(row.kind),
        origin=Origin(row.origin),
        start_us=row.start_us,
        end_us=row.end_us,
        created_us=row.created_us,
        facility=row.facility_key,
        facility_name=row.facility_title,
        source=row.facility_name,
        facility_zone=row.time_zone,
        instrument=Ref(pid=row.instrument_pid, name=row.instrument_title) if row.instrument_pid else None,
        instrument_key=row.instrument_key,
        investigation=visit,
        visit_id=row.visit_id,
        proposal=row.proposal_number,
        techniques=tuple(sorted(used, key=lambda t: t.pid)),
        access=access,
        **(_told_in_full(row, said) if full else {}),
    )


def _told_in_full(row: Any, said: Sequence[ParameterView]) -> dict[str, Any]:
    return {
        "sample": _sample(row) if row.sample_pid else None,
        "parameters": tuple(said),
        "file_count": row.file_count,
        "total_bytes": row.total_bytes,
        "read_state": row.read_state,
        "growing": row.growing,
        "path": row.path,
        "entry": row.entry,
        "run": row.run,
        "series": row.series,
        "has_plot": row.has_plot,
    }


def _sample(row: Any) -> SampleView:
    return SampleView(
        pid=row.sample_pid,
        name=row.sample_name,
        identifier=row.sample_identifier,
        formula=row.sample_formula,
        description=row.sample_description,
    )


def _relations(connection: Connection, ids: Sequence[int], viewer: Viewer) -> dict[int, list[RelationView]]:
    """Only to datasets that the viewer may know of. Asked for each by itself: there may be very many of one."""
    found: dict[int, list[RelationView]] = {one: [] for one in ids}
    for direction in ("from", "to"):
        for one in ids if len(ids) == 1 else _linked(connection, ids, direction):
            found[one] += [
                RelationView(
                    pid=r.pid,
                    title=r.title,
                    direction=direction,
                    software=r.software,
                    software_version=r.software_version,
                    at_us=r.at_us,
                )
                for r in connection.execute(_related(viewer, direction), {"run": one})
            ]
    return found


def _linked(connection: Connection, ids: Sequence[int], direction: str) -> Sequence[int]:
    """Those that have any: nearly all have none."""
    mine = relation.c.derived_id if direction == "from" else relation.c.source_id
    any_ = select(relation.c.id).where(mine == dataset.c.id).exists()
    return connection.execute(select(dataset.c.id).where(dataset.c.id.in_(ids), any_)).scalars().all()


@lru_cache(maxsize=64)
def _related(viewer: Viewer, direction: str) -> Select[Any]:
    """`from`: what the run that is given was made from; `to`: what was made from it."""
    derived, source = relation.c.derived_id, relation.c.source_id
    mine, theirs = (derived, source) if direction == "from" else (source, derived)
    return (
        select(dataset.c.pid, dataset.c.title, relation.c.software, relation.c.software_version, relation.c.at_us)
        .join(dataset, dataset.c.id == theirs)
        .join(terms, terms.c.id == dataset.c.terms_id)
        .where(mine == bindparam("run"), readable_now(viewer, Artefact.CORE_METADATA))
        .order_by(relation.c.id)
        .limit(200)
    )


def _grouped(
    connection: Connection, query: Select[Any], ids: Sequence[int], made: Callable[..., Viewed]
) -> dict[int, list[Viewed]]:
    """Dataset → what is made of its rows. `query`: (dataset, what it is made of) of the datasets that are given as `ids`."""
    found: dict[int, list[Viewed]] = {}
    for of, *values in connection.execute(query, {"ids": ids}).all() if ids else ():
        found.setdefault(of, []).append(made(*values))
    return found

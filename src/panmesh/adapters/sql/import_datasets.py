"""Imported datasets into the catalogue: new ones in bulk, changed ones one by one, so that what people corrected stays corrected."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import delete, select, update

from panmesh.adapters.sql.import_files import content_key, facts_of, manifest_of, write_versions
from panmesh.adapters.sql.import_ground import Admitted, Ground, admit, in_pieces, remember
from panmesh.adapters.sql.import_places import Place, Places
from panmesh.adapters.sql.imported_techniques import keep_techniques
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.samples import sample_ids
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_person,
    dataset_sample,
    dataset_technique,
    dataset_version,
    document,
    investigation,
    layer,
    parameter,
    pid,
    proposal,
)
from panmesh.adapters.sql.withheld_now import withheld_now
from panmesh.catalogue.effective import Described, Surroundings, describe
from panmesh.catalogue.imported import ImportedDataset, ImportedParameter, ImportedSample
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DatasetKind
from panmesh.catalogue.withholding import hide
from panmesh.kernel.pid import Pid, version_pid


@dataclass(frozen=True, slots=True)
class _Visit:
    id: int
    terms_id: int
    visit_id: str
    title: str | None
    proposal: str | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A dataset with what its relations lead to here."""

    record: ImportedDataset
    place: Place | None
    visit: _Visit | None
    terms_id: int
    techniques: tuple[str, ...]


def bring_datasets(ground: Ground, places: Places, records: Sequence[ImportedDataset]) -> list[ImportedDataset]:
    """Returns those that are new or have changed."""
    if not records:
        return []
    visits = _visits(ground, {r.investigation for r in records if r.investigation is not None})
    named = keep_techniques(ground, records)
    ready = {r.pid: _resolve(ground, places, visits, named, r) for r in records}
    admitted = admit(ground, "dataset", records, lambda r: _ends(ready[r.pid]))
    _complain(ground, [ready[a.record.pid] for a in admitted])
    names = {technique.pid: technique.name for r in records for technique in r.techniques}
    fresh = [a for a in admitted if not a.known]
    fresh = _refuse_taken_versions(ground, fresh)
    if fresh:
        _add(ground, [ready[a.record.pid] for a in fresh], names)
    for one in admitted:
        if one.known:
            _renew(ground, ready[one.record.pid])
    kept = [*fresh, *(a for a in admitted if a.known)]
    remember(ground, "dataset", kept)
    return [a.record for a in kept]


def _resolve(
    ground: Ground,
    places: Places,
    visits: Mapping[str, _Visit],
    named: Mapping[str, str],
    record: ImportedDataset,
) -> _Ready:
    place = places.instrument(record.instrument)
    visit = visits.get(record.investigation or "")
    if visit is not None and not record.access.public:
        terms_id = visit.terms_id
    else:
        terms_id = places.shared_terms(record.access, place.id if place is not None else None)
    return _Ready(
        record=record,
        place=place,
        visit=visit,
        terms_id=terms_id,
        techniques=tuple(named[t.pid] for t in record.techniques),
    )


def _ends(one: _Ready) -> tuple[Any, ...]:
    return one.place and one.place.id, one.visit and one.visit.id, one.terms_id, one.techniques


def _complain(ground: Ground, ready: Sequence[_Ready]) -> None:
    for one in ready:
        r = one.record
        if r.instrument is not None and one.place is None and r.instrument not in ground.seen:
            ground.note("dataset", r.pid, "its instrument is not here: the record has none until the instrument comes")
        if r.investigation is not None and one.visit is None and r.investigation not in ground.seen:
            ground.note("dataset", r.pid, "its visit is not here")
        if any(f.size is None for f in r.files):
            ground.note("dataset", r.pid, "sizes of files are not known to the source: shown as 0")


def _refuse_taken_versions(ground: Ground, fresh: list[Admitted[ImportedDataset]]) -> list[Admitted[ImportedDataset]]:
    versions = [version_pid(Pid(a.record.pid), 1) for a in fresh]
    taken = {row.pid for row in in_pieces(ground.connection, select(pid.c.pid), pid.c.pid, versions)} | {
        a.record.pid for a in fresh
    }.intersection(versions)
    bad = [a for a, v in zip(fresh, versions, strict=True) if v in taken]
    for one in bad:
        ground.refuse("dataset", one.record.pid, "the pid of its first version is taken by another record")
    return [a for a in fresh if a not in bad]


def _visits(ground: Ground, wanted: set[str]) -> dict[str, _Visit]:
    query = (
        select(document.c.pid, investigation, proposal.c.number)
        .join(investigation, investigation.c.id == document.c.investigation_id)
        .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
    )
    found = {
        row.pid: _Visit(row.id, row.terms_id, row.visit_id, row.title, row.number)
        for row in in_pieces(ground.connection, query, document.c.pid, wanted)
    }
    alias = (
        select(pid.c.pid.label("alias"), document.c.pid)
        .join(document, document.c.pid == pid.c.concept)
        .where(pid.c.kind == "alias")
    )
    pairs = [(row.alias, row.pid) for row in in_pieces(ground.connection, alias, pid.c.pid, wanted - set(found))]
    if pairs:
        ours = _visits(ground, {concept for _, concept in pairs})
        found |= {name: ours[concept] for name, concept in pairs if concept in ours}
    return found


# --- new ones ---------------------------------------------------------------------------------------------------------


def _add(ground: Ground, ready: Sequence[_Ready], names: Mapping[str, str]) -> None:
    c = ground.connection
    layers = [_values(one) for one in ready]
    withheld = withheld_now(c)
    described = [hide(describe(values, _around(ground, one, names)), withheld) for one, values in zip(ready, layers, strict=True)]
    samples = _sample_ids(ground, ready)
    manifests = [manifest_of(ground, one.record) for one in ready]
    rows = [
        _row(ground, one, d, ids[0] if ids else None, m)
        for one, d, ids, m in zip(ready, described, samples, manifests, strict=True)
    ]
    ids = list(c.execute(dataset.insert().returning(dataset.c.id, sort_by_parameter_order=True), rows).scalars())
    write_versions(ground, [(i, one.record, 1, m) for i, one, m in zip(ids, ready, manifests, strict=True)])
    ground.keep_pids([(one.record.pid, "dataset", one.record.pid, None) for one in ready])
    c.execute(layer.insert(), [_layer_row(ground, i, values) for i, values in zip(ids, layers, strict=True)])
    further = [{"dataset_id": i, "sample_id": s} for i, found in zip(ids, samples, strict=True) for s in found[1:]]
    for table, details in (
        (parameter, [{"dataset_id": i, **row} for i, d in zip(ids, described, strict=True) for row in d.parameters]),
        (
            dataset_technique,
            [{"dataset_id": i, "technique_pid": t} for i, d in zip(ids, described, strict=True) for t in d.techniques],
        ),
        (dataset_person, [{"dataset_id": i, **row} for i, d in zip(ids, described, strict=True) for row in d.people]),
        (dataset_sample, further),
    ):
        if details:
            c.execute(table.insert(), details)
    ground.feed("dataset", [one.record.pid for one in ready], "created")


def _row(ground: Ground, one: _Ready, described: Described, sample_id: int | None, manifest: ManifestRef) -> dict[str, Any]:
    record = one.record
    return {
        "pid": record.pid,
        "identity": hashlib.sha256(f"imported|{record.pid}".encode()).digest(),
        "facility_id": one.place.facility_id if one.place is not None else ground.facility_id,
        "sample_id": sample_id,
        "origin": ground.origin.value,
        "read_state": "stored",
        "format": None,
        "quarantine": None,
        "growing": False,
        "has_plot": False,
        "version": 1,
        "created_us": record.created_us if record.created_us is not None else ground.now_us,
        "updated_us": ground.now_us,
        "revision": 1,
        **_fixed(one, manifest),
        **described.columns,
    }


def _fixed(one: _Ready, manifest: ManifestRef) -> dict[str, Any]:
    """Columns that no layer decides."""
    record = one.record
    return {
        "instrument_id": one.place.id if one.place is not None else None,
        "investigation_id": one.visit.id if one.visit is not None else None,
        "terms_id": one.terms_id,
        "kind": (DatasetKind.RAW if record.kind == "raw" else DatasetKind.PROCESSED).value,
        "file_count": manifest.file_count,
        "total_bytes": manifest.total_bytes if record.size is None else record.size,
    }


def _values(one: _Ready) -> dict[str, Any]:
    name, facility_name = (one.place.name, one.place.facility_name) if one.place is not None else (None, None)
    return layer_values(one.record, one.techniques, name, facility_name)


def layer_values(
    record: ImportedDataset, techniques: Sequence[str], instrument_name: str | None, facility_name: str | None
) -> dict[str, Any]:
    """What a record says, in the shapes of `catalogue.effective`."""
    sample = record.samples[0] if record.samples else None
    values = {
        "title": record.title,
        "start": record.start_us,
        "end": record.end_us,
        "description": record.description,
        "instrument_name": instrument_name,
        "facility_name": facility_name,
        "sample": _sample_value(sample) if sample is not None else None,
        "people": [dict(person) for person in record.people],
        "techniques": list(techniques),
        "parameters": [parameter_value(p) for p in record.parameters],
    }
    return {name: value for name, value in values.items() if value not in (None, [])}


def parameter_value(p: ImportedParameter) -> dict[str, Any]:
    row: dict[str, Any] = {"name": p.name, "label": p.name, "unit": p.unit, "minimum": p.minimum, "maximum": p.maximum}
    return row | ({"text": p.value} if isinstance(p.value, str) else {"value": p.value})


def _sample_value(sample: ImportedSample) -> dict[str, Any]:
    return {
        "pid": sample.pid,
        "name": sample.name,
        "formula": sample.formula,
        "description": sample.description,
    }


def _sample_ids(ground: Ground, ready: Sequence[_Ready]) -> list[list[int]]:
    flat = [(i, one, sample) for i, one in enumerate(ready) for sample in one.record.samples if sample.name]
    wanted = [(_facility_id(ground, one), "", _sample_value(sample)) for _, one, sample in flat]
    found: list[list[int]] = [[] for _ in ready]
    for (i, _, _), number in zip(flat, sample_ids(ground.connection, wanted, ground.random_bytes, ground.origin), strict=True):
        if number is not None and number not in found[i]:
            found[i].append(number)
    return found


def _facility_id(ground: Ground, one: _Ready) -> int:
    return one.place.facility_id if one.place is not None else ground.facility_id


def _around(ground: Ground, one: _Ready, names: Mapping[str, str]) -> Surroundings:
    return Surroundings(
        facility=one.place.facility_key if one.place is not None else ground.facility_key,
        instrument=one.place.key if one.place is not None else "",
        proposal=(one.visit.proposal or "") if one.visit is not None else "",
        visit=one.visit.visit_id if one.visit is not None else "",
        visit_title=(one.visit.title or "") if one.visit is not None else "",
        technique_names=names,
    )


def _layer_row(ground: Ground, dataset_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: {"value": value, "path": None} for name, value in values.items()}
    text = orjson.dumps(said).decode()
    return {"dataset_id": dataset_id, "source": "push", "values_json": text, "by": "import", "at_us": ground.now_us}


# --- changed ones -----------------------------------------------------------------------------------------------------


def _renew(ground: Ground, one: _Ready) -> None:
    """The source's layer is laid anew; what people said above it stays. Other files are a new version."""
    c, record = ground.connection, one.record
    row = c.execute(select(dataset.c.id, dataset.c.version, dataset.c.version_id).where(dataset.c.pid == record.pid)).one()
    current = c.execute(
        select(dataset_version.c.content_key, dataset_version.c.manifest).where(dataset_version.c.id == row.version_id)
    ).one()
    manifest = ManifestRef.from_bytes(current.manifest)
    if bytes(current.content_key) != content_key(record):
        manifest = manifest_of(ground, record)
        write_versions(ground, [(row.id, record, row.version + 1, manifest)])
        ground.feed("dataset", [record.pid], "version")
    else:
        c.execute(update(dataset_version).where(dataset_version.c.id == row.version_id).values(facts=facts_of(ground, record)))
    undone = {"undone_us": ground.now_us, "undone_by": "import"}
    mine = (layer.c.dataset_id == row.id, layer.c.source == "push", layer.c.by == "import", layer.c.undone_us.is_(None))
    c.execute(update(layer).where(*mine).values(**undone))
    c.execute(layer.insert(), _layer_row(ground, row.id, _values(one)))
    columns = _fixed(one, manifest) | {"facility_id": _facility_id(ground, one)}
    if record.created_us is not None:
        columns["created_us"] = record.created_us
    c.execute(update(dataset).where(dataset.c.id == row.id).values(**columns))
    samples = _sample_ids(ground, [one])[0]
    c.execute(delete(dataset_sample).where(dataset_sample.c.dataset_id == row.id))
    if samples[1:]:
        c.execute(dataset_sample.insert(), [{"dataset_id": row.id, "sample_id": s} for s in samples[1:]])
    materialise(c, row.id, ground.now_us)
    ground.feed("dataset", [record.pid], "updated")

"""Catalogue values in the shapes of the native API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from panmesh.catalogue.model import (
    AccessView,
    DatasetRecord,
    DatasetSummary,
    FileView,
    InstrumentView,
    InvestigationView,
    Ref,
)
from panmesh.kernel.clock import facility_day, iso


def access(view: AccessView, zone: str) -> dict[str, Any]:
    return {
        "state": view.state.value,
        "opens": facility_day(view.opens_us, zone).isoformat() if view.opens_us is not None else None,
        "readable": sorted(a.value for a in view.readable),
    }


def ref(one: Ref | None) -> dict[str, str] | None:
    return None if one is None else {"pid": one.pid, "name": one.name}


def dataset(s: DatasetSummary) -> dict[str, Any]:
    return {
        "pid": s.pid,
        "title": s.title,
        "kind": s.kind.value,
        "origin": s.origin.value,
        "start": iso(s.start_us),
        "end": iso(s.end_us),
        "created": iso(s.created_us),
        "facility": s.facility,
        "facility_name": s.facility_name,
        "source": s.source,
        "instrument": ref(s.instrument),
        "investigation": ref(s.investigation),
        "proposal": s.proposal,
        "techniques": [{"pid": t.pid, "name": t.name} for t in s.techniques],
        "access": access(s.access, s.facility_zone),
        "sample": s.sample,  # orjson writes them as they are, which `asdict` takes long to copy
        "parameters": s.parameters,
        "file_count": s.file_count,
        "total_bytes": s.total_bytes,
        "read_state": s.read_state,
        "growing": s.growing,
        "run": s.run,
        "series": s.series,
    }


def record(r: DatasetRecord) -> dict[str, Any]:
    return dataset(r.summary) | {
        "version": r.version,
        "version_pid": r.version_pid,
        "versions": r.versions,
        "revision": r.revision,
        "updated": iso(r.updated_us),
        "people": [asdict(p) for p in r.people],
        "values": r.values,
        "facts": r.facts,
        "problems": list(r.problems),
        "advice": r.advice,
        "format": r.format,
        "relations": [asdict(one) | {"at": iso(one.at_us)} for one in r.relations],
        "digests": r.digest_state.value if r.digest_state else None,
        "findings": r.findings,
    }


def file(f: FileView) -> dict[str, Any]:
    return {
        "name": f.name,
        "size": f.size,
        "modified": iso(f.modified_us),
        "sha256": f.sha256,
        "blake3": f.blake3,
        "crc32": f.crc32,
        "adler32": f.adler32,
        "state": f.state.value,
    }


def investigation(v: InvestigationView) -> dict[str, Any]:
    return {
        "pid": v.pid,
        "visit_id": v.visit_id,
        "title": v.title,
        "proposal": v.proposal,
        "kind": v.kind.value,
        "start": iso(v.starts_us),
        "end": iso(v.ends_us),
        "facility": v.facility,
        "instrument": ref(v.instrument),
        "access": access(v.access, v.facility_zone),
        "dataset_count": v.dataset_count,
        "total_bytes": v.total_bytes,
        "members": [asdict(m) for m in v.members],
    }


def instrument(v: InstrumentView) -> dict[str, Any]:
    return {
        "pid": v.pid,
        "key": v.key,
        "name": v.name,
        "facility": v.facility,
        "description": v.description,
        "dataset_count": v.dataset_count,
        "latest": iso(v.latest_us),
    }

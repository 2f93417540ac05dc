"""Entities in the Search API's own JSON as records to bring in: relations nested whole or by pid, optional fields absent, null or empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from panmesh.catalogue.imported import (
    Imported,
    ImportedAccess,
    ImportedAffiliation,
    ImportedDataset,
    ImportedDocument,
    ImportedFile,
    ImportedInstrument,
    ImportedMember,
    ImportedParameter,
    ImportedPerson,
    ImportedSample,
    ImportedTechnique,
    Rejected,
)
from panmesh.wire.loose import boolean, instant, key, many, mapping, parameter, text, whole

DEEPEST = 6  # documents within datasets within documents …
ENTITIES = ("instruments", "datasets", "documents")
_OWN = {"pid", "isPublic", "title", "creationDate", "size", "score", "instrumentId", "documentId", "documents", "document"} | {
    "techniques", "instrument", "files", "parameters", "samples", "provider",
}  # fmt: skip

Records = Iterator[Imported | Rejected]


class SearchApiReader:
    """Remembers the instruments that came, so that one nested in a million datasets comes once."""

    def __init__(self) -> None:
        self._instruments: set[str] = set()
        self._read: Mapping[str, Callable[[Any, int], Records]] = {
            "instruments": self._instrument,
            "datasets": self._dataset,
            "documents": self._document,
        }

    def read(self, entity: str, raw: Any) -> Records:
        """What one element of the list `entity` brings: what it nests first, then itself."""
        return self._read[entity](raw, 0)

    def _instrument(self, raw: Any, depth: int) -> Records:
        found, fault = _found("instrument", raw)
        if fault is not None:
            yield fault
            return
        pid = key(found.get("pid"))
        assert pid is not None
        if depth and pid in self._instruments:
            return
        self._instruments.add(pid)
        facility = text(found.get("facility"))
        yield ImportedInstrument(pid=pid, name=text(found.get("name")) or pid, facility=facility, nested=depth > 0)

    def _dataset(self, raw: Any, depth: int) -> Records:
        found, fault = _found("dataset", raw)
        if fault is not None:
            yield fault
            return
        pid = key(found.get("pid"))
        assert pid is not None
        yield from self._nested("instruments", found.get("instrument"), depth)
        documents = [*many(found.get("documents")), *many(found.get("document"))]
        for one in documents:
            yield from self._nested("documents", one, depth)
        parts = _Parts("dataset", pid)
        record = ImportedDataset(
            pid=pid,
            title=text(found.get("title")),
            access=ImportedAccess(public=boolean(found.get("isPublic"))),
            created_us=instant(found.get("creationDate")),
            size=whole(found.get("size")),
            instrument=_ref(found.get("instrument")) or key(found.get("instrumentId")),
            techniques=tuple(parts.each("technique", found.get("techniques"), _technique)),
            samples=tuple(parts.each("sample", found.get("samples"), _sample)),
            parameters=tuple(parts.each("parameter", found.get("parameters"), _parameter)),
            files=tuple(parts.each("file", found.get("files"), _file)),
            documents=_refs([*documents, found.get("documentId")]),
            extra={name: value for name, value in found.items() if name not in _OWN},
            nested=depth > 0,
        )
        yield from parts.rejected
        yield record

    def _document(self, raw: Any, depth: int) -> Records:
        found, fault = _found("document", raw)
        if fault is not None:
            yield fault
            return
        pid = key(found.get("pid"))
        assert pid is not None
        for one in many(found.get("datasets")):
            yield from self._nested("datasets", one, depth)
        parts = _Parts("document", pid)
        record = ImportedDocument(
            pid=pid,
            type=text(found.get("type")) or "publication",
            title=text(found.get("title")) or pid,
            access=ImportedAccess(public=boolean(found.get("isPublic"))),
            summary=text(found.get("summary")),
            doi=text(found.get("doi")),
            starts_us=instant(found.get("startDate")),
            ends_us=instant(found.get("endDate")),
            release_us=instant(found.get("releaseDate")),
            license=text(found.get("license")),
            keywords=tuple(word for one in many(found.get("keywords")) if (word := text(one))),
            members=tuple(parts.each("member", found.get("members"), _member)),
            parameters=tuple(parts.each("parameter", found.get("parameters"), _parameter)),
            datasets=_refs([*many(found.get("datasets")), found.get("datasetId")]),
            nested=depth > 0,
        )
        yield from parts.rejected
        yield record

    def _nested(self, entity: str, raw: Any, depth: int) -> Records:
        """A record within another: whole when it says more than its pid."""
        if not isinstance(raw, Mapping) or not ({"title", "name", "isPublic"} & raw.keys()) or key(raw.get("pid")) is None:
            return
        if depth >= DEEPEST:
            yield Rejected(kind=entity.removesuffix("s"), pid=key(raw["pid"]), reason=f"nested more than {DEEPEST} deep")
            return
        yield from self._read[entity](raw, depth + 1)


class _Parts:
    """Parts of one record; those that say nothing usable are told of, and do not stop the rest."""

    def __init__(self, kind: str, pid: str) -> None:
        self._of = f"{kind} {pid}"
        self._pid = pid
        self.rejected: list[Rejected] = []

    def each(self, kind: str, raw: Any, read: Callable[[Mapping[str, Any]], Any]) -> Iterator[Any]:
        for one in many(raw):
            part = read(one) if isinstance(one, Mapping) else None
            if part is None:
                self.rejected.append(Rejected(kind=kind, pid=self._pid, reason=_WHY[kind]))
            else:
                yield part


_WHY = {
    "technique": "a technique needs a pid",
    "sample": "a sample needs a pid or a name",
    "parameter": "a parameter needs a name and a value",
    "file": "a file needs a name",
    "member": "a member needs a person, an affiliation or a role",
}


def _found(kind: str, raw: Any) -> tuple[Mapping[str, Any], Rejected | None]:
    if not isinstance(raw, Mapping):
        return {}, Rejected(kind=kind, pid=None, reason="it is no JSON object")
    if key(raw.get("pid")) is None:
        return raw, Rejected(kind=kind, pid=None, reason="it has no pid")
    return raw, None


def _ref(raw: Any) -> str | None:
    return key(raw.get("pid")) if isinstance(raw, Mapping) else key(raw)


def _refs(raw: list[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pid for one in raw if (pid := _ref(one)) is not None))


def _technique(raw: Mapping[str, Any]) -> ImportedTechnique | None:
    panet = text(raw.get("panetId"))
    pid = key(raw.get("pid")) or panet
    return None if pid is None else ImportedTechnique(pid=pid, name=text(raw.get("name")) or pid, panet_pid=panet)


def _sample(raw: Mapping[str, Any]) -> ImportedSample | None:
    name = text(raw.get("name"))
    pid = key(raw.get("pid")) or name  # one implementation has names alone
    return None if pid is None else ImportedSample(pid=pid, name=name or pid, description=text(raw.get("description")))


def _parameter(raw: Mapping[str, Any]) -> ImportedParameter | None:
    found = parameter(raw.get("name"), raw.get("value"), raw.get("unit"))
    return replace(found, unit="") if found is not None and raw.get("unit") == "" else found  # said to have none


def _file(raw: Mapping[str, Any]) -> ImportedFile | None:
    path = text(raw.get("path"))
    name = text(raw.get("name")) or (path or "").rsplit("/", 1)[-1] or key(raw.get("id"))
    return None if not name else ImportedFile(name=name, path=path, size=whole(raw.get("size")))


def _member(raw: Mapping[str, Any]) -> ImportedMember | None:
    role, person, affiliation = text(raw.get("role")), _person(raw), _affiliation(raw)
    if role is None and person is None and affiliation is None:
        return None
    return ImportedMember(role=role, person=person, affiliation=affiliation)


def _person(raw: Mapping[str, Any]) -> ImportedPerson | None:
    found = mapping(raw.get("person"))
    first, last = text(found.get("firstName")), text(found.get("lastName"))
    full = text(found.get("fullName")) or " ".join(part for part in (first, last) if part)
    number = key(found.get("id")) or key(raw.get("personId")) or full
    if not number:
        return None
    return ImportedPerson(
        key=number,
        full_name=full or number,
        first_name=first,
        last_name=last,
        orcid=text(found.get("orcid")),
        researcher_id=text(found.get("researcherId")),
    )


def _affiliation(raw: Mapping[str, Any]) -> ImportedAffiliation | None:
    found = mapping(raw.get("affiliation"))
    name = text(found.get("name"))
    number = key(found.get("id")) or name
    if not found or number is None:
        return None
    return ImportedAffiliation(
        key=number,
        name=name,
        address=text(found.get("address")),
        city=text(found.get("city")),
        country=text(found.get("country")),
    )

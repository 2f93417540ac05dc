"""SciCat's collections as records to bring in: datasets with their file blocks, proposals, samples, instruments, published data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from panmesh.catalogue.imported import (
    ImportedAccess,
    ImportedDataset,
    ImportedDocument,
    ImportedFile,
    ImportedInstrument,
    ImportedMember,
    ImportedParameter,
    ImportedPerson,
    ImportedSample,
    ImportedTechnique,
)
from panmesh.wire.loose import boolean, instant, key, many, mapping, parameter, text, whole

Raw = Mapping[str, Any]
MOST_PARAMETERS = 1000  # of one dataset
DEEPEST = 12  # levels of scientific metadata
NONE: Mapping[str, ImportedSample] = MappingProxyType({})

_MAPPED = {
    "_id", "id", "pid", "datasetName", "isPublished", "creationTime", "startTime", "endTime", "size", "instrumentId", "instrumentIds", "type",
    "description", "techniques", "sampleId", "sampleIds", "scientificMetadata", "proposalId", "proposalIds", "inputDatasets",
}  # fmt: skip


def pid_of(raw: Raw, *names: str) -> str | None:
    """Under the name of its kind ("pid", "proposalId", "sampleId" …), or as MongoDB writes it."""
    return next((found for name in (*names, "pid", "_id", "id") if (found := key(raw.get(name)))), None)


def collection_of(raw: Raw) -> str | None:
    """Which collection a document is of, by what it has; None: none that we know."""
    if "dataFileList" in raw:
        return "origdatablocks"
    if "pidArray" in raw or "datasetPids" in raw or ("doi" in raw and "title" in raw):
        return "publisheddata"
    if "datasetName" in raw or "sourceFolder" in raw or ("creationTime" in raw and "type" in raw):
        return "datasets"
    if "proposalId" in raw or "MeasurementPeriodList" in raw or "pi_lastname" in raw:
        return "proposals"
    if "sampleId" in raw or "sampleCharacteristics" in raw or ("ownerGroup" in raw and "description" in raw):
        return "samples"
    return "instruments" if "name" in raw else None


def to_instrument(raw: Raw) -> ImportedInstrument | None:
    pid = pid_of(raw)
    name = text(raw.get("name")) or text(raw.get("uniqueName"))
    return None if pid is None else ImportedInstrument(pid=pid, name=name or pid, description=text(raw.get("description")))


def to_sample(raw: Raw) -> ImportedSample | None:
    pid = pid_of(raw, "sampleId")
    said = text(raw.get("description"))
    formula = text(mapping(raw.get("sampleCharacteristics")).get("chemical_formula"))
    name = text(raw.get("sampleName")) or said or pid
    return None if pid is None else ImportedSample(pid=pid, name=str(name)[:250], description=said, formula=formula)


def to_proposal(raw: Raw) -> ImportedDocument | None:
    pid = pid_of(raw, "proposalId")
    if pid is None:
        return None
    periods = [mapping(one) for one in many(raw.get("MeasurementPeriodList"))]
    starts = [us for us in [instant(raw.get("startTime")), *(instant(p.get("start")) for p in periods)] if us is not None]
    ends = [us for us in [instant(raw.get("endTime")), *(instant(p.get("end")) for p in periods)] if us is not None]
    return ImportedDocument(
        pid=pid,
        type="proposal",
        title=text(raw.get("title")) or pid,
        access=_access(raw),
        starts_us=min(starts, default=None),
        ends_us=max(ends, default=None),
        members=tuple(_proposers(raw)),
    )


def to_publication(raw: Raw) -> ImportedDocument | None:
    pid = pid_of(raw, "doi")
    if pid is None:
        return None
    more = mapping(raw.get("metadata"))
    names = [_creator(one) for one in many(raw.get("creator") or more.get("creators"))]
    public = (text(raw.get("status")) or "").casefold() in ("registered", "public", "published")
    return ImportedDocument(
        pid=pid,
        type="publication",
        title=text(raw.get("title")) or pid,
        access=ImportedAccess(public=public),
        summary=text(raw.get("abstract")),
        doi=pid,
        release_us=instant(raw.get("registeredTime")),
        members=tuple(ImportedMember(role="creator", person=ImportedPerson(key=n, full_name=n)) for n in names if n),
        datasets=tuple(p for one in many(raw.get("pidArray") or raw.get("datasetPids")) if (p := key(one))),
    )


def to_dataset(
    raw: Raw, *, files: Iterable[ImportedFile] = (), samples: Mapping[str, ImportedSample] = NONE
) -> ImportedDataset | None:
    """`samples`: those that are known, by their ids; others are called by their id."""
    pid = pid_of(raw)
    if pid is None:
        return None
    parameters = tuple(to_parameters(mapping(raw.get("scientificMetadata"))))
    created = instant(raw.get("creationTime")) or instant(raw.get("createdAt"))
    wanted = _keys(raw, "sampleId", "sampleIds")
    instruments = _keys(raw, "instrumentId", "instrumentIds")
    extra = {name: value for name, value in raw.items() if name not in _MAPPED}
    if len(parameters) >= MOST_PARAMETERS:
        extra["scientificMetadata"] = raw.get("scientificMetadata")
    return ImportedDataset(
        pid=pid,
        title=text(raw.get("datasetName")) or text(raw.get("description")) or pid,
        access=_access(raw),
        created_us=created,
        start_us=instant(raw.get("startTime")) or instant(raw.get("creationTime")),
        end_us=instant(raw.get("endTime")),
        size=whole(raw.get("size")),
        instrument=instruments[0] if instruments else None,
        kind="raw" if (text(raw.get("type")) or "raw").casefold() == "raw" else "processed",
        description=text(raw.get("description")),
        techniques=tuple(t for one in many(raw.get("techniques")) if (t := _technique(mapping(one)))),
        samples=tuple(samples.get(one) or ImportedSample(pid=one, name=one) for one in wanted),
        parameters=parameters,
        files=tuple(files),
        documents=_keys(raw, "proposalId", "proposalIds"),
        sources=tuple(p for one in many(raw.get("inputDatasets")) if (p := key(one))),
        people=tuple(_people(raw)),
        extra=extra,
    )


def to_files(raw: Raw, folder: str | None) -> Iterator[ImportedFile]:
    """Of one file block; names are relative to the dataset's `sourceFolder`."""
    hashed = (text(raw.get("chkAlg")) or "").casefold().replace("-", "") == "sha256"
    for one in many(raw.get("dataFileList")):
        said = text(mapping(one).get("path"))
        if said is None:
            continue
        path = said if said.startswith("/") or not folder else f"{folder.rstrip('/')}/{said}"
        name = said.removeprefix(folder or "\x00").lstrip("/") or said
        digest = text(one.get("chk")) if hashed else None
        yield ImportedFile(
            name=name,
            path=path,
            size=whole(one.get("size")),
            modified_us=instant(one.get("time")),
            sha256=bytes.fromhex(digest) if digest and _is_digest(digest) else None,
        )


def to_parameters(found: Raw, prefix: str = "", depth: int = 0, left: list[int] | None = None) -> Iterator[ImportedParameter]:
    """Scientific metadata, nested or flat: {"value", "unit"}, {"v", "u"}, or the value itself; "sample.temperature" for what is nested."""
    left = [MOST_PARAMETERS] if left is None else left
    for name, said in found.items():
        if left[0] <= 0:
            return
        called = f"{prefix}{name}"
        if isinstance(said, Mapping) and not ({"value", "v"} & said.keys()):
            if depth < DEEPEST:
                yield from to_parameters(said, f"{called}.", depth + 1, left)
            continue
        made = _quantity(called, said) if isinstance(said, Mapping) else parameter(called, said)
        if made is not None:
            left[0] -= 1
            yield made


def _quantity(name: str, said: Raw) -> ImportedParameter | None:
    value = said["value"] if "value" in said else said.get("v")
    return parameter(name, value, said.get("unit", said.get("u")))


def _access(raw: Raw) -> ImportedAccess:
    """Published is open. The rest is its owner group's and the staff's."""
    return ImportedAccess(public=boolean(raw.get("isPublished")), team=text(raw.get("ownerGroup")))


def _keys(raw: Raw, *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for name in names for one in many(raw.get(name)) if (found := key(one))))


def _technique(raw: Raw) -> ImportedTechnique | None:
    pid, name = key(raw.get("pid")), text(raw.get("name"))
    made = pid or name
    return None if made is None else ImportedTechnique(pid=made, name=name or made)


def _people(raw: Raw) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for role, attribute in (
        ("principal investigator", "principalInvestigator"),
        ("principal investigator", "principalInvestigators"),
        ("investigator", "investigator"),
        ("owner", "owner"),
    ):
        for one in many(raw.get(attribute)):
            name = text(one)
            if name is None or name in seen:
                continue
            seen.add(name)
            orcid = text(raw.get("orcidOfOwner")) if name == text(raw.get("owner")) else None
            yield {"name": name, "role": role, "orcid": orcid}


def _proposers(raw: Raw) -> Iterator[ImportedMember]:
    seen: set[str] = set()
    for role, prefix in (("principal investigator", "pi_"), ("proposer", "")):
        first, last = text(raw.get(f"{prefix}firstname")), text(raw.get(f"{prefix}lastname"))
        full = " ".join(part for part in (first, last) if part)
        if full and full not in seen:
            seen.add(full)
            person = ImportedPerson(
                key=full, full_name=full, first_name=first, last_name=last, email=text(raw.get(f"{prefix}email"))
            )
            yield ImportedMember(role=role, person=person)


def _creator(said: Any) -> str | None:
    return text(said.get("name")) if isinstance(said, Mapping) else text(said)


def _is_digest(said: str) -> bool:
    return len(said) == 64 and all(c in "0123456789abcdefABCDEF" for c in said)

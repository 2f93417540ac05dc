"""ICAT's dumps as records to bring in: objects of any version from 4.4 to 6.2, as icatdump and icatingest write them.

An object is a mapping of attributes; a reference to one object is a text (its key in the file) or a mapping of what it is known by;
a list of related objects is a list of mappings. `wire.icat_xml` and `wire.icat_yaml` bring both formats to this shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

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
from panmesh.wire.loose import instant, many, mapping, number, parameter, text, whole

Object = Mapping[str, Any]
Records = Iterator[Imported | Rejected]

REFERENCE = "\x00reference"  # an attribute of objects that only stand for one that is somewhere else
_PANET = "PaNET:"
# What has a place of its own in neither catalogue's model that we share; each is told of in the report, never passed over in silence.
_NO_PLACE = {
    "rule": "rules of access are policy here: see who may read what",
    "publicStep": "rules of access are policy here: see who may read what",
    "job": "a job is not brought: its output and input stay datasets",
    "relatedDatafile": "a relation between files has no place here",
    "study": "a study has no place here: its investigations stay visits",
}
_VISIT_HAS_NO = {
    "investigationGroups": "groups are not brought: the team of a visit are its users",
    "investigationFacilityCycles": "cycles of the facility have no place here",
    "shifts": "shifts have no place here: a visit has a start and an end",
    "publications": "a publication without datasets has no place here",
    "fundingReferences": "funding has no place here",
}
# Named by what uses them; they come with it.
_WITH_OTHERS = {
    "user", "grouping", "userGroup", "facility", "facilityCycle", "investigationType", "datasetType", "datafileFormat", "parameterType",
    "sampleType", "technique", "application", "dataPublicationType", "fundingReference", "permissibleStringValue",
    "dataPublicationUser", "affiliation", "dataCollection",
    "investigation", "dataset", "datafile", "sample", "instrument", "dataPublication",
    "keyword", "publication", "shift", "investigationUser", "investigationInstrument", "investigationGroup", "instrumentScientist",
    "investigationParameter", "datasetParameter", "datafileParameter", "sampleParameter", "datasetTechnique", "datasetInstrument",
    "investigationRef", "sampleRef", "datasetRef", "instrumentRef", "userRef", "investigationFunding",
}  # fmt: skip


class IcatReader:
    """Takes a dump part by part (a `data` element, a YAML document) and gives records. Memory: one part, and what others refer to
    (users, types, instruments, investigations). Pids are those of the source where it has some; investigations and datasets, which
    have none, are called by what makes them unique in ICAT, so that a later file that refers to them means the same."""

    def __init__(self, facility_key: str) -> None:
        self._facility = facility_key
        self._objects: dict[str, dict[str, Object]] = {}  # kind → key in the file → object

    def part(self, objects: Mapping[str, Mapping[str, Object]]) -> Records:
        """kind → key in the file → object."""
        for kind, found in objects.items():
            self._objects.setdefault(_plain_kind(kind), {}).update(found)
        for kind, into in _SEPARATE.items():
            yield from self._attach(objects, kind, *into)
        yield from self._told(objects)
        for one in objects.get("instrument", {}).values():
            yield self._instrument(one)
        for one in objects.get("investigation", {}).values():
            yield self._investigation(one)
            yield from self._left_out(one)
        for one in objects.get("dataset", {}).values():
            yield from self._dataset(one)
        for name, one in objects.get("dataPublication", {}).items():
            yield self._publication(name, one)
        for kind in ("dataset", "datafile"):
            self._objects.pop(kind, None)

    def _told(self, objects: Mapping[str, Mapping[str, Object]]) -> Records:
        for kind, found in objects.items():
            if kind in _WITH_OTHERS:
                continue
            for name in found:
                yield Rejected(kind=f"ICAT {kind}"[:60], pid=name, reason=_NO_PLACE.get(kind, "this kind has no place here"))

    def _attach(self, new: Mapping[str, Mapping[str, Object]], kind: str, owner: str, into: str) -> Records:
        """What older files write beside the object that it belongs to."""
        for name, found in new.get(kind, {}).items():
            target = self._objects.get(owner, {}).get(text(found.get(owner)) or "")
            if isinstance(target, dict) and not target.get(REFERENCE):
                target[into] = [*many(target.get(into)), found]
            else:
                yield Rejected(
                    kind=f"ICAT {kind}", pid=name, reason=f"the {owner} that it belongs to is not in this part of the file"
                )

    def _left_out(self, visit: Object) -> Records:
        for attribute, why in _VISIT_HAS_NO.items():
            if visit.get(attribute):
                yield Rejected(kind=attribute, pid=self._investigation_pid(visit), reason=why)

    # --- looking up ---------------------------------------------------------------------------------------------------

    def _get(self, kind: str, said: Any) -> Object:
        """What an attribute refers to: by its key in the file, or by what it is known by."""
        if isinstance(said, Mapping):
            there = self._objects.get(kind, {}).values()
            return next((one for one in there if said and said.items() <= one.items()), said)
        name = text(said) or ""
        return self._objects.get(kind, {}).get(name) or decoded(name)

    def _investigation_pid(self, one: Object) -> str:
        return f"icat:{self._facility}:{text(one.get('name'))}:{text(one.get('visitId')) or '1'}"

    def _dataset_pid(self, one: Object) -> str | None:
        visit = self._get("investigation", one.get("investigation"))
        name = text(one.get("name"))
        return None if name is None or text(visit.get("name")) is None else f"{self._investigation_pid(visit)}:{name}"

    def _instrument_pid(self, said: Any) -> str | None:
        found = self._get("instrument", said)
        name = text(found.get("name"))
        return text(found.get("pid")) or (None if name is None else f"icat:{self._facility}:instrument:{name}")

    # --- records ------------------------------------------------------------------------------------------------------

    def _instrument(self, found: Object) -> Imported | Rejected:
        pid = self._instrument_pid(found)
        if pid is None:
            return Rejected(kind="instrument", pid=None, reason="it has no name")
        about = text(found.get("description")) or text(found.get("fullName"))
        return ImportedInstrument(pid=pid, name=text(found.get("name")) or pid, description=about)

    def _investigation(self, found: Object) -> Imported | Rejected:
        name = text(found.get("name"))
        if name is None:
            return Rejected(kind="document", pid=None, reason="the investigation has no name")
        starts, ends, opens = (instant(found.get(day)) for day in ("startDate", "endDate", "releaseDate"))
        pid = self._investigation_pid(found)
        return ImportedDocument(
            pid=pid,
            type="proposal",
            title=text(found.get("title")) or name,
            access=ImportedAccess(public=False, team=pid, starts_us=starts, ends_us=ends, opens_us=opens),
            summary=text(found.get("summary")),
            doi=_doi(found.get("doi")),
            starts_us=starts,
            ends_us=ends,
            release_us=opens,
            keywords=tuple(w for one in many(found.get("keywords")) if (w := text(mapping(one).get("name")))),
            members=tuple(m for one in many(found.get("investigationUsers")) if (m := self._member(mapping(one)))),
            parameters=self._parameters(found),
            proposal=name,
            visit_id=text(found.get("visitId")) or "1",
            instrument=self._first_instrument(found, "investigationInstruments"),
        )

    def _dataset(self, found: Object) -> Records:
        pid = self._dataset_pid(found)
        if pid is None:
            yield Rejected(kind="dataset", pid=text(found.get("name")), reason="it names no investigation that it belongs to")
            return
        visit = self._get("investigation", found.get("investigation"))
        visit_pid = self._investigation_pid(visit)
        if any(mapping(one).get("parameters") for one in many(found.get("datafiles"))):
            yield Rejected(kind="file parameters", pid=pid, reason="parameters of single files have no place here")
        kind = text(self._get("datasetType", found.get("type")).get("name")) or "raw"
        yield ImportedDataset(
            pid=pid,
            title=text(found.get("name")),
            access=ImportedAccess(public=False, team=visit_pid),
            created_us=instant(found.get("createTime")) or instant(found.get("startDate")),
            start_us=instant(found.get("startDate")),
            end_us=instant(found.get("endDate")),
            size=whole(found.get("fileSize")),
            instrument=self._first_instrument(found, "datasetInstruments")
            or self._first_instrument(visit, "investigationInstruments"),
            kind="raw" if kind.casefold() == "raw" else "processed",
            description=text(found.get("description")),
            techniques=tuple(t for one in many(found.get("datasetTechniques")) if (t := self._technique(mapping(one)))),
            samples=self._samples(found),
            parameters=self._parameters(found),
            files=tuple(f for one in many(found.get("datafiles")) if (f := _file(mapping(one)))),
            documents=(visit_pid,),
            investigation=visit_pid,
            people=self._people(visit),
            extra={name: found[name] for name in ("complete", "location", "doi") if found.get(name) is not None},
        )

    def _first_instrument(self, of: Object, attribute: str) -> str | None:
        return next((self._instrument_pid(mapping(one).get("instrument")) for one in many(of.get(attribute))), None)

    def _publication(self, name: str, found: Object) -> Imported | Rejected:
        pid = text(found.get("pid"))
        if pid is None:
            return Rejected(kind="document", pid=None, reason="the publication has no pid")
        collection = self._get("dataCollection", found.get("content"))
        datasets = [self._get("dataset", mapping(one).get("dataset")) for one in many(collection.get("dataCollectionDatasets"))]
        own = [o for o in self._objects.get("dataPublicationUser", {}).values() if text(o.get("publication")) == name]
        published = instant(found.get("publicationDate"))
        return ImportedDocument(
            pid=pid,
            type="publication",
            title=text(found.get("title")) or pid,
            access=ImportedAccess(public=False, opens_us=published),
            summary=text(found.get("description")),
            doi=_doi(pid),
            release_us=published,
            keywords=_subjects(found),
            members=tuple(m for one in (*many(found.get("users")), *own) if (m := self._member(mapping(one)))),
            datasets=tuple(p for one in datasets if (p := self._dataset_pid(one))),
        )

    # --- parts --------------------------------------------------------------------------------------------------------

    def _member(self, said: Object) -> ImportedMember | None:
        user = self._get("user", said.get("user"))
        person = _person(user, said)
        if person is None:
            return None
        where = next(
            (text(mapping(a).get("fullReference")) or text(mapping(a).get("name")) for a in many(said.get("affiliations"))), None
        )
        name = where or text(user.get("affiliation"))
        role = text(said.get("role")) or text(said.get("contributorType"))
        return ImportedMember(
            role=role, person=person, affiliation=None if name is None else ImportedAffiliation(key=name[:250], name=name)
        )

    def _people(self, visit: Object) -> tuple[Mapping[str, Any], ...]:
        members = (m for one in many(visit.get("investigationUsers")) if (m := self._member(mapping(one))))
        return tuple(
            {
                "name": m.person.full_name,
                "role": m.role,
                "orcid": m.person.orcid,
                "affiliation": m.affiliation.name if m.affiliation else None,
            }
            for m in members
            if m.person is not None
        )

    def _technique(self, said: Object) -> ImportedTechnique | None:
        found = self._get("technique", said.get("technique"))
        pid, name = text(found.get("pid")), text(found.get("name"))
        panet = pid.removeprefix(_PANET) if pid and pid.startswith(_PANET) else None
        made = pid or name
        return None if made is None else ImportedTechnique(pid=made, name=name or made, panet_pid=panet)

    def _samples(self, dataset: Object) -> tuple[ImportedSample, ...]:
        found = self._get("sample", dataset.get("sample"))
        name = text(found.get("name"))
        if name is None:
            return ()
        visit = self._get("investigation", found.get("investigation") or dataset.get("investigation"))
        formula = text(self._get("sampleType", found.get("type")).get("molecularFormula"))
        pid = text(found.get("pid")) or f"{self._investigation_pid(visit)}:sample:{name}"
        return (ImportedSample(pid=pid, name=name, formula=formula),)

    def _parameters(self, of: Object) -> tuple[ImportedParameter, ...]:
        return tuple(p for one in many(of.get("parameters")) if (p := self._parameter(mapping(one))))

    def _parameter(self, said: Object) -> ImportedParameter | None:
        kind = self._get("parameterType", said.get("type"))
        unit = text(kind.get("units"))
        value = said.get("numericValue")
        if value is not None:
            value = value if number(value) is None else number(value)
        else:
            value = text(said.get("stringValue")) or text(said.get("dateTimeValue"))
        low, high = said.get("rangeBottom"), said.get("rangeTop")
        return parameter(kind.get("name"), value, None if unit == "N/A" else unit, low=low, high=high)


# (kind of what it belongs to, its list)
_SEPARATE = {
    "datafile": ("dataset", "datafiles"),
    "investigationParameter": ("investigation", "parameters"),
    "datasetParameter": ("dataset", "parameters"),
    "investigationUser": ("investigation", "investigationUsers"),
    "investigationInstrument": ("investigation", "investigationInstruments"),
    "keyword": ("investigation", "keywords"),
    "datasetTechnique": ("dataset", "datasetTechniques"),
    "datasetInstrument": ("dataset", "datasetInstruments"),
}


def decoded(name: str) -> Object:
    """What a key that icatdump wrote says of its object: it is made of the attributes that make the object unique."""
    found = _INVESTIGATION.fullmatch(name)
    if found is not None:
        return {"name": _unquoted(found["name"]), "visitId": _unquoted(found["visit"])}
    found = _OF_INVESTIGATION.fullmatch(name)
    if found is not None:
        visit = {"name": _unquoted(found["name"]), "visitId": _unquoted(found["visit"])}
        return {"investigation": visit, "name": _unquoted(found["own"])}
    found = _NAMED.fullmatch(name)
    return {} if found is None else {"name": _unquoted(found["name"])}


_SIGNS = r"[^()_]*"
_VISIT = rf"facility-\(name-{_SIGNS}\)_name-(?P<name>{_SIGNS})_visitId-(?P<visit>{_SIGNS})"
_INVESTIGATION = re.compile(rf"Investigation_{_VISIT}")
_OF_INVESTIGATION = re.compile(rf"(?:Dataset|Sample)_investigation-\({_VISIT}\)_name-(?P<own>{_SIGNS})")
_NAMED = re.compile(rf"Instrument_facility-\(name-{_SIGNS}\)_name-(?P<name>{_SIGNS})")


def _unquoted(said: str) -> str:
    """ "=2D" is "-": how icatdump writes the UTF-8 of what is no letter and no digit."""
    return unquote_to_bytes(said.replace("%", "%25").replace("=", "%")).decode("utf-8", "replace")


def _plain_kind(kind: str) -> str:
    return kind.removesuffix("Ref")


def _person(user: Object, said: Object) -> ImportedPerson | None:
    login = text(user.get("name"))
    full = text(user.get("fullName")) or text(said.get("fullName")) or login
    if full is None:
        return None
    return ImportedPerson(
        key=login or full,
        full_name=full,
        first_name=text(user.get("givenName")) or text(said.get("givenName")),
        last_name=text(user.get("familyName")) or text(said.get("familyName")),
        orcid=text(user.get("orcidId")),
        email=text(user.get("email")),
        login=login,
    )


def _file(said: Object) -> ImportedFile | None:
    name = text(said.get("name"))
    if name is None:
        return None
    return ImportedFile(
        name=name,
        path=text(said.get("location")),
        size=whole(said.get("fileSize")),
        modified_us=instant(said.get("datafileModTime")),
        sha256=_sha256(text(said.get("checksum"))),
    )


def _sha256(said: str | None) -> bytes | None:
    """ICAT's checksums are of any kind; one of 64 hexadecimal digits is taken for SHA-256."""
    digits = (said or "").lower().removeprefix("sha256:")
    return bytes.fromhex(digits) if len(digits) == 64 and all(c in "0123456789abcdef" for c in digits) else None


def _doi(said: Any) -> str | None:
    found = text(said)
    return None if found is None else found.removeprefix("DOI:")


def _subjects(found: Object) -> tuple[str, ...]:
    named = [text(mapping(one).get("name")) for one in many(found.get("subjects"))]
    listed = (text(found.get("subject")) or "").split(";")
    return tuple(dict.fromkeys(word.strip() for word in (*(n or "" for n in named), *listed) if word.strip()))

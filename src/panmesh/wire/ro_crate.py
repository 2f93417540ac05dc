"""A public record as the metadata file of an RO-Crate 1.1: self-contained JSON-LD beside, or instead of, the data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from panmesh.publication.record import Agent, PublicFile, PublicRecord

FILE = "ro-crate-metadata.json"
_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://schema.org/sha256"}]
_PROFILE = "https://w3id.org/ro/crate/1.1"


def document(record: PublicRecord) -> dict[str, Any]:
    """Files are named by their addresses: the crate describes data that stay where they are."""
    entities: dict[str, dict[str, Any]] = {}
    people = [_agent(entities, one) for one in record.creators]
    publisher = _agent(entities, record.publisher)
    root = _told(
        {
            "@id": "./",
            "@type": "Dataset",
            "name": record.title,
            "description": record.description,
            "identifier": _add(entities, _identifier(record)),
            "url": record.url,
            "cite-as": record.identifier,
            "datePublished": record.available.isoformat() if record.available else str(record.year),
            "dateCreated": record.created.isoformat() if record.created else None,
            "dateModified": record.updated.isoformat() if record.updated else None,
            "temporalCoverage": "/".join(day.isoformat() for day in record.collected) if record.collected else None,
            "creator": people,
            "author": people,
            "publisher": publisher,
            "keywords": ", ".join(record.keywords),
            "about": [_add(entities, _term(one.uri, one.term)) for one in record.techniques if one.uri],
            "license": _add(entities, _licence(record)),
            "conditionsOfAccess": record.access.coar,
            "isPartOf": [_add(entities, _work(r.to.identifier, r.to.name)) for r in record.relations if r.relation == "IsPartOf"],
            "hasPart": [_add(entities, _file(record, one)) for one in record.files],
            "mentions": _parts(entities, record),
            "instrument": _add(entities, _work(record.instrument.identifier, record.instrument.name, "IndividualProduct"))
            if record.instrument
            else None,
        }
    )
    me = {"@id": FILE, "@type": "CreativeWork", "conformsTo": {"@id": _PROFILE}, "about": {"@id": "./"}}
    return {"@context": _CONTEXT, "@graph": [me, root, *entities.values()]}


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known; one value stands alone, as the specification wants it."""
    told = {key: value for key, value in values.items() if value not in (None, "", [])}
    return {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in told.items()}


def _add(entities: dict[str, dict[str, Any]], entity: dict[str, Any]) -> dict[str, str]:
    entities.setdefault(entity["@id"], entity)
    return {"@id": entity["@id"]}


def _identifier(record: PublicRecord) -> dict[str, Any]:
    kind = "DOI" if record.doi else "persistent identifier"
    return {
        "@id": f"#{record.doi or record.pid}",
        "@type": "PropertyValue",
        "name": kind,
        "propertyID": "https://registry.identifiers.org/registry/doi" if record.doi else kind,
        "value": f"doi:{record.doi}" if record.doi else record.pid,
        "url": record.identifier,
    }


def _agent(entities: dict[str, dict[str, Any]], one: Agent) -> dict[str, str]:
    uri = f"https://orcid.org/{one.orcid}" if one.orcid else one.ror or f"#{one.name.replace(' ', '-')}"
    entity = {"@id": uri, "@type": "Organization" if one.organisation else "Person", "name": one.name}
    if one.organisation and one.ror:
        entity["url"] = one.ror
    if one.affiliation:
        at = one.affiliation_ror or f"#{one.affiliation.replace(' ', '-')}"
        entity["affiliation"] = _add(
            entities, _told({"@id": at, "@type": "Organization", "name": one.affiliation, "url": one.affiliation_ror})
        )  # type: ignore[assignment]
    return _add(entities, entity)


def _licence(record: PublicRecord) -> dict[str, Any]:
    """An RO-Crate has to name one; before the data are open, what holds is that they may not be used yet."""
    if record.licence is not None:
        one = record.licence
        return {
            "@id": one.uri,
            "@type": "CreativeWork",
            "name": one.name,
            "identifier": one.id,
            "description": f"{one.name} ({one.id})",
        }
    when = f" until {record.available}" if record.available else ""
    text = f"No licence is given{when}: {record.access.label}."
    return {"@id": "#no-licence", "@type": "CreativeWork", "name": record.access.label, "description": text}


def _term(uri: str, name: str) -> dict[str, Any]:
    return {"@id": uri, "@type": "DefinedTerm", "name": name}


def _work(uri: str, name: str | None, kind: str = "CreativeWork") -> dict[str, Any]:
    return {"@id": uri, "@type": kind, "name": name or uri}


def _parts(entities: dict[str, dict[str, Any]], record: PublicRecord) -> list[dict[str, str]]:
    """Runs of a visit or of a release: each has a crate of its own, so they are told of and are no folders of this one."""
    held = [one for one in record.relations if one.relation == "HasPart"]
    return [_add(entities, _work(one.to.identifier, one.to.name)) for one in held]


def _file(record: PublicRecord, one: PublicFile) -> dict[str, Any]:
    return _told(
        {
            "@id": one.url,
            "@type": "File",
            "name": one.name,
            "description": f"File {one.name} of the dataset",
            "encodingFormat": one.media_type,
            "contentSize": str(one.size) if one.size is not None else None,
            "sha256": one.sha256,
            "sdDatePublished": (record.updated or record.available or record.created or date(record.year, 1, 1)).isoformat(),
        }
    )

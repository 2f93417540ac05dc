"""A public record as schema.org JSON-LD, for search engines and FAIR assessors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panmesh.publication.record import Agent, Kind, PublicFile, PublicRecord, Subject

_TYPE = {
    Kind.DATASET: "Dataset",
    Kind.INVESTIGATION: "Dataset",
    Kind.COLLECTION: "Dataset",
    Kind.INSTRUMENT: "Product",
    Kind.PROPOSAL: "ResearchProject",
}
_NO_DATA = frozenset({Kind.INSTRUMENT, Kind.PROPOSAL})
CONTEXT = {
    "@vocab": "https://schema.org/"
}  # in the document itself: a reader without a network, or without patience, reads it too
MOST_DISTRIBUTIONS = 100
_RELATION = {
    "IsPartOf": "isPartOf",
    "HasPart": "hasPart",
    "IsDerivedFrom": "isBasedOn",
    "IsCitedBy": "subjectOf",
    "References": "citation",
}


def document(record: PublicRecord) -> dict[str, Any]:
    """What is embargoed has no distribution and no licence; what is withdrawn says so."""
    access = record.access
    is_data = record.kind not in _NO_DATA
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": _TYPE[record.kind],
        "@id": record.identifier,
        "identifier": [record.identifier, record.pid] if record.doi else [record.url, record.pid],
        "url": record.url,
        "name": record.title,
        "description": record.description,
        "keywords": [_term(one) for one in (*record.techniques, *record.subjects)],
        "creator": [_agent(one) for one in record.creators],
        "contributor": [_agent(one) for one in record.contributors],
        "publisher": _agent(record.publisher),
        "provider": _agent(record.publisher),
        "inLanguage": "en",
        "dateCreated": record.created.isoformat() if record.created else None,
        "datePublished": record.available.isoformat() if record.available else str(record.year),
        "dateModified": record.updated.isoformat() if record.updated else None,
        "temporalCoverage": "/".join(day.isoformat() for day in record.collected) if record.collected else None,
        "version": record.version,
        "license": record.licence.uri if record.licence else None,
        "conditionsOfAccess": access.coar,
        "isAccessibleForFree": record.licence is not None,
        "creativeWorkStatus": "Withdrawn" if record.gone else None,
        "measurementTechnique": [one.uri or one.term for one in record.techniques],
        "variableMeasured": [_told({"@type": "PropertyValue", "name": v.name, "unitText": v.unit}) for v in record.variables],
        "distribution": [_download(file) for file in record.files[:MOST_DISTRIBUTIONS]],
        "size": f"{record.total_bytes} B" if record.total_bytes is not None else None,
        "funder": [_told({"@type": "Organization", "name": f.funder, "@id": f.funder_id}) for f in record.funding],
        "conformsTo": "https://bioschemas.org/profiles/Dataset/1.0-RELEASE" if record.kind is Kind.DATASET else None,
    }
    if not is_data:
        for name in ("conditionsOfAccess", "isAccessibleForFree", "license", "datePublished", "inLanguage"):
            found[name] = None
    if record.instrument is not None:
        found["instrument"] = _told({"@type": "Thing", "@id": record.instrument.identifier, "name": record.instrument.name})
    for relation in record.relations:
        if relation.relation in _RELATION:
            found.setdefault(_RELATION[relation.relation], []).append(
                _told({"@type": "CreativeWork", "@id": relation.to.identifier, "url": relation.to.url, "name": relation.to.name})
            )
    return _told(found)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _term(one: Subject) -> dict[str, Any] | str:
    if one.uri is None:
        return one.term
    return _told(
        {"@type": "DefinedTerm", "@id": one.uri, "name": one.term, "inDefinedTermSet": one.scheme_uri, "termCode": one.uri}
    )


def _agent(one: Agent) -> dict[str, Any]:
    if one.organisation:
        return _told({"@type": "Organization", "@id": one.ror, "name": one.name, "sameAs": one.ror})
    parts = one.parts
    at = {"@type": "Organization", "@id": one.affiliation_ror, "name": one.affiliation} if one.affiliation else None
    return _told(
        {
            "@type": "Person",
            "@id": f"https://orcid.org/{one.orcid}" if one.orcid else None,
            "identifier": f"https://orcid.org/{one.orcid}" if one.orcid else None,
            "name": one.name,
            "familyName": parts[0] if parts else None,
            "givenName": parts[1] if parts else None,
            "affiliation": _told(at) if at else None,
        }
    )


def _download(file: PublicFile) -> dict[str, Any]:
    return _told(
        {
            "@type": "DataDownload",
            "name": file.name,
            "contentUrl": file.url,
            "encodingFormat": file.media_type,
            "contentSize": f"{file.size} B" if file.size is not None else None,
            "sha256": file.sha256,
        }
    )

"""A public record as DataCite 4.6 writes it: JSON as its REST API takes it, and XML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from panmesh.kernel.text import counted
from panmesh.publication.record import Agent, Kind, PublicRecord, Relation, Subject

SCHEMA = "http://datacite.org/schema/kernel-4"
_GENERAL = {
    Kind.DATASET: ("Dataset", "Measured data"),
    Kind.INVESTIGATION: ("Collection", "Experiment session"),
    Kind.INSTRUMENT: ("Instrument", "Instrument"),
    Kind.COLLECTION: ("Collection", "Collection of runs"),
    Kind.PROPOSAL: ("Project", "Proposal for beam time"),
}
_COAR = ("COAR Access Rights", "http://purl.org/coar/access_right/")
_INFO_EU = ("info:eu-repo-Access-Terms", "https://guidelines.openaire.eu/en/latest/")


def attributes(record: PublicRecord) -> dict[str, Any]:
    """What DataCite's REST API calls the attributes of a DOI, without event and prefix."""
    general, kind = _GENERAL[record.kind]
    found: dict[str, Any] = {
        "doi": record.doi,
        "alternateIdentifiers": [
            {"alternateIdentifier": one, "alternateIdentifierType": kind}
            for one, kind in ((record.pid, "panmesh"), *record.alternates)
        ],
        "url": record.url,
        "schemaVersion": SCHEMA,
        "types": {"resourceTypeGeneral": general, "resourceType": kind},
        "creators": [_agent(one) for one in record.creators],
        "contributors": [_agent(one) | {"contributorType": one.role or "Other"} for one in record.contributors],
        "titles": [{"title": record.title}],
        "publisher": _publisher(record.publisher),
        "publicationYear": str(record.year),
        "dates": [{"date": day, "dateType": kind} for day, kind in _dates(record)],
        "language": "en",
        "subjects": [_subject(one) for one in (*record.techniques, *record.subjects)],
        "descriptions": [{"description": record.description, "descriptionType": "Abstract"}]
        + ([{"description": record.technical, "descriptionType": "TechnicalInfo"}] if record.technical else []),
        "relatedIdentifiers": [_related(one) for one in record.relations],
        "rightsList": _rights(record),
        "fundingReferences": [
            _told(
                {
                    "funderName": one.funder,
                    "funderIdentifier": one.funder_id,
                    "funderIdentifierType": _funder_type(one.funder_id),
                    "awardNumber": one.award,
                    "awardTitle": one.award_title,
                }
            )
            for one in record.funding
        ],
        "sizes": _sizes(record),
        "formats": list(record.formats),
        "version": record.version,
    }
    return _told(found)


def xml(record: PublicRecord) -> str:
    """By the schema's own library. A record without a DOI has its address as identifier, of type URL."""
    from datacite import schema45

    told = attributes(record) | {"doi": record.identifier.removeprefix("https://doi.org/")}
    written = str(schema45.tostring(told))
    if not record.doi:
        written = written.replace('identifierType="DOI"', 'identifierType="URL"', 1)
    return written.replace("kernel-4.5/metadata.xsd", "kernel-4.6/metadata.xsd")


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _agent(one: Agent) -> dict[str, Any]:
    parts = one.parts
    ids = []
    if one.orcid:
        ids.append(
            {
                "nameIdentifier": f"https://orcid.org/{one.orcid}",
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        )
    if one.ror:
        ids.append({"nameIdentifier": one.ror, "nameIdentifierScheme": "ROR", "schemeUri": "https://ror.org"})
    affiliation = _told(
        {
            "name": one.affiliation,
            "affiliationIdentifier": one.affiliation_ror,
            "affiliationIdentifierScheme": "ROR" if one.affiliation_ror else None,
            "schemeUri": "https://ror.org" if one.affiliation_ror else None,
        }
    )
    return _told(
        {
            "name": one.name,
            "nameType": "Organizational" if one.organisation else "Personal",
            "familyName": parts[0] if parts else None,
            "givenName": parts[1] if parts else None,
            "nameIdentifiers": ids,
            "affiliation": [affiliation] if one.affiliation else [],
        }
    )


def _publisher(one: Agent) -> dict[str, Any]:
    if not one.ror:
        return {"name": one.name}
    return {
        "name": one.name,
        "publisherIdentifier": one.ror,
        "publisherIdentifierScheme": "ROR",
        "schemeUri": "https://ror.org/",
    }


def _dates(record: PublicRecord) -> list[tuple[str, str]]:
    collected = "/".join(day.isoformat() for day in record.collected) if record.collected else None
    found: list[tuple[str | None, str]] = [
        (collected, "Collected"),
        (_iso(record.created), "Created"),
        (_iso(record.accepted), "Accepted"),
        (_iso(record.available), "Available"),
        (_iso(record.updated), "Updated"),
        (_iso(record.withdrawn), "Withdrawn"),
    ]
    return [(day, kind) for day, kind in found if day]


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _subject(one: Subject) -> dict[str, str]:
    return _told({"subject": one.term, "subjectScheme": one.scheme, "schemeUri": one.scheme_uri, "valueUri": one.uri})


def _related(one: Relation) -> dict[str, str]:
    told = {"relatedIdentifier": one.to.doi or one.to.url, "relatedIdentifierType": "DOI" if one.to.doi else "URL"}
    return told | {"relationType": one.relation, "resourceTypeGeneral": one.general}


def _rights(record: PublicRecord) -> list[dict[str, str]]:
    access = record.access
    found = [
        {
            "rights": access.label,
            "rightsUri": access.info_eu,
            "rightsIdentifier": access.info_eu.rpartition("/")[2],
            "rightsIdentifierScheme": _INFO_EU[0],
            "schemeUri": _INFO_EU[1],
        },
        {
            "rights": access.label,
            "rightsUri": access.coar,
            "rightsIdentifier": access.coar.rpartition("/")[2],
            "rightsIdentifierScheme": _COAR[0],
            "schemeUri": _COAR[1],
        },
    ]
    if record.licence is not None:
        licence = {"rights": record.licence.name, "rightsUri": record.licence.uri, "rightsIdentifier": record.licence.id}
        found.append(licence | {"rightsIdentifierScheme": "SPDX", "schemeUri": "https://spdx.org/licenses/"})
    return found


def _funder_type(identifier: str | None) -> str | None:
    if not identifier:
        return None
    return "ROR" if "ror.org/" in identifier else "Crossref Funder ID" if "10.13039/" in identifier else "Other"


def _sizes(record: PublicRecord) -> list[str]:
    found = [f"{record.total_bytes} bytes"] if record.total_bytes is not None else []
    return found + ([counted(record.file_count, "file")] if record.file_count is not None else [])


def essence(told: Mapping[str, Any]) -> dict[str, Any]:
    """Of attributes, ours or as DataCite's API gives them back, what means the same in either form."""
    publisher = told.get("publisher")
    return {
        "title": [one.get("title") for one in told.get("titles") or ()],
        "creators": [one.get("name") for one in told.get("creators") or ()],
        "publisher": publisher.get("name") if isinstance(publisher, Mapping) else publisher,
        "year": str(told.get("publicationYear")),
        "type": (told.get("types") or {}).get("resourceTypeGeneral"),
        "dates": sorted((str(one.get("dateType")), str(one.get("date"))) for one in told.get("dates") or ()),
        "rights": sorted(str(one.get("rightsUri")) for one in told.get("rightsList") or ()),
        "relations": sorted(
            (str(one.get("relationType")), str(one.get("relatedIdentifier")).casefold())
            for one in told.get("relatedIdentifiers") or ()
        ),
        "description": [one.get("description") for one in told.get("descriptions") or ()],
    }

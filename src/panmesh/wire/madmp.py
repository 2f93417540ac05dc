"""A data management plan as the RDA DMP Common Standard 1.2 writes it (machine-actionable DMP, maDMP)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from panmesh.access.terms import AccessClass, State
from panmesh.kernel.clock import facility_day, iso
from panmesh.kernel.errors import Conflict
from panmesh.kernel.text import counted
from panmesh.publication.plan import Participant, Plan, Visit, available_until, expected_bytes, is_actual, licence_from

MEDIA_TYPE = "application/vnd.org.rd-alliance.dmp-common.v1.2+json"
SCHEMA = (
    "https://github.com/RDA-DMP-Common/RDA-DMP-Common-Standard/blob/master/examples/JSON/JSON-schema/1.2/maDMP-schema-1.2.json"
)
_ROLES = {"pi": "ProjectLeader", "member": "ProjectMember"}
_MIME = {
    "hdf5": "application/x-hdf5",
    "nexus": "application/x-hdf5",
    "csv": "text/csv",
    "text": "text/plain",
    "tiff": "image/tiff",
}
_OTHER = "application/octet-stream"
_RAW = "Raw data and metadata"


def document(plan: Plan) -> dict[str, Any]:
    """Valid by the official schema. Raises Conflict where nobody can be written to: the standard wants a mail address."""
    p, said = plan.proposal, plan.answers
    found: dict[str, Any] = {
        "title": plan.title,
        "description": said.description or p.abstract,
        "language": said.language,
        "created": iso(min(p.created_us, plan.modified_us)),
        "modified": iso(plan.modified_us),
        "dmp_id": {"identifier": address(plan), "type": "url"},
        "alternate_identifier": list(said.alternates),
        "contact": _contact(plan),
        "contributor": [*(_contributor(plan, one) for one in p.participants), *said.contributors],
        "ethical_issues_exist": said.ethical_issues.value,
        "ethical_issues_description": said.ethical_description,
        "ethical_issues_report": said.ethical_report,
        "project": [_project(plan), *said.projects],
        "cost": list(said.costs),
        "related_identifier": list(said.related),
        "dataset": [*(_dataset(plan, v) for v in p.visits), *([] if p.visits else [_planned(plan)]), *said.datasets],
    }
    return {"$schema": SCHEMA, "dmp": _told(found) | {"dataset": found["dataset"]}}


def address(plan: Plan) -> str:
    return f"{plan.facility.url}/proposals/{plan.proposal.pid}/plan"


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _contact(plan: Plan) -> dict[str, Any]:
    leader = plan.contact
    if leader is not None and leader.email:
        return _person(plan, leader, "contact_id") | {"mbox": leader.email}
    mail = plan.facility.contact or ""
    if "@" not in mail:
        raise Conflict(
            "Neither the principal investigator nor [facility] contact has a mail address, which the standard asks for."
        )
    where = plan.facility.ror or plan.facility.url
    return {
        "name": plan.facility.name,
        "mbox": mail,
        "contact_id": {"identifier": where, "type": "ror" if plan.facility.ror else "url"},
    }


def _person(plan: Plan, one: Participant, name: str) -> dict[str, Any]:
    here = {"identifier": f"{address(plan)}#{one.name.replace(' ', '-')}", "type": "url"}
    return {"name": one.name, name: {"identifier": f"https://orcid.org/{one.orcid}", "type": "orcid"} if one.orcid else here}


def _contributor(plan: Plan, one: Participant) -> dict[str, Any]:
    return _told(_person(plan, one, "contributor_id") | {"mbox": one.email, "role": [_ROLES.get(one.role, "Other")]})


def _project(plan: Plan) -> dict[str, Any]:
    p = plan.proposal
    return _told(
        {
            "title": p.title or f"Proposal {p.number}",
            "description": p.abstract,
            "project_id": [{"identifier": p.number, "type": "proposal"}],
            "start": _day(plan.begins),
            "end": _day(plan.ends),
            "funding": list(plan.answers.funding),
        }
    )


def planned_id(plan: Plan) -> str:
    """Of the data of a proposal that has no visit yet."""
    return f"{address(plan)}#data"


def _planned(plan: Plan) -> dict[str, Any]:
    p = plan.proposal
    return _told(
        {
            "title": f"Data of {p.title or 'proposal ' + p.number}",
            "description": "Planned; no beam time is scheduled yet.",
            "dataset_id": {"identifier": planned_id(plan), "type": "url"},
            "distribution": [{"title": _RAW, "data_access": "shared", "host": _host(plan)}],
        }
        | _alike(plan)
    )


def _alike(plan: Plan) -> dict[str, Any]:
    """What is said of the data of every visit."""
    said, facility = plan.answers, plan.facility
    return {
        "type": "dataset",
        "is_reused": False,
        "language": said.language,
        "personal_data": said.personal_data.value,
        "sensitive_data": said.sensitive_data.value,
        "data_quality_assurance": [facility.quality],
        "preservation_statement": f"Kept for at least {facility.retention_years} years by {facility.name}.",
        "rights": said.third_party_rights,
        "metadata": _standards(said.language),
    }


def _uses(plan: Plan, visit: Visit) -> list[dict[str, Any]]:
    """What was published of the visit, and the papers, in words of DataCite."""
    parts = [(one, f"{plan.facility.url}/releases/{one.concept}") for one in visit.releases]
    made = [{"identifier": one.doi or url, "type": "doi" if one.doi else "url"} for one, url in parts]
    found = [one | {"relation_type": "IsSourceOf", "resource_type": "Collection"} for one in made]
    papers = [{"identifier": one.doi, "type": "doi", "relation_type": one.relation} for one in visit.papers]
    return found + [one | {"resource_type": "JournalArticle"} for one in papers]


def _dataset(plan: Plan, visit: Visit) -> dict[str, Any]:
    landing = f"{plan.facility.url}/investigations/{visit.pid}"
    opened = licence_from(visit, plan.proposal.zone)
    return _told(
        {
            "title": visit.title or f"Data of visit {visit.visit_id}",
            "description": _described(plan, visit),
            "dataset_id": {"identifier": visit.doi, "type": "doi"} if visit.doi else {"identifier": landing, "type": "url"},
            "related_identifier": _uses(plan, visit),
            "issued": _day(opened),
            "keyword": list(visit.measured.techniques),
            "security_and_privacy": _security(visit),
            "technical_resource": _instrument(plan, visit),
            "distribution": [_distribution(plan, visit, landing, opened)],
        }
        | _alike(plan)
    )


def _described(plan: Plan, visit: Visit) -> str:
    if is_actual(visit, plan.now_us):
        return f"{counted(visit.measured.datasets, 'run')} in {counted(visit.measured.files, 'file')}, as measured."
    if visit.measured.datasets:
        return f"{counted(visit.measured.datasets, 'run')} so far; the size is an estimate until the visit ends."
    return "Planned; the size is an estimate from what the instrument writes on a day."


def _standards(language: str) -> list[dict[str, Any]]:
    known = (
        ("https://www.nexusformat.org/", "NeXus, for what is in the files"),
        ("http://purl.org/pan-science/PaNET/PaNET.owl", "PaNET, for experimental techniques"),
        ("https://schema.datacite.org/meta/kernel-4.6/", "DataCite, for citation"),
    )
    return [
        {"language": language, "metadata_standard_id": {"identifier": url, "type": "url"}, "description": text}
        for url, text in known
    ]


def _security(visit: Visit) -> list[dict[str, Any]]:
    if visit.access is AccessClass.PROPRIETARY:
        return [{"title": "Proprietary", "description": "Read by the team and by the staff of the instrument only."}]
    return [{"title": "Embargo", "description": "Read by the team and by staff until the day from which the licence holds."}]


def _instrument(plan: Plan, visit: Visit) -> list[dict[str, Any]]:
    if visit.instrument is None:
        return []
    where = f"{plan.facility.url}/instruments/{visit.instrument.pid}"
    told = {"name": visit.instrument.name, "technical_resource_id": [{"identifier": where, "type": "url"}]}
    return [told | _told({"description": visit.instrument.acquisition})]


def _distribution(plan: Plan, visit: Visit, landing: str, opened: date | None) -> dict[str, Any]:
    size = visit.measured.size if is_actual(visit, plan.now_us) else expected_bytes(visit)
    closed = visit.access is AccessClass.PROPRIETARY or visit.state in (State.HELD, State.WITHDRAWN, State.DELETED)
    licence = [{"license_ref": plan.facility.licence, "start_date": _day(opened)}] if opened and not closed else []
    return _told(
        {
            "title": _RAW,
            "data_access": "closed" if closed else "open" if opened or visit.state is State.OPEN else "shared",
            "access_url": landing,
            "byte_size": size,
            "format": _formats(visit),
            "available_until": _day(available_until(visit, plan.facility, plan.proposal.zone)),
            "issued": _day(facility_day(visit.ends_us, plan.proposal.zone) if visit.ends_us is not None else None),
            "license": licence,
            "host": _host(plan),
        }
    )


def _formats(visit: Visit) -> list[str]:
    told = visit.measured.formats or ((visit.instrument.data_format or "",) if visit.instrument else ())
    found = (next((mime for word, mime in _MIME.items() if word in name.casefold()), _OTHER) for name in told if name)
    return list(dict.fromkeys(found))


def _host(plan: Plan) -> dict[str, Any]:
    f = plan.facility
    return _told(
        {
            "title": f.name,
            "url": f.url,
            "description": f.storage,
            "backup_type": f.backup,
            "geo_location": f.country,
            "pid_system": ["doi"] if any(v.doi for v in plan.proposal.visits) else ["url"],
            "support_versioning": "yes",
            "host_id": [{"identifier": f.ror, "type": "ror"}] if f.ror else [],
        }
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()

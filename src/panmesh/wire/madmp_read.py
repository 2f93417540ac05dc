"""Plans of other tools (DSW, ARGOS, DMPonline, DAMAP …), read into answers.

Versions 1.0 to 1.2 of the standard, as strictly as needed: what is not in a form that the standard knows is left out and named, so that
what we write of it later is always valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.publication import identifiers
from panmesh.publication.plan import Known, Plan

LONGEST = 20_000  # characters of one text
MOST = 500  # entries of one list
DEEPEST = 5  # of what another tool says in words of its own
_LANGUAGES = """
    ara bul cat ces cym dan deu ell eng est eus fas fin fra gle glg heb hin hrv hun isl ita jpn kat kor lav lit ltz mkd mlt
    nld nno nob nor pol por ron rus slk slv spa sqi srp swe tur ukr vie zho
"""
LANGUAGES = frozenset(_LANGUAGES.split())
_MONEY = """
    AUD BGN BRL CAD CHF CLP CNY CZK DKK EUR GBP HKD HUF IDR ILS INR ISK JPY KRW MXN MYR NOK NZD PLN RON RUB SEK SGD THB TRY
    UAH USD ZAR
"""
_CURRENCIES = frozenset(_MONEY.split())
_CERTIFICATES = frozenset(("din31644", "dini-zertifikat", "dsa", "iso16363", "iso16919", "trac", "wds", "coretrustseal"))
_SYSTEMS = "ark arxiv bibcode doi ean13 eissn handle igsn isbn issn istc lissn lsid pmid purl upc url urn other"
_PID_SYSTEMS = frozenset(_SYSTEMS.split())
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s]{2,63}")


@dataclass(frozen=True, slots=True)
class Read:
    changes: dict[str, Any]  # fields of Answers
    left_out: tuple[Fault, ...]


Cleaner = Callable[[Any, str, list[Fault]], Any]


class _Left(Exception):
    """This value cannot be kept; says why."""


def read(given: Any, plan: Plan) -> Read:
    """What of a plan the team can say itself. What the facility knows better (visits, sizes, dates, access) is not taken.

    Raises Invalid when it is no plan at all.
    """
    dmp = given.get("dmp") if isinstance(given, dict) else None
    if not isinstance(dmp, dict):
        raise Invalid("This is no plan of the RDA DMP Common Standard: it has no object 'dmp'.", (Fault("/dmp", "is missing"),))
    faults: list[Fault] = []
    changes: dict[str, Any] = {}
    _texts(dmp, plan, changes, faults)
    own = {f"/investigations/{v.pid}" for v in plan.proposal.visits} | {f"/proposals/{plan.proposal.pid}/plan#data"}
    datasets = tuple(one for one in _entries(dmp, "dataset", _DATASET, faults) if not _ours(one["dataset_id"], plan, own))
    team = {p.orcid for p in plan.proposal.participants if p.orcid} | {p.name.casefold() for p in plan.proposal.participants}
    funding: list[Any] = []
    for number, project in enumerate(_list(dmp.get("project"))):
        funding += _entries(project, "funding", _FUNDING, faults, f"/dmp/project/{number}")
    lists: dict[str, tuple[Any, ...]] = {
        "datasets": datasets,
        "funding": tuple(one for number, one in enumerate(funding) if one not in funding[:number]),
        "projects": tuple(p for p in _entries(dmp, "project", _PROJECT, faults) if not _our_project(p, plan)),
        "contributors": tuple(c for c in _people(dmp, plan, faults) if not _in_team(c, team)),
        "costs": _entries(dmp, "cost", _COST, faults),
        "related": _entries(dmp, "related_identifier", _RELATED, faults),
        "alternates": _alternates(dmp, plan, faults),
    }
    changes |= {name: found for name, found in lists.items() if found}
    for name in ("personal_data", "sensitive_data"):
        said = {one[name] for one in datasets}
        if len(said) == 1 and said != {"unknown"}:
            changes[name] = Known(said.pop())
    return Read(changes, tuple(faults))


def _texts(dmp: Mapping[str, Any], plan: Plan, changes: dict[str, Any], faults: list[Fault]) -> None:
    fields: dict[str, tuple[str, Cleaner]] = {
        "title": ("title", _text),
        "description": ("description", _text),
        "language": ("language", _one_of(LANGUAGES)),
        "ethical_issues_exist": ("ethical_issues", _one_of(Known)),
        "ethical_issues_description": ("ethical_description", _text),
        "ethical_issues_report": ("ethical_report", _text),
    }
    ours_already = {"title": plan.title, "description": plan.answers.description or plan.proposal.abstract}
    for theirs, (ours, clean) in fields.items():
        if dmp.get(theirs) in (None, "", ours_already.get(theirs)):
            continue
        try:
            value = clean(dmp[theirs], f"/dmp/{theirs}", faults)
        except _Left as why:
            faults.append(Fault(f"/dmp/{theirs}", str(why)))
        else:
            changes[ours] = Known(value) if ours == "ethical_issues" else value


def _ours(dataset_id: Mapping[str, str], plan: Plan, own: set[str]) -> bool:
    """A dataset that this plan already tells of, because it was exported from here."""
    told = dataset_id["identifier"]
    return any(told.endswith(end) for end in own) or told in {v.doi for v in plan.proposal.visits if v.doi}


def _in_team(contributor: Mapping[str, Any], team: set[str]) -> bool:
    ids = contributor["contributor_id"]
    orcids = {one["identifier"].rpartition("/")[2] for one in (ids if isinstance(ids, list) else [ids])}
    return bool(orcids & team) or contributor["name"].casefold() in team


def _people(dmp: Mapping[str, Any], plan: Plan, faults: list[Fault]) -> Iterator[Any]:
    """Contributors, and whom the plan was to be asked about elsewhere: here that is the principal investigator."""
    named = _entries(dmp, "contributor", _CONTRIBUTOR, faults)
    yield from named
    for one in _entries({"contact": dmp.get("contact")}, "contact", _CONTACT, faults):
        person = {"contributor_id" if name == "contact_id" else name: value for name, value in one.items()}
        known = any(person["contributor_id"] == other["contributor_id"] for other in named)
        if not known and person["name"] != plan.facility.name:
            yield person | {"role": ["ContactPerson"]}


def _our_project(project: Mapping[str, Any], plan: Plan) -> bool:
    ours = {"identifier": plan.proposal.number, "type": "proposal"}
    return ours in project.get("project_id", ())


def _alternates(dmp: Mapping[str, Any], plan: Plan, faults: list[Fault]) -> tuple[Any, ...]:
    given = dmp.get("dmp_id")
    found = list(_entries(dmp, "alternate_identifier", _IDENTIFIER, faults))
    found += _entries({"dmp_id": [given]}, "dmp_id", _IDENTIFIER, faults) if given else []
    return tuple(one for one in found if not one["identifier"].endswith(f"/proposals/{plan.proposal.pid}/plan"))


def _list(value: Any) -> list[Any]:
    return value[:MOST] if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _entries(where: Any, name: str, clean: Cleaner, faults: list[Fault], base: str = "/dmp") -> tuple[Any, ...]:
    found = []
    for number, one in enumerate(_list(where.get(name) if isinstance(where, dict) else None)):
        pointer = f"{base}/{name}/{number}"
        try:
            found.append(clean(one, pointer, faults))
        except _Left as why:
            faults.append(Fault(pointer, str(why)))
    return tuple(found)


# --- cleaners: a value as the standard wants it, or _Left ---------------------------------------------------------------------


def _text(value: Any, _pointer: str, _faults: list[Fault]) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Left("is no text")
    if len(value) > LONGEST or not is_plain(value):
        raise _Left(f"has more than {LONGEST} characters, or some that are none")
    return value


def _url(value: Any, pointer: str, faults: list[Fault]) -> str:
    """A DOI written without its resolver, as some tools name a repository, gets it: the standard wants an address."""
    text = _text(value, pointer, faults)
    if "://" not in text and (doi := identifiers.doi(text)) is not None:
        return f"https://doi.org/{doi}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"\s", text):
        raise _Left("is no http address")
    return text


def _mail(value: Any, pointer: str, faults: list[Fault]) -> str:
    text = _text(value, pointer, faults)
    if not _MAIL.fullmatch(text):
        raise _Left("is no mail address")
    return text


def _day(value: Any, pointer: str, faults: list[Fault]) -> str:
    try:
        return date.fromisoformat(_text(value, pointer, faults)[:10]).isoformat()
    except ValueError as error:
        raise _Left("is no day") from error


def _whole(value: Any, _pointer: str, _faults: list[Fault]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise _Left("is no whole number")
    return value


def _number(value: Any, _pointer: str, _faults: list[Fault]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise _Left("is no number")
    return value


def _flag(value: Any, _pointer: str, _faults: list[Fault]) -> bool:
    if not isinstance(value, bool):
        raise _Left("is neither true nor false")
    return value


def _one_of(allowed: Any) -> Cleaner:
    known = {str(one) for one in allowed}

    def clean(value: Any, _pointer: str, _faults: list[Fault]) -> str:
        if not isinstance(value, str) or value not in known:
            raise _Left("is none of the values that the standard, or we, know")
        return value

    return clean


def _many(inner: Cleaner) -> Cleaner:
    def clean(value: Any, pointer: str, faults: list[Fault]) -> list[Any]:
        found = []
        for number, one in enumerate(value[:MOST] if isinstance(value, list) else [value]):
            try:
                found.append(inner(one, f"{pointer}/{number}", faults))
            except _Left as why:
                faults.append(Fault(f"{pointer}/{number}", str(why)))
        if not found:
            raise _Left("has no entry that can be kept")
        return found

    return clean


def _object(required: Mapping[str, Cleaner], optional: Mapping[str, Cleaner] | None = None) -> Cleaner:
    """Keys that neither names are other tools' own, which the standard allows: they are kept as they are."""

    def clean(value: Any, pointer: str, faults: list[Fault]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Left("is no object")
        found: dict[str, Any] = {}
        for name, inner in required.items():
            try:
                found[name] = inner(value.get(name), f"{pointer}/{name}", faults)
            except _Left as why:
                raise _Left(f"{name} {why}") from why
        for name, inner in (optional or {}).items():
            if value.get(name) in (None, "", [], {}):
                continue
            try:
                found[name] = inner(value[name], f"{pointer}/{name}", faults)
            except _Left as why:
                faults.append(Fault(f"{pointer}/{name}", str(why)))
        for name in value.keys() - required.keys() - (optional or {}).keys():
            try:
                found[_text(name, pointer, faults)] = _foreign(value[name], DEEPEST)
            except _Left as why:
                faults.append(Fault(f"{pointer}/{name}", str(why)))
        return found

    return clean


def _foreign(value: Any, deeper: int) -> Any:
    """What another tool says in words of its own."""
    if deeper == 0:
        raise _Left(f"is nested deeper than {DEEPEST} times")
    if isinstance(value, dict):
        return {_text(name, "", []): _foreign(one, deeper - 1) for name, one in list(value.items())[:MOST]}
    if isinstance(value, list):
        return [_foreign(one, deeper - 1) for one in value[:MOST]]
    if isinstance(value, str) and value:
        return _text(value, "", [])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not abs(value) < 2**63:
        raise _Left("is no number that can be kept")
    return value


def _first_or_all(inner: Cleaner) -> Cleaner:
    """1.2 takes one or several."""

    def clean(value: Any, pointer: str, faults: list[Fault]) -> Any:
        return _many(inner)(value, pointer, faults) if isinstance(value, list) else inner(value, pointer, faults)

    return clean


def _renamed(inner: Cleaner, names: Mapping[str, str]) -> Cleaner:
    """Fields that earlier versions call by another name."""

    def clean(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if isinstance(value, dict):
            value = {names.get(name, name): one for name, one in value.items()}
        return inner(value, pointer, faults)

    return clean


_IDENTIFIER = _object({"identifier": _text, "type": _text})
_IDS = _first_or_all(_IDENTIFIER)
_AFFILIATION = _many(_object({"name": _text, "affiliation_id": _IDS}))
_CONTRIBUTOR = _object(
    {"name": _text, "contributor_id": _IDS, "role": _many(_text)}, {"mbox": _mail, "affiliation": _AFFILIATION}
)
_CONTACT = _object({"name": _text, "contact_id": _IDS, "mbox": _mail}, {"affiliation": _AFFILIATION})
_CREATOR = _object({"name": _text, "creator_id": _IDS}, {"mbox": _mail, "affiliation": _AFFILIATION})
_FUNDING = _object(
    {"funder_id": _IDENTIFIER},
    {
        "grant_id": _IDENTIFIER,
        "funding_status": _one_of(("planned", "applied", "granted", "rejected")),
        "funder_name": _text,  # not of the standard, and written by most tools
    },
)
_PROJECT = _object({"title": _text}, {"description": _text, "start": _day, "end": _day, "project_id": _many(_IDENTIFIER)})
_COST = _object({"title": _text}, {"description": _text, "value": _number, "currency_code": _one_of(_CURRENCIES)})
_RELATED = _object(
    {"identifier": _text, "type": _text, "relation_type": _text},
    {"resource_type": _text, "metadata_scheme": _text, "scheme_type": _text},
)
_LICENCE = _object({"license_ref": _url, "start_date": _day})
_HOST = _renamed(
    _object(
        {"title": _text, "url": _url},
        {
            "description": _text,
            "availability": _text,
            "backup_frequency": _text,
            "backup_type": _text,
            "storage_type": _text,
            "certified_with": _one_of(_CERTIFICATES),
            "support_versioning": _one_of(Known),
            "pid_system": _many(_one_of(_PID_SYSTEMS)),
            "host_id": _many(_IDENTIFIER),
        },
    ),
    {"supports_versioning": "support_versioning"},
)
_DISTRIBUTION = _object(
    {"title": _text, "data_access": _one_of(("open", "shared", "closed"))},
    {
        "description": _text,
        "access_url": _url,
        "download_url": _url,
        "available_until": _day,
        "issued": _day,
        "byte_size": _whole,
        "format": _many(_text),
        "license": _many(_LICENCE),
        "host": _HOST,
    },
)
_METADATA = _object(
    {
        "language": _one_of(LANGUAGES),
        "metadata_standard_id": _first_or_all(_object({"identifier": _text, "type": _one_of(("url", "other"))})),
    },
    {"description": _text},
)
_NAMED = {"title": _text}
_DATASET = _object(
    {
        "title": _text,
        "dataset_id": _IDENTIFIER,
        "personal_data": _one_of(Known),
        "sensitive_data": _one_of(Known),
    },
    {
        "description": _text,
        "type": _text,
        "issued": _day,
        "is_reused": _flag,
        "keyword": _many(_text),
        "language": _one_of(LANGUAGES),
        "rights": _text,
        "preservation_statement": _text,
        "data_quality_assurance": _many(_text),
        "alternate_identifier": _many(_IDENTIFIER),
        "related_identifier": _many(_RELATED),
        "creator": _many(_CREATOR),
        "metadata": _many(_METADATA),
        "security_and_privacy": _many(_object(_NAMED, {"description": _text})),
        "technical_resource": _many(
            _object({"name": _text}, {"description": _text, "technical_resource_id": _many(_IDENTIFIER)})
        ),
        "distribution": _many(_DISTRIBUTION),
    },
)

"""The one mapping: what the world is told of a dataset, a visit, an instrument or a collection.

Every format (DataCite, schema.org, DCAT, RO-Crate, OAI-PMH, citations, signposting) is written from a `PublicRecord` and from nothing
else, so that no two of them can disagree. It holds what anybody may read at one instant, never more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from panmesh.access.names import NAME_WITHHELD
from panmesh.access.terms import State


class Kind(StrEnum):
    DATASET = "dataset"
    INVESTIGATION = "investigation"
    INSTRUMENT = "instrument"
    COLLECTION = "release"  # of runs, made by people to be cited
    PROPOSAL = "proposal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Somebody or some organisation, as they are cited."""

    name: str
    role: str | None = None  # DataCite contributorType; None: a creator
    orcid: str | None = None  # 0000-0000-0000-0000
    ror: str | None = None  # of an organisation: https://ror.org/…
    affiliation: str | None = None
    affiliation_ror: str | None = None
    organisation: bool = False

    @property
    def parts(self) -> tuple[str, str] | None:
        """Family and given name, where the name tells the two apart."""
        if self.organisation or self.name == NAME_WITHHELD:
            return None
        family, comma, given = self.name.partition(",")
        if comma and family.strip() and given.strip():
            return family.strip(), given.strip()
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    term: str
    scheme: str | None = None
    scheme_uri: str | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something else with an address: an instrument, a sample, another record."""

    url: str
    name: str | None = None
    doi: str | None = None

    @property
    def identifier(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    relation: str  # DataCite relationType
    to: Thing
    general: str  # DataCite resourceTypeGeneral of the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    name: str
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    funder: str
    funder_id: str | None = None
    award: str | None = None
    award_title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    name: str
    size: int | None  # bytes
    sha256: str | None  # hex
    media_type: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataService:
    """Where data are had that are no list of files here: of a visit, a publication, a proposal or an instrument its runs; of an embargoed
    run, who may have it gets it, and everybody else is told why not and whom to ask."""

    name: str
    url: str
    description: str  # address of its OpenAPI document


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    id: str  # SPDX
    name: str
    uri: str


CC_BY = Licence(
    id="CC-BY-4.0", name="Creative Commons Attribution 4.0 International", uri="https://creativecommons.org/licenses/by/4.0/"
)


@dataclass(frozen=True, slots=True)
class AccessRight:
    """Both vocabularies are written always: a real harvester takes the COAR address alone for open access."""

    label: str
    coar: str
    info_eu: str


_COAR, _INFO_EU = "http://purl.org/coar/access_right/", "info:eu-repo/semantics/"
OPEN_ACCESS = AccessRight("open access", f"{_COAR}c_abf2", f"{_INFO_EU}openAccess")
EMBARGOED_ACCESS = AccessRight("embargoed access", f"{_COAR}c_f1cf", f"{_INFO_EU}embargoedAccess")
RESTRICTED_ACCESS = AccessRight("restricted access", f"{_COAR}c_16ec", f"{_INFO_EU}restrictedAccess")
METADATA_ONLY = AccessRight("metadata only access", f"{_COAR}c_14cb", f"{_INFO_EU}closedAccess")
ACCESS_RIGHTS = {
    State.OPEN: OPEN_ACCESS,
    State.EMBARGOED: EMBARGOED_ACCESS,
    State.PLANNED: EMBARGOED_ACCESS,
    State.COLLECTING: EMBARGOED_ACCESS,
    State.HELD: RESTRICTED_ACCESS,
    State.WITHDRAWN: METADATA_ONLY,
    State.DELETED: METADATA_ONLY,
}
GONE = frozenset({State.WITHDRAWN, State.DELETED})


def epitaph(state: State, day: date | None, reason: str | None) -> str:
    """What a description begins with where the data are gone; else nothing."""
    if state not in GONE:
        return ""
    when = f" on {day.isoformat()}" if day is not None else ""
    why = f": {' '.join(reason.split()).rstrip('.')}" if reason and reason.strip() else ""
    return f"{state.value.capitalize()}{when}{why}. "


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRecord:
    kind: Kind
    pid: str
    url: str  # of the landing page
    doi: str | None = None
    version: str | None = None
    title: str
    description: str
    creators: tuple[Agent, ...]  # at least one
    contributors: tuple[Agent, ...] = ()
    publisher: Agent
    year: int
    created: date | None = None
    collected: tuple[date, date] | None = None  # first and last day of the measurement
    accepted: date | None = None  # start of the embargo: end of the experiment
    available: date | None = None  # first open day
    updated: date | None = None
    withdrawn: date | None = None
    subjects: tuple[Subject, ...] = ()
    techniques: tuple[Subject, ...] = ()
    instrument: Thing | None = None
    samples: tuple[Thing, ...] = ()
    variables: tuple[Variable, ...] = ()
    state: State = State.OPEN
    licence: Licence | None = None  # only when open
    relations: tuple[Relation, ...] = ()
    funding: tuple[Funding, ...] = ()
    files: tuple[PublicFile, ...] = ()  # that are had here: the first MOST_FILES; empty unless open
    formats_elsewhere: tuple[str, ...] = ()  # media types of files that only another catalogue has
    service: DataService | None = None
    file_count: int | None = None
    total_bytes: int | None = None
    reason: str | None = None  # of a tombstone
    alternates: tuple[tuple[str, str], ...] = ()  # other identifiers and what they are: ("4711", "serial number")
    technical: str | None = None  # of an instrument: its model

    @property
    def identifier(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else self.url

    @property
    def access(self) -> AccessRight:
        return ACCESS_RIGHTS[self.state]

    @property
    def gone(self) -> bool:
        return self.state in GONE

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*(file.media_type for file in self.files), *self.formats_elsewhere)))

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(subject.term for subject in (*self.techniques, *self.subjects)))


MOST_FILES = 1000  # named in one record; the file list of the API has all

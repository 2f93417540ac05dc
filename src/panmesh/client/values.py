"""What a facility says, as values: made from its JSON, changed by nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from panmesh.client.display import number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` None: it was scanned from `minimum` to `maximum`. A search for its name finds it in any unit."""

    name: str
    value: float | str | None
    unit: str | None  # symbol; None: dimensionless
    minimum: float | None = None
    maximum: float | None = None

    def __str__(self) -> str:
        said = number(self.value) if self.value is not None else f"{number(self.minimum)} … {number(self.maximum)}"
        return f"{said} {self.unit}" if self.unit else said


@dataclass(frozen=True, slots=True)
class Named:
    pid: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Sample:
    pid: str
    name: str
    identifier: str | None  # of the sample itself, e.g. an IGSN
    formula: str | None
    description: str | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Person:
    name: str  # as written in the file
    role: str | None
    orcid: str | None
    affiliation: str | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Access:
    state: str  # open, embargoed, …
    opens: date | None  # first day on which everyone may read, at the facility; None: none is set
    readable: frozenset[str]  # what you may read now: core-metadata, raw, …

    def __str__(self) -> str:
        return f"{self.state}, opens {self.opens}" if self.opens else self.state


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why you may, or may not, read the data."""

    state: str
    word: str
    sentence: str
    opens: date | None
    may_read_data: bool
    ask: str | None  # whom, to be let in

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Relation:
    """Another run that this one was made `from`, or that was made from this one (`to`)."""

    pid: str
    title: str | None
    direction: str
    software: str | None
    software_version: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class File:
    name: str  # within the run, '/' between folders
    size: int  # bytes
    sha256: str | None  # None: the facility has not computed it yet
    state: str  # online, missing, changed, unreadable, elsewhere
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Instrument:
    pid: str
    key: str  # what a search takes
    name: str
    facility: str
    description: str | None
    dataset_count: int
    latest: datetime | None  # start of the latest run

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Visit:
    """An investigation: one stay at an instrument, and its record."""

    pid: str
    visit_id: str
    title: str | None
    proposal: str | None
    kind: str
    start: datetime | None
    end: datetime | None
    instrument: Named | None
    access: Access
    dataset_count: int
    total_bytes: int | None

    def __str__(self) -> str:
        return self.title or self.visit_id


@dataclass(frozen=True, slots=True)
class QuantityName:
    name: str  # what a search takes
    unit: str  # usual symbol; "": dimensionless
    count: int  # runs that have it, of those that you may read


@dataclass(frozen=True, slots=True)
class Me:
    login: str | None
    name: str
    signed_in: bool
    staff: bool
    scopes: frozenset[str]  # what the token may be used for


@dataclass(frozen=True, slots=True)
class Pushed:
    """What an instrument's folder or file became. `pids`: runs that were read at once; more may follow."""

    storage: str
    path: str
    accepted: int  # files
    pids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Technique:
    """Of the PaNET ontology."""

    pid: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Facet:
    value: str  # what a search takes
    label: str
    count: int  # runs that have it, of those found

    def __str__(self) -> str:
        return f"{self.label} ({self.count})"


def technique(said: Mapping[str, Any]) -> Technique:
    return Technique(said["pid"], said["name"])


def facet(said: Mapping[str, Any]) -> Facet:
    return Facet(said["value"], said["label"], said["count"])


def quantity_name(said: Mapping[str, Any]) -> QuantityName:
    return QuantityName(said["value"], said["label"], said["count"])


def me(said: Mapping[str, Any]) -> Me:
    return Me(said["login"], said["name"], said["signed_in"], said["staff"], frozenset(said["scopes"]))


def pushed(said: Mapping[str, Any]) -> Pushed:
    return Pushed(said["storage"], said["path"], said["accepted"], tuple(said["pids"]))


def page(read: Callable[[Any], T]) -> Callable[[Mapping[str, Any]], tuple[list[T], int]]:
    """Of a list: these, and how many there are in all."""
    return lambda said: ([read(one) for one in said["items"]], int(said["total"]))


def every(read: Callable[[Any], T]) -> Callable[[Sequence[Any]], list[T]]:
    return lambda said: [read(one) for one in said]


def quantity(said: Mapping[str, Any]) -> Quantity:
    return Quantity(said["name"], said["value"], said["unit"], said["minimum"], said["maximum"])


def named(said: Mapping[str, Any] | None) -> Named | None:
    return None if said is None else Named(said["pid"], said["name"])


def sample(said: Mapping[str, Any] | None) -> Sample | None:
    if said is None:
        return None
    return Sample(said["pid"], said["name"], said["identifier"], said["formula"], said["description"])


def person(said: Mapping[str, Any]) -> Person:
    return Person(said["name"], said["role"], said["orcid"], said["affiliation"])


def access(said: Mapping[str, Any]) -> Access:
    return Access(said["state"], day(said["opens"]), frozenset(said["readable"]))


def explanation(said: Mapping[str, Any]) -> Explanation:
    return Explanation(said["state"], said["word"], said["sentence"], day(said["opens"]), said["may_read_data"], said["ask"])


def relation(said: Mapping[str, Any]) -> Relation:
    return Relation(
        said["pid"], said["title"], said["direction"], said["software"], said["software_version"], moment(said.get("at"))
    )


def file(said: Mapping[str, Any]) -> File:
    return File(said["name"], said["size"] or 0, said["sha256"], said["state"], moment(said["modified"]))


def instrument(said: Mapping[str, Any]) -> Instrument:
    return Instrument(
        said["pid"],
        said["key"],
        said["name"],
        said["facility"],
        said["description"],
        said["dataset_count"],
        moment(said["latest"]),
    )


def visit(said: Mapping[str, Any]) -> Visit:
    return Visit(
        pid=said["pid"],
        visit_id=said["visit_id"],
        title=said["title"],
        proposal=said["proposal"],
        kind=said["kind"],
        start=moment(said["start"]),
        end=moment(said["end"]),
        instrument=named(said["instrument"]),
        access=access(said["access"]),
        dataset_count=said["dataset_count"],
        total_bytes=said["total_bytes"],
    )


def moment(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)


def day(said: str | None) -> date | None:
    return None if said is None else date.fromisoformat(said)

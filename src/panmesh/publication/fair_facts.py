"""What a FAIR score looks at in one run: values alone, so that one run and a million of them are scored by the same rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panmesh.access.terms import State
from panmesh.catalogue.file_types import lasts
from panmesh.catalogue.model import DatasetKind, DatasetRecord, DigestState

DIGESTED = frozenset({DigestState.DONE, DigestState.ELSEWHERE})


@dataclass(frozen=True, slots=True, kw_only=True)
class FairFacts:
    state: State
    opens: bool  # a day is set, or it is open or proprietary for good
    doi: bool
    title: str | None
    described: bool
    techniques: bool
    instrument: bool
    instrument_pid: bool  # that instrument has a DOI
    visit: bool
    proposal: bool
    sample: bool
    sample_said: bool  # identifier or formula
    sample_pid: bool  # an identifier that leads somewhere
    people: int
    with_orcid: int
    zoned: bool  # start and end, with a zone
    conditions: bool  # parameters that people search for
    plot: bool
    hdf5: bool
    lasting: bool  # a format that assessors have in their lists
    files: int
    elsewhere: bool  # only another catalogue has the bytes
    digested: bool
    processed: bool
    sources: bool  # runs that it was made from
    file: FileFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Of the file, as it was read."""

    definition: bool = False
    numbers: int = 0
    without_unit: int = 0
    missing: tuple[str, ...] = ()  # what NXarchive asks for and the file does not have


def facts_of(record: DatasetRecord, dois: Mapping[str, str]) -> FairFacts:
    """`dois`: pid → DOI, of the run, its instrument and its sample."""
    d, values = record.summary, record.values or {}
    zoned = (values.get("time_basis") or {}).get("value") != "assumed"
    named = [person for person in record.people if person.name.strip()]
    return FairFacts(
        state=d.access.state,
        opens=d.access.state in (State.OPEN, State.PROPRIETARY) or d.access.opens_us is not None,
        doi=d.pid in dois,
        title=d.title,
        described=bool((values.get("description") or {}).get("value")),
        techniques=bool(d.techniques),
        instrument=d.instrument is not None,
        instrument_pid=d.instrument is not None and d.instrument.pid in dois,
        visit=d.investigation is not None,
        proposal=d.proposal is not None,
        sample=d.sample is not None,
        sample_said=d.sample is not None and bool(d.sample.identifier or d.sample.formula),
        sample_pid=d.sample is not None and (d.sample.pid in dois or resolvable(d.sample.identifier)),
        people=len(named),
        with_orcid=sum(bool(person.orcid) for person in named),
        zoned=d.start_us is not None and d.end_us is not None and zoned,
        conditions=bool(d.parameters),
        plot=bool(d.has_plot),
        hdf5=(record.format or "") == "hdf5",
        lasting=lasts(record.format),
        files=d.file_count or 0,
        elsewhere=record.digest_state is DigestState.ELSEWHERE,
        digested=record.digest_state in DIGESTED,
        processed=d.kind is DatasetKind.PROCESSED,
        sources=any(one.direction == "from" for one in record.relations),
        file=file_facts(record.facts),
    )


def resolvable(identifier: str | None) -> bool:
    """A DOI, IGSN, handle or ARK, or an address."""
    text = (identifier or "").strip().lower()
    return text.startswith(("http://", "https://", "10.", "doi:", "igsn:", "ark:", "hdl:"))


def file_facts(entry: Mapping[str, Any] | None) -> FileFacts:
    """`entry`: of the facts document."""
    if not entry:
        return FileFacts(missing=tuple(_ARCHIVE))
    quantities: Sequence[Mapping[str, Any]] = entry.get("quantities") or ()
    numbers = [one for one in quantities if not isinstance(one.get("value"), str)]
    there = _there(entry, {str(one.get("name")) for one in quantities})
    return FileFacts(
        definition=bool(entry.get("definition")),
        numbers=len(numbers),
        without_unit=sum(one.get("unit") is None for one in numbers),
        missing=tuple(name for name in _ARCHIVE if name not in there),
    )


# What NXarchive requires, without what is of no use for most samples (fields, stress, situation …) or is no fact of a run (revision).
_ARCHIVE = (
    "title", "experiment_identifier", "experiment_description", "entry_identifier", "start_time", "end_time", "duration",
    "definition", "program", "user name", "user role", "user identifier", "instrument name", "source name", "sample name",
    "sample identifier", "sample description", "sample type", "chemical formula", "temperature",
)  # fmt: skip
ARCHIVE = len(_ARCHIVE)


def _there(entry: Mapping[str, Any], quantities: set[str]) -> set[str]:
    sample: Mapping[str, Any] = entry.get("sample") or {}
    people: Sequence[Mapping[str, Any]] = entry.get("people") or ()
    duration = {"duration", "collection_time"} & quantities or (entry.get("start") and entry.get("end"))
    found = {
        "title": entry.get("title"),
        "experiment_identifier": entry.get("proposal") or entry.get("visit"),
        "experiment_description": entry.get("description"),
        "entry_identifier": entry.get("collection"),
        "start_time": entry.get("start"),
        "end_time": entry.get("end"),
        "duration": duration,
        "definition": entry.get("definition"),
        "program": entry.get("program"),
        "user name": any(one.get("name") for one in people),
        "user role": any(one.get("role") for one in people),
        "user identifier": any(one.get("orcid") or one.get("facility_user_id") for one in people),
        "instrument name": entry.get("instrument"),
        "source name": entry.get("facility"),
        "sample name": sample.get("name"),
        "sample identifier": sample.get("identifier"),
        "sample description": sample.get("description"),
        "sample type": sample.get("kind"),
        "chemical formula": sample.get("formula"),
        "temperature": any("temperature" in name for name in quantities),
    }
    return {name for name, value in found.items() if value}

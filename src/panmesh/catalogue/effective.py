"""From the effective values of a dataset's layers to what search and lists need: one mapping, used by ingest and by every edit.

A value's shape by field: title, instrument_name, facility_name, proposal, visit, run, definition, description, program,
start_raw, time_basis: text · start, end: UTC microseconds · sample: {name, identifier, formula, description, and pid where another catalogue gave one} ·
people: [{name, role, orcid, affiliation}] · techniques: [pid, of PaNET or of another catalogue] ·
parameters: [{name, label, unit, value, minimum, maximum, text}].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from panmesh.kernel import techniques
from panmesh.kernel.text import fold, typed_otherwise
from panmesh.kernel.units import to_base

MAX_TEXT = 20_000  # characters of each search text


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Names around a dataset that its core text is found by too."""

    facility: str = ""
    instrument: str = ""
    proposal: str = ""
    visit: str = ""
    visit_title: str = ""
    technique_names: Mapping[str, str] = field(default_factory=dict)  # of techniques with a pid or a name of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    columns: dict[str, Any]  # of the table dataset
    techniques: tuple[str, ...]
    people: tuple[dict[str, Any], ...]  # rows of dataset_person without dataset_id
    parameters: tuple[dict[str, Any], ...]  # rows of parameter without dataset_id
    sample: dict[str, Any] | None


def describe(values: Mapping[str, Any], around: Surroundings, *, path: str = "") -> Described:
    technique_pids = tuple(dict.fromkeys(values.get("techniques") or ()))
    people = tuple(_person(i, person) for i, person in enumerate(values.get("people") or ()) if person.get("name"))
    parameters = tuple(_parameter(row) for row in values.get("parameters") or ())
    sample = values.get("sample") if isinstance(values.get("sample"), dict) else None
    title = values.get("title")
    core = _joined(
        [
            title,
            values.get("facility_name"),
            values.get("instrument_name"),
            around.facility,
            around.instrument,
            around.proposal,
            around.visit,
            around.visit_title,
            *(name for pid in technique_pids for name in _technique_names(pid, around.technique_names)),
        ]
    )
    full = _joined(
        [
            core,
            values.get("description"),
            values.get("definition"),
            values.get("run"),
            *((sample or {}).get(part) for part in ("name", "identifier", "formula", "description")),
            *(person["name"] for person in people),
            *(row["name"].replace("_", " ") for row in parameters),
            path.rsplit("/", 1)[-1],
        ]
    )
    columns = {
        "title": title,
        "title_folded": fold(title) if title else None,
        "start_us": values.get("start"),
        "end_us": values.get("end"),
        "time_basis": values.get("time_basis"),
        "instrument_name": values.get("instrument_name"),
        "facility_name": values.get("facility_name"),
        "definition": values.get("definition"),
        "run": values.get("run"),
        "core_text": core,
        "full_text": full,
    }
    return Described(columns=columns, techniques=technique_pids, people=people, parameters=parameters, sample=sample)


def _technique_names(pid: str, own: Mapping[str, str]) -> Iterable[str]:
    return (name for name in (own.get(pid), techniques.label(pid)) if name)


def _person(position: int, person: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "position": position,
        "name": person["name"],
        "name_folded": fold(person["name"]),
        "role": person.get("role"),
        "orcid": person.get("orcid"),
        "affiliation": person.get("affiliation"),
        "withheld": False,
    }


def _parameter(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = _finite(row.get("minimum")), _finite(row.get("maximum"))
    value = _finite(row.get("value"))
    first = to_base(value if value is not None else low, row.get("unit")) if (value is not None or low is not None) else None
    second = to_base(value if value is not None else high, row.get("unit")) if (value is not None or high is not None) else None
    ends = sorted(end[0] for end in (first, second) if end is not None)
    return {
        "name": row["name"],
        "label": row.get("label") or row["name"],
        "unit": row.get("unit"),
        "value": value,
        "minimum": low,
        "maximum": high,
        "text": row.get("text"),
        "dimension": first[1] if first else None,
        "low": ends[0] if ends else None,
        "high": ends[-1] if ends else None,
    }


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _joined(parts: Iterable[str | None]) -> str:
    """With words that a keyboard does not write as it does, too: "CeO₂" is found by CeO2."""
    text = " ".join(part for part in parts if part)
    return fold(" ".join((text, *typed_otherwise(text))))[:MAX_TEXT]

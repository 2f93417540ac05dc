"""What a file says of a run, as the values of its "file" layer (law 5)."""

from __future__ import annotations

from typing import Any

from panmesh.ingest.facts import EntryFacts, Found, QuantityFacts

Layer = dict[str, dict[str, Any]]  # field → {"value": …, "path": …}


def file_layer(entry: EntryFacts) -> Layer:
    """Only fields that the file has. The shapes are those of `catalogue.effective`."""
    layer: Layer = {}
    for field, found in (
        ("title", entry.title),
        ("instrument_name", entry.instrument),
        ("facility_name", entry.facility),
        ("proposal", entry.proposal),
        ("visit", entry.visit),
        ("run", entry.collection),
        ("definition", entry.definition),
        ("description", entry.description),
        ("program", entry.program),
        ("embargo_hint", entry.embargo_hint),
    ):
        if isinstance(found, Found):
            layer[field] = {"value": found.value, "path": found.path}
    if entry.start is not None:
        layer["start_raw"] = {"value": entry.start.raw, "path": entry.start.path}
        layer["time_basis"] = {"value": entry.start.basis.value, "path": entry.start.path}
        if entry.start.us is not None:
            layer["start"] = {"value": entry.start.us, "path": entry.start.path}
    if entry.end is not None and entry.end.us is not None:
        layer["end"] = {"value": entry.end.us, "path": entry.end.path}
    if entry.sample is not None and (entry.sample.name or entry.sample.identifier or entry.sample.formula):
        sample = entry.sample
        layer["sample"] = {
            "value": {
                "name": sample.name or sample.identifier or sample.formula,
                "identifier": sample.identifier,
                "formula": sample.formula,
                "description": sample.description,
            },
            "path": sample.path,
        }
    if entry.people:
        layer["people"] = {
            "value": [{"name": p.name, "role": p.role, "orcid": p.orcid, "affiliation": p.affiliation} for p in entry.people],
            "path": entry.people[0].path,
        }
    if entry.techniques:
        layer["techniques"] = {"value": [t.pid for t in entry.techniques], "path": entry.techniques[0].source}
    parameters = [_parameter(q) for q in _curated(entry.quantities)]
    if parameters:
        layer["parameters"] = {"value": parameters, "path": entry.entry or "/"}
    return layer


def _curated(quantities: tuple[QuantityFacts, ...]) -> list[QuantityFacts]:
    """One quantity for each canonical name: the first that extraction found (it orders by authority)."""
    chosen: dict[str, QuantityFacts] = {}
    for quantity in quantities:
        if quantity.canonical is not None:
            chosen.setdefault(quantity.canonical, quantity)
    return list(chosen.values())


_CURRENTS = ("beam_current",)  # "A" alone is an ångström in many files


def _parameter(quantity: QuantityFacts) -> dict[str, Any]:
    numeric = isinstance(quantity.value, int | float) and not isinstance(quantity.value, bool)
    return {
        "name": quantity.canonical,
        "label": quantity.label or quantity.name,
        "unit": "ampere" if quantity.unit == "A" and quantity.canonical in _CURRENTS else quantity.unit,
        "value": quantity.value if numeric else None,
        "minimum": quantity.minimum,
        "maximum": quantity.maximum,
        "text": quantity.value if isinstance(quantity.value, str) else None,
    }

"""Questions to the known seed whose answers the specification prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from panmesh.testing.panosc_seed import COPPER, DOCUMENT, INSTRUMENTS, TAKEN, XAS, D


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    clause: str
    path: str
    filter: dict[str, Any]
    answer: list[dict[str, Any]]  # what must be there; more fields may be


def differences(wanted: Any, found: Any, at: str = "answer") -> list[str]:
    """What of `wanted` is not so in `found`: lists have the same records, objects may have more fields."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        missing = [f"{at}.{key} is missing" for key in wanted if key not in found]
        return missing + [d for key in wanted if key in found for d in differences(wanted[key], found[key], f"{at}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return [f"{at} has {len(found)} records, not {len(wanted)}"]
        return [
            d for i, (one, other) in enumerate(zip(wanted, found, strict=True)) for d in differences(one, other, f"{at}[{i}]")
        ]
    return [] if wanted == found else [f"{at} is {found!r}, not {wanted!r}"]


def _dataset(number: int, **more: Any) -> dict[str, Any]:
    return {"pid": f"{D}{number}", "title": f"PaNOSC Test Dataset {number}", "isPublic": True, "creationDate": TAKEN, **more}


def _parameter(name: str, value: Any, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def _instrument(name: str) -> dict[str, Any]:
    return {"pid": INSTRUMENTS[name], "name": name, "facility": "ESS"}


def _ranged(name: str, value: Any, unit: str) -> dict[str, Any]:
    return {"relation": "parameters", "scope": {"where": {"and": [{"name": name}, {"value": value}, {"unit": unit}]}}}


def _is(name: str, value: str) -> dict[str, Any]:
    return {"and": [{"name": name}, {"value": value}]}


_TECHNIQUE = {"relation": "techniques", "scope": {"where": {"name": "x-ray absorption"}}}
_SAMPLE = {"relation": "samples", "scope": {"where": {"name": "solid copper cylinder"}}}
_FILE = {"relation": "files", "scope": {"where": {"text": "file1"}}}
_PERSON = {"relation": "person", "scope": {"where": {"fullName": "Bo Person"}}}
_INVESTIGATOR = {"relation": "members", "scope": {"where": {"role": "principal investigator"}, "include": [_PERSON]}}
_PUBLICATION = {"pid": DOCUMENT + "1", "isPublic": True, "type": "publication", "title": "PaNOSC Test Publication"}
_PROPOSAL = {"pid": DOCUMENT + "2", "isPublic": True, "type": "proposal", "title": "PaNOSC Test Proposal"}
_COPPER_OR_SOLID = {"or": [_is("sample_state", "solid"), _is("chemical_formula", "Cu")]}

EXAMPLES = (
    Example(
        "datasets acquired using x-ray absorption", "dataset-example-queries.md", "Datasets", {"include": [_TECHNIQUE]},
        [_dataset(3, techniques=[XAS]), _dataset(4, techniques=[XAS])],
    ),
    Example(
        "datasets with a photon energy of 880 to 990 eV", "dataset-example-queries.md", "Datasets",
        {"include": [_ranged("photon_energy", {"between": [880, 990]}, "eV")]}, [_dataset(2, parameters=[_parameter("photon_energy", 930, "eV")])],
    ),
    Example(
        "datasets of a solid sample or of copper", "dataset-example-queries.md", "Datasets",
        {"include": [{"relation": "parameters", "scope": {"where": _COPPER_OR_SOLID}}]},
        [_dataset(1, parameters=[_parameter("chemical_formula", "Cu", ""), _parameter("sample_state", "solid", "")])],
    ),
    Example(
        "datasets taken below 80 degrees Celsius", "dataset-example-queries.md", "Datasets",
        {"include": [_ranged("temperature", {"lt": 80}, "celsius")], "where": {"pid": {"like": D}}},
        [_dataset(3, parameters=[_parameter("temperature", 20, "celsius")])],
    ),
    Example(
        "datasets with a file found by text", "dataset-example-queries.md", "Datasets", {"include": [_FILE]},
        [_dataset(1, files=[{"name": "panosc-file1.hdf"}])],
    ),
    Example(
        "proposals of one principal investigator", "document-example-queries.md", "Documents",
        {"where": {"type": "proposal"}, "include": [{"relation": "datasets"}, _INVESTIGATOR]},
        [{**_PROPOSAL, "datasets": [_dataset(3), _dataset(4)], "members": [{"role": "principal investigator", "person": {"fullName": "Bo Person"}}]}],
    ),
    Example(
        "documents with a wavelength of 1000 to 1100 nm", "document-example-queries.md", "Documents",
        {"include": [_ranged("wavelength", {"between": [1000, 1100]}, "nm")]}, [{**_PUBLICATION, "parameters": [_parameter("wavelength", 1064, "nm")]}],
    ),
    Example(
        "documents containing datasets with a wavelength of 1000 to 1100 nm", "document-example-queries.md", "Documents",
        {"include": [{"relation": "datasets", "scope": {"include": [_ranged("wavelength", {"between": [1000, 1100]}, "nm")]}}]},
        [{**_PROPOSAL, "datasets": [_dataset(4, parameters=[_parameter("wavelength", 1064, "nm")])]}],
    ),
    Example(
        "documents on one sample by one technique", "document-example-queries.md", "Documents",
        {"include": [{"relation": "datasets", "scope": {"include": [_SAMPLE, _TECHNIQUE]}}]},
        [{**_PROPOSAL, "datasets": [_dataset(n, samples=[COPPER], techniques=[XAS]) for n in (3, 4)]}],
    ),
    Example(
        "documents containing datasets with a file found by text", "query.md, text operator", "Documents",
        {"include": [{"relation": "datasets", "scope": {"include": [_FILE]}}]},
        [{**_PUBLICATION, "datasets": [_dataset(1, files=[{"name": "panosc-file1.hdf"}])]}],
    ),
    Example("instruments by name", "instrument-example-queries.md", "Instruments", {"where": {"name": "LoKI"}}, [_instrument("LoKI")]),
    Example(
        "instruments of a facility, the first page", "instrument-example-queries.md", "Instruments",
        {"where": {"facility": "ESS"}, "skip": 0, "limit": 3}, [_instrument(name) for name in ("ESTIA", "LoKI", "ODIN")],
    ),
)  # fmt: skip

"""Checks on the known seed: the examples that the specification prints, its technique tables, and conversions of units."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from panmesh.testing.panosc_examples import EXAMPLES, Example, differences
from panmesh.testing.panosc_provider import Check, Provider, require
from panmesh.testing.panosc_seed import TABLES

_UNITS: tuple[tuple[str, Any, str, dict[str, float]], ...] = (
    ("incident_energy", {"between": [12390, 12410]}, "eV", {"units/kev": 12400}),
    ("sample_temperature", {"between": [26, 27]}, "celsius", {"units/kelvin": 26.85}),
    ("temperature", {"between": [79, 81]}, "fahrenheit", {"units/kelvin": 80.33}),
    ("sample_pressure", {"gte": "199000"}, "Pa", {"units/pressure": 200_000}),
    ("wavelength", {"between": [10000, 11000]}, "angstrom", {"20.500.12269/panosc-dataset4": 10640}),
)


def _printed(example: Example, provider: Provider) -> None:
    found = differences(example.answer, provider.ask(example.path, example.filter))
    require(not found, "; ".join(found[:3]))


def _table(number: int, provider: Provider) -> None:
    where, expected = TABLES[number]
    question = {"where": {"pid": {"like": "panet/"}}, "include": [{"relation": "techniques", "scope": {"where": where}}]}
    found = sorted(int(pid.partition("/")[2]) for pid in provider.pids("Datasets", question))
    require(found == expected, f"datasets {expected}, not {found}")


def _unit(case: tuple[str, Any, str, dict[str, float]], provider: Provider) -> None:
    name, value, unit, expected = case
    where = {"and": [{"name": name}, {"value": value}, {"unit": unit}]}
    found = provider.records("Datasets", {"include": [{"relation": "parameters", "scope": {"where": where}}]})
    told = {one["pid"]: [p["value"] for p in one["parameters"] if p.get("unit") == unit] for one in found}
    require(told.keys() == expected.keys(), f"the datasets {sorted(expected)}")
    for pid, number in expected.items():
        require(any(math.isclose(v, number, rel_tol=1e-9) for v in told[pid]), f"{number} {unit} for {pid}, not {told[pid]}")


KNOWN: tuple[Check, ...] = (
    *(Check(f"printed example: {one.title}", f"specification, {one.clause}", partial(_printed, one)) for one in EXAMPLES),
    *(
        Check(f"technique table {n + 1}", f"specification, dataset-techniques-requirements.md, query {n + 1}", partial(_table, n))
        for n in range(len(TABLES))
    ),
    *(
        Check(f"{case[0]} in {case[2]}", "specification, query.md, general remarks: units", partial(_unit, case))
        for case in _UNITS
    ),
)

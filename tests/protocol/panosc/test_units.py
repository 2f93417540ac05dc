"""Quantities are found in any unit, and come back in the one that was asked for (contract b6)."""

from __future__ import annotations

from typing import Any

import pytest

from panmesh.kernel.units import convert, to_base
from panmesh.testing.panosc_seed import SEED, D
from panmesh.wire.panosc import iso
from tests.protocol.panosc.conftest import Provider, bring, open_provider

SYMBOLS = [
    "meter", "m", "angstrom", "rad", "radian", "deg", "degree", "grad", "gradian", "arcsec", "arcsecond", "arcmin",
    "arcminute", "second", "s", "secs", "seconds", "minute", "mins", "minutes", "hour", "h", "hr", "hrs", "hours", "day",
    "days", "hertz", "Hz", "gram", "g", "ampere", "A", "kelvin", "K", "celsius", "degC", "fahrenheit", "degF", "mole", "mol",
    "candela", "cd", "newton", "N", "joule", "J", "erg", "Wh", "electronvolt", "eV", "watt", "W", "Pa", "psi", "atm", "torr",
    "bar", "coulomb", "C", "volt", "V", "ohm", "Ohm", "farad", "F", "weber", "Wb", "tesla", "T", "henry", "H", "siemens", "S",
    "bits", "b", "bytes", "B",
]  # fmt: skip
PREFIXES = {
    "y": 1e-24, "z": 1e-21, "a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "da": 1e1, "h": 1e2,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24,
}  # fmt: skip
PREFIXED = ("m", "s", "Hz", "g", "A", "K", "mol", "N", "J", "eV", "W", "Pa", "V", "ohm", "F", "Wb", "T", "H", "S")
TAKEN_BY_OTHERS = {"EV"}  # written by instruments for eV


def asked(name: str, value: Any, unit: str | None, path: str = "parameters") -> dict[str, Any]:
    parts = [{"name": name}, {"value": value}, *([] if unit is None else [{"unit": unit}])]
    return {"include": [{"relation": path, "scope": {"where": {"and": parts}}}]}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_each_symbol_of_the_specification_is_known(symbol: str) -> None:
    from panmesh.adapters.sql.graph.quantities import scales

    assert scales(symbol), symbol


def test_each_prefix_is_known() -> None:
    from panmesh.adapters.sql.graph.quantities import scales

    for prefix, factor in PREFIXES.items():
        for unit in PREFIXED:
            symbol = prefix + unit
            if symbol in TAKEN_BY_OTHERS:
                continue
            ratios = [s.factor / b.factor for s in scales(symbol) for b in scales(unit) if s.dimension == b.dimension]
            assert any(ratio == pytest.approx(factor) for ratio in ratios), symbol


def test_writings_of_the_same_unit() -> None:
    for names in (
        ("Å", "\u212b", "A\u030a", "angstrom"),
        ("µm", "μm", "um"),
        ("°C", "degC", "celsius"),
        ("Ω", "\u2126", "ohm", "Ohm"),
        ("°F", "degF"),
    ):
        assert len({to_base(3.0, name) for name in names}) == 1, names
    assert to_base(1.0, "bytes") != to_base(8.0, None)
    for gauss in ("G", "gauss", "Oe"):
        assert convert(73_000.0, gauss, "T") == pytest.approx(7.3)


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("photon_energy", {"between": [0.88, 0.99]}, "keV", {f"{D}2": 0.93}),
        ("incident_energy", {"between": [12390, 12410]}, "eV", {"units/kev": 12400}),
        ("incident_photon_energy", 12400, "eV", {"units/kev": 12400}),
        ("photon_energy", {"eq": 12.4}, "keV", {"units/kev": 12.4}),
        ("photon_energy", {"gte": "12.4"}, "keV", {"units/kev": 12.4}),
        ("photon_energy", {"gt": 12.4}, "keV", {}),
        ("photon_energy", {"between": [1.9e-15, 2e-15]}, "J", {"units/kev": 12.4 * 1.602176634e-16}),
        ("photon_energy", {"inq": [8, 12.4]}, "keV", {"units/ev": 8, "units/kev": 12.4}),
        ("sample_temperature", {"between": [299, 301]}, "K", {"units/kelvin": 300}),
        ("temperature", {"between": [26, 27]}, "degC", {"units/kelvin": 26.85}),
        ("temperature", {"between": [26, 27]}, "°C", {"units/kelvin": 26.85}),
        ("sample_temperature", {"between": [80.3, 80.4]}, "fahrenheit", {"units/kelvin": 80.33}),
        ("sample_temperature", 100, "celsius", {"units/fahrenheit": 100}),
        ("sample_temperature", 293.15, "K", {f"{D}3": 293.15}),
        ("temperature", {"between": [140, 160]}, "K", {"units/scan": 100}),
        ("temperature", {"gt": 199, "lt": 250}, "K", {"units/scan": 100}),
        ("temperature", {"between": [201, 250]}, "K", {}),
        ("temperature", {"between": [-130, -120]}, "degC", {"units/scan": -173.15}),
        ("sample_pressure", {"between": [199_000, 201_000]}, "Pa", {"units/pressure": 200_000}),
        ("sample_pressure", 2000, "mbar", {"units/pressure": 2000}),
        ("sample_pressure", {"neq": 2}, "bar", {}),
        ("sample_pressure", {"neq": 2}, "Pa", {"units/pressure": 200_000}),
        ("frames", 100, None, {"units/pressure": 100}),
        ("wavelength", {"between": [1000, 1100]}, "nm", {f"{D}4": 1064}),
        ("wavelength", {"between": [10000, 11000]}, "Å", {f"{D}4": 10640}),
        ("wavelength", {"between": [10000, 11000]}, "A", {f"{D}4": 10640}),
        ("incident_wavelength", {"between": [199, 201]}, "pm", {"units/nm": 200, "units/neutron": 200}),
        ("wavelength", {"between": [0.9e-10, 1.1e-10]}, "m", {"units/kev": 9.99871e-11}),
        ("incident_wavelength", {"between": [0.0999, 0.1001]}, "nm", {"units/kev": 0.0999871}),
        ("photon_energy", {"between": [6.19, 6.2]}, "keV", {"units/nm": 6.1992}),
        ("incident_energy", {"between": [6190, 6200]}, "eV", {"units/nm": 6199.2}),
        ("incident_energy", {"between": [20, 21]}, "meV", {"units/neutron": 20.45}),
        ("photon_energy", {"between": [7100, 7110]}, "eV", {"units/scan": 7000}),
        ("incident_wavelength", {"between": [0.1745, 0.1755]}, "nm", {"units/scan": 0.172200}),
        ("squish", {"between": [4, 6]}, "wibble", {"units/odd": 5}),
        ("squish", {"between": [4, 6]}, "m", {}),
        ("temperature", {"between": [0, 1000]}, "furlongs", {}),
    ],
)  # fmt: skip
def test_a_quantity_in_any_unit(provider: Provider, name: str, value: Any, unit: str | None, expected: dict[str, float]) -> None:
    question = asked(name, value, unit)
    found = provider.ask("Datasets", question)
    told = {one["pid"]: next(p for p in one["parameters"] if p["name"] == name) for one in found}
    assert told.keys() == expected.keys()
    assert provider.count("Datasets", question) == len(expected)
    for pid, number in expected.items():
        assert told[pid]["value"] == pytest.approx(number, rel=1e-5), pid
        assert told[pid].get("unit", "") == (unit or "")


def test_values_come_back_at_full_precision(provider: Provider) -> None:
    found = provider.ask("Datasets", asked("temperature", {"between": [26, 27]}, "degC"))
    assert found[0]["parameters"][0]["value"] == pytest.approx(26.85, abs=1e-12)
    same = provider.ask("Datasets", asked("incident_energy", {"gt": 12}, "keV"))
    assert [p["value"] for one in same for p in one["parameters"]] == [12.4]


def test_a_range_is_told_in_the_asked_unit(provider: Provider) -> None:
    found = provider.ask("Datasets", asked("photon_energy", {"between": [7.1, 7.11]}, "keV"))
    energy = next(p for p in found[0]["parameters"] if p["name"] == "photon_energy")
    assert (energy["value"], energy["range"]) == (7, [7, 7.2])


def test_nothing_of_neutrons_is_turned_as_if_it_were_of_photons(provider: Provider) -> None:
    found = provider.ask("Datasets", asked("incident_wavelength", {"between": [0.19, 0.21]}, "nm"))
    told = {one["pid"]: {(p["name"], p["unit"]) for p in one["parameters"]} for one in found}
    assert told == {
        "units/nm": {("incident_wavelength", "nm")},
        "units/neutron": {("incident_wavelength", "nm"), ("incident_energy", "meV")},
    }


def test_units_within_or_and_nested(provider: Provider) -> None:
    kev = [{"name": "photon_energy"}, {"value": {"between": [12, 13]}}, {"unit": "keV"}]
    kelvin = [{"name": "temperature"}, {"value": {"between": [299, 301]}}, {"unit": "K"}]
    either = {"include": [{"relation": "parameters", "scope": {"where": {"or": [{"and": kev}, {"and": kelvin}]}}}]}
    assert provider.pids("Datasets", either) == ["units/kelvin", "units/kev"]
    nested = {"include": [{"relation": "datasets", "scope": either}]}
    found = provider.ask("Documents", nested)
    assert [[(d["pid"], [p["value"] for p in d["parameters"]]) for d in one["datasets"]] for one in found] == [
        [("units/kelvin", [300]), ("units/kev", [12.4])]
    ]
    flat = {
        "include": [{"relation": "parameters", "scope": {"where": {"name": "temperature", "value": {"gt": 90}, "unit": "degC"}}}]
    }
    assert provider.pids("Datasets", flat) == ["units/fahrenheit"]


def test_instants_are_found_as_they_are_shown(database_url: str, tmp_path: Any) -> None:
    provider = open_provider(database_url, tmp_path)
    fine = {"pid": "fine", "title": "t", "isPublic": True, "creationDate": "2024-05-05T10:00:00.123456Z"}
    bring(provider.app, {"datasets": [fine]})
    shown = provider.ask("Datasets")[0]["creationDate"]
    assert shown == "2024-05-05T10:00:00.123Z" == iso(1714903200123456)
    for op, count in (("eq", 1), ("neq", 0), ("gt", 0), ("gte", 1), ("lt", 0), ("lte", 1)):
        assert provider.count("Datasets", {"creationDate": {op: shown}}) == count, op
    provider.app.close()


def test_the_seed_has_units() -> None:
    assert sum(bool(p["unit"]) for one in SEED["datasets"] for p in one.get("parameters", [])) > 10

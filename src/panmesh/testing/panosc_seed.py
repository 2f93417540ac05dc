"""A small catalogue in the Search API's own JSON whose right answers are known: import it into a provider, then ask.

The first four datasets and two documents are those that the specification prints in its examples, with other people; ten are the
ones of its technique tables; the rest hold what conversions, intervals and long lists need.
"""

from __future__ import annotations

from typing import Any

PANET = "http://purl.org/pan-science/PaNET/PaNET"
ESS = "20.500.12269/"
D = ESS + "panosc-dataset"
DOCUMENT = "10.5072/panosc-document"
TAKEN = "2020-05-05T15:01:02.341Z"
MANY_FILES = 150

INSTRUMENTS = {
    "LoKI": ESS + "0f98fcf2-7bd7-430e-ad20-d47031ca8f71",
    "ODIN": ESS + "125e8172-d0f4-4547-98be-a9db903a6269",
    "FREIA": ESS + "f0637030-9f89-4398-8f01-09211145efa1",
    "HEIMDAL": ESS + "d3dd2880-637a-40b5-9815-990453817f0e",
    "ESTIA": ESS + "07297dd4-557f-4ef6-974f-5c1eec610b9e",
    "T-REX": ESS + "da7552ea-a2db-49e7-9e22-1c3a2e1cf309",
}
SANS = {"pid": ESS + "panosc-tech1", "name": "small-angle neutron scattering", "panetId": PANET + "01189"}
XAS = {"pid": ESS + "panosc-tech2", "name": "x-ray absorption", "panetId": PANET + "01227"}
COPPER = {"pid": ESS + "panosc-sample1", "name": "solid copper cylinder"}
_PLACE = {"id": "1", "name": "Neutron House", "address": "Example Road 1", "city": "Lund", "country": "Sweden"}
_ANN = {"id": "panosc-person1", "fullName": "Ann Other", "orcid": "0000-0002-1825-0097"}
_BO = {"id": "panosc-person2", "fullName": "Bo Person"}
_TABLE = {
    1: [("01183", "resonant inelastic x-ray scattering")],
    2: [("01275", "anomalous solution x-ray scattering")],
    3: [("01162", "grazing incidence small angle x-ray scattering")],
    4: [("01281", "inelastic x-ray small angle scattering")],
    5: [("01282", "soft x-ray small angle scattering")],
    6: [("01313", "magnetic x-ray tomography")],
    7: [("01200", "x-ray emission spectroscopy")],
    8: [("01200", "x-ray emission spectroscopy"), ("01313", "magnetic x-ray tomography")],
    9: [("01200", "x-ray emission spectroscopy"), ("01099", "grazing incidence small angle scattering")],
    10: [("01200", "x-ray emission spectroscopy"), ("01275", "anomalous solution x-ray scattering")],
}


def _dataset(pid: str, title: str, **more: Any) -> dict[str, Any]:
    return {"pid": pid, "title": title, "isPublic": True, "creationDate": TAKEN, **more}


def _parameter(name: str, value: Any, unit: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def _printed(number: int, instrument: str, technique: dict[str, str], *parameters: dict[str, Any]) -> dict[str, Any]:
    return _dataset(
        f"{D}{number}",
        f"PaNOSC Test Dataset {number}",
        instrument={"pid": INSTRUMENTS[instrument], "name": instrument, "facility": "ESS"},
        techniques=[technique],
        samples=[COPPER],
        files=[{"id": str(number), "name": f"panosc-file{number}.hdf", "size": 1000 * number}],
        parameters=list(parameters),
        documents=[f"{DOCUMENT}{1 if number < 3 else 2}"],
    )


def _members(investigator: dict[str, str], owner: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"role": "principal investigator", "person": investigator, "affiliation": _PLACE},
        {"role": "owner", "person": owner, "affiliation": _PLACE},
    ]


_XRAY, _NEUTRON = "01101", "01100"
_NAMES = {_XRAY: "x-ray powder diffraction", _NEUTRON: "neutron powder diffraction"}


def _measured(name: str, technique: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    techniques = [{"pid": PANET + technique, "name": _NAMES[technique]}]
    return _dataset(f"units/{name}", f"Units {name}", techniques=techniques, parameters=list(parameters))


SEED: dict[str, list[dict[str, Any]]] = {
    "instruments": [{"pid": pid, "name": name, "facility": "ESS"} for name, pid in INSTRUMENTS.items()],
    "datasets": [
        _printed(1, "LoKI", SANS, _parameter("chemical_formula", "Cu"), _parameter("sample_state", "solid")),
        _printed(2, "ODIN", SANS, _parameter("photon_energy", 930, "eV")),
        _printed(3, "FREIA", XAS, _parameter("temperature", 20, "celsius")),
        _printed(4, "HEIMDAL", XAS, _parameter("wavelength", 1064, "nm")),
        *(
            _dataset(f"panet/{n}", f"Technique table {n}", techniques=[{"pid": PANET + p, "name": name} for p, name in tags])
            for n, tags in _TABLE.items()
        ),
        _measured("kev", _XRAY, _parameter("incident_energy", 12.4, "keV")),
        _measured("ev", _XRAY, _parameter("incident_photon_energy", 8000, "eV")),
        _measured("nm", _XRAY, _parameter("incident_wavelength", 0.2, "nm")),
        _measured("neutron", _NEUTRON, _parameter("incident_wavelength", 0.2, "nm"), _parameter("incident_energy", 20.45, "meV")),
        _measured("kelvin", _XRAY, _parameter("sample_temperature", 300, "K")),
        _measured("fahrenheit", _XRAY, _parameter("temperature", 212, "degF")),
        _measured("scan", _XRAY, _parameter("temperature", [100, 150, 200], "K"), _parameter("incident_energy", [7000, 7200], "eV")),
        _measured("pressure", _XRAY, _parameter("sample_pressure", 2, "bar"), _parameter("frames", 100)),
        _measured("odd", _XRAY, _parameter("squish", 5, "wibble")),
        _dataset(
            "many/files",
            "Many files",
            samples=[{"pid": "s/2", "name": "tin foil", "description": "rolled thin"}, COPPER],
            files=[{"id": str(n), "name": f"frame_{n:04d}.cbf", "size": n} for n in range(1, MANY_FILES + 1)],
            size=12345,
        ),
    ],
    "documents": [
        {
            "pid": DOCUMENT + "1", "isPublic": True, "type": "publication", "title": "PaNOSC Test Publication", "summary": "On copper, at length",
            "doi": DOCUMENT + "1", "license": "CC-BY-4.0", "keywords": ["copper", "small angle"], "startDate": "2020-05-01", "endDate": "2020-05-09",
            "members": _members(_ANN, _BO), "parameters": [_parameter("wavelength", 1064, "nm")], "datasets": [f"{D}1", f"{D}2"],
        },
        {
            "pid": DOCUMENT + "2", "isPublic": True, "type": "proposal", "title": "PaNOSC Test Proposal",
            "members": _members(_BO, _ANN), "datasets": [f"{D}3", f"{D}4"],
        },
        {"pid": "10.5072/units", "isPublic": True, "type": "publication", "title": "All units", "datasets": ["units/kev", "units/kelvin", "units/scan"]},
    ],
}  # fmt: skip

TABLES: tuple[tuple[dict[str, Any], list[int]], ...] = (
    ({"name": "x-ray emission spectroscopy"}, [7, 8, 9, 10]),
    ({"name": "small angle scattering"}, [2, 3, 4, 5, 9, 10]),
    ({"name": {"neq": "x-ray emission spectroscopy"}}, [1, 2, 3, 4, 5, 6]),
    ({"name": {"neq": "small angle scattering"}}, [1, 6, 7, 8]),
    ({"and": [{"name": "small angle scattering"}, {"name": "magnetism technique"}]}, []),
    ({"or": [{"name": "small angle scattering"}, {"name": "magnetism technique"}]}, [2, 3, 4, 5, 6, 8, 9, 10]),
    ({"and": [{"name": "small angle scattering"}, {"name": "x-ray probe"}]}, [2, 3, 4, 5, 9, 10]),
    ({"or": [{"name": "small angle scattering"}, {"name": "x-ray probe"}]}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ({"and": [{"name": "small angle scattering"}, {"name": {"neq": "x-ray probe"}}]}, []),
    ({"and": [{"name": "small angle scattering"}, {"name": {"neq": "magnetism technique"}}]}, [2, 3, 4, 5, 9, 10]),
)

"""What the real portal sends, what the federation does with what it gets, and the service that completes technique names (b7 to b11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panmesh.testing.panosc_seed import DOCUMENT, PANET, XAS, D
from tests.protocol.panosc.conftest import Provider


def quantity(name: str, value: Any, unit: str) -> dict[str, Any]:
    return {"relation": "parameters", "scope": {"where": {"and": [{"name": name}, {"value": value}, {"unit": unit}]}}}


# --- the portal -------------------------------------------------------------------------------------------------------


def test_the_portals_search(provider: Provider) -> None:
    technique = {"relation": "techniques", "scope": {"where": {"name": "x-ray powder diffraction"}}}
    within = {"include": [technique, quantity("sample_temperature", {"between": [0, 7300]}, "K")]}
    question = {"include": [{"relation": "datasets", "scope": within}], "query": "units", "limit": 50}
    found = provider.ask("Documents", question)
    assert [one["pid"] for one in found] == ["10.5072/units"]
    assert [d["pid"] for d in found[0]["datasets"]] == ["units/kelvin", "units/scan"]
    assert all(isinstance(one["score"], float) for one in found)
    for one in found[0]["datasets"]:
        assert isinstance(one["techniques"], list)
        assert [p["unit"] for p in one["parameters"]] == ["K"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"gte": "300"}, ["units/kelvin"]),
        ({"lte": "150"}, ["units/scan"]),
        ({"between": [90, 310]}, ["units/kelvin", "units/scan"]),
    ],
)
def test_bounds_come_as_numbers_and_as_text(provider: Provider, value: Any, expected: list[str]) -> None:
    within = {"include": [quantity("sample_temperature", value, "K")]}
    found = provider.ask("Documents", {"include": [{"relation": "datasets", "scope": within}], "limit": 50})
    assert [d["pid"] for one in found if one["pid"] == "10.5072/units" for d in one["datasets"]] == expected


def test_several_parameters_hold_on_one_dataset(provider: Provider) -> None:
    temperature, energy = (
        quantity("sample_temperature", {"gte": "100"}, "K"),
        quantity("incident_photon_energy", {"between": [7, 7.1]}, "keV"),
    )
    found = provider.ask(
        "Documents", {"include": [{"relation": "datasets", "scope": {"include": [temperature, energy]}}], "limit": 50}
    )
    assert [[d["pid"] for d in one["datasets"]] for one in found] == [["units/scan"]]
    assert sorted(p["name"] for p in found[0]["datasets"][0]["parameters"]) == ["incident_photon_energy", "sample_temperature"]
    formula = {
        "relation": "parameters",
        "scope": {"where": {"and": [{"name": "sample_chemical_formula"}, {"value": {"like": "Cu"}}]}},
    }
    found = provider.ask("Documents", {"include": [{"relation": "datasets", "scope": {"include": [formula]}}]})
    assert [[d["pid"] for d in one["datasets"]] for one in found] == [[f"{D}1"]]


def test_the_page_of_a_document(provider: Provider) -> None:
    path = "documents/10.5072%2Fpanosc-document1"
    members = {"relation": "members", "scope": {"include": [{"relation": "affiliation"}, {"relation": "person"}]}}
    found = provider.ask(path, {"include": [members], "limit": 0})
    assert [(m["role"], m["person"]["fullName"], m["affiliation"]["name"]) for m in found["members"]] == [
        ("principal investigator", "Ann Other", "Neutron House"), ("owner", "Bo Person", "Neutron House"),
    ]  # fmt: skip
    for relation in ("techniques", "parameters", "samples", "files"):
        found = provider.ask(
            path, {"include": [{"relation": "datasets", "scope": {"include": [{"relation": relation}]}}], "limit": 0}
        )
        assert all(isinstance(d[relation], list) and d[relation] for d in found["datasets"])


def test_a_query_says_how_well_each_fits(provider: Provider) -> None:
    found = provider.ask("Documents", {"query": "copper publication"})
    scores = [one["score"] for one in found]
    assert found[0]["pid"] == DOCUMENT + "1"
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert provider.ask("Documents", query="copper publication") == found
    assert provider.ask("Documents", {"query": "nothing-like-this"}) == []
    assert provider.ask("Documents", {"query": ""}) == provider.ask("Documents")
    rare, common = (provider.ask("Datasets", {"query": f"test {word}"})[0] for word in ("1", "dataset"))
    assert rare["pid"] == common["pid"] == f"{D}1"
    ordered = provider.ask("Datasets", {"query": "units", "order": "title DESC", "limit": 2})
    assert [one["title"] for one in ordered] == ["Units scan", "Units pressure"]
    assert provider.count("Datasets", {"query": "units", "where": {"title": {"like": "k"}}}) == 2
    many = provider.ask("Datasets", {"query": " ".join(f"word{n}" for n in range(5000)) + " units"})
    assert many == []  # what comes after the first thirty words does not count
    for words in ("50%", "_", "'; --", "a" * 5000, "the of and", "\u0000", "ß ſ İ"):
        assert provider.status("Documents", {"query": words}) == 200, words


# --- the federation ---------------------------------------------------------------------------------------------------


def test_no_list_item_is_dropped_for_its_score(provider: Provider) -> None:
    for path in ("Datasets", "Documents", "Instruments"):
        for plain in (
            None,
            {"limit": 2},
            {"query": "ess panosc units"},
            {"fields": ["pid"]},
            {"include": ["datasets"]} if path != "Datasets" else {},
        ):
            for one in provider.ask(path, plain):
                assert isinstance(one["score"], float)
                assert 0 < one["score"] < 1


def test_counts_are_numbers_and_add_up(provider: Provider) -> None:
    for path in ("Datasets", "Documents", "Instruments"):
        count = provider.ask(f"{path}/count")["count"]
        assert type(count) is int
        assert count == len(provider.ask(path))


def test_what_is_not_here_is_404_for_the_federation_to_ask_the_next(provider: Provider) -> None:
    for path in ("Datasets", "Documents", "Instruments"):
        answer = provider.get(f"{path}/20.500%2Fnowhere")
        assert answer.status_code == 404
        expected = {
            "statusCode": 404,
            "name": "Error",
            "message": f'Unknown "{path[:-1]}" id "20.500/nowhere".',
            "code": "MODEL_NOT_FOUND",
        }
        assert answer.json() == {"error": expected}


# --- the techniques service -------------------------------------------------------------------------------------------


def test_the_portals_autocomplete(provider: Provider) -> None:
    where = {"and": [{"pid": {"nlike": ":dataset"}}, {"name": {"nlike": "CHMO"}}]}
    found = provider.ask("techniques", {"where": where, "fields": {"pid": True, "name": True}})
    assert len(found) > 370
    assert all(one.keys() == {"pid", "name"} for one in found)
    assert {"pid": PANET + "01196", "name": "x-ray absorption spectroscopy"} in found
    sorted_ = [one["name"] for one in provider.ask("Techniques", {"where": {"name": {"ilike": "PTYCHO"}}, "order": "name DESC"})]
    assert sorted_ == sorted(sorted_, reverse=True)
    assert "ptychography" in sorted_
    assert [
        one["name"] for one in provider.ask("techniques", {"where": {"name": {"ilike": "PTYCHO"}}, "order": "name", "limit": 2})
    ] == sorted_[:-3:-1]
    assert provider.ask("techniques/count", where=json.dumps({"name": {"like": "neutron"}}))["count"] > 10
    one = provider.ask("techniques/" + (PANET + "01196").replace("/", "%2F").replace(":", "%3A"))
    assert one["name"] == "x-ray absorption spectroscopy"
    assert "XAS" in one["synonym"]
    assert one["parents"]
    assert set(one["parents"]) | set(one["children"]) == set(one["relatives"])
    assert provider.status("techniques/nothing") == 404
    assert provider.ask("techniques", {"where": {"name": {"regexp": "^ptycho"}}})[0]["name"].startswith("ptycho")
    assert provider.status("techniques", {"where": {"name": {"regexp": "("}}}) == 400
    assert {one["pid"] for one in provider.ask("techniques")} >= {XAS["pid"]}


def test_the_closure_that_other_providers_ask_for(provider: Provider) -> None:
    def closure(where: Any) -> Any:
        return provider.ask("techniques/pan-ontology", where=json.dumps(where))

    narrow = closure({"name": "x-ray absorption spectroscopy"})["pid"]["inq"]
    assert PANET + "01196" in narrow
    assert len(narrow) > 1
    assert closure({"pid": PANET + "01196"}) == closure({"name": "XAS"}) == {"pid": {"inq": narrow}}
    assert closure({"pid": {"neq": PANET + "01196"}}) == {"pid": {"nin": narrow}}
    assert closure({"or": [{"name": "XAS"}, {"name": {"nlike": "XAS"}}]}).keys() == {"or"}
    assert closure({"and": [{"name": "XAS"}, {"pid": {"inq": [PANET + "01196"]}}]}) == {"and": [{"pid": {"inq": narrow}}] * 2}
    assert closure({"name": "no such thing"}) == {"pid": {"inq": []}}
    assert provider.status("techniques/pan-ontology", where='{"text": "x"}') == 400

"""Keys of other records among the fields, as the reference implementation sends them: `instrumentId` and the like."""

from __future__ import annotations

from typing import Any

import pytest

from panmesh.testing.panosc_seed import INSTRUMENTS, D

from .conftest import Provider

FIRST = f"{D}1"


def _included(relation: str, **scope: Any) -> dict[str, Any]:
    return {"relation": relation, "scope": scope}


def test_a_dataset_names_its_instrument(provider: Provider) -> None:
    for one in provider.ask("Datasets", {"include": ["instrument"]}):
        assert one.get("instrumentId") == one.get("instrument", {}).get("pid")
        assert "instrumentId" not in one or one["instrumentId"]


def test_what_belongs_to_a_dataset_names_it(provider: Provider) -> None:
    (one,) = provider.ask("Datasets", {"where": {"pid": FIRST}, "include": ["files", "parameters"]})
    assert {child["datasetId"] for child in [*one["files"], *one["parameters"]]} == {FIRST}
    assert not any("documentId" in child for child in one["parameters"])
    assert {file["datasetId"] for file in provider.ask(f"Datasets/{FIRST.replace('/', '%2F')}/files")} == {FIRST}


def test_members_name_document_person_and_affiliation(provider: Provider) -> None:
    include = [_included("members", include=["person", "affiliation", "document"]), "parameters"]
    members = 0
    for document in provider.ask("Documents", {"include": include}):
        assert all(one["documentId"] == document["pid"] for one in [*document["members"], *document["parameters"]])
        for member in document["members"]:
            members += 1
            assert member["document"]["pid"] == document["pid"]
            assert member["personId"] == member["person"]["id"]
            assert member.get("affiliationId") == member.get("affiliation", {}).get("id")
    assert members


@pytest.mark.parametrize(
    ("operator", "fits"),
    [
        ({"eq": INSTRUMENTS["ODIN"]}, lambda pid: pid == INSTRUMENTS["ODIN"]),
        ({"neq": INSTRUMENTS["ODIN"]}, lambda pid: pid != INSTRUMENTS["ODIN"]),
        ({"inq": [INSTRUMENTS["ODIN"], INSTRUMENTS["LoKI"]]}, lambda pid: pid in (INSTRUMENTS["ODIN"], INSTRUMENTS["LoKI"])),
        ({"nin": [INSTRUMENTS["ODIN"]]}, lambda pid: pid != INSTRUMENTS["ODIN"]),
        ({"ilike": "125E8172"}, lambda pid: "125e8172" in pid),
        ({"gt": INSTRUMENTS["ODIN"]}, lambda pid: pid > INSTRUMENTS["ODIN"]),
    ],
)
def test_conditions_on_keys(provider: Provider, operator: dict[str, Any], fits: Any) -> None:
    everything = provider.ask("Datasets")
    wanted = [one["pid"] for one in everything if "instrumentId" in one and fits(one["instrumentId"])]
    assert provider.pids("Datasets", {"where": {"instrumentId": operator}}) == wanted
    assert provider.count("Datasets", {"instrumentId": operator}) == len(wanted)
    assert wanted


def test_keys_in_scopes_order_and_fields(provider: Provider) -> None:
    found = provider.ask("Datasets", {"include": [_included("files", where={"datasetId": FIRST})], "fields": ["instrumentId"]})
    assert [one["instrumentId"] for one in found] == [INSTRUMENTS["LoKI"]]
    assert all(set(one) == {"instrumentId", "score", "files"} for one in found)
    ordered = [one.get("instrumentId") for one in provider.ask("Datasets", {"order": "instrumentId DESC"})]
    there = [one for one in ordered if one is not None]
    assert there == sorted(there, reverse=True)
    assert ordered[: len(there)] == there
    assert "instrumentId" not in provider.ask("Datasets", {"fields": {"instrumentId": False}, "limit": 1})[0]
    by = {"members": {"personId": "panosc-person1"}, "parameters": {"documentId": "10.5072/panosc-document1"}}
    for relation, where in by.items():
        for document in provider.ask("Documents", {"include": [_included(relation, where=where)]}):
            (name, value), *_ = where.items()
            assert {one[name] for one in document[relation]} == {value}
    assert (
        provider.pids("Datasets", {"include": [_included("parameters", where={"documentId": "10.5072/panosc-document1"})]}) == []
    )

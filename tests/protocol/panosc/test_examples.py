"""Each pair of question and answer that the specification prints, and what the reference's acceptance tests ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from panmesh.testing.panosc_examples import EXAMPLES, Example, differences
from panmesh.testing.panosc_seed import DOCUMENT, INSTRUMENTS, PANET, SEED, TABLES, XAS, D
from tests.protocol.panosc.conftest import Provider


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_a_printed_example(provider: Provider, example: Example) -> None:
    assert not differences(example.answer, provider.ask(example.path, example.filter))


def test_the_comparison_sees_a_difference() -> None:
    example = next(e for e in EXAMPLES if "copper" in e.title)
    assert differences(example.answer, [])
    assert differences(example.answer, [{**example.answer[0], "title": "other"}])
    assert differences(example.answer, [{**example.answer[0], "parameters": []}])
    assert not differences(example.answer, [{**example.answer[0], "more": 1}])


def _nodes(found: Any, relation: str) -> Iterator[dict[str, Any]]:
    for one in found:
        yield from one[relation]


def test_instruments_of_a_facility_page_by_page(provider: Provider) -> None:
    where = {"where": {"facility": "ESS"}, "limit": 3}
    pages = [provider.ask("Instruments", {**where, "skip": skip}) for skip in (0, 3, 6)]
    assert [len(page) for page in pages] == [3, 3, 0]
    assert {one["pid"] for page in pages for one in page} == set(INSTRUMENTS.values())


def test_one_record_by_its_pid(provider: Provider) -> None:
    for path, pid in (("Datasets", f"{D}1"), ("Documents", DOCUMENT + "1"), ("Instruments", INSTRUMENTS["LoKI"])):
        found = provider.ask(f"{path}/{pid.replace('/', '%2F')}")
        assert found["pid"] == pid
        listed = next(one for one in provider.ask(path) if one["pid"] == pid)
        assert {**found, "score": listed["score"]} == listed


@pytest.mark.parametrize("number", range(1, len(TABLES) + 1))
def test_a_technique_table(provider: Provider, number: int) -> None:
    where, expected = TABLES[number - 1]
    include = [{"relation": "techniques", "scope": {"where": where}}]
    found = provider.ask("Datasets", {"where": {"pid": {"like": "panet/"}}, "include": include})
    assert sorted(int(one["pid"].partition("/")[2]) for one in found) == expected
    assert all(one["techniques"] for one in found)
    assert provider.count("Datasets", {"where": {"pid": {"like": "panet/"}}, "include": include}) == len(expected)


def test_the_technique_tables_by_pid(provider: Provider) -> None:
    from panmesh.kernel import techniques

    def by_pid(where: Any) -> Any:
        if isinstance(where, list):
            return [by_pid(one) for one in where]
        if isinstance(where, dict):
            return {("pid" if key == "name" else key): by_pid(value) for key, value in where.items()}
        return techniques.find(where)

    for where, expected in TABLES:
        include = [{"relation": "techniques", "scope": {"where": by_pid(where)}}]
        found = provider.pids("Datasets", {"where": {"pid": {"like": "panet/"}}, "include": include})
        assert sorted(int(pid.partition("/")[2]) for pid in found) == expected, where


def test_terms_with_a_pid_of_their_own_are_their_panet_term(provider: Provider) -> None:
    expected = [f"{D}3", f"{D}4"]
    for where in (
        {"name": "x-ray absorption"}, {"pid": XAS["pid"]}, {"pid": XAS["panetId"]}, {"panetId": XAS["panetId"]}, {"name": {"ilike": "X-RAY ABSORP%"}},
        {"pid": {"inq": [XAS["pid"]]}}, {"name": {"eq": "X-Ray Absorption"}}, {"name": {"regexp": "^x-ray absorption$"}},
    ):  # fmt: skip
        found = provider.ask("Datasets", {"include": [{"relation": "techniques", "scope": {"where": where}}]})
        assert [one["pid"] for one in found] == expected, where
        assert all(t == XAS for t in _nodes(found, "techniques")), where
    synonym = {"name": "XES"}
    assert len(provider.pids("Datasets", {"include": [{"relation": "techniques", "scope": {"where": synonym}}]})) == 4
    broad = {"pid": PANET + "01124"}  # small angle scattering, the technique and not the concept of that name
    found = provider.pids("Datasets", {"include": [{"relation": "techniques", "scope": {"where": broad}}]})
    assert set(found) == {f"{D}1", f"{D}2", *(f"panet/{n}" for n in (2, 3, 4, 5, 9, 10))}


def test_the_seed_has_everything() -> None:
    relations = ("instrument", "techniques", "samples", "parameters", "files", "documents")
    assert all(any(relation in one for one in SEED["datasets"]) for relation in relations)
    assert {one["type"] for one in SEED["documents"]} == {"publication", "proposal"}

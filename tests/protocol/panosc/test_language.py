"""The filter language, as the specification has it and as portals write it (contract b3, b4, b5, b11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from panmesh.testing.panosc_seed import DOCUMENT, INSTRUMENTS, MANY_FILES, SEED, TAKEN, D
from tests.protocol.panosc.conftest import Provider

LOKI, ODIN, FREIA, HEIMDAL, ESTIA, TREX = (INSTRUMENTS[n] for n in ("LoKI", "ODIN", "FREIA", "HEIMDAL", "ESTIA", "T-REX"))
ALL_NAMES = {"LoKI", "ODIN", "FREIA", "HEIMDAL", "ESTIA", "T-REX"}
DATASETS = len(SEED["datasets"])


def names(provider: Provider, where: Any) -> set[str]:
    found = {one["name"] for one in provider.ask("Instruments", {"where": where})}
    assert provider.count("Instruments", where) == len(found), where
    return found


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "LoKI"}, {"LoKI"}),
        ({"name": {"eq": "LoKI"}}, {"LoKI"}),
        ({"name": "loki"}, set()),
        ({"name": {"neq": "LoKI"}}, ALL_NAMES - {"LoKI"}),
        ({"name": {"gt": "LoKI"}}, {"ODIN", "T-REX"}),
        ({"name": {"gte": "LoKI"}}, {"LoKI", "ODIN", "T-REX"}),
        ({"name": {"lt": "FREIA"}}, {"ESTIA"}),
        ({"name": {"lte": "FREIA"}}, {"ESTIA", "FREIA"}),
        ({"name": {"between": ["FREIA", "LoKI"]}}, {"FREIA", "HEIMDAL", "LoKI"}),
        ({"name": {"gt": "F", "lt": "M"}}, {"FREIA", "HEIMDAL", "LoKI"}),
        ({"name": {"like": "I", "nlike": "REIA", "gt": "F"}}, {"HEIMDAL", "LoKI", "ODIN"}),
        ({"name": {"inq": ["LoKI", "ODIN", "nothing"]}}, {"LoKI", "ODIN"}),
        ({"name": {"inq": []}}, set()),
        ({"name": {"nin": ["LoKI", "ODIN"]}}, ALL_NAMES - {"LoKI", "ODIN"}),
        ({"name": {"nin": []}}, ALL_NAMES),
        ({"name": {"like": "IN"}}, {"ODIN"}),
        ({"name": {"like": "in"}}, set()),
        ({"name": {"ilike": "in"}}, {"ODIN"}),
        ({"name": {"like": "E%A"}}, {"ESTIA", "FREIA", "HEIMDAL"}),
        ({"name": {"like": "T_REX"}}, {"T-REX"}),
        ({"name": {"like": "T.REX"}}, set()),
        ({"name": {"like": "*"}}, set()),
        ({"name": {"like": "[T]"}}, set()),
        ({"name": {"nlike": "I"}}, {"T-REX"}),
        ({"name": {"nilike": "i"}}, {"T-REX"}),
        ({"name": {"regexp": "^L"}}, {"LoKI"}),
        ({"name": {"regexp": "/^l/i"}}, {"LoKI"}),
        ({"name": {"regexp": "^l"}}, set()),
        ({"name": {"regexp": "^[A-F].*A$"}}, {"ESTIA", "FREIA"}),
        ({"name": {"regexp": "l.ki", "options": "i"}}, {"LoKI"}),
        ({"name": "LoKI", "facility": "ESS"}, {"LoKI"}),
        ({"name": "LoKI", "facility": "nowhere"}, set()),
        ({"and": [{"name": {"like": "I"}}, {"name": {"like": "D"}}]}, {"ODIN", "HEIMDAL"}),
        ({"or": [{"name": "LoKI"}, {"name": "ODIN"}]}, {"LoKI", "ODIN"}),
        ({"or": [{"name": "LoKI"}, {"and": [{"name": "ODIN"}, {"facility": "ESS"}]}]}, {"LoKI", "ODIN"}),
        ({"or": [{"name": "LoKI"}, {"unheard": "of"}]}, {"LoKI"}),
        ({"and": []}, ALL_NAMES),
        ({"or": []}, set()),
        ({}, ALL_NAMES),
        ({"unheard": "of"}, set()),
        ({"name": {"unheard": "of"}}, set()),
        ({"nor": [{"name": "LoKI"}]}, set()),
        ({"name": {"exists": True}}, set()),
        ({"instrument.name": "LoKI"}, set()),
        ({"text": "t-r"}, {"T-REX"}),
        ({"text": "T.REX"}, set()),
        ({"text": "ess loki"}, {"LoKI"}),
        ({"text": ""}, set()),
        ({"text": "ESS", "name": "LoKI"}, {"LoKI"}),
        ({"or": [{"text": "lok"}, {"name": "ODIN"}]}, {"LoKI", "ODIN"}),
        ({"pid": TREX}, {"T-REX"}),
    ],
)  # fmt: skip
def test_each_operator(provider: Provider, where: Any, expected: set[str]) -> None:
    assert names(provider, where) == expected


@pytest.mark.parametrize(
    "plain",
    [
        "[]", "3", '"text"', "true", "{", "nonsense", '{"limit": -1}', '{"limit": 1.5}', '{"limit": "many"}', '{"limit": true}', '{"limit": []}',
        '{"limit": 1e400}', '{"skip": -1}', '{"skip": 0.5}', '{"skip": "x"}', '{"offset": -2}', '{"where": null}', '{"where": []}', '{"where": 3}',
        '{"where": {"name": null}}', '{"where": {"name": {"inq": "LoKI"}}}', '{"where": {"name": {"nin": 3}}}', '{"where": {"and": {"name": "LoKI"}}}',
        '{"where": {"or": "x"}}', '{"where": {"name": {"between": ["a"]}}}', '{"where": {"name": {"between": "a"}}}', '{"where": {"name": {"like": ["a"]}}}',
        '{"where": {"name": {"regexp": "("}}}', '{"where": {"name": []}}', '{"where": {"text": {}}}', '{"where": {"name": {"gt": {}}}}', '{"order": 3}',
        '{"order": "name SIDEWAYS"}', '{"fields": 3}', '{"include": [{"relation": "nothing"}]}', '{"include": 3}', '{"include": ["nothing"]}',
        '{"include": [{"relation": "datasets", "scope": []}]}', '{"include": [{"relation": "datasets", "scope": {"where": null}}]}',
        '{"include": [{"relation": "datasets", "scope": {"where": {"creationDate": "someday"}}}]}', '{"query": {}}', "{" + '"a":' * 3000,
    ],
)  # fmt: skip
def test_what_is_no_question_is_said_to_be_none(provider: Provider, plain: str) -> None:
    answer = provider.get("Instruments", plain)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert list(error) == ["statusCode", "name", "message"]
    assert (error["statusCode"], error["name"]) == (400, "Error")
    assert len(error["message"]) > 10


def test_a_number_that_no_computer_holds_is_refused(provider: Provider) -> None:
    for value in ("1" + "0" * 400, "1" + "0" * 5000, "NaN", "Infinity", "-Infinity", "1e999"):
        assert provider.status("Datasets", f'{{"limit": {value}}}') == 400, value
        assert provider.status("Datasets", f'{{"where": {{"size": {{"gt": {value}}}}}}}') == 400, value
        assert provider.status("Datasets", f'{{"where": {{"creationDate": {{"gt": {value}}}}}}}') == 400, value
        parameters = f'{{"include": [{{"relation": "parameters", "scope": {{"where": {{"value": {{"gt": {value}}}}}}}}}]}}'
        assert provider.status("Datasets", parameters) in (200, 400), value


def test_no_filter_is_no_filter(provider: Provider) -> None:
    everything = provider.ask("Datasets")
    assert len(everything) == DATASETS
    for plain in (
        "",
        "null",
        "{}",
        '{"limit": 0}',
        '{"limit": null}',
        '{"skip": 0}',
        '{"unheard": 1}',
        '{"where": {}}',
        '{"limit": "0"}',
    ):
        assert provider.ask("Datasets", plain) == everything, plain
    assert [one["pid"] for one in everything] == sorted(one["pid"] for one in everything)
    assert provider.count("Datasets") == provider.count("Datasets", {}) == provider.count("Datasets", "") == DATASETS
    assert all({"pid", "title", "isPublic", "creationDate", "score"} <= one.keys() for one in everything)


def test_pages(provider: Provider) -> None:
    everything = provider.pids("Datasets")
    assert provider.pids("Datasets", {"limit": 3}) == everything[:3]
    assert provider.pids("Datasets", {"limit": "2", "skip": "1"}) == everything[1:3]
    assert provider.pids("Datasets", {"limit": 2, "offset": 2}) == everything[2:4]
    assert provider.pids("Datasets", {"skip": 4}) == everything[4:]
    assert provider.pids("Datasets", {"skip": 10_000, "limit": 5}) == []
    assert provider.pids("Datasets", {"limit": 10**9}) == everything


def test_brackets_say_the_same_as_json(provider: Provider) -> None:
    params = {
        "filter[where][name][inq][0]": "LoKI",
        "filter[where][name][inq][1]": "ODIN",
        "filter[limit]": "1",
        "filter[order]": "name DESC",
    }
    assert [one["name"] for one in provider.ask("Instruments", None, **params)] == ["ODIN"]
    include = {"filter[include][0][relation]": "datasets", "filter[include][0][scope][where][title]": "PaNOSC Test Dataset 1"}
    assert [one["name"] for one in provider.ask("Instruments", None, **include)] == ["LoKI"]
    assert provider.ask("Instruments", None, **{"filter[include]": "datasets"})[0]["datasets"] == []
    assert provider.ask("Instruments/count", None, **{"where[name]": "LoKI"}) == {"count": 1}
    for odd in (
        "filter[where][²]",
        "filter[][]",
        "filter[",
        "filter[]",
        "filter" + "[a]" * 3000,
        "filter[where][and][x]",
        "filter[0]",
    ):
        assert provider.status("Instruments", None, **{odd: "1"}) in (200, 400), odd


def test_dates(provider: Provider) -> None:
    for value, found in (
        ({"creationDate": TAKEN}, DATASETS), ({"creationDate": {"eq": TAKEN}}, DATASETS), ({"creationDate": {"gte": "2020-05-05"}}, DATASETS),
        ({"creationDate": {"lt": "2020-05-05"}}, 0), ({"creationDate": {"between": ["2020-05-05", "2020-05-06"]}}, DATASETS),
        ({"creationDate": {"gt": TAKEN}}, 0), ({"creationDate": {"lte": TAKEN}}, DATASETS), ({"creationDate": {"neq": TAKEN}}, 0),
        ({"creationDate": {"inq": [TAKEN]}}, DATASETS), ({"creationDate": {"gt": "2020-05-05T15:01:02.340+00:00"}}, DATASETS),
    ):  # fmt: skip
        assert provider.count("Datasets", value) == found, value
    assert provider.pids("Documents", {"where": {"startDate": {"gt": "2020-01-01"}}}) == [DOCUMENT + "1"]
    assert provider.status("Datasets", {"where": {"creationDate": "yesterday"}}) == 400


def test_booleans_sizes_and_keywords(provider: Provider) -> None:
    for value in (True, "true", "True", {"eq": "true"}, {"neq": False}, {"inq": [True, False]}):
        assert provider.count("Datasets", {"isPublic": value}) == DATASETS, value
    assert provider.count("Datasets", {"isPublic": "false"}) == 0
    assert provider.pids("Datasets", {"where": {"size": {"gt": 3000}}}) == [f"{D}4", "many/files"]
    assert provider.pids("Datasets", {"where": {"size": {"between": ["1000", 2000]}}}) == [f"{D}1", f"{D}2"]
    assert provider.pids("Documents", {"where": {"keywords": "copper"}}) == [DOCUMENT + "1"]
    assert provider.pids("Documents", {"where": {"keywords": {"inq": ["small angle", "x"]}}}) == [DOCUMENT + "1"]
    assert provider.pids("Documents", {"where": {"keywords": {"like": "cop"}}}) == [DOCUMENT + "1"]
    assert provider.pids("Documents", {"where": {"keywords": {"nlike": "cop"}}}) == []
    assert provider.pids("Documents", {"where": {"keywords": "cop"}}) == []


def test_order(provider: Provider) -> None:
    def told(order: Any) -> list[str]:
        return [one["name"] for one in provider.ask("Instruments", {"order": order})]

    assert told("name") == told("name ASC") == told(["name asc"]) == sorted(ALL_NAMES)
    assert told("name DESC") == sorted(ALL_NAMES, reverse=True)
    assert told(["facility ASC", "name DESC"]) == told("facility ASC, name DESC") == sorted(ALL_NAMES, reverse=True)
    assert told("unheard DESC") == told([]) == told("") == [name for name, _ in sorted(INSTRUMENTS.items(), key=lambda p: p[1])]
    sizes = [one.get("size") for one in provider.ask("Datasets", {"order": "size DESC"})]
    assert sizes[:5] == [12345, 4000, 3000, 2000, 1000]
    assert set(sizes[5:]) == {None}


def test_fields(provider: Provider) -> None:
    for fields in (["pid"], {"pid": True}, "pid", ["pid", "unheard"]):
        for one in provider.ask("Datasets", {"fields": fields, "limit": 3}):
            assert one.keys() == {"pid", "score"}, fields
    for one in provider.ask("Datasets", {"fields": {"title": False}, "limit": 3}):
        assert {"pid", "creationDate", "isPublic", "score"} <= one.keys()
        assert "title" not in one
    samples = {"relation": "samples", "scope": {"fields": ["name"]}}
    found = provider.ask("Datasets", {"where": {"pid": "many/files"}, "fields": ["title"], "include": [samples]})
    assert found == [{"title": "Many files", "score": 0.5, "samples": [{"name": "solid copper cylinder"}, {"name": "tin foil"}]}]


def test_an_include_attaches_and_never_filters(provider: Provider) -> None:
    for relation in ("documents", "techniques", "files", "parameters", "samples"):
        for scope in ({}, {"scope": {}}, {"scope": {"where": {}}}, {"scope": {"order": "name"}}):
            found = provider.ask("Datasets", {"include": [{"relation": relation, **scope}]})
            assert len(found) == DATASETS, (relation, scope)
            assert all(isinstance(one[relation], list) for one in found)
            assert any(one[relation] == [] for one in found) or relation == "techniques"
    for relation in ("instrument", "document"):
        found = provider.ask("Datasets", {"include": [relation]})
        assert len(found) == DATASETS
        assert sum(relation in one for one in found) == (4 if relation == "instrument" else 7)
        assert all(isinstance(one.get(relation, {}), dict) for one in found)
    several = provider.ask("Datasets", {"include": "samples"})
    assert (
        several
        == provider.ask("Datasets", {"include": {"relation": "samples"}})
        == provider.ask("Datasets", {"include": {"samples": None}})
    )


def test_a_condition_in_a_scope_leaves_out_who_has_nothing_there(provider: Provider) -> None:
    found = provider.ask("Datasets", {"include": [{"relation": "samples", "scope": {"where": {"name": {"like": "tin"}}}}]})
    assert [(one["pid"], [s["name"] for s in one["samples"]]) for one in found] == [("many/files", ["tin foil"])]
    both = [{"relation": "samples", "scope": {"where": {"name": {"like": n}}}} for n in ("tin", "copper")]
    found = provider.ask("Datasets", {"include": both})
    assert [(one["pid"], len(one["samples"])) for one in found] == [("many/files", 2)]
    found = provider.ask("Datasets", {"include": [{"relation": "instrument", "scope": {"where": {"name": "LoKI"}}}]})
    assert [(one["pid"], one["instrument"]["name"]) for one in found] == [(f"{D}1", "LoKI")]
    for key, value, pid in (("instrument", LOKI, f"{D}1"), ("samples", "s/2", "many/files")):
        assert provider.pids("Datasets", {"include": [{"relation": key, "scope": {"where": {"pid": value}}}]}) == [pid]
        assert provider.pids("Datasets", {"include": [{"relation": key, "scope": {"where": {"pid": "absent"}}}]}) == []


def test_pages_and_whole_lists_are_joined_alike(provider: Provider) -> None:
    """Two ways lead to them: rows that are looked through one after another, and all that satisfy a condition at once."""
    joins = {
        "Instruments": ({"relation": "datasets", "scope": {"where": {"title": {"like": "Dataset 1"}}}},),
        "Documents": (
            {"relation": "members", "scope": {"where": {"role": "owner"}}},
            {"relation": "datasets", "scope": {"where": {"pid": f"{D}1"}}},
        ),
        "Datasets": (
            {"relation": "instrument", "scope": {"where": {"facility": "ESS"}}},
            {"relation": "document", "scope": {"where": {"type": "proposal"}}},
        ),
    }
    for path, includes in joins.items():
        for include in includes:
            whole = provider.pids(path, {"include": [include]})
            assert whole
            assert len(whole) < len(provider.pids(path))
            assert provider.pids(path, {"include": [include], "limit": 50}) == whole
            assert provider.pids(path, {"include": [include], "limit": 50, "order": "pid"}) == whole


def test_joins_to_any_depth(provider: Provider) -> None:
    def documents(include: Any) -> list[tuple[str, list[str]]]:
        return [(one["pid"], [d["pid"] for d in one["datasets"]]) for one in provider.ask("Documents", {"include": include})]

    inner = [{"relation": "samples", "scope": {"where": {"name": "solid copper cylinder"}}}]
    xas = {"relation": "techniques", "scope": {"where": {"name": "x-ray absorption"}}}
    assert documents([{"relation": "datasets", "scope": {"include": inner}}]) == [
        (DOCUMENT + "1", [f"{D}1", f"{D}2"]), (DOCUMENT + "2", [f"{D}3", f"{D}4"]),
    ]  # fmt: skip
    assert documents([{"relation": "datasets", "scope": {"include": [*inner, xas]}}]) == [(DOCUMENT + "2", [f"{D}3", f"{D}4"])]
    frozen = {"relation": "instrument", "scope": {"where": {"name": "FREIA"}}}
    assert documents([{"relation": "datasets", "scope": {"include": [xas, frozen]}}]) == [(DOCUMENT + "2", [f"{D}3"])]
    three = {
        "include": [
            {"relation": "instrument", "scope": {"include": [{"relation": "datasets", "scope": {"where": {"pid": f"{D}2"}}}]}}
        ]
    }
    found = provider.ask("Datasets", three)
    assert [one["pid"] for one in found] == [f"{D}2"]
    assert [d["pid"] for d in found[0]["instrument"]["datasets"]] == [f"{D}2"]
    person = {"relation": "person", "scope": {"where": {"fullName": "Bo Person"}}}
    members = {"relation": "members", "scope": {"where": {"role": "owner"}, "include": [person]}}
    deep = {"relation": "instrument", "scope": {"include": [{"relation": "datasets", "scope": {
        "include": [{"relation": "documents", "scope": {"include": [members]}}]}}]}}  # fmt: skip
    assert provider.pids("Datasets", {"include": [deep]}) == [f"{D}1", f"{D}2"]
    assert provider.count("Datasets", {"include": [deep]}) == 2


def test_joins_come_back_from_techniques_and_files(provider: Provider) -> None:
    back = {"relation": "datasets", "scope": {"where": {"title": {"like": "Dataset 1"}}, "order": "title DESC"}}
    found = provider.ask("Datasets", {"include": [{"relation": "techniques", "scope": {"include": [back]}}]})
    assert [one["pid"] for one in found] == [f"{D}1", f"{D}2"]
    assert [[d["pid"] for d in one["techniques"][0]["datasets"]] for one in found] == [[f"{D}1"], [f"{D}1"]]
    plain = provider.ask("Datasets", {"where": {"pid": "panet/8"}, "include": [{"relation": "techniques", "scope": {
        "include": [{"relation": "datasets", "scope": {"order": "pid DESC", "limit": 2}}]}}]})  # fmt: skip
    assert [[d["pid"] for d in t["datasets"]] for t in plain[0]["techniques"]] == [["panet/9", "panet/8"], ["panet/8", "panet/6"]]
    nested = {
        "relation": "files",
        "scope": {"include": [{"relation": "dataset", "scope": {"where": {"title": {"like": "Many"}}}}], "limit": 1},
    }
    found = provider.ask("Datasets", {"include": [nested]})
    assert [one["pid"] for one in found] == ["many/files"]
    assert found[0]["files"][0]["dataset"]["title"] == "Many files"


def test_scopes_have_order_fields_limit_and_skip_of_their_own(provider: Provider) -> None:
    def told(scope: Any) -> list[list[str]]:
        found = provider.ask(
            "Documents", {"where": {"pid": DOCUMENT + "1"}, "include": [{"relation": "datasets", "scope": scope}]}
        )
        return [[d["pid"] for d in one["datasets"]] for one in found]

    assert told({"order": "pid DESC"}) == [[f"{D}2", f"{D}1"]]
    assert told({"limit": 1}) == [[f"{D}1"]]
    assert told({"limit": 1, "skip": 1}) == [[f"{D}2"]]
    assert told({"limit": 0}) == [[f"{D}1", f"{D}2"]]
    assert told({"order": "pid DESC", "limit": 1}) == [[f"{D}2"]]
    found = provider.ask("Documents", {"include": [{"relation": "datasets", "scope": {"order": "title DESC", "limit": 1}}]})
    assert [[d["pid"] for d in one["datasets"]] for one in found] == [[f"{D}2"], [f"{D}4"], ["units/scan"]]
    many = {"where": {"pid": "many/files"}, "include": [{"relation": "samples", "scope": {"order": "name DESC", "limit": 1}}]}
    assert [s["name"] for s in provider.ask("Datasets", many)[0]["samples"]] == ["tin foil"]


def test_pages_are_cut_after_the_join(provider: Provider) -> None:
    include = [{"relation": "techniques", "scope": {"where": {"name": "x-ray absorption"}}}]
    assert provider.pids("Datasets", {"limit": 1, "include": include}) == [f"{D}3"]
    assert provider.pids("Datasets", {"limit": 1, "skip": 1, "include": include}) == [f"{D}4"]
    assert provider.count("Datasets", {"include": include}) == 2
    assert provider.get("Datasets", {"limit": 1, "include": include}).headers["x-total-count"] == "2"


def test_by_pid_nothing_is_left_out(provider: Provider) -> None:
    def one(filter_: Any) -> Any:
        return provider.ask("Documents/10.5072%2Fpanosc-document1", filter_)

    plain = one(None)
    assert plain["pid"] == DOCUMENT + "1"
    assert "score" not in plain
    assert one({"where": {"pid": "another"}}) == plain
    assert one({"include": [{"relation": "members", "scope": {"where": {"role": "cook"}}}]})["members"] == []
    assert (
        one({"include": [{"relation": "datasets", "scope": {"where": {"text": "dataset 2"}}}]})["datasets"][0]["pid"] == f"{D}2"
    )
    nested = {"relation": "datasets", "scope": {"include": [{"relation": "samples", "scope": {"where": {"name": "no such"}}}]}}
    assert [d["samples"] for d in one({"include": [nested]})["datasets"]] == [[], []]
    assert one({"fields": ["title"]}) == {"title": "PaNOSC Test Publication"}
    assert one({"limit": 0, "include": ["members"]})["members"][0]["role"] == "principal investigator"


def test_parameters_of_datasets_are_kept_whole(provider: Provider) -> None:
    def entry(name: str, value: str) -> dict[str, Any]:
        return {"relation": "parameters", "scope": {"where": {"and": [{"name": name}, {"value": value}]}}}

    copper, solid, liquid = entry("chemical_formula", "Cu"), entry("sample_state", "solid"), entry("sample_state", "liquid")
    for include in ([copper], [copper, solid]):
        found = provider.ask("Datasets", {"include": include})
        assert [(one["pid"], [p["name"] for p in one["parameters"]]) for one in found] == [
            (f"{D}1", ["chemical_formula", "sample_state"])
        ]
    assert provider.pids("Datasets", {"include": [copper, liquid]}) == []
    nested = provider.ask("Documents", {"include": [{"relation": "datasets", "scope": {"include": [copper]}}]})
    assert [[p["name"] for p in d["parameters"]] for one in nested for d in one["datasets"]] == [["chemical_formula"]]
    both = provider.ask("Documents", {"include": [{"relation": "datasets", "scope": {"include": [copper, solid]}}]})
    assert [len(d["parameters"]) for one in both for d in one["datasets"]] == [2]
    assert provider.ask("Documents", {"include": [{"relation": "datasets", "scope": {"include": [copper, liquid]}}]}) == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "frames", "value": 100}, ["units/pressure"]),
        ({"name": "frames", "value": {"eq": 100}}, ["units/pressure"]),
        ({"name": "frames", "value": {"gte": "100"}}, ["units/pressure"]),
        ({"name": "frames", "value": {"lt": 100}}, []),
        ({"name": "frames", "value": {"neq": 99}}, ["units/pressure"]),
        ({"name": "frames", "value": {"neq": 100}}, []),
        ({"name": "frames", "value": {"inq": [1, 100]}}, ["units/pressure"]),
        ({"name": "frames", "value": {"nin": [1, 100]}}, []),
        ({"name": "frames", "value": {"gt": 5, "lt": 101}}, ["units/pressure"]),
        ({"name": "frames", "value": {"between": [101, 99]}}, []),
        ({"name": "frames", "unit": ""}, ["units/pressure"]),
        ({"name": "sample_state", "value": {"like": "sol"}}, [f"{D}1"]),
        ({"name": "sample_state", "value": {"ilike": "SOL%D"}}, [f"{D}1"]),
        ({"name": "sample_state", "value": {"regexp": "^s"}}, [f"{D}1"]),
        ({"name": "sample_state", "value": {"neq": "liquid"}}, [f"{D}1"]),
        ({"name": "sample_state", "value": {"neq": "solid"}}, []),
        ({"name": "sample_state", "value": {"neq": 5}}, [f"{D}1"]),
        ({"name": {"like": "sample_st"}}, [f"{D}1"]),
        ({"name": {"inq": ["frames", "sample_state"]}}, [f"{D}1", "units/pressure"]),
        ({"name": "squish", "value": 5, "unit": "wibble"}, ["units/odd"]),
        ({"name": "squish", "value": {"gte": 5}, "unit": "wibble"}, ["units/odd"]),
        ({"name": "squish", "value": {"gt": 5}, "unit": "wibble"}, []),
        ({"name": "squish", "unit": "other"}, []),
        ({"or": [{"name": "frames"}, {"and": [{"name": "squish"}, {"value": 5}]}]}, ["units/odd", "units/pressure"]),
        ({"text": "frames"}, []),
        ({"id": "no number"}, []),
        ({"id": {"like": "x"}}, []),
    ],
)
def test_parameters_by_every_operator(provider: Provider, where: Any, expected: list[str]) -> None:
    assert provider.pids("Datasets", {"include": [{"relation": "parameters", "scope": {"where": where}}]}) == expected


def test_text_is_looked_for_everywhere(provider: Provider) -> None:
    assert provider.pids("Datasets", {"where": {"text": "TEST dataset 3"}}) == [f"{D}3"]
    assert provider.pids("Datasets", {"where": {"text": "dataset test"}}) == [f"{D}{n}" for n in range(1, 5)]
    assert provider.count("Datasets", {"text": "dataset test"}) == 4
    assert provider.pids("Documents", {"where": {"text": "at length"}}) == [DOCUMENT + "1"]
    for relation, text, pids in (
        ("files", "FRAME_0150", ["many/files"]), ("files", "file1", [f"{D}1"]), ("samples", "thin tin", ["many/files"]),
        ("techniques", "soft small", ["panet/5"]), ("instrument", "ess loki", [f"{D}1"]), ("documents", "copper", [f"{D}1", f"{D}2"]),
    ):  # fmt: skip
        assert provider.pids("Datasets", {"include": [{"relation": relation, "scope": {"where": {"text": text}}}]}) == pids, (
            relation
        )
    second = {"relation": "datasets", "scope": {"include": [{"relation": "files", "scope": {"where": {"text": "file1"}}}]}}
    found = provider.ask("Documents", {"include": [second]})
    assert [[d["pid"] for d in one["datasets"]] for one in found] == [[f"{D}1"]]
    person = {"relation": "members", "scope": {"include": [{"relation": "person", "scope": {"where": {"text": "ann"}}}]}}
    assert provider.pids("Documents", {"include": [person]}) == [DOCUMENT + "1", DOCUMENT + "2"]


def test_files(provider: Provider) -> None:
    files = provider.ask("Datasets/many%2Ffiles/files")
    assert len(files) == MANY_FILES
    assert len({one["id"] for one in files}) == MANY_FILES
    assert all(set(one["id"]) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.~-") for one in files)
    assert provider.ask("Datasets/many%2Ffiles/files/count") == {"count": MANY_FILES}
    name = {"name": {"like": "_000"}}
    assert len(provider.ask("Datasets/many%2Ffiles/files", {"where": name})) == 9
    assert provider.ask("Datasets/many%2Ffiles/files/count", where=json.dumps(name)) == {"count": 9}
    paged = provider.ask("Datasets/many%2Ffiles/files", {"limit": 2, "skip": 1, "order": "size DESC", "fields": ["name"]})
    assert paged == [{"name": "frame_0149.cbf"}, {"name": "frame_0148.cbf"}]
    assert provider.ask("Datasets/panet%2F1/files") == []
    assert provider.ask("Datasets/panet%2F1/files/count") == {"count": 0}
    assert provider.status("Datasets/absent/files") == provider.status("Datasets/absent/files/count") == 404
    for op, value, found in (
        ("regexp", "^frame_015", 1),
        ("regexp", "/^FRAME_015/i", 1),
        ("eq", "frame_0150.cbf", 1),
        ("nlike", "frame", 0),
    ):
        where = {"name": {op: value}}
        assert provider.ask("Datasets/many%2Ffiles/files/count", where=json.dumps(where)) == {"count": found}, where
        assert len(provider.pids("Datasets", {"include": [{"relation": "files", "scope": {"where": where}}]})) >= found
    assert provider.status("Datasets/many%2Ffiles/files", {"where": {"name": {"regexp": "("}}}) == 400
    assert provider.pids("Datasets", {"include": [{"relation": "files", "scope": {"where": {"id": files[5]["id"]}}}]}) == [
        "many/files"
    ]
    assert provider.pids(
        "Datasets", {"include": [{"relation": "files", "scope": {"where": {"size": {"gt": 149, "lt": 151}}}}]}
    ) == ["many/files"]
    whole = provider.ask("Datasets", {"where": {"pid": "many/files"}, "include": ["files"]})
    assert len(whole[0]["files"]) == MANY_FILES


def test_one_document_or_several(provider: Provider) -> None:
    found = provider.ask("Datasets", {"where": {"pid": f"{D}1"}, "include": ["document", "documents"]})[0]
    assert found["document"]["pid"] == DOCUMENT + "1"
    assert [one["pid"] for one in found["documents"]] == [DOCUMENT + "1"]
    for relation in ("document", "documents"):
        where = {"relation": relation, "scope": {"where": {"type": "proposal"}}}
        assert provider.pids("Datasets", {"include": [where]}) == [f"{D}3", f"{D}4"]

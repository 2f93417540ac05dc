"""Checks of includes, parameters and techniques on any provider's own data: inner joins, ranges, units, narrower terms."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from panmesh.testing.panosc_provider import Check, Failed, NotApplicable, Provider, keeping, require, segment

JOINS: list[Check] = []
check = keeping(JOINS)

# --- includes ---------------------------------------------------------------------------------------------------------

_RELATIONS = {
    "Datasets": ("techniques", "instrument", "files", "parameters", "samples"),
    "Documents": ("datasets", "members", "parameters"),
    "Instruments": ("datasets",),
}
_TO_ONE = ("instrument",)
_SEARCHED = {
    "techniques": "name",
    "instrument": "name",
    "files": "name",
    "samples": "name",
    "datasets": "title",
    "members": "role",
}


def _attaches(path: str, relation: str, provider: Provider) -> None:
    plain = provider.pids(path, {"limit": 20})
    scopes: tuple[dict[str, Any], ...] = ({}, {"scope": {}}, {"scope": {"where": {}}})
    for scope in scopes:
        found = provider.records(path, {"limit": 20, "include": [{"relation": relation, **scope}]})
        require([one["pid"] for one in found] == plain, "the same records as without the include")
        for one in found:
            there = isinstance(one.get(relation, {}), dict) if relation in _TO_ONE else isinstance(one.get(relation), list)
            require(there, f"{relation} of {one['pid']} is {'an object or absent' if relation in _TO_ONE else 'an array'}")


def _filters(path: str, relation: str, provider: Provider) -> None:
    field = _SEARCHED[relation]
    child = provider.first(path, relation)[relation]
    value = (child if relation in _TO_ONE else child[0]).get(field)
    if not value:
        raise NotApplicable(f"no {relation} has a {field}")
    include = [{"relation": relation, "scope": {"where": {field: value}}}]
    found = provider.records(path, {"limit": 50, "include": include})
    require(found, f"something with {relation} {value!r}")
    for one in found:
        children = [one[relation]] if relation in _TO_ONE else one[relation]
        require(children, f"{relation} of {one['pid']} are there")
        if relation != "techniques":
            require(all(c[field] == value for c in children), f"only {relation} whose {field} is {value!r}")
    nothing = [{"relation": relation, "scope": {"where": {field: "no such thing"}}}]
    require(provider.records(path, {"include": nothing}) == [], "nothing where nothing is there")
    require(len(provider.records(path, {"limit": 1, "include": include})) == 1, "pages are cut after the join")
    by_pid = provider.ask(f"{path}/{segment(found[0]['pid'])}", {"include": nothing})
    require(relation in _TO_ONE or by_pid[relation] == [], "by pid nothing is left out, and the array is empty")


JOINS += [
    Check(
        f"{path}: include {relation} attaches and never filters", "query.md, include filter", partial(_attaches, path, relation)
    )
    for path, relations in _RELATIONS.items()
    for relation in relations
]
JOINS += [
    Check(
        f"{path}: a condition on {relation} is an inner join",
        "query.md, include with match conditions",
        partial(_filters, path, relation),
    )
    for path, relations in _RELATIONS.items()
    for relation in relations
    if relation in _SEARCHED
]


@check("conditions on pids within a scope count", "dataset-techniques-requirements.md, search functionalities")
def _by_pid(provider: Provider) -> None:
    for relation in ("techniques", "instrument", "samples"):
        try:
            child = provider.first("Datasets", relation)[relation]
        except NotApplicable:
            continue
        one = child if relation in _TO_ONE else child[0]
        require(
            provider.pids("Datasets", {"limit": 5, "include": [{"relation": relation, "scope": {"where": {"pid": one["pid"]}}}]}),
            "found",
        )
        absent = [{"relation": relation, "scope": {"where": {"pid": "no-such-pid"}}}]
        require(provider.records("Datasets", {"include": absent}) == [], f"nothing for an absent pid of {relation}")


@check("two relations hold on the same dataset", "document-example-queries.md, sample and technique")
def _both(provider: Provider) -> None:
    one = next((one for one in provider.some("Datasets", "techniques") if one.get("techniques")), None)
    if one is None:
        raise NotApplicable("no dataset has techniques")
    tag = {"relation": "techniques", "scope": {"where": {"pid": one["techniques"][0]["pid"]}}}
    whole = provider.ask(f"Datasets/{segment(one['pid'])}", {"include": [{"relation": "instrument"}]})
    if "instrument" not in whole:
        raise NotApplicable("it has no instrument")
    place = {"relation": "instrument", "scope": {"where": {"pid": whole["instrument"]["pid"]}}}
    found = provider.pids("Datasets", {"where": {"pid": one["pid"]}, "include": [tag, place]})
    require(found == [one["pid"]], one["pid"])
    absent = {"relation": "instrument", "scope": {"where": {"pid": "no-such-pid"}}}
    require(provider.records("Datasets", {"include": [tag, absent]}) == [], "nothing where one of them does not hold")


@check("includes within includes filter to any depth", "query.md, include filter; document-example-queries.md")
def _nested(provider: Provider) -> None:
    document = provider.first("Documents", "datasets")
    pid = document["datasets"][0]["pid"]
    whole = provider.ask(f"Datasets/{segment(pid)}", {"include": [{"relation": "instrument"}, {"relation": "techniques"}]})
    inner = [{"relation": r, "scope": {"where": {"pid": v["pid"]}}} for r, v in (("instrument", whole.get("instrument")),) if v]
    inner += [{"relation": "techniques", "scope": {"where": {"pid": t["pid"]}}} for t in whole.get("techniques", [])[:1]]
    if not inner:
        raise NotApplicable("its dataset has neither instrument nor techniques")
    question = {"where": {"pid": document["pid"]}, "include": [{"relation": "datasets", "scope": {"include": inner}}]}
    found = provider.records("Documents", question)
    require([one["pid"] for one in found] == [document["pid"]], document["pid"])
    require(pid in [one["pid"] for one in found[0]["datasets"]], f"its dataset {pid}")
    absent = [*inner, {"relation": "samples", "scope": {"where": {"name": "no such thing"}}}]
    require(provider.records("Documents", {"include": [{"relation": "datasets", "scope": {"include": absent}}]}) == [], "nothing")


@check("members with person and affiliation", "the search portal's page of a document")
def _members(provider: Provider) -> None:
    pid = provider.first("Documents", "members")["pid"]
    scope = {"include": [{"relation": "affiliation"}, {"relation": "person"}]}
    found = provider.ask(f"documents/{segment(pid)}", {"include": [{"relation": "members", "scope": scope}], "limit": 0})
    require(isinstance(found["members"], list), "an array of members")
    require(all(one["person"]["fullName"] for one in found["members"]), "each with a person")


@check("a key among the fields is that of the record it names, and finds it", "common/models of the reference implementation")
def _keys(provider: Provider) -> None:
    keyed = [one for one in provider.some("Datasets", "instrument") if "instrumentId" in one]
    if not keyed:
        raise NotApplicable("datasets have no instrumentId")
    require(all(one["instrumentId"] == one["instrument"]["pid"] for one in keyed), "instrumentId is the instrument's pid")
    where = {"pid": keyed[0]["pid"], "instrumentId": keyed[0]["instrumentId"]}
    require(provider.pids("Datasets", {"where": where}) == [keyed[0]["pid"]], "a condition on instrumentId finds it")


@check("datasets lead to their documents", "data-model.md, dataset: documents (or document)")
def _documents(provider: Provider) -> None:
    document = provider.first("Documents", "datasets")
    path = f"Datasets/{segment(document['datasets'][0]['pid'])}"
    for relation in ("documents", "document"):
        answer = provider.get(path, {"include": [{"relation": relation}]})
        if answer.status_code == 200:
            found = answer.json().get(relation)
            require(document["pid"] in [one["pid"] for one in (found if isinstance(found, list) else [found])], document["pid"])
            return
    raise Failed("one of the relations documents and document")


@check("files of a dataset and their number", "api-calls.md, get dataset files, count dataset files")
def _files(provider: Provider) -> None:
    path = f"Datasets/{segment(provider.first('Datasets', 'files')['pid'])}/files"
    count = provider.count(path)
    require(count > 0, "some files")
    found = provider.records(path, {"limit": 10})
    require(len(found) == min(count, 10) and all(one["name"] and "id" in one for one in found), "files with id and name")
    require(provider.count(path, {"name": found[0]["name"]}) >= 1, "files by name")
    require(provider.get("Datasets/no-such-record/files").status_code == 404, "404 for an unknown dataset")


# --- parameters and techniques ------------------------------------------------------------------------------------------


def _numeric(provider: Provider) -> tuple[str, dict[str, Any]]:
    for one in provider.some("Datasets", "parameters"):
        for parameter in one.get("parameters", []):
            if type(parameter.get("value")) in (int, float) and parameter.get("unit") and parameter["value"]:
                return one["pid"], parameter
    raise NotApplicable("no parameter among the first datasets has a number and a unit")


def _asking(pid: str, *tests: dict[str, Any]) -> dict[str, Any]:
    return {"where": {"pid": pid}, "include": [{"relation": "parameters", "scope": {"where": {"and": list(tests)}}}]}


@check("parameters by range, also with bounds as text", "dataset-example-queries.md; the search portal sends gte and lte as text")
def _range(provider: Provider) -> None:
    pid, p = _numeric(provider)
    low, high = sorted((p["value"] * 0.99, p["value"] * 1.01))
    for value in ({"between": [low, high]}, {"gte": low, "lte": high}, {"gte": str(low)}, {"lte": str(high)}):
        found = provider.pids("Datasets", _asking(pid, {"name": p["name"]}, {"value": value}, {"unit": p["unit"]}))
        require(found == [pid], f"{pid}, whose {p['name']} is {p['value']} {p['unit']}")
    beyond = {"between": [high + abs(high), high + 2 * abs(high)]}
    scanned = isinstance(p.get("range"), list)
    require(
        scanned or not provider.pids("Datasets", _asking(pid, {"name": p["name"]}, {"value": beyond}, {"unit": p["unit"]})),
        "nothing beyond",
    )


@check("all entries on parameters hold, and all parameters are told", "search-api, parameters.js")
def _entries(provider: Provider) -> None:
    one = next(
        (one for one in provider.some("Datasets", "parameters") if len({p["name"] for p in one.get("parameters", [])}) > 1), None
    )
    if one is None:
        raise NotApplicable("no dataset has two parameters")
    names = sorted({p["name"] for p in one["parameters"]})[:2]
    include = [{"relation": "parameters", "scope": {"where": {"name": name}}} for name in names]
    found = provider.records("Datasets", {"where": {"pid": one["pid"]}, "include": include})
    require(len(found) == 1 and len(found[0]["parameters"]) == len(one["parameters"]), f"{one['pid']} with all its parameters")
    absent = {"relation": "parameters", "scope": {"where": {"name": "no such quantity"}}}
    require(provider.records("Datasets", {"where": {"pid": one["pid"]}, "include": [include[0], absent]}) == [], "nothing")


@check("a quantity in another unit is found, and comes in that unit", "query.md, general remarks: units")
def _units(provider: Provider) -> None:
    from panmesh.kernel.units import convert

    pid, p = _numeric(provider)
    other = next((symbol for symbol in _OTHER if symbol != p["unit"] and _converts(symbol, p["unit"])), None)
    if other is None:
        raise NotApplicable(f"no other unit for {p['unit']!r} is tried here")
    value = convert(p["value"], p["unit"], other)
    ends = sorted((value * 0.999999, value * 1.000001))
    found = provider.records("Datasets", _asking(pid, {"name": p["name"]}, {"value": {"between": ends}}, {"unit": other}))
    require([one["pid"] for one in found] == [pid], f"{pid}, whose {p['name']} of {p['value']} {p['unit']} is {value} {other}")
    told = [one["value"] for one in found[0]["parameters"] if one["name"] == p["name"] and one.get("unit") == other]
    require(any(math.isclose(one, value, rel_tol=1e-9) for one in told), f"the value {value} in {other}, at full precision")


_OTHER = (
    "eV",
    "keV",
    "nm",
    "angstrom",
    "K",
    "celsius",
    "fahrenheit",
    "Pa",
    "bar",
    "s",
    "minute",
    "T",
    "V",
    "A",
    "deg",
    "rad",
    "Hz",
    "kHz",
    "mm",
)


def _converts(one: str, other: str) -> bool:
    from panmesh.kernel.units import same_dimension

    return same_dimension(one, other)


@check("a technique includes all narrower ones", "dataset-techniques-requirements.md, integration requirement")
def _deep(provider: Provider) -> None:
    from panmesh.kernel import techniques

    for one in provider.some("Datasets", "techniques"):
        for tag in one.get("techniques", []):
            term = techniques.table().get(tag.get("panetId") or tag["pid"])
            if term is not None and term.parents:
                parent = techniques.table()[term.parents[0]].pid

                def asked(where: Any, pid: str = one["pid"]) -> list[str]:
                    return provider.pids(
                        "Datasets", {"where": {"pid": pid}, "include": [{"relation": "techniques", "scope": {"where": where}}]}
                    )

                require(asked({"pid": parent}) == [one["pid"]], f"{one['pid']}, for {parent}, which is broader than {term.pid}")
                require(asked({"pid": {"neq": parent}}) == [], f"not {one['pid']}, for anything but {parent}")
                return
    raise NotApplicable("no dataset is tagged with a PaNET term")


@check("what the portal searches", "search portal, translate.js")
def _portal(provider: Provider) -> None:
    technique = {"relation": "techniques", "scope": {"where": {"name": "x-ray absorption spectroscopy"}}}
    bounds = [{"name": "sample_temperature"}, {"value": {"between": [0, 7300]}}, {"unit": "K"}]
    within = {"include": [technique, {"relation": "parameters", "scope": {"where": {"and": bounds}}}]}
    found = provider.records(
        "Documents", {"include": [{"relation": "datasets", "scope": within}], "query": "temperature", "limit": 50}
    )
    for one in found:
        require(all(isinstance(d["techniques"], list) and d["parameters"] for d in one["datasets"]), "arrays that are there")

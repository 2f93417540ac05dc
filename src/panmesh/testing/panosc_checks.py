"""Checks that hold on any provider's own data: shapes, filters, order. What to ask for is found in what it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from panmesh.testing.panosc_provider import (
    MANDATORY,
    MANY,
    Check,
    NotApplicable,
    Provider,
    keeping,
    require,
    segment,
)

CHECKS: list[Check] = []
check = keeping(CHECKS)
_ENTITIES = tuple(MANDATORY)
_NAME = {"Datasets": "title", "Documents": "title", "Instruments": "name"}


def each(title: str, clause: str) -> Callable[[Callable[[str, Provider], None]], Callable[[str, Provider], None]]:
    """The same check of each endpoint."""

    def keep(run: Callable[[str, Provider], None]) -> Callable[[str, Provider], None]:
        CHECKS.extend(Check(f"{path}: {title}", clause, partial(run, path)) for path in _ENTITIES)
        return run

    return keep


def _refused(provider: Provider, path: str, plain: Any) -> None:
    answer = provider.get(path, plain)
    require(answer.status_code == 400, "the answer is 400")
    error = answer.json().get("error", {})
    require(error.get("statusCode") == 400 and error.get("message"), 'the body is {"error": {"statusCode": 400, "message": …}}')


# --- shapes -----------------------------------------------------------------------------------------------------------


@each("mandatory fields", "data-model.md; api-calls.md, search")
def _fields(path: str, provider: Provider) -> None:
    for one in [provider.first(path), *provider.some(path)]:
        for name, kind in MANDATORY[path].items():
            require(isinstance(one.get(name), kind), f"{name} of {one.get('pid')} is a {kind.__name__}")


@each("each item of a list has a score between 0 and 1", "federated search: others are dropped (FILTER_INVALID_SCORES)")
def _score(path: str, provider: Provider) -> None:
    provider.first(path)
    for one in provider.some(path):
        score = one.get("score")
        require(isinstance(score, int | float) and 0 < score < 1, f"score of {one['pid']} is between 0 and 1, ends not included")


@each("one record by its pid, percent-encoded", "api-calls.md, get")
def _one(path: str, provider: Provider) -> None:
    pid = provider.first(path)["pid"]
    found = provider.ask(f"{path}/{segment(pid)}")
    require(found.get("pid") == pid, f"the record {pid}")
    require(all(name in found for name in MANDATORY[path]), "its mandatory fields")


@each("an unknown pid is 404 with the error envelope", "api-calls.md, get; LoopBack: MODEL_NOT_FOUND")
def _unknown(path: str, provider: Provider) -> None:
    answer = provider.get(f"{path}/no-such-record-here")
    require(answer.status_code == 404, "the answer is 404")
    error = answer.json().get("error", {})
    require(error.get("statusCode") == 404 and error.get("message"), 'the body is {"error": {"statusCode": 404, "message": …}}')


@each("paths in any case of letters", "the search portal calls /Documents and /documents")
def _case(path: str, provider: Provider) -> None:
    require(provider.count(path.lower()) == provider.count(path), "the same count")


@each("HEAD", "LoopBack: HEAD on an id")
def _head(path: str, provider: Provider) -> None:
    pid = provider.first(path)["pid"]
    answer = provider.get(f"{path}/{segment(pid)}", method="HEAD")
    require(answer.status_code == 200 and not answer.content, "200 without a body")


@each("open to pages of other origins", "the search portal asks providers from the browser")
def _cors(path: str, provider: Provider) -> None:
    answer = provider.get(path, {"limit": 1}, headers={"Origin": "https://portal.example.org"})
    allowed = answer.headers.get("access-control-allow-origin")
    require(allowed in ("*", "https://portal.example.org"), "Access-Control-Allow-Origin names the origin or *")


@check("nothing else is there", "api-calls.md, general remarks: documents, datasets and instruments only")
def _else(provider: Provider) -> None:
    for path in ("Samples", "Parameters"):
        require(provider.get(path).status_code == 404, "the answer is 404")
    require(provider.get("Datasets", method="POST").status_code in (401, 403, 404, 405), "nothing is made")


# --- filters ----------------------------------------------------------------------------------------------------------


@each("an empty filter is no filter", "query.md, syntax")
def _empty(path: str, provider: Provider) -> None:
    for plain in ('{"limit":3}', '{"limit":3,"skip":0}', '{"limit":3,"where":{}}', '{"limit":"3"}', '{"limit":3,"unheard":1}'):
        require(provider.pids(path, plain) == provider.pids(path, {"limit": 3}), "the same records as {limit: 3}")
    for text in ("", "{}", "null"):
        require(provider.get(path + "/count", where=text).status_code == 200, "200")


@each("what is no filter is 400", "LoopBack: 'Value is not an object.'; numbers from 0")
def _malformed(path: str, provider: Provider) -> None:
    name = _NAME[path]
    for plain in (
        "[]", "3", '{"limit":-1}', '{"limit":1.5}', '{"limit":"many"}', '{"skip":-1}', {"where": {name: {"inq": "x"}}}, {"where": {"and": {name: "x"}}},
    ):  # fmt: skip
        _refused(provider, path, plain)


@each("where null and unknown relations are 400, not 500", "query.md, syntax")
def _clumsy(path: str, provider: Provider) -> None:
    for plain in ('{"where":null}', {"include": [{"relation": "nothing"}]}, {"where": {_NAME[path]: None}}):
        _refused(provider, path, plain)


@each("an unknown property or operator finds nothing", "LoopBack where filter")
def _unheard(path: str, provider: Provider) -> None:
    for where in ({"unheard": "x"}, {_NAME[path]: {"unheard": "x"}}):
        require(provider.records(path, {"where": where}) == [], "an empty array")


@each("a filter in brackets", "LoopBack query string syntax")
def _brackets(path: str, provider: Provider) -> None:
    found = provider.ask(path, None, **{"filter[limit]": "1", "filter[skip]": "1"})
    require([one["pid"] for one in found] == provider.pids(path, {"limit": 1, "skip": 1}), "the same as in JSON")


@each("pages put together are the list", "query.md, limit filter and skip filter")
def _pages(path: str, provider: Provider) -> None:
    whole = provider.pids(path, {"limit": 6})
    pages = [pid for skip in (0, 2, 4) for pid in provider.pids(path, {"limit": 2, "skip": skip})]
    require(pages == whole, "the records of {limit: 6}")
    require(provider.pids(path, {"limit": 2, "offset": 2}) == whole[2:4], "offset is skip")


@each("limit 0 is no limit, and the count is the length", "query.md, limit filter; api-calls.md, count")
def _limit(path: str, provider: Provider) -> None:
    count = provider.count(path)
    if count > MANY:
        raise NotApplicable(f"{count} {path} are not asked for at once")
    require(len(provider.records(path, {"limit": 0})) == count, f"{count} records")


@each("equal, unequal, in and not in", "LoopBack where filter: eq, neq, inq, nin")
def _equal(path: str, provider: Provider) -> None:
    pid, total = provider.first(path)["pid"], provider.count(path)
    for where in ({"pid": pid}, {"pid": {"eq": pid}}, {"pid": {"inq": [pid, "no such"]}}):
        require(provider.pids(path, {"where": where}) == [pid], f"only {pid}")
        require(provider.count(path, where) == 1, "a count of 1")
    for where in ({"pid": {"neq": pid}}, {"pid": {"nin": [pid, "no such"]}}):
        require(provider.count(path, where) == total - 1, f"all but one of {total}")


@each("less, more and between", "LoopBack where filter: lt, lte, gt, gte, between")
def _ordered(path: str, provider: Provider) -> None:
    total, pid = provider.count(path), provider.some(path)[len(provider.some(path)) // 2]["pid"] if provider.some(path) else ""
    if not pid:
        raise NotApplicable(f"there are no {path}")
    require(
        provider.count(path, {"pid": {"lt": pid}}) + provider.count(path, {"pid": {"gte": pid}}) == total, f"together {total}"
    )
    require(
        provider.count(path, {"pid": {"lte": pid}}) + provider.count(path, {"pid": {"gt": pid}}) == total, f"together {total}"
    )
    require(provider.pids(path, {"where": {"pid": {"between": [pid, pid]}}}) == [pid], "both ends included")


@each("several operators on one property are AND-ed", "LoopBack where filter")
def _several(path: str, provider: Provider) -> None:
    pid = provider.first(path)["pid"]
    require(provider.pids(path, {"where": {"pid": {"gte": pid, "lte": pid}}}) == [pid], f"only {pid}")


@each("and, or, and several properties", "query.md, joining queries")
def _joined(path: str, provider: Provider) -> None:
    one, total = provider.first(path), provider.count(path)
    name = _NAME[path]
    require(provider.count(path, {"pid": one["pid"], name: one[name]}) == 1, "both hold")
    require(provider.count(path, {"and": [{"pid": one["pid"]}, {name: "no such"}]}) == 0, "none")
    require(provider.count(path, {"or": [{"pid": one["pid"]}, {name: "no such"}]}) == 1, "one")
    require(provider.count(path, {"and": []}) == total, "an empty and is all")
    require(provider.count(path, {"or": []}) == 0, "an empty or is none")


@each("like and ilike find a part of the text", "LoopBack where filter: like, nlike, ilike, nilike")
def _like(path: str, provider: Provider) -> None:
    name = _NAME[path]
    one = provider.first(path)
    part = one[name][1:] or one[name]
    for where in (
        {name: {"like": part}},
        {name: {"ilike": part.swapcase()}},
        {name: {"like": part[:-1] + "_"}},
        {name: {"like": f"%{part}%"}},
    ):
        require(provider.count(path, {"and": [where, {"pid": one["pid"]}]}) == 1, f"{one['pid']}, whose {name} is {one[name]!r}")
    both = provider.count(path, {name: {"like": part}}) + provider.count(path, {name: {"nlike": part}})
    require(both == provider.count(path), "like and nlike together are all")
    if part.swapcase() != part:
        require(
            provider.count(path, {"and": [{name: {"like": part.swapcase()}}, {"pid": one["pid"]}]}) == 0, "like minds the case"
        )


@each("regular expressions", "LoopBack where filter: regexp")
def _regexp(path: str, provider: Provider) -> None:
    name = _NAME[path]
    one = next((one for one in provider.some(path) if one[name][:1].isalnum()), None)
    if one is None:
        raise NotApplicable(f"no {name} begins with a letter")
    for pattern in ("^" + one[name][0], f"/^{one[name][0].swapcase()}/i"):
        require(provider.count(path, {"and": [{name: {"regexp": pattern}}, {"pid": one["pid"]}]}) == 1, f"{one['pid']}")


@each("text", "query.md, text operator")
def _text(path: str, provider: Provider) -> None:
    one = provider.first(path)
    word = max(one[_NAME[path]].split(), key=len)
    for where in ({"text": word}, {"text": word.upper()}, {"and": [{"text": word}]}, {"or": [{"text": word}]}):
        both = {"and": [where, {"pid": one["pid"]}]}
        require(provider.pids(path, {"where": both}) == [one["pid"]], f"{one['pid']}, for the word {word!r}")
        require(provider.count(path, both) == 1, "also in counts")
    require(provider.records(path, {"where": {"text": ""}}) == [], "nothing for no word")


@each("order", "LoopBack order filter")
def _order(path: str, provider: Provider) -> None:
    default = provider.pids(path, {"limit": 20})
    require(default == sorted(default), "by pid without an order")
    require(provider.pids(path, {"limit": 20, "order": "pid ASC"}) == default, "by pid")
    last = provider.pids(path, {"limit": 20, "order": "pid DESC"})
    require(last == sorted(last, reverse=True), "by pid, descending")
    require(provider.pids(path, {"limit": 20, "order": ["pid DESC"]}) == last, "an order as a list")


@each("fields", "LoopBack fields filter")
def _shown(path: str, provider: Provider) -> None:
    name = _NAME[path]
    provider.first(path)
    for fields in (["pid"], {"pid": True}):
        require(
            all("pid" in one and name not in one for one in provider.records(path, {"fields": fields, "limit": 3})),
            f"pid without {name}",
        )
    require(all(name not in one for one in provider.records(path, {"fields": {name: False}, "limit": 3})), f"no {name}")


@each("free words, the best first", "federated search: query and score")
def _query(path: str, provider: Provider) -> None:
    one = provider.first(path)
    word = max(one[_NAME[path]].split(), key=len)
    found = provider.records(path, {"query": word, "limit": 20})
    scores = [each_["score"] for each_ in found]
    require(found, f"something for the word {word!r} of {one['pid']}")
    require(scores == sorted(scores, reverse=True) and all(0 < score < 1 for score in scores), "falling scores between 0 and 1")


@check("dates are compared with what answers say", "LoopBack where filter; ISO 8601")
def _dates(provider: Provider) -> None:
    one = provider.first("Datasets")
    day = one["creationDate"][:10]
    for where in (
        {"creationDate": one["creationDate"]},
        {"creationDate": {"gte": day}},
        {"creationDate": {"between": [day, one["creationDate"]]}},
    ):
        require(provider.count("Datasets", {"and": [where, {"pid": one["pid"]}]}) == 1, one["pid"])
    _refused(provider, "Datasets", {"where": {"creationDate": "someday"}})


@check("true and false as text", "LoopBack coerces")
def _boolean(provider: Provider) -> None:
    require(provider.count("Datasets", {"isPublic": "true"}) == provider.count("Datasets", {"isPublic": True}), "the same count")

"""SciCat's two ways to ask for datasets, as tests of a document: LoopBack's `filter` and its own `fullquery`.

A condition is asked of the document that the asker gets, so that nothing can be found that is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import fold
from panmesh.kernel.units import to_base
from panmesh.wire.loose import instant, many, mapping, number, whole

Document = Mapping[str, Any]
Test = Callable[[Document], bool]
MOST = 1000  # documents in one answer


@dataclass(frozen=True, slots=True)
class Asked:
    test: Test
    words: tuple[str, ...]  # that a document holds: the catalogue narrows by them first
    equal: Mapping[str, tuple[str, ...]]  # field → one of these values, where the catalogue can narrow by it
    skip: int = 0
    limit: int | None = None
    order: tuple[str, bool] | None = None  # field, descending
    fields: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    plain: bool = False  # nothing is tested: every dataset fits


def parsed(said: str | None, name: str) -> dict[str, Any]:
    if said is None or not said.strip():
        return {}
    try:
        found = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name} is no JSON: {error}", (Fault(f"/{name}", "is no JSON"),)) from error
    if not isinstance(found, dict):
        raise Invalid(f"{name} must be an object", (Fault(f"/{name}", "must be an object"),))
    return found


def full_query(fields: Mapping[str, Any], limits: Mapping[str, Any]) -> Asked:
    """Fields with a value are equal to it, or hold one of its values; `text` are words; `creationTime` a period; `scientific` quantities."""
    tests: list[Test] = []
    words: tuple[str, ...] = ()
    equal: dict[str, tuple[str, ...]] = {}
    for name, wanted in fields.items():
        if name == "text":
            words = tuple(str(wanted).split())
        elif name == "scientific":
            tests += [_scientific(mapping(one)) for one in many(wanted)]
        elif name == "creationTime" and isinstance(wanted, Mapping):
            tests.append(_period(wanted))
        elif name in ("mode", "isPublished") and not isinstance(wanted, bool):
            continue
        else:
            values = tuple(many(wanted))
            tests.append(lambda d, n=name, v=values: _holds(d.get(n), v))  # type: ignore[misc]
            equal[name] = tuple(str(v) for v in values)
    return Asked(
        _all(tests),
        words,
        equal,
        _count(limits, "skip") or 0,
        _count(limits, "limit"),
        _order(limits.get("order")),
        plain=not tests,
    )


def loopback(found: Mapping[str, Any]) -> Asked:
    where = found.get("where")
    if not isinstance(where, Mapping | None):
        raise Invalid("where must be an object", (Fault("/filter/where", "must be an object"),))
    limits = found.get("limits") if isinstance(found.get("limits"), Mapping) else found
    equal = {
        str(name): (value,)
        for name, value in (where or {}).items()
        if isinstance(value, str) and name not in ("and", "or", "text")
    }
    fields = found.get("fields")
    kept = [str(f) for f in many(fields)] if not isinstance(fields, Mapping) else [str(f) for f, on in fields.items() if on]
    return Asked(
        _where(where or {}),
        (),
        equal,
        _count(limits or {}, "skip") or 0,
        _count(limits or {}, "limit"),
        _order((limits or {}).get("order")),
        tuple(kept),
        includes(found.get("include")),
        plain=not where,
    )


def includes(said: Any) -> tuple[str, ...]:
    """Names of relations, in any of the forms that are in use."""
    names: list[str] = []
    for one in many(said):
        name = one.get("relation") if isinstance(one, Mapping) else one
        if isinstance(name, str):
            names += [part.strip() for part in name.strip("[]").replace('"', "").split(",") if part.strip()]
    return tuple(dict.fromkeys(name.casefold() for name in names))


def ordered(documents: list[dict[str, Any]], order: tuple[str, bool] | None) -> list[dict[str, Any]]:
    if order is None:
        return documents
    name, descending = order
    there = [d for d in documents if d.get(name) is not None]
    return sorted(there, key=lambda d: str(d[name]), reverse=descending) + [d for d in documents if d.get(name) is None]


def _all(tests: Iterable[Test]) -> Test:
    kept = tuple(tests)
    return lambda document: all(test(document) for test in kept)


def _where(where: Mapping[str, Any], depth: int = 0) -> Test:
    if depth > 20:
        raise Invalid("where is nested at most 20 deep")
    tests: list[Test] = []
    for name, wanted in where.items():
        if name in ("and", "or"):
            parts = [_where(mapping(one), depth + 1) for one in many(wanted)]
            tests.append(_all(parts) if name == "and" else lambda d, p=tuple(parts): any(t(d) for t in p))  # type: ignore[misc]
        elif isinstance(wanted, Mapping):
            tests += [_operator(str(name), str(op), value) for op, value in wanted.items()]
        else:
            tests.append(lambda d, n=str(name), w=wanted: _holds(_at(d, n), (w,)))  # type: ignore[misc]
    return _all(tests)


def _operator(name: str, operator: str, wanted: Any) -> Test:
    op = operator.lstrip("$").casefold()
    match op:
        case "eq":
            return lambda d: _holds(_at(d, name), (wanted,))
        case "neq" | "ne":
            return lambda d: _at(d, name) is not None and not _holds(_at(d, name), (wanted,))
        case "inq" | "in":
            return lambda d: _holds(_at(d, name), tuple(many(wanted)))
        case "nin":
            return lambda d: _at(d, name) is not None and not _holds(_at(d, name), tuple(many(wanted)))
        case "gt" | "gte" | "lt" | "lte":
            return lambda d: _compares(_at(d, name), op, wanted)
        case "between" if isinstance(wanted, list) and len(wanted) == 2:
            return lambda d: _compares(_at(d, name), "gte", wanted[0]) and _compares(_at(d, name), "lte", wanted[1])
        case "like" | "ilike" | "contains":
            part = str(wanted).strip("%")
            return lambda d: any(fold(part) in fold(str(one)) for one in many(_at(d, name)))
        case "nlike" | "nilike":
            part = str(wanted).strip("%")
            return lambda d: _at(d, name) is not None and not any(fold(part) in fold(str(one)) for one in many(_at(d, name)))
        case "regexp" | "regex":
            return _expression(name, str(wanted))
        case "exists":
            return lambda d: (_at(d, name) is not None) == bool(wanted)
        case "options":
            return lambda d: True
    raise Invalid(f"unknown operator {operator!r}", (Fault(f"/filter/where/{name}", f"unknown operator {operator!r}"),))


def _expression(name: str, said: str) -> Test:
    plain = said[1:].rpartition("/")[0] if said.startswith("/") and said.rfind("/") > 0 else said
    try:
        expression = re2.compile(("(?i)" if said.endswith("/i") else "") + plain)
    except re2.error as error:
        raise Invalid(
            f"{said!r} is no regular expression", (Fault(f"/filter/where/{name}", "is no regular expression"),)
        ) from error
    return lambda d: any(expression.search(str(one)) is not None for one in many(_at(d, name)))


def _scientific(one: Mapping[str, Any]) -> Test:
    """{"lhs": name, "relation": EQUAL_TO…, "rhs": value, "unit"}, with units converted."""
    name, relation = str(one.get("lhs") or ""), str(one.get("relation") or "EQUAL_TO")
    unit = str(one.get("unit") or "") or None

    def test(document: Document) -> bool:
        said = mapping(mapping(document.get("scientificMetadata")).get(name))
        value, wanted = said.get("value", said.get("v")), one.get("rhs")
        if relation in ("EQUAL_TO_STRING", "CONTAINS_STRING"):
            return value == wanted if relation == "EQUAL_TO_STRING" else str(wanted) in str(value)
        here, there = number(value), number(wanted)
        if here is None or there is None:
            return False
        if unit is not None:
            mine, theirs = to_base(here, str(said.get("unit") or said.get("u") or "")), to_base(there, unit)
            if mine is None or theirs is None or mine[1] != theirs[1]:
                return False
            here, there = mine[0], theirs[0]
        tests = {
            "GREATER_THAN": here > there,
            "GREATER_THAN_OR_EQUAL": here >= there,
            "LESS_THAN": here < there,
            "LESS_THAN_OR_EQUAL": here <= there,
        }
        return tests.get(relation, abs(here - there) <= 1e-12 * max(abs(here), abs(there)))

    return test


def _period(wanted: Mapping[str, Any]) -> Test:
    low, high = instant(wanted.get("begin")), instant(wanted.get("end"))

    def test(document: Document) -> bool:
        at = instant(document.get("creationTime"))
        return at is not None and (low is None or at >= low) and (high is None or at <= high)

    return test


def _at(document: Document, name: str) -> Any:
    """A field; "scientificMetadata.temperature.value" of what is nested."""
    if name in document or "." not in name:
        return document.get(name)
    found: Any = document
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _holds(said: Any, wanted: tuple[Any, ...]) -> bool:
    if said in (None, "", []):
        return any(one in (None, "") for one in wanted)
    return any(one == other for one in (said if isinstance(said, list) else [said]) for other in wanted)


def _compares(said: Any, op: str, wanted: Any) -> bool:
    if said is None or wanted is None or isinstance(said, list | Mapping):
        return False
    pair: tuple[Any, Any] = (said, wanted)
    if not all(isinstance(one, int | float) for one in pair):
        instants = instant(said), instant(wanted)
        pair = instants if None not in instants else (str(said), str(wanted))
    return bool({"gt": pair[0] > pair[1], "gte": pair[0] >= pair[1], "lt": pair[0] < pair[1], "lte": pair[0] <= pair[1]}[op])


def _count(limits: Mapping[str, Any], name: str) -> int | None:
    said = limits.get(name)
    if said is None:
        return None
    found = whole(said)
    if found is None or found < 0:
        raise Invalid(f"{name} is a number from 0", (Fault(f"/limits/{name}", "is a number from 0"),))
    return found


def _order(said: Any) -> tuple[str, bool] | None:
    """ "creationTime:desc" or "creationTime DESC"."""
    first = next((str(one) for one in many(said) if one), None)
    if first is None:
        return None
    name, _, way = first.replace(":", " ").partition(" ")
    return name, way.strip().casefold().startswith("desc")

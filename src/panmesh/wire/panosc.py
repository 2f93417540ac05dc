"""The PaNOSC Search API's filter language and JSON, to and from `catalogue.graph`: pure, both ways.

Liberal in what is accepted (the contract lists what portals and federations send), exact in what is sent. What the specification
leaves to an error is `Invalid` with a sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from panmesh.catalogue.graph import (
    NOTHING,
    SHAPES,
    All,
    AnyOf,
    Entity,
    GraphCondition,
    GraphOp,
    Include,
    Kind,
    Node,
    Selection,
    Test,
    Text,
)
from panmesh.kernel.clock import to_us
from panmesh.kernel.errors import Invalid

MAX_FILTER = 100_000  # characters
MAX_DEPTH = 120  # of lists and objects within one another
MAX_WORDS = 30  # of a query: those after them do not count
_OPS = {op.value: op for op in GraphOp}
_CASELESS = {GraphOp.LIKE: GraphOp.ILIKE, GraphOp.NLIKE: GraphOp.NILIKE}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[\w.-]+")


def parse_where(raw: str | None, entity: Entity) -> Selection:
    """`where=` of a count; a whole filter in its place is taken too."""
    found = document(raw, "where")
    if any(name in found for name in ("where", "include")) and not any(_snake(n) in SHAPES[entity].fields for n in found):
        return replace(selection(found, entity), limit=None, skip=0)
    return Selection(where=condition(found, entity))


def document(raw: str | None, name: str) -> dict[str, Any]:
    """A JSON object; nothing, blank and null are an empty one."""
    if raw is None or not raw.strip():
        return {}
    if len(raw) > MAX_FILTER:
        raise Invalid(f"{name} has at most {MAX_FILTER} characters.")
    try:
        found = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("Value is not an object.") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Invalid("Value is not an object.")
    if _deeper(found, MAX_DEPTH):
        raise Invalid(f"{name} has lists and objects within one another at most {MAX_DEPTH} deep.")
    return found


def selection(plain: Mapping[str, Any], entity: Entity, *, by_id: bool = False, joins: bool = True) -> Selection:
    """One filter object, also of a scope. Keys that mean nothing here are ignored. `joins`: a condition in a scope leaves out
    records that find nothing there; where one record is asked for, nothing is left out at any depth."""
    where = condition(plain["where"], entity) if "where" in plain else None
    skip = plain["skip"] if plain.get("skip") is not None else plain.get("offset")
    return Selection(
        where=None if by_id else where,
        includes=_includes(plain.get("include"), entity, joins=joins and not by_id),
        order=_order(plain.get("order"), entity),
        fields=_fields(plain.get("fields"), entity),
        limit=_number(plain.get("limit"), "limit") or None,
        skip=_number(skip, "skip") or 0,
        words=_words(plain.get("query")),
    )


def condition(plain: Any, entity: Entity) -> GraphCondition:
    """A where object: its keys are AND-ed, and so are the operators on one property."""
    if isinstance(plain, str):
        plain = document(plain, "where")
    if not isinstance(plain, dict):
        raise Invalid(f"where is an object of conditions, not {_named(plain)}.")
    parts: list[GraphCondition] = []
    for name, value in plain.items():
        if name in ("and", "or"):
            if not isinstance(value, list):
                raise Invalid(f"{name!r} takes a list of conditions, not {_named(value)}.")
            inner = tuple(condition(one, entity) for one in value)
            parts.append(All(inner) if name == "and" else AnyOf(inner))
        elif name == "text":
            parts.append(_text(value))
        else:
            parts.append(_property(_snake(name), value, entity))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _property(field: str, value: Any, entity: Entity) -> GraphCondition:
    if field not in SHAPES[entity].fields:
        return NOTHING
    kind = SHAPES[entity].fields[field][0]
    if not isinstance(value, dict):
        if value is None:
            raise Invalid(f"{field} is compared with a value, not with null.")
        return Test(field, GraphOp.EQ, _value(value, kind, field))
    parts: list[GraphCondition] = []
    for name, operand in value.items():
        if name == "options":
            continue
        op = _OPS.get(name)
        if op is None:
            return NOTHING
        caseless = "i" in str(value.get("options") or "")
        op = _CASELESS.get(op, op) if caseless else op
        parts.append(Test(field, op, _operand(op, operand, kind, field, caseless=caseless)))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _operand(op: GraphOp, operand: Any, kind: Kind, field: str, *, caseless: bool) -> Any:
    if op in (GraphOp.INQ, GraphOp.NIN, GraphOp.BETWEEN):
        if not isinstance(operand, list):
            raise Invalid(f"{op.value} takes a list, not {_named(operand)}.")
        if op is GraphOp.BETWEEN and len(operand) != 2:
            raise Invalid(f"between takes two values; got {len(operand)}.")
        return tuple(_value(one, kind, field) for one in operand)
    if op in (GraphOp.LIKE, GraphOp.NLIKE, GraphOp.ILIKE, GraphOp.NILIKE, GraphOp.REGEXP):
        if isinstance(operand, dict | list) or operand is None:
            raise Invalid(f"{op.value} takes a text, not {_named(operand)}.")
        wanted = op is GraphOp.REGEXP and caseless and not str(operand).startswith("/")
        return f"/{operand}/i" if wanted else str(operand)
    return _value(operand, kind, field)


def _value(value: Any, kind: Kind, field: str) -> Any:
    if isinstance(value, dict | list) or value is None:
        raise Invalid(f"{field} is compared with a plain value, not with {_named(value)}.")
    if kind is Kind.BOOLEAN:
        return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)
    if kind is Kind.INSTANT:
        return instant(value, field)
    if kind is Kind.NUMBER:
        return _finite(value, field)
    if kind is Kind.ANY:
        return _any(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _any(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _finite(value: Any, field: str) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"{field} is compared with a number, not with {value!r}.") from error
    if not math.isfinite(number):
        raise Invalid(f"{field} is compared with a finite number.")
    return int(number) if number.is_integer() else number


def instant(value: Any, field: str) -> int:
    """UTC microseconds of an ISO 8601 instant, a day, or milliseconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return to_us(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value))
        text = str(value).strip()
        found = datetime.fromisoformat(text)
        return to_us(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{field} is compared with a date such as 2026-03-01 or 2026-03-01T12:00:00Z, not with {value!r}."
        ) from error


def _text(value: Any) -> Text:
    if not isinstance(value, str | int | float):
        raise Invalid(f"text is words, not {_named(value)}.")
    return Text(tuple(str(value).split()))


def _includes(plain: Any, entity: Entity, *, joins: bool) -> tuple[Include, ...]:
    if plain is None:
        return ()
    found = [_include(one, entity, joins=joins) for one in (plain if isinstance(plain, list) else [plain])]
    return tuple(one for many in found for one in many)


def _include(plain: Any, entity: Entity, *, joins: bool) -> list[Include]:
    """A relation's name, {"relation", "scope"}, or LoopBack's {"relation": inner}."""
    if isinstance(plain, str):
        plain = {"relation": plain}
    if not isinstance(plain, dict):
        raise Invalid(f"include takes relations, not {_named(plain)}.")
    if "relation" not in plain:
        nested = [{"relation": name, "scope": {"include": inner} if inner else {}} for name, inner in plain.items()]
        return [one for each in nested for one in _include(each, entity, joins=joins)]
    name, scope = plain["relation"], plain.get("scope")
    relations = SHAPES[entity].relations
    if not isinstance(name, str) or name not in relations:
        raise Invalid(f"Relation {name!r} is not defined for {entity.value.capitalize()}; it has {', '.join(sorted(relations))}.")
    if scope is None:
        scope = {}
    if not isinstance(scope, dict):
        raise Invalid(f"scope is an object, not {_named(scope)}.")
    inner = selection(scope, relations[name][0], joins=joins)
    return [Include(name, inner, required=joins and _requires(scope, inner))]


def _requires(scope: Mapping[str, Any], inner: Selection) -> bool:
    """A scope with a condition, or with includes that have one, leaves out parents for which nothing is found (an inner join)."""
    return bool(scope.get("where")) or any(one.required for one in inner.includes)


def _order(plain: Any, entity: Entity) -> tuple[tuple[str, bool], ...]:
    if plain in (None, "", []):
        return ()
    found: list[tuple[str, bool]] = []
    for one in plain if isinstance(plain, list) else [plain]:
        if not isinstance(one, str):
            raise Invalid(f'order is "field ASC" or "field DESC", or a list of these, not {_named(one)}.')
        for part in one.split(","):
            name, _, way = part.strip().partition(" ")
            if way.strip().upper() not in ("", "ASC", "DESC"):
                raise Invalid(f'order is "field ASC" or "field DESC"; got {part.strip()!r}.')
            if _snake(name) in SHAPES[entity].fields and all(_snake(name) != before for before, _ in found):
                found.append((_snake(name), way.strip().upper() == "DESC"))
    return () if found[:1] == [(SHAPES[entity].key, False)] else tuple(found)  # by key is the order anyhow


def _fields(plain: Any, entity: Entity) -> frozenset[str] | None:
    if not plain:
        return None
    names = frozenset(SHAPES[entity].fields)
    if isinstance(plain, str):
        plain = [plain]
    if isinstance(plain, list):
        return frozenset(_snake(str(name)) for name in plain) & names
    if isinstance(plain, dict):
        shown = {_snake(str(name)) for name, on in plain.items() if on}
        hidden = {_snake(str(name)) for name, on in plain.items() if not on}
        return frozenset(shown) & names if shown else names - hidden
    raise Invalid(f"fields is a list of names, or an object of true and false, not {_named(plain)}.")


def _number(plain: Any, name: str) -> int:
    """Numbers from 0, also as text; nothing and 0 are no limit."""
    if plain is None or plain == "":
        return 0
    try:
        number = float(plain) if not isinstance(plain, bool) else math.nan
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f'The "{name}" parameter value {plain!r} is not a number from 0.') from error
    if not number >= 0 or not number.is_integer() or number >= 2**53:
        raise Invalid(f'The "{name}" parameter value {plain!r} is not a whole number from 0.')
    return int(number)


def _words(plain: Any) -> tuple[str, ...]:
    if plain is None:
        return ()
    if not isinstance(plain, str):
        raise Invalid(f"query is words, not {_named(plain)}.")
    found = tuple(dict.fromkeys(word.casefold() for word in _WORDS.findall(plain)))
    return (tuple(word for word in found if word not in _STOPWORDS) or found)[:MAX_WORDS]


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _deeper(plain: Any, most: int) -> bool:
    """Whether lists and objects lie within one another more than `most` deep; told without going as deep itself."""
    layer = [plain]
    for _ in range(most):
        layer = [v for one in layer for v in (one.values() if isinstance(one, dict) else one) if isinstance(v, dict | list)]
        if not layer:
            return False
    return True


def _named(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _snake(name: str) -> str:
    return _SNAKE.sub("_", name).lower()


# --- answers ----------------------------------------------------------------------------------------------------------


def rendered(node: Node, selection: Selection, *, listed: bool = False) -> dict[str, Any]:
    """One record as JSON. Optional fields without a value are left out; included relations are always there."""
    shown = selection.fields
    kinds = SHAPES[node.entity].fields
    found: dict[str, Any] = {}
    for name, value in node.values.items():
        if value is None or (shown is not None and name not in shown) or (name == "keywords" and not value):
            continue
        kind = kinds[name][0] if name in kinds else Kind.ANY
        found[_CAMEL.get(name, name)] = iso(value) if kind is Kind.INSTANT else value
    if listed and node.score is not None:  # federations drop records without one, whatever fields were asked for
        found["score"] = node.score
    for relation, linked in node.links.items():
        inner = _inner(selection, relation)
        if isinstance(linked, list):
            found[relation] = [rendered(one, inner) for one in linked]
        elif linked is not None:
            found[relation] = rendered(linked, inner)
    return found


def _inner(selection: Selection, relation: str) -> Selection:
    return next((include.selection for include in selection.includes if include.relation == relation), Selection())


def iso(us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_CAMEL = {
    name: "".join(part if i == 0 else part.capitalize() for i, part in enumerate(name.split("_")))
    for shape in SHAPES.values()
    for name in shape.fields
    if "_" in name
}
_STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "from",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "our",
        "that",
        "the",
        "their",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
    ]
)

"""Facts as plain JSON-ready values and back: how they cross the wall of the sandbox, checked on arrival, never trusted."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from panmesh.ingest.facts import EntryFacts, FileFacts

_PLAIN = frozenset((str, int, float, bool))
_NUMBERS = float | None


class Malformed(ValueError):
    """What came over the wall has not the shape of facts."""


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts without None and empty parts, tuples as lists, enums as their values."""
    if value is None or type(value) in _PLAIN:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(v) for f in fields(value) if (v := getattr(value, f.name)) is not None and v != ()}
    if isinstance(value, tuple | list):
        if all(v is None or type(v) in _PLAIN for v in value):  # an image has a hundred thousand
            return list(value)
        return [to_plain(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}
    return value


def entry_to_dict(entry: EntryFacts) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(entry)
    return plain


def entry_from_dict(plain: dict[str, Any]) -> EntryFacts:
    entry: EntryFacts = from_plain(EntryFacts, plain)
    return entry


def facts_from_dict(plain: dict[str, Any]) -> FileFacts:
    facts: FileFacts = from_plain(FileFacts, plain)
    if not facts.entries:
        raise Malformed("facts without entries")
    return facts


def from_plain(kind: Any, plain: Any) -> Any:
    """Raises Malformed when `plain` has not the shape of `kind`."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return plain
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind), plain)
    if origin is tuple:
        if not isinstance(plain, list):
            raise Malformed(f"a list is expected, got {type(plain).__name__}")
        item = typing.get_args(kind)[0]
        if item == _NUMBERS and all(p is None or type(p) is float for p in plain):
            return tuple(plain)
        return tuple(from_plain(item, p) for p in plain)
    if origin is dict:
        if not isinstance(plain, dict):
            raise Malformed("an object is expected")
        return {str(k): from_plain(typing.get_args(kind)[1], v) for k, v in plain.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind, plain)
    return _scalar(kind, plain)


def _union(kinds: tuple[Any, ...], plain: Any) -> Any:
    if plain is None and type(None) in kinds:
        return None
    faults: list[str] = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return from_plain(kind, plain)
        except Malformed as error:
            faults.append(str(error))
    raise Malformed(" / ".join(faults))


def _dataclass(kind: Any, plain: Any) -> Any:
    if not isinstance(plain, dict):
        raise Malformed(f"{kind.__name__}: an object is expected")
    hints = _hints(kind)
    unknown = plain.keys() - hints.keys()
    if unknown:
        raise Malformed(f"{kind.__name__}: unknown {sorted(unknown)[:3]}")
    values = {name: from_plain(hints[name], value) for name, value in plain.items()}
    for field in fields(kind):
        if field.name not in values and _is_tuple(hints[field.name]):
            values[field.name] = ()
        elif field.name not in values and type(None) in typing.get_args(hints[field.name]):
            values[field.name] = None
    try:
        return kind(**values)
    except TypeError as error:
        raise Malformed(f"{kind.__name__}: {error}") from error


def _scalar(kind: Any, plain: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(plain)
        except ValueError as error:
            raise Malformed(str(error)) from error
    if kind is float and isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    if kind is int and isinstance(plain, bool):
        raise Malformed("a number is expected")
    if not isinstance(plain, kind):
        raise Malformed(f"{kind.__name__} is expected, got {type(plain).__name__}")
    return plain


def _is_tuple(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)

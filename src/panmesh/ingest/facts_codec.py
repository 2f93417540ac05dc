"""Facts as plain JSON-ready values and back: how they cross the wall of the sandbox, checked on arrival, never trusted.

A file has hundreds of facts, so the way of each type through the wall is worked out once and kept.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any

from panmesh.ingest.facts import EntryFacts, FileFacts

_PLAIN = frozenset((str, int, float, bool))
_NUMBERS = float | None
_Decoder = Callable[[Any], Any]


class Malformed(ValueError):
    """What came over the wall has not the shape of facts."""


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


# --- out -------------------------------------------------------------------------------------------------------------


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts without None and empty parts, tuples as lists, enums as their values."""
    kind: Any = type(value)
    if value is None or kind in _PLAIN:
        return value
    getters = _getters(kind)
    if getters is not None:
        plain = {}
        for name, get in getters:
            part = get(value)
            if part is None or part == ():
                continue
            plain[name] = part if type(part) in _PLAIN else to_plain(part)
        return plain
    if isinstance(value, tuple | list):
        if all(v is None or type(v) in _PLAIN for v in value):  # an image has a hundred thousand
            return list(value)
        return [to_plain(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}
    return value


@cache
def _getters(kind: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...] | None:
    return tuple((f.name, attrgetter(f.name)) for f in fields(kind)) if is_dataclass(kind) else None


# --- in --------------------------------------------------------------------------------------------------------------


def from_plain(kind: Any, plain: Any) -> Any:
    """Raises Malformed when `plain` has not the shape of `kind`."""
    return _decoder(kind)(plain)


@cache
def _decoder(kind: Any) -> _Decoder:
    origin = typing.get_origin(kind)
    if kind is Any:
        return lambda plain: plain
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind))
    if origin is tuple:
        return _tuple(typing.get_args(kind)[0])
    if origin is dict:
        return _dict(typing.get_args(kind)[1])
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    return _scalar(kind)


def _union(kinds: tuple[Any, ...]) -> _Decoder:
    decoders = [_decoder(k) for k in kinds if k is not type(None)]
    nullable = len(decoders) < len(kinds)
    direct = frozenset(kinds) & {str, bool, float}

    def decode(plain: Any) -> Any:
        if (plain is None and nullable) or type(plain) in direct:
            return plain
        faults: list[str] = []
        for one in decoders:
            try:
                return one(plain)
            except Malformed as error:
                faults.append(str(error))
        raise Malformed(" / ".join(faults))

    return decode


def _tuple(item: Any) -> _Decoder:
    one = _decoder(item)
    numbers = item == _NUMBERS

    def decode(plain: Any) -> Any:
        if not isinstance(plain, list):
            raise Malformed(f"a list is expected, got {type(plain).__name__}")
        if numbers and all(p is None or type(p) is float for p in plain):
            return tuple(plain)
        return tuple([one(p) for p in plain])

    return decode


def _dict(item: Any) -> _Decoder:
    one = _decoder(item)

    def decode(plain: Any) -> Any:
        if not isinstance(plain, dict):
            raise Malformed("an object is expected")
        return {str(k): one(v) for k, v in plain.items()}

    return decode


def _dataclass(kind: Any) -> _Decoder:
    hints = typing.get_type_hints(kind)
    decoders = {name: _decoder(hint) for name, hint in hints.items()}
    absent: dict[str, Any] = {}
    for field in fields(kind):
        hint = hints[field.name]
        if typing.get_origin(hint) is tuple:
            absent[field.name] = ()
        elif type(None) in typing.get_args(hint):
            absent[field.name] = None

    def decode(plain: Any) -> Any:
        if not isinstance(plain, dict):
            raise Malformed(f"{kind.__name__}: an object is expected")
        values = dict(absent)
        try:
            for name, value in plain.items():
                values[name] = decoders[name](value)
        except KeyError as error:
            raise Malformed(f"{kind.__name__}: unknown {sorted(plain.keys() - hints.keys())[:3]}") from error
        try:
            return kind(**values)
        except TypeError as error:
            raise Malformed(f"{kind.__name__}: {error}") from error

    return decode


def _scalar(kind: Any) -> _Decoder:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if kind is float:
        return _float

    def decode(plain: Any) -> Any:
        if not isinstance(plain, kind) or (kind is int and isinstance(plain, bool)):
            raise Malformed(f"{kind.__name__} is expected, got {type(plain).__name__}")
        return plain

    return decode


def _enum(kind: type[Enum]) -> _Decoder:
    members = {member.value: member for member in kind}

    def decode(plain: Any) -> Any:
        if not isinstance(plain, str) or plain not in members:
            raise Malformed(f"{str(plain)[:50]!r} is no {kind.__name__}")
        return members[plain]

    return decode


def _float(plain: Any) -> float:
    if type(plain) is float:
        return plain
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    raise Malformed(f"float is expected, got {type(plain).__name__}")

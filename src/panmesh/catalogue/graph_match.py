"""A condition evaluated on one record in Python: for records that are in no table, such as the files of a manifest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from panmesh.catalogue.graph import NEGATIVE, All, AnyOf, GraphCondition, GraphOp, Node, Test
from panmesh.kernel.text import fold

Fits = Callable[[str, str], object]


def matches(condition: GraphCondition | None, values: Mapping[str, Any], text: tuple[str, ...], fits: Fits) -> bool:
    """`text`: the fields that free text looks into; `fits`: how regular expressions are matched."""
    if condition is None:
        return True
    if isinstance(condition, All):
        return all(matches(part, values, text, fits) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(matches(part, values, text, fits) for part in condition.parts)
    if isinstance(condition, Test):
        return _test(condition, values.get(condition.field), fits)
    whole = [fold(str(values[name])) for name in text if values.get(name)]
    return bool(condition.words) and all(any(fold(word) in one for one in whole) for word in condition.words)


def in_order(nodes: Iterable[Node], order: Iterable[tuple[str, bool]]) -> list[Node]:
    """As stores sort: by code point, what is missing last whichever way; else as they came."""
    found = list(nodes)
    for name, descending in reversed(tuple(order)):
        there = [node for node in found if node.values.get(name) is not None]
        there.sort(key=lambda node: node.values[name], reverse=descending)
        found = there + [node for node in found if node.values.get(name) is None]
    return found


def _test(test: Test, value: Any, fits: Fits) -> bool:
    if value is None:
        return False
    if test.op in NEGATIVE:
        return not _test(Test(test.field, NEGATIVE[test.op], test.value), value, fits)
    if test.op is GraphOp.EQ:
        return bool(value == test.value)
    if test.op is GraphOp.INQ:
        return value in test.value
    if test.op is GraphOp.LIKE:
        return _pattern(str(test.value)).search(str(value)) is not None
    if test.op is GraphOp.ILIKE:
        return _pattern(fold(str(test.value))).search(fold(str(value))) is not None
    if test.op is GraphOp.REGEXP:
        return bool(fits(str(value), str(test.value)))
    if test.op is GraphOp.BETWEEN:
        low, high = test.value
        return _ordered(value, low) and _ordered(value, high) and low <= value <= high
    return _ordered(value, test.value) and _COMPARE[test.op](value, test.value)


def _ordered(one: Any, other: Any) -> bool:
    return isinstance(one, str) == isinstance(other, str)  # texts with texts, numbers with numbers


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in text), re.DOTALL)


_COMPARE: dict[GraphOp, Callable[[Any, Any], bool]] = {
    GraphOp.GT: lambda a, b: bool(a > b),
    GraphOp.GTE: lambda a, b: bool(a >= b),
    GraphOp.LT: lambda a, b: bool(a < b),
    GraphOp.LTE: lambda a, b: bool(a <= b),
}

"""ICAT's YAML as objects, document by document. Values stay texts; aliases, by which a small file becomes a huge one, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import yaml

from panmesh.kernel.errors import Invalid

DEEPEST = 30
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING = ("", "~", "null", "Null", "NULL")
Part = dict[str, dict[str, Any]]


def read_yaml(file: IO[bytes]) -> Iterator[Part]:
    """Each document: kind → key → object. Raises Invalid where it is no whole YAML."""
    try:
        for document in _documents(file):
            if isinstance(document, dict):
                yield {str(kind): _objects(found) for kind, found in document.items()}
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Invalid(f"it is no YAML that can be read: {' '.join(str(error).split())[:200]}.") from error


def _objects(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return {str(name): one if isinstance(one, dict) else {"name": one} for name, one in found.items()}
    rows = found if isinstance(found, list) else [found]
    return {str(number): one if isinstance(one, dict) else {"name": one} for number, one in enumerate(rows, 1)}


def _documents(file: IO[bytes]) -> Iterator[Any]:
    """From the parser's events, so that nothing is ever built that the file does not spell out."""
    stack: list[tuple[Any, list[Any]]] = []  # (list or mapping under way, the key that waits for its value)
    for event in yaml.parse(file, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise Invalid("the YAML has aliases: a dump of ICAT has none. Write it out in full.")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(stack) >= DEEPEST:
                raise Invalid(f"the YAML is nested more than {DEEPEST} deep: that is no dump of ICAT.")
            stack.append(({} if isinstance(event, yaml.MappingStartEvent) else [], []))
            continue
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            value = stack.pop()[0]
        elif isinstance(event, yaml.ScalarEvent):
            value = None if event.implicit[0] and event.value in _NOTHING else event.value
        else:
            continue
        if not stack:
            yield value
        else:
            _put(*stack[-1], value)


def _put(into: Any, waiting: list[Any], value: Any) -> None:
    if isinstance(into, list):
        into.append(value)
    elif not waiting:
        waiting.append(value if isinstance(value, str) else str(value))
    else:
        into[waiting.pop()] = value

"""ICAT's XML as objects, part by part. Entities and document types are refused: the file is a stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from panmesh.kernel.errors import Invalid
from panmesh.wire.icat import REFERENCE

DEEPEST = 30
Part = dict[str, dict[str, dict[str, Any]]]


def read_xml(file: IO[bytes]) -> Iterator[Part]:
    """Each `data` element: kind → key → object. Raises Invalid where it is no whole XML, or tries to be more than that."""
    part: Part = {}
    path: list[str] = []
    try:
        for event, element in iterparse(file, ("start", "end"), forbid_dtd=True):
            if event == "start":
                path.append(element.tag)
                if len(path) > DEEPEST:
                    raise Invalid(f"the XML is nested more than {DEEPEST} deep: that is no dump of ICAT.")
                continue
            path.pop()
            if path[1:] == ["data"]:
                _add(part, element)
                element.clear()
            elif element.tag == "data" and len(path) == 1:
                yield part
                part = {}
                element.clear()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Invalid(f"it is no XML that can be read safely: {type(error).__name__} {str(error)[:200]}.") from error


def _add(part: Part, element: Element) -> None:
    found = part.setdefault(element.tag, {})
    known = _attributes(element)
    name = str(known.pop("id", None) or f"{element.tag} {len(found) + 1}")
    value: Any = _value(element, known)
    if element.tag.endswith("Ref"):
        value = {**known, REFERENCE: True}
    found[name] = value if isinstance(value, dict) else {"name": value}


def _value(element: Element, known: dict[str, Any] | None = None) -> Any:
    """A text, a reference, or a mapping; what has elements of its own is one of many."""
    known = _attributes(element) if known is None else known
    if not len(element):
        if "ref" in known:
            return known["ref"]
        return known or (element.text or "").strip()
    found: dict[str, Any] = dict(known)
    for child in element:
        value = _value(child)
        if len(child):
            found.setdefault(child.tag, []).append(value)
        else:
            found[child.tag] = value
    return found


def _attributes(element: Element) -> dict[str, Any]:
    """ "investigation.name" is the name of its investigation; "investigation.ref" the investigation itself."""
    found: dict[str, Any] = {}
    for name, value in element.attrib.items():
        owner, dot, own = name.partition(".")
        if not dot:
            found[name] = value
        elif own == "ref":
            found[owner] = value
        elif isinstance(found.setdefault(owner, {}), dict):
            found[owner][own] = value
    return found

"""The numbers of a run for people: the well-known ones first, then all of its file, by the part of the instrument; found by a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from panmesh.catalogue.model import ParameterView

Groups = list[tuple[str, list[dict[str, Any]]]]


def conditions(parameters: Sequence[ParameterView], word: str | None) -> list[ParameterView]:
    """`word`: part of a name, as it is here or in the file, or of a unit."""
    return [p for p in parameters if _has(word, p.name.replace("_", " "), p.name, p.label, p.unit)]


def grouped(facts: Mapping[str, Any] | None, word: str | None) -> Groups:
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in (facts or {}).get("quantities", []):
        if _has(word, one["name"], one.get("path"), one.get("canonical"), one.get("label"), one.get("unit")):
            place, _, name = one["name"].rpartition("/")
            groups.setdefault(place, []).append(one | {"short": name})
    return sorted(groups.items())


def _has(word: str | None, *texts: str | None) -> bool:
    return not word or any(word.casefold() in text.casefold() for text in texts if text)

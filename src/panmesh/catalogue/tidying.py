"""A stranger's record made fit for every database: text without NUL, numbers that fit, lengths that indexes hold; what was altered is said."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

from panmesh.catalogue.imported import Imported, ImportedDataset, ImportedDocument, ImportedFile, ImportedParameter, Rejected
from panmesh.kernel.text import storable

LONGEST_PID = 300  # characters: two of them fit into an index
LONGEST_NAME = 255  # what is looked up by an index
LONGEST_TEXT = 10_000
LARGEST = 2**63 - 1
DEEPEST = 40  # levels of `extra`
_LIMITS = {"summary": 100_000, "description": 100_000}
_NAMES = frozenset(
    ["name", "key", "facility", "panet_pid", "role", "full_name", "first_name", "last_name", "orcid", "researcher_id", "email"]
    + ["login", "unit", "proposal", "visit_id", "team", "license", "city", "country", "type", "kind"]
)
_COUNTS = frozenset({"size"})


def tidy(record: Imported) -> tuple[Imported | Rejected, set[str]]:
    """The record, fit to be kept, or why it cannot be; and what was altered or left out, in words."""
    kind = type(record).__name__.removeprefix("Imported").lower()
    if (fault := pid_fault(record.pid)) is not None:
        return Rejected(kind=kind, pid=storable(str(record.pid))[:LONGEST_PID], reason=fault), set()
    notes: set[str] = set()
    clean: Imported = _tidy(record, "", notes, 0)
    return _without_bad_keys(clean, notes), notes


def pid_fault(pid: Any) -> str | None:
    """Why this cannot be a pid; None: it can."""
    if not isinstance(pid, str) or not pid.strip():
        return "it has no pid"
    if len(pid) > LONGEST_PID:
        return f"its pid is longer than {LONGEST_PID} characters"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in pid):
        return "its pid has signs that cannot be stored"
    return None


def _without_bad_keys(record: Imported, notes: set[str]) -> Imported:
    if isinstance(record, ImportedDataset):
        techniques = tuple(t for t in record.techniques if pid_fault(t.pid) is None)
        samples = tuple(s for s in record.samples if pid_fault(s.pid) is None)
        documents = tuple(d for d in record.documents if pid_fault(d) is None)
        if len(techniques) < len(record.techniques):
            notes.add("technique left out: it has no usable pid")
        if len(samples) < len(record.samples):
            notes.add("sample left out: it has no usable pid")
        if techniques != record.techniques or samples != record.samples or documents != record.documents:
            return replace(record, techniques=techniques, samples=samples, documents=documents)
    if isinstance(record, ImportedDocument):
        datasets = tuple(d for d in record.datasets if pid_fault(d) is None)
        if len(datasets) < len(record.datasets):
            return replace(record, datasets=datasets)
    return record


def _tidy(value: Any, name: str, notes: set[str], depth: int) -> Any:
    """The same object where nothing is to be altered."""
    if value is None or isinstance(value, bool | bytes):
        return value
    if isinstance(value, str):
        return _text(value, name, notes)
    if isinstance(value, int):
        return _whole(value, name, notes)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value, name, notes)
    if depth > DEEPEST:
        notes.add(f"{name or 'value'} is nested more than {DEEPEST} deep and was cut there")
        return None
    if isinstance(value, tuple | list):
        parts = [_tidy(part, name, notes, depth + 1) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else type(value)(parts)
    if isinstance(value, Mapping):
        within = "name" if name == "people" else "extra"
        return {_text(str(k), "name", notes): _tidy(v, within, notes, depth + 1) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value, notes, depth)
    return _text(str(value), name, notes)


def _record(value: Any, notes: set[str], depth: int) -> Any:
    altered: dict[str, Any] = {}
    for name in _names_of(value.__class__):
        before = getattr(value, name)
        after = _tidy(before, "file name" if name == "name" and isinstance(value, ImportedFile) else name, notes, depth + 1)
        if after is not before:
            altered[name] = after
    if isinstance(value, ImportedParameter) and value.value is not None and altered.get("value", value) is None:
        altered["value"] = str(value.value)[:LONGEST_TEXT]
    return replace(value, **altered) if altered else value


def _text(value: str, name: str, notes: set[str]) -> str:
    limit = LONGEST_NAME if name in _NAMES else _LIMITS.get(name, LONGEST_TEXT)
    if len(value) > limit:
        notes.add(f"{name or 'text'} cut to {limit} characters")
        value = value[:limit]
    if value.isascii() and "\x00" not in value:
        return value
    clean = storable(value)
    if clean == value:
        return value
    notes.add(f"{name or 'text'} had signs that cannot be stored")
    return clean


def _whole(value: int, name: str, notes: set[str]) -> int | None:
    if -LARGEST <= value <= LARGEST and not (name in _COUNTS and value < 0):
        return value
    notes.add(f"{name or 'number'} left out: the number does not fit")
    return None


def _not_finite(value: float, name: str, notes: set[str]) -> None:
    notes.add(f"{name or 'number'} is {value} and no number to compare with")


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))

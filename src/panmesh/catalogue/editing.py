"""Corrections by people: a layer on top of what the file says, with history and undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.kernel import techniques
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid
from panmesh.kernel.text import fold, is_plain

_TEXTS = {"title": 500, "description": 20_000, "run": 200}
_PARAMETER_TEXTS = ("name", "label", "unit", "text")
_PARAMETER_NUMBERS = ("value", "minimum", "maximum")
_YEAR_1900_US, _YEAR_2200_US = -2_208_988_800_000_000, 7_258_118_400_000_000
EDITABLE = (*_TEXTS, "start", "end", "sample", "techniques", "people", "parameters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    id: int
    source: str
    by: str
    at_us: int
    values: Mapping[str, Any]  # field → value (None: taken away)
    undone_us: int | None
    undone_by: str | None


class EditingStore(Protocol):
    def add_layer(self, viewer: Viewer, pid: str, values: Mapping[str, Any], revision: int, now_us: int) -> int:
        """Returns the new revision. Raises NotFound, Forbidden, Stale."""
        ...

    def history(self, viewer: Viewer, pid: str, now_us: int) -> tuple[Change, ...]: ...

    def undo(self, viewer: Viewer, pid: str, layer_id: int, now_us: int) -> int: ...


class EditingService:
    def __init__(self, store: EditingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def change(self, viewer: Viewer, pid: str, values: Mapping[str, Any], revision: int) -> int:
        """New values over what was there; None takes a field away. Returns the new revision; raises Stale when `revision` is not the newest."""
        if viewer.user_id is None and not viewer.operator:
            raise Forbidden("Sign in to change metadata.")
        return self._store.add_layer(viewer, pid, checked(values), revision, self._clock())

    def history(self, viewer: Viewer, pid: str) -> tuple[Change, ...]:
        if Scope.READ not in viewer.scopes:
            raise Forbidden("Your token has not the scope 'read'.")
        return self._store.history(viewer, pid, self._clock())

    def undo(self, viewer: Viewer, pid: str, layer_id: int) -> int:
        return self._store.undo(viewer, pid, layer_id, self._clock())


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the shapes of `catalogue.effective`; raises Invalid with all faults."""
    faults: list[Fault] = []
    good: dict[str, Any] = {}
    for field, value in values.items():
        if field not in EDITABLE:
            faults.append(Fault(f"/{field}", f"cannot be changed; these can: {', '.join(EDITABLE)}"))
            continue
        problem = None if value is None else _problem(field, value)
        if problem is not None:
            faults.append(Fault(f"/{field}", problem))
        good[field] = _clean(field, value) if problem is None else None
    if not values:
        faults.append(Fault("/", "nothing to change"))
    if good.get("start") is not None and good.get("end") is not None and good["start"] > good["end"]:
        faults.append(Fault("/end", "is before the start"))
    if faults:
        raise Invalid("The change has faults: " + "; ".join(f"{f.pointer} {f.detail}" for f in faults) + ".", tuple(faults))
    return good


def _problem(field: str, value: Any) -> str | None:
    if not is_plain(value):
        return "has signs that no text here has: NUL or lone surrogates"
    if field in _TEXTS:
        if not isinstance(value, str) or not fold(value):
            return "is a text, not blank"
        return None if len(value) <= _TEXTS[field] else f"is longer than {_TEXTS[field]} signs"
    if field in ("start", "end"):
        instant = isinstance(value, int) and not isinstance(value, bool) and _YEAR_1900_US <= value < _YEAR_2200_US
        return None if instant else "is an instant between 1900 and 2200"
    if field == "sample":
        return (
            None
            if isinstance(value, dict) and isinstance(value.get("name"), str) and fold(value["name"])
            else "is an object with a name"
        )
    if not isinstance(value, list) or len(value) > 200:
        return "is a list of at most 200"
    if field == "techniques":
        unknown = [v for v in value if not isinstance(v, str) or techniques.find(v) is None]
        return f"PaNET has no {unknown[0]!r}" if unknown else None
    if field == "people":
        return (
            None
            if all(isinstance(v, dict) and isinstance(v.get("name"), str) and fold(v["name"]) for v in value)
            else "each has a name"
        )
    return next((problem for v in value if (problem := _parameter_problem(v)) is not None), None)


def _parameter_problem(value: Any) -> str | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        return "each has a name"
    if unknown := set(value) - {*_PARAMETER_TEXTS, *_PARAMETER_NUMBERS}:
        return f"have no {', '.join(sorted(map(str, unknown)))}; they have {', '.join((*_PARAMETER_TEXTS, *_PARAMETER_NUMBERS))}"
    for part in _PARAMETER_TEXTS:
        if not isinstance(value.get(part), str | None) or len(value.get(part) or "") > 1000:
            return f"{part} is a text of at most 1000 signs"
    for part in _PARAMETER_NUMBERS:
        number = value.get(part)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < 1e300):
            return f"{part} is a finite number"
    return None


def _clean(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field in _TEXTS:
        return str(value).strip()
    if field == "techniques":
        return [techniques.find(v) for v in value]
    if field == "sample":
        return {k: str(v)[:1000] for k, v in value.items() if k in ("name", "identifier", "formula", "description") and v}
    if field == "people":
        return [{k: str(v)[:300] for k, v in one.items() if k in ("name", "role", "orcid", "affiliation") and v} for one in value]
    return value

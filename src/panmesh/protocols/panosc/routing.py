"""Which resource a path means: in any case of letters, with pids percent-encoded or, liberally, with their slashes as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from panmesh.catalogue.graph import Entity
from panmesh.kernel.errors import Invalid

MAX_DEPTH = 60  # brackets of one key

NAMES = {
    Entity.DATASET: "Datasets",
    Entity.DOCUMENT: "Documents",
    Entity.INSTRUMENT: "Instruments",
    Entity.TECHNIQUE: "techniques",
}
COLLECTIONS = {name.lower(): entity for entity, name in NAMES.items()}


@dataclass(frozen=True, slots=True)
class Resource:
    """`files` and `count` name what below the record is meant."""

    entity: Entity
    pid: str | None = None
    files: bool = False
    count: bool = False

    @property
    def path(self) -> str:
        """As the specification writes it: what logs and figures call it."""
        parts = ("{id}" if self.pid is not None else None, "files" if self.files else None, "count" if self.count else None)
        return "/".join((f"/{NAMES[self.entity]}", *(part for part in parts if part)))


def resource(raw_path: bytes, root: str) -> Resource | None:
    """None: there is nothing of that name."""
    path = raw_path.decode("latin-1").split("?", 1)[0]
    tail = path[len(root) :] if path.lower().startswith(root.lower()) else path
    parts = [unquote(part) for part in tail.strip("/").split("/")]
    entity = COLLECTIONS.get(parts[0].lower())
    if entity is None:
        return None
    rest = parts[1:]
    if not rest or rest == [""]:
        return Resource(entity)
    if len(rest) == 1 and rest[0].lower() == "count":
        return Resource(entity, count=True)
    if entity is Entity.DATASET:
        lower = [part.lower() for part in rest]
        if len(rest) > 2 and lower[-2:] == ["files", "count"]:
            return Resource(entity, "/".join(rest[:-2]), files=True, count=True)
        if len(rest) > 1 and lower[-1] == "files":
            return Resource(entity, "/".join(rest[:-1]), files=True)
    if len(rest) > 1 and rest[-1].lower() in _BELOW:
        return None
    return Resource(entity, "/".join(rest))


def bracketed(pairs: Sequence[tuple[str, str]], name: str) -> dict[str, Any] | None:
    """`filter[where][name]=LoKI&filter[limit]=2` as an object; None when there is no such key."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not key.startswith(f"{name}[") or not key.endswith("]"):
            continue
        path = key[len(name) + 1 : -1].split("][")
        if len(path) > MAX_DEPTH:
            raise Invalid(f"{name} has at most {MAX_DEPTH} brackets.")
        place = found
        for part in path[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                return found
            place = inner
        place[path[-1] or str(len(place))] = value  # filter[order][]=… adds to a list
    listed = _lists(found) if found else None
    if isinstance(listed, list):
        raise Invalid("Value is not an object.")
    return listed


def _lists(plain: Any) -> Any:
    """Objects whose keys are 0, 1, 2 … are lists."""
    if not isinstance(plain, dict):
        return plain
    if plain and all(key.isascii() and key.isdigit() and len(key) < 9 for key in plain):
        return [_lists(plain[key]) for key in sorted(plain, key=int)]
    return {key: _lists(value) for key, value in plain.items()}


_BELOW = ("datasets", "documents", "members", "parameters", "samples", "techniques", "instrument", "exists", "count")

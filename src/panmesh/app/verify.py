"""Do the files still have the bytes that the catalogue says? Missing and changed ones are noted, and shown on their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from panmesh.adapters.sql.upkeep import Kept
from panmesh.adapters.storage.verify import Condition, check
from panmesh.app.compose import Composition
from panmesh.kernel.errors import Invalid


@dataclass(slots=True)
class Verified:
    files: int = 0
    compared: int = 0  # digests computed again and equal
    missing: int = 0
    changed: int = 0
    unreadable: int = 0

    @property
    def wrong(self) -> int:
        return self.missing + self.changed + self.unreadable


def verify(app: Composition, *, deep: bool, shown: Callable[[Iterator[Kept]], Iterable[Kept]] = iter) -> Verified:
    """Shallow: is it there, with its size and time. Deep: read every byte and compare SHA-256. `shown`: goes through them and shows how far.
    Raises Invalid where a storage of the catalogue is not configured."""
    if unknown := sorted(app.upkeep.storages() - set(app.storages.keys())):
        names = ", ".join(unknown)
        raise Invalid(
            f"No storage is configured that is called {names}: nobody could say whether its files are there. Nothing was compared."
        )
    result = Verified()
    for one in shown(app.upkeep.datasets()):
        verify_one(app, one, result, deep=deep)
    return result


def verify_one(
    app: Composition, one: Kept, result: Verified, *, deep: bool, progress: Callable[[int], object] | None = None
) -> None:
    """Every file of one dataset; what is wrong with them is kept, what was mended since is taken back."""
    found: dict[str, tuple[str, str | None]] = {}
    for file in app.manifests.iterate(one.manifest):
        result.files += 1
        checked = check(app.storages, file, deep=deep, progress=progress)
        match checked.condition:
            case Condition.VERIFIED:
                result.compared += 1
                continue
            case Condition.PRESENT:
                continue
            case Condition.MISSING:
                result.missing += 1
            case Condition.CHANGED:
                result.changed += 1
            case Condition.UNREADABLE:
                result.unreadable += 1
        found[file.name] = checked.condition.value, checked.detail
    app.upkeep.save_findings(one, found, app.clock(), compared=deep)

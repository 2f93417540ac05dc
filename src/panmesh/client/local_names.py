"""Names that a server sent, as paths below a folder of ours: none leaves it, no two are one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.I)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_LONGEST = 255  # bytes of one part, on every file system in use


def local_names(names: Iterable[str], *, windows: bool, caseless: bool) -> dict[str, PurePosixPath]:
    """Relative paths without '..'. A name is changed only where it must be; it depends on the set of names, not on their order."""
    taken: set[str] = set()
    found: dict[str, PurePosixPath] = {}
    folders: set[str] = set()
    plain = {name: _safe(name, windows) for name in names}
    for path in plain.values():
        folders |= {_key(parent, caseless) for parent in path.parents}
    for name in sorted(plain):
        path = plain[name]
        again = name
        while (key := _key(path, caseless)) in taken or key in folders:
            path, again = _apart(path, again), again + "~"
        taken.add(key)
        found[name] = path
    return found


def ignores_case(folder: Path) -> bool:
    """Whether A and a are one file there; the folder exists."""
    probe = folder / ".panmesh-Case"
    probe.touch()
    try:
        return (folder / ".panmesh-cASE").exists()
    finally:
        probe.unlink()


def _safe(name: str, windows: bool) -> PurePosixPath:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*[_part(part, windows) for part in parts]) if parts else _apart(PurePosixPath("file"), name)


def _part(part: str, windows: bool) -> str:
    part = part.replace("\x00", "_")
    if windows:
        part = _FORBIDDEN.sub("_", part)
        part = re.sub(r"[. ]+$", "_", part)
        part = "_" + part if _RESERVED.fullmatch(part) else part
    if len(part.encode("utf-8", "surrogatepass")) > _LONGEST:
        mark = "~" + hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        suffix = PurePosixPath(part).suffix[:12]
        part = part[:40] + mark + suffix
    return part


def _apart(path: PurePosixPath, name: str) -> PurePosixPath:
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return path.with_name(f"{path.stem[:40]}~{mark}{path.suffix[:12]}")


def _key(path: PurePosixPath, caseless: bool) -> str:
    return str(path).casefold() if caseless else str(path)

"""What the policy gives, as rights on a folder of a disk: for those who read the files there, past the catalogue."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# What a host takes for a name, and a shell for one word.
UNIX_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRights:
    """Who may read a folder and all below it. Nobody gets on the disk what the catalogue denies: where runs under several terms lie in
    one folder, only those who may read all of them."""

    path: str  # absolute
    visit: str  # pid
    users: tuple[str, ...]  # of the host
    groups: tuple[str, ...]
    everybody: bool
    nameless: int = 0  # who may read and has no name on this host
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    path: str
    visit: str
    missing: tuple[str, ...]  # entries that should be there
    extra: tuple[str, ...]  # entries that should not
    fault: str | None  # why it could not be read or mended
    command: str  # that mends it


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskReport:
    at_us: int
    folders: int
    drifts: tuple[Drift, ...]
    mixed: tuple[str, ...]  # in words: folders that belong to no one visit


class DiskAcls(Protocol):
    def read(self, paths: Sequence[str]) -> dict[str, frozenset[str] | str]:
        """The entries of each folder, or why they cannot be read."""
        ...

    def write(self, path: str, entries: Sequence[str]) -> str | None:
        """Returns why it could not be done."""
        ...


def posix(rights: FolderRights, owning_group: str) -> tuple[str, ...]:
    """The entries of a POSIX ACL, also as the defaults for what is written there later."""
    other = "r-x" if rights.everybody else "---"
    lines = ["user::rwx", *(f"user:{name}:r-x" for name in rights.users), f"group::{owning_group}"]
    lines += [f"group:{name}:r-x" for name in rights.groups]
    if rights.users or rights.groups:
        lines.append(f"mask::{'rwx' if 'w' in owning_group else 'r-x'}")
    lines.append(f"other::{other}")
    return (*lines, *(f"default:{line}" for line in lines))


def restorable(path: str, entries: Sequence[str]) -> str:
    """As `setfacl --restore` reads it; signs that it would not are written in octal, as getfacl does."""
    safe = "".join(chr(b) if 32 < b < 127 and b != 92 else f"\\{b:03o}" for b in path.encode("utf-8", "surrogateescape"))
    return "\n".join((f"# file: {safe}", *entries, ""))


def mending(path: str, entries: Sequence[str]) -> str:
    return f"setfacl --set {shlex.quote(','.join(entries))} -- {shlex.quote(path)}"


def nfs4(rights: FolderRights, owning_group: str, domain: str) -> str:
    """The command that sets the NFSv4 ACL: what is not allowed is denied."""
    read, write = "rxtncy", "rwaDdxtTnNcCoy"
    group = write if "w" in owning_group else read if "r" in owning_group else "tcy"
    entries = [f"A:fd:OWNER@:{write}", *(f"A:fd:{name}@{domain}:{read}" for name in rights.users), f"A:fdg:GROUP@:{group}"]
    entries += [f"A:fdg:{name}@{domain}:{read}" for name in rights.groups]
    entries.append(f"A:fd:EVERYONE@:{read if rights.everybody else 'tcy'}")
    return f"nfs4_setfacl -s {shlex.quote(','.join(entries))} {shlex.quote(rights.path)}"


def compared(rights: FolderRights, wanted: Sequence[str], found: frozenset[str] | str) -> Drift | None:
    command = mending(rights.path, wanted)
    if isinstance(found, str):
        return Drift(path=rights.path, visit=rights.visit, missing=(), extra=(), fault=found, command=command)
    missing = tuple(entry for entry in wanted if entry not in found)
    extra = tuple(sorted(found - set(wanted)))
    if not missing and not extra:
        return None
    return Drift(path=rights.path, visit=rights.visit, missing=missing, extra=extra, fault=None, command=command)

"""POSIX ACLs as they are on the disk, read and written by the programs of the package `acl`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from panmesh.kernel.errors import Conflict

AT_ONCE = 200
SECONDS = 120
_OCTAL = re.compile(r"\\([0-7]{3})")


class PosixAcls:
    """Implements `access.disk_rights.DiskAcls`."""

    def read(self, paths: Sequence[str]) -> dict[str, frozenset[str] | str]:
        found: dict[str, frozenset[str] | str] = {}
        for start in range(0, len(paths), AT_ONCE):
            piece = list(paths[start : start + AT_ONCE])
            done = _run("getfacl", "--absolute-names", "--no-effective", "--", *piece)
            found |= _parsed(done.stdout)
            for path in piece:
                if path not in found:
                    found[path] = _why(done.stderr, path)
        return found

    def write(self, path: str, entries: Sequence[str]) -> str | None:
        done = _run("setfacl", "--set", ",".join(entries), "--", path)
        return None if done.returncode == 0 else done.stderr.strip()[-300:] or "setfacl failed"


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(program) is None:
        raise Conflict(f"{program} is not on this host: install the package acl.")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, errors="surrogateescape", timeout=SECONDS, check=False
    )


def _parsed(text: str) -> dict[str, frozenset[str] | str]:
    found: dict[str, frozenset[str] | str] = {}
    for block in text.split("\n\n"):
        lines = block.strip("\n").splitlines()
        named = [line for line in lines if line.startswith("# file: ")]
        if named:
            entries = (line.split("\t")[0].strip() for line in lines if line and not line.startswith("#"))
            found[_plain(named[0].removeprefix("# file: "))] = frozenset(entries)
    return found


def _plain(text: str) -> str:
    raw = _OCTAL.sub(lambda m: chr(int(m[1], 8)), text)
    try:
        return raw.encode("latin-1").decode("utf-8", "surrogateescape") if _OCTAL.search(text) else text
    except UnicodeEncodeError:
        return text


def _why(errors: str, path: str) -> str:
    lines = [line for line in errors.splitlines() if path in line]
    return lines[0].rpartition(": ")[2] if lines else "it cannot be read"

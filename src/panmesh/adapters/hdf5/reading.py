"""One file to its facts, inside the sandbox: sniff, open, walk, extract."""

from __future__ import annotations

import os
import re
from typing import Any

from panmesh.adapters.hdf5.sniff import ADVICE, HDF5_SIGNATURE, HEAD, sniff, user_block_offsets
from panmesh.adapters.hdf5.walk import ROOT_ERRORS, open_file, walk
from panmesh.ingest.extract import extract, references
from panmesh.ingest.facts import EntryFacts, FileFacts, FileFormat, ReadState
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadLimits
from panmesh.ingest.tree import Problem, Tree

_NOTHING = (EntryFacts(entry=None, entry_class=""),)


def read_facts(path: str, profile: Profile, limits: ReadLimits) -> FileFacts:
    format = _format(path)
    if format is not FileFormat.HDF5:
        return FileFacts(format=format, state=ReadState.STORED, entries=_NOTHING, advice=ADVICE[format])
    try:
        file, swmr = open_file(path)
    except OSError as error:
        return unreadable(why_not_open(str(error), os.path.getsize(path)))
    try:
        tree = walk(file, limits, swmr=swmr)
    except ROOT_ERRORS as error:
        return unreadable(f"The file opens, and its first group cannot be read: {str(error)[:300]}.")
    finally:
        file.close()
    return facts_of(tree, os.path.basename(path), profile)


def facts_of(tree: Tree, name: str, profile: Profile) -> FileFacts:
    shown = os.fsencode(name).decode("utf-8", "replace")
    entries = extract(tree, file_name=shown, profile=profile)
    state = ReadState.PARTLY if tree.problems else ReadState.READ
    advice = None
    if tree.swmr:
        advice = "The file is still open for writing; it is read again whenever it grows."
    return FileFacts(
        format=FileFormat.HDF5,
        state=state,
        entries=entries or _NOTHING,
        references=references(tree),
        problems=tree.problems,
        growing=tree.swmr,
        advice=advice,
        counts=_counts(tree),
        detail=_detail(tree),
    )


def unreadable(reason: str, format: FileFormat = FileFormat.HDF5) -> FileFacts:
    """A file that is there and cannot be read: kept, named, and to be tried again."""
    return FileFacts(
        format=format,
        state=ReadState.FAILED,
        entries=_NOTHING,
        problems=(Problem(path="/", what=reason),),
        advice="The file is kept as it is. Mend or copy it again, then retry; its page stays the same.",
    )


def why_not_open(error: str, size: int) -> str:
    """The library's message in a person's words."""
    cut = re.search(r"truncated file: eof = (\d+).*?stored_eof = (\d+)", error)
    if cut:
        return (
            f"The file is cut short: it has {size:,} bytes and says it should have {int(cut[2]):,}. "
            "Its transfer was interrupted, or it is still being written: copy it again."
        )
    if "signature" in error:
        return "The HDF5 signature is there but the file behind it is damaged: the library cannot open it."
    return f"The HDF5 library cannot open it: {error[:300]}"


def _format(path: str) -> FileFormat:
    with open(path, "rb", buffering=0) as file:
        head = file.read(HEAD)
        kind = sniff(head)
        if kind is FileFormat.HDF5:
            return kind
        for offset in user_block_offsets(os.fstat(file.fileno()).st_size):
            if os.pread(file.fileno(), 8, offset) == HDF5_SIGNATURE:
                return FileFormat.HDF5
    return kind


def _counts(tree: Tree) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in tree.nodes.values():
        found[node.kind.value] = found.get(node.kind.value, 0) + 1
    return found


def _detail(tree: Tree) -> dict[str, Any]:
    """What the root says of the file itself."""
    root = tree.nodes["/"].attrs
    wanted = (
        "NeXus_version",
        "HDF5_Version",
        "h5py_version",
        "creator",
        "creator_version",
        "file_name",
        "file_time",
        "file_update_time",
    )
    return {name: value for name in wanted if isinstance(value := _one(root.get(name)), str) and value}


def _one(value: Any) -> Any:
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value

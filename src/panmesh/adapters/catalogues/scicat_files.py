"""Exports of SciCat's collections on disk: JSON lists, single documents, or one document on each line; read as streams.

File blocks wait in a temporary database until their dataset comes, so that memory does not grow with the export.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from panmesh.adapters.catalogues.json_stream import elements
from panmesh.catalogue.imported import Imported, ImportedSample, Rejected
from panmesh.kernel.errors import Invalid
from panmesh.wire import scicat
from panmesh.wire.loose import key, mapping, text

_ORDER = ("instruments", "samples", "origdatablocks", "datasets", "proposals", "publisheddata")
_HAS_NO_PLACE = ("job", "policy", "attachment", "user", "account", "logger", "config", "types", "accessgroup")
Documents = Iterator[Mapping[str, Any]]


def read_scicat_files(paths: Sequence[Path]) -> Iterator[Imported | Rejected]:
    """Each file is of one collection, told by its name ("Dataset.json", "origdatablocks.json") or by what is in it."""
    files: dict[str, list[Path]] = {}
    for path in chain.from_iterable(_files(one) for one in paths):
        try:
            collection = _collection(path)
        except Invalid as error:
            yield Rejected(kind="file", pid=path.name, reason=error.detail)
            continue
        if collection is None:
            yield Rejected(kind="file", pid=path.name, reason="it has none of the collections that we bring")
        else:
            files.setdefault(collection, []).append(path)
    with TemporaryDirectory(prefix="panmesh-") as folder:
        reader = _Reader(Path(folder) / "blocks.db")
        try:
            for collection in _ORDER:
                for path in files.get(collection, []):
                    yield from reader.read(collection, path)
            yield from reader.rest()
        finally:
            reader.close()


class _Reader:
    def __init__(self, scratch: Path) -> None:
        self._blocks = sqlite3.connect(scratch)
        self._blocks.execute("PRAGMA synchronous = OFF")
        self._blocks.execute("CREATE TABLE block (dataset TEXT, document BLOB)")
        self._samples: dict[str, ImportedSample] = {}
        self._indexed = False

    def read(self, collection: str, path: Path) -> Iterator[Imported | Rejected]:
        for raw in _documents(path):
            yield from self._one(collection, raw)

    def rest(self) -> Iterator[Rejected]:
        for name, count in self._blocks.execute("SELECT dataset, count(*) FROM block GROUP BY dataset"):
            reason = "its dataset is not in the export" if name else "it names no dataset"
            for _ in range(count):
                yield Rejected(kind="file block", pid=name or None, reason=reason)

    def close(self) -> None:
        self._blocks.close()

    def _one(self, collection: str, raw: Mapping[str, Any]) -> Iterator[Imported | Rejected]:
        match collection:
            case "origdatablocks":
                row = (key(raw.get("datasetId")) or "", orjson.dumps(raw, default=str))
                self._blocks.execute("INSERT INTO block VALUES (?, ?)", row)
            case "samples":
                sample = scicat.to_sample(raw)
                if sample is None:
                    yield Rejected(kind="sample", pid=None, reason="it has no id")
                else:
                    self._samples[sample.pid] = sample
            case "datasets":
                yield from self._dataset(raw)
            case _:
                read, kind = _PLAIN[collection]
                yield read(raw) or Rejected(kind=kind, pid=None, reason="it has no pid")

    def _dataset(self, raw: Mapping[str, Any]) -> Iterator[Imported | Rejected]:
        """Also as ingest scripts write it: {"id", "dataset": {…}, "orig_datablock": {…}, "ownable": {…}}."""
        whole = {**mapping(raw.get("ownable")), "pid": raw.get("id"), **raw["dataset"]} if "dataset" in raw else raw
        pid = scicat.pid_of(whole)
        blocks = [] if pid is None else self._take(pid)
        blocks += [one for name in ("orig_datablock", "origdatablock") if (one := mapping(raw.get(name)))]
        blocks += [mapping(one) for one in whole.get("origdatablocks") or () if isinstance(one, Mapping)]
        folder = text(whole.get("sourceFolder"))
        files = [file for block in blocks for file in scicat.to_files(block, folder)]
        record = scicat.to_dataset(whole, files=files, samples=self._samples)
        if record is None:
            yield Rejected(kind="dataset", pid=None, reason="it has no pid")
            return
        if whole.get("accessGroups") and not record.access.public:
            yield Rejected(kind="access groups", pid=pid, reason="only its owner group becomes a team")
        yield record

    def _take(self, pid: str) -> list[Mapping[str, Any]]:
        if not self._indexed:
            self._blocks.execute("CREATE INDEX by_dataset ON block (dataset)")
            self._indexed = True
        rows = self._blocks.execute("SELECT document FROM block WHERE dataset = ? ORDER BY rowid", (pid,)).fetchall()
        self._blocks.execute("DELETE FROM block WHERE dataset = ?", (pid,))
        return [orjson.loads(row[0]) for row in rows]


_PLAIN: dict[str, tuple[Callable[[Mapping[str, Any]], Imported | None], str]] = {
    "instruments": (scicat.to_instrument, "instrument"),
    "proposals": (scicat.to_proposal, "document"),
    "publisheddata": (scicat.to_publication, "document"),
}


def _collection(path: Path) -> str | None:
    stem = path.stem.casefold().replace("_", "").replace("-", "")
    if any(word in stem for word in _HAS_NO_PLACE):
        return None
    for name in ("origdatablock", "publisheddata", "instrument", "sample", "proposal", "dataset"):
        if stem in (name, f"{name}s"):
            return name if name == "publisheddata" else f"{name}s"
    first = next(_documents(path), None)
    if first is None:
        return None
    return "datasets" if isinstance(first.get("dataset"), Mapping) else scicat.collection_of(first)


def _documents(path: Path) -> Documents:
    with path.open("rb") as file:
        first = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    for one in elements(path, "item" if first == b"[" else "", many=True):
        if isinstance(one, Mapping):
            yield one


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]

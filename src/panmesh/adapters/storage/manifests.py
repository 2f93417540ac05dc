"""Manifests on disk: small ones inline, large ones as Parquet segments named by their content, synced before anything refers to them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from panmesh.adapters.storage.row_groups import RowGroups
from panmesh.catalogue.manifest import INLINE_LIMIT, FileRow, ManifestRef, SegmentRef, pack, unpack
from panmesh.kernel.faults import reach

ROW_GROUP = 10_000  # rows: a page reads one group, some milliseconds
SEGMENT = 500_000  # rows of one segment file


class ParquetManifests:
    """Implements `catalogue.manifest.ManifestStore` in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups = RowGroups(self._open, lambda table: {row.name: row for row in _rows(table)})

    def write(self, files: Iterable[FileRow]) -> ManifestRef:
        rows = iter(files)
        head = list(islice(rows, INLINE_LIMIT + 1))
        if len(head) <= INLINE_LIMIT:
            return ManifestRef(file_count=len(head), total_bytes=sum(r.size for r in head), inline=pack(head))
        segments: list[SegmentRef] = []
        total = 0
        stream: Iterator[FileRow] = chain(head, rows)
        while True:
            segment, size = self._segment(islice(stream, SEGMENT))
            if segment is None:
                break
            segments.append(segment)
            total += size
        return ManifestRef(file_count=sum(s.rows for s in segments), total_bytes=total, segments=tuple(segments))

    def append(self, ref: ManifestRef, files: Iterable[FileRow]) -> ManifestRef:
        added = self.write(files)
        if ref.inline is not None or added.inline is not None:
            return self._append_inline(ref, added)
        return _joined(ref.segments, added.segments, ref.total_bytes + added.total_bytes)

    def compact(self, ref: ManifestRef) -> ManifestRef:
        if len(ref.segments) < 2:
            return ref
        return self.write(_newest(merge(*(self._segment_rows(s) for s in reversed(ref.segments)), key=attrgetter("name"))))

    def iterate(self, ref: ManifestRef) -> Iterator[FileRow]:
        if ref.inline is not None:
            yield from unpack(ref.inline)
            return
        for segment in ref.segments:
            yield from self._segment_rows(segment)

    def page(self, ref: ManifestRef, *, offset: int, limit: int, contains: str | None = None) -> tuple[int, int, list[FileRow]]:
        if ref.inline is not None:
            rows = [r for r in unpack(ref.inline) if contains is None or contains.casefold() in r.name.casefold()]
            return len(rows), sum(r.size for r in rows), rows[offset : offset + limit]
        if contains:
            return self._filtered(ref, offset, limit, contains)
        return ref.file_count, ref.total_bytes, list(islice(self._from(ref, offset), limit))

    def lookup(self, ref: ManifestRef, name: str) -> FileRow | None:
        if ref.inline is not None:
            return next((r for r in unpack(ref.inline) if r.name == name), None)
        import pyarrow.compute as compute

        for segment in _meeting(ref, name):
            for group in self._groups.meeting(segment.name, name):
                if (rows := self._groups.often(segment.name, group)) is not None:
                    if name in rows:
                        return rows[name]
                    continue
                file = self._open(segment.name)
                position = compute.index(file.read_row_group(group, columns=["name"]).column("name"), name).as_py()
                if position >= 0:
                    return next(_rows(file.read_row_group(group).slice(position, 1)))
        return None

    def at_hand(self, ref: ManifestRef, name: str) -> FileRow | None:
        """A look-up that never waits for the disk: None when it is not there, or not known without asking."""
        segments = list(_meeting(ref, name))
        return self._groups.at_hand(segments[0].name, name) if len(segments) == 1 else None

    def transform(self, ref: ManifestRef, change: Callable[[FileRow], FileRow]) -> ManifestRef:
        return self.write(change(row) for row in self.iterate(ref))

    def collect_garbage(self, referenced: frozenset[str], grace_seconds: float = 86_400) -> int:
        """Remove segments that nothing refers to and that are older than the grace; returns how many."""
        removed = 0
        for path in self._folder.glob("*/*.parquet"):
            if path.stem not in referenced and time.time() - path.stat().st_mtime > grace_seconds:
                path.unlink()
                removed += 1
        for path in self._folder.glob(".*.tmp"):  # of writers that were killed
            if time.time() - path.stat().st_mtime > grace_seconds:
                path.unlink()
        return removed

    # --- appending ---------------------------------------------------------------------------------------------------

    def _append_inline(self, ref: ManifestRef, added: ManifestRef) -> ManifestRef:
        """One side is small. Its rows and the youngest segments that are no larger are written together, so that a scan
        that grows by one file a thousand times has some ten segments, not a thousand."""
        if ref.inline is not None:
            return self.write(sorted(chain(self.iterate(ref), self.iterate(added)), key=attrgetter("name")))
        if added.file_count == 0:
            return ref
        kept = list(ref.segments)
        young: list[SegmentRef] = []
        count = added.file_count
        while kept and kept[-1].rows <= max(count, INLINE_LIMIT):
            young.append(kept.pop())
            count += young[-1].rows
        rows = merge(*(self._segment_rows(s) for s in young), self.iterate(added), key=attrgetter("name"))
        segments: list[SegmentRef] = []
        while (made := self._segment(islice(rows, SEGMENT)))[0] is not None:
            segments.append(made[0])
        return _joined(tuple(kept), tuple(segments), ref.total_bytes + added.total_bytes)

    def _segment_rows(self, segment: SegmentRef) -> Iterator[FileRow]:
        file = self._open(segment.name)
        for group in range(file.num_row_groups):
            yield from _rows(file.read_row_group(group))

    # --- segments ----------------------------------------------------------------------------------------------------

    def _segment(self, rows: Iterator[FileRow]) -> tuple[SegmentRef | None, int]:
        import pyarrow.parquet as parquet

        first = next(rows, None)
        if first is None:
            return None, 0
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{os.getpid()}-{time.monotonic_ns()}.tmp"
        least, most, count, size = first.name, first.name, 0, 0
        stream: Iterator[FileRow] = chain([first], rows)
        try:
            with parquet.ParquetWriter(temporary, _schema(), compression="zstd", write_statistics=["name"]) as writer:
                while batch := list(islice(stream, ROW_GROUP)):
                    writer.write_table(_table(batch))
                    least, most = min(least, *(r.name for r in batch)), max(most, *(r.name for r in batch))
                    count, size = count + len(batch), size + sum(r.size for r in batch)
            name = _sync_and_name(temporary)
            reach("manifest.before-rename")
            target = self._folder / name[:2] / f"{name}.parquet"
            target.parent.mkdir(exist_ok=True)
            os.replace(temporary, target)
            _sync_folder(target.parent)
            _sync_folder(self._folder)
            reach("manifest.written")
        finally:
            temporary.unlink(missing_ok=True)
        return SegmentRef(name=name, rows=count, first=least, last=most), size

    def _open(self, name: str) -> Any:
        import pyarrow.parquet as parquet

        return parquet.ParquetFile(self._folder / name[:2] / f"{name}.parquet")

    def _from(self, ref: ManifestRef, offset: int) -> Iterator[FileRow]:
        for segment in ref.segments:
            if offset >= segment.rows:
                offset -= segment.rows
                continue
            file = self._open(segment.name)
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if offset >= rows:
                    offset -= rows
                    continue
                yield from _rows(file.read_row_group(group).slice(offset))
                offset = 0

    def _filtered(self, ref: ManifestRef, offset: int, limit: int, contains: str) -> tuple[int, int, list[FileRow]]:
        import pyarrow.compute as compute

        count, size, found = 0, 0, list[FileRow]()
        for segment in ref.segments:
            file = self._open(segment.name)
            for group in range(file.num_row_groups):
                slim = file.read_row_group(group, columns=["name", "size"])
                mask = compute.match_substring(slim.column("name"), contains, ignore_case=True)
                matches = compute.sum(mask).as_py() or 0
                if not matches:
                    continue
                size += compute.sum(slim.filter(mask).column("size")).as_py() or 0
                skip = max(0, offset - count)
                if len(found) < limit and skip < matches:
                    page = file.read_row_group(group).filter(mask).slice(skip, limit - len(found))
                    found += _rows(page)
                count += matches
        return count, size, found


def _meeting(ref: ManifestRef, name: str) -> Iterator[SegmentRef]:
    return (segment for segment in ref.segments if segment.first <= name <= segment.last)


def _joined(before: tuple[SegmentRef, ...], after: tuple[SegmentRef, ...], total: int) -> ManifestRef:
    segments = before + after
    return ManifestRef(file_count=sum(s.rows for s in segments), total_bytes=total, segments=segments)


def _newest(rows: Iterable[FileRow]) -> Iterator[FileRow]:
    """The first of each name: of a file that was appended twice, the youngest segment has the truth."""
    name: str | None = None
    for row in rows:
        if row.name != name:
            yield row
        name = row.name


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("name", pa.string()),
            ("size", pa.int64()),
            ("modified_us", pa.int64()),
            ("storage", pa.dictionary(pa.int32(), pa.string())),
            ("folder", pa.dictionary(pa.int32(), pa.string())),  # what stands before the name in the storage
            ("elsewhere", pa.string()),  # the whole path, where it does not end with the name
            ("sha256", pa.binary()),
            ("blake3", pa.binary()),
            ("crc32", pa.uint32()),
            ("adler32", pa.uint32()),
            ("blocks", pa.list_(pa.binary())),
        ]
    )


def _table(rows: list[FileRow]) -> Any:
    import pyarrow as pa

    columns = {
        "name": [r.name for r in rows],
        "size": [r.size for r in rows],
        "modified_us": [r.modified_us for r in rows],
        "storage": [r.storage for r in rows],
        "folder": [r.path.removesuffix(r.name) if r.path.endswith(r.name) else "" for r in rows],
        "elsewhere": [None if r.path.endswith(r.name) else r.path for r in rows],
        "sha256": [r.sha256 for r in rows],
        "blake3": [r.blake3 for r in rows],
        "crc32": [r.crc32 for r in rows],
        "adler32": [r.adler32 for r in rows],
        "blocks": [list(r.blocks) for r in rows],
    }
    return pa.table(columns, schema=_schema())


def _rows(table: Any) -> Iterator[FileRow]:
    for batch in table.to_batches(max_chunksize=1000):
        for plain in batch.to_pylist():
            yield FileRow(
                name=plain["name"],
                size=plain["size"],
                modified_us=plain["modified_us"],
                storage=plain["storage"],
                path=plain["elsewhere"] or plain["folder"] + plain["name"],
                sha256=plain["sha256"],
                blake3=plain["blake3"],
                crc32=plain["crc32"],
                adler32=plain["adler32"],
                blocks=tuple(plain["blocks"] or ()),
            )


def _sync_and_name(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

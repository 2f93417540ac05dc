"""A dataset of a million files: written as a stream, paged, searched, completed with digests; with the memory that it took.

    python benchmarks/bench_manifest.py [--files 1000000]

Bars: any page of 100 files ≤ 50 ms; the whole process ≤ 500 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.manifest import FileRow, ManifestRef

T = TypeVar("T")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--files", type=int, default=1_000_000)
    count = options.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetManifests(Path(folder))
        seconds, pending = _timed(lambda: store.write(_frames(count)))
        print(f"write {count} files: {seconds:.1f} s ({count / seconds:.0f} files/s), {_memory():.0f} MB at most")
        seconds, ref = _timed(lambda: store.transform(pending, _digested))
        print(f"fill in digests: {seconds:.1f} s, {_memory():.0f} MB at most")
        print(
            f"on disk: {_size(Path(folder), pending) / count:.1f} B a file pending, {_size(Path(folder), ref) / count:.1f} with digests"
        )
        print(f"in SQL: {len(ref.to_bytes())} B")
        random.seed(1)
        offsets = [0, count - 100, *(random.randrange(count) for _ in range(60))]
        _report("page of 100", [_timed(lambda at=at: store.page(ref, offset=at, limit=100))[0] for at in offsets], 50)  # type: ignore[misc]
        _report("look up a name", [_timed(lambda at=at: store.lookup(ref, _frame(at).name))[0] for at in offsets], None)  # type: ignore[misc]
        _report(
            "page of names with a text",
            [_timed(lambda: store.page(ref, offset=0, limit=100, contains="77"))[0] for _ in range(5)],
            None,
        )
        seconds, _ = _timed(lambda: store.append(ref, (_frame(count + i) for i in range(1000))))
        print(f"append 1000 files: {1e3 * seconds:.0f} ms")
        seconds, total = _timed(lambda: sum(1 for _ in store.iterate(ref)))
        print(f"iterate {total}: {seconds:.1f} s; {_memory():.0f} MB at most  (bar 500)")


def _frame(number: int) -> FileRow:
    name = f"frame_{number:07d}.cbf"
    return FileRow(
        name=name, size=1024, modified_us=1_700_000_000_000_000 + 1003 * number, storage="raw", path=f"2024/mx1/{name}"
    )


def _frames(count: int) -> Iterator[FileRow]:
    return map(_frame, range(count))


def _digested(row: FileRow) -> FileRow:
    digest = hashlib.sha512(row.name.encode()).digest()
    number = int.from_bytes(digest[:4], "big")
    return replace(row, sha256=digest[:32], blake3=digest[32:], crc32=number, adler32=number ^ 0xFFFF)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _report(what: str, seconds: list[float], bar: int | None) -> None:
    median, worst = 1e3 * statistics.median(seconds), 1e3 * max(seconds)
    print(f"{what}: median {median:.1f} ms, worst {worst:.1f} ms" + (f"  (bar {bar})" if bar else ""))


def _size(folder: Path, ref: ManifestRef) -> int:
    return sum((folder / s.name[:2] / f"{s.name}.parquet").stat().st_size for s in ref.segments)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()

"""Files per second and core: the sandboxed reader, facts included, beside a plain h5py walk that is not protected from anything.

  python benchmarks/bench_read.py [FOLDER [ROUNDS]]

Both read the same HDF5 files of a folder tree in turn, within one run. The plain walk visits every object and reads every single value
and every attribute, as a first script would; it extracts nothing.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import h5py

from panmesh.adapters.hdf5 import SandboxedReader
from panmesh.ingest.facts import FileFormat, ReadState
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadRequest

REAL = Path(__file__).parents[2] / "shared" / "data" / "nexus"


def plain_walk(path: Path) -> int:
    seen = 0
    with h5py.File(path, "r") as file:

        def visit(_name: str, item: h5py.Group | h5py.Dataset) -> None:
            nonlocal seen
            seen += 1
            dict(item.attrs)
            if isinstance(item, h5py.Dataset) and item.size == 1 and item.dtype.kind in "OSiuf":
                item[()]

        file.visititems(visit)
    return seen


def main() -> None:
    folder, rounds = Path(sys.argv[1]) if len(sys.argv) > 1 else REAL, int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with_one_core()
    reader = SandboxedReader()
    requests = [ReadRequest(path=p, folder=folder, profile=Profile()) for p in sorted(folder.rglob("*")) if p.is_file()]
    first = {
        request.path: facts for request, facts in reader.read_many(requests)
    }  # warms both, and picks the files that a plain walk can open
    good = [r for r in requests if first[r.path].format is FileFormat.HDF5 and first[r.path].state is not ReadState.FAILED]
    objects = sum(plain_walk(r.path) for r in good)
    ours = theirs = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        for _request, _facts in reader.read_many(good):
            pass
        between = time.perf_counter()
        for request in good:
            plain_walk(request.path)
        ours, theirs = ours + between - started, theirs + time.perf_counter() - between
    reader.close()
    reads = rounds * len(good)
    print(f"{len(good)} files, {objects} objects, {rounds} rounds, one core")
    print(f"sandboxed reader  {reads / ours:7.1f} files/s  {1000 * ours / reads:6.2f} ms/file")
    print(f"plain h5py walk   {reads / theirs:7.1f} files/s  {1000 * theirs / reads:6.2f} ms/file")
    print(f"ratio             {theirs / ours:7.2f}  (above 1: the sandboxed reader is faster)")


def with_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


if __name__ == "__main__":
    main()

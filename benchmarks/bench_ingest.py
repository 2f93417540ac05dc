"""Small NeXus files per second and core, end to end: `panmesh ingest` into an empty facility, beside a plain h5py walk of the same files.

  python benchmarks/bench_ingest.py [--files 1000] [--source FOLDER] [--profile] [--simulated]

End to end is: found on disk, claimed, read in the sandbox, placed, committed with layers and parameters, visible in search. Digests are
timed apart. Both run on one core, in turn, within one run. The files are copies of real ones up to `--most` bytes, each one under a
run number of its own.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import tempfile
import time
from pathlib import Path

import h5py

from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.kernel.units import known


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


def readable(path: Path, most: int) -> bool:
    try:
        return path.stat().st_size <= most and plain_walk(path) > 0
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "nexus")
    parser.add_argument("--most", type=int, default=300_000, help="bytes")
    parser.add_argument("--objects", type=int, default=300, help="groups and datasets at most")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    real = [p for p in sorted(options.source.rglob("*")) if p.is_file() and readable(p, options.most)]
    real = [p for p in real if plain_walk(p) <= options.objects]
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        for i in range(options.files):
            one = real[i % len(real)]
            folder = data / one.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one, folder / f"run{i // len(real):05d}x{one.name}")
        files = [p for p in data.rglob("*") if p.is_file()]
        started = time.perf_counter()
        objects = sum(plain_walk(p) for p in files)
        plain = time.perf_counter() - started
        app, _ = Composition(load(data=Path(temporary) / "facility")).with_storage(data)
        app.ingest, app.reader.read_many([])  # both made, nothing read
        known("eV")  # the table of units is loaded once in the life of a process
        profiler = cProfile.Profile()
        started = time.perf_counter()
        if options.profile:
            profiler.enable()
        scan_tree(app, app.storages.locate(str(data))[0], "")  # type: ignore[index]
        sighted = time.perf_counter() - started
        ingest_until_done(app)
        seconds = time.perf_counter() - started
        profiler.disable()
        started = time.perf_counter()
        while app.digests.work(64):
            pass
        digests = time.perf_counter() - started
        datasets = sum(app.desk_counts().by_state.values())
        app.close()
    if options.profile:
        pstats.Stats(profiler).sort_stats("cumtime").print_stats("panmesh|sqlalchemy.engine.base|compress", 60)
    n = len(files)
    print(
        f"{n} files ({len(real)} real ones of at most {options.most} bytes), {objects / n:.0f} objects each, {datasets} units, one core"
    )
    print(
        f"panmesh ingest    {n / seconds:7.1f} files/s  {1000 * seconds / n:6.2f} ms/file (of which finding {1000 * sighted / n:.2f})"
    )
    print(f"plain h5py walk   {n / plain:7.1f} files/s  {1000 * plain / n:6.2f} ms/file")
    print(f"ratio             {plain / seconds:7.2f}  (above 1: the whole of ingest is faster than the walk alone)")
    print(f"digests, apart    {n / digests:7.1f} files/s")


if __name__ == "__main__":
    main()

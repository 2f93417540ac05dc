"""Digests from one read, against what reading and the four digests cost one after another in the same run.

    python benchmarks/bench_digest.py [--size-mib 512] [--folder /tmp]

Bars: one process ≥ 85 % of 1/Σ(1/rate of each); two workers ≥ 1.7 × one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from blake3 import blake3
from isal import isal_zlib

from panmesh.adapters.storage.digest import PIECE, digest_file

ROUNDS = 5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size-mib", type=int, default=512)
    options.add_argument("--folder", default=None)
    chosen = options.parse_args()
    size = chosen.size_mib << 20
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        files = [_file(Path(folder) / f"{i}.bin", size) for i in range(2)]
        for file in files:
            _drain(file)
        rates, ours = _interleaved(files[0], size)
        ideal = 1 / sum(1 / rate for rate in rates.values())
        for name, rate in rates.items():
            print(f"{name:28} {rate / 1e6:10.0f} MB/s")
        print(f"{'one after another (ideal)':28} {ideal / 1e6:10.0f} MB/s")
        print(f"{'digest_file':28} {ours / 1e6:10.0f} MB/s   ratio {ours / ideal:.3f}  (bar 0.85)")
        for kind in (ThreadPoolExecutor, ProcessPoolExecutor):
            print(f"two workers, {kind.__name__:20} speed-up {_speed_up(kind, files):.2f}  (bar 1.7)")
        _small_files(Path(folder))


def _file(path: Path, size: int) -> str:
    piece = os.urandom(8 << 20)
    with path.open("wb") as out:
        for _ in range(size // len(piece)):
            out.write(piece)
    return str(path)


def _drain(path: str) -> None:
    buffer = memoryview(bytearray(PIECE))
    handle = os.open(path, os.O_RDONLY)
    while os.readv(handle, [buffer]):
        pass
    os.close(handle)


def _interleaved(path: str, size: int) -> tuple[dict[str, float], float]:
    """Medians of rounds that take turns, so that a slow minute of the machine falls on all alike."""
    piece = memoryview(bytearray(os.urandom(PIECE)))
    pieces = size // PIECE
    parts: dict[str, Callable[[], object]] = {
        "read": lambda: _drain(path),
        "sha256": lambda: _feed(hashlib.sha256().update, piece, pieces),
        "blake3": lambda: _feed(blake3().update, piece, pieces),
        "crc32": lambda: _feed(isal_zlib.crc32, piece, pieces),
        "adler32": lambda: _feed(isal_zlib.adler32, piece, pieces),
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    whole: list[float] = []
    for _ in range(ROUNDS):
        for name, part in parts.items():
            _drain(path)  # digest_file lets go of the pages of large files; all begin with them in memory
            times[name].append(_seconds(part))
        _drain(path)
        whole.append(_seconds(lambda: digest_file(path)))
    return {name: size / statistics.median(t) for name, t in times.items()}, size / statistics.median(whole)


def _feed(update: Callable[..., object], piece: memoryview, pieces: int) -> None:
    for _ in range(pieces):
        update(piece)


def _speed_up(kind: type[Executor], files: list[str]) -> float:
    """Both files one after another in one worker, against both at once in two; all pages in memory before each."""
    ratios = []
    with kind(1) as one, kind(2) as two:  # type: ignore[call-arg]
        list(two.map(_nothing, range(4)))
        list(one.map(_nothing, range(1)))
        for _ in range(ROUNDS):
            times = []
            for pool in (one, two):
                for file in files:
                    _drain(file)
                times.append(_seconds(lambda pool=pool: list(pool.map(_digest, files))))  # type: ignore[misc]
            ratios.append(times[0] / times[1])
    return statistics.median(ratios)


def _nothing(_: int) -> None:
    time.sleep(0.05)


def _digest(path: str) -> bytes:
    return digest_file(path).blake3


def _small_files(folder: Path, count: int = 5000) -> None:
    paths = [str(folder / f"{i}.small") for i in range(count)]
    for path in paths:
        Path(path).write_bytes(os.urandom(1024))
    seconds = _seconds(lambda: [digest_file(path) for path in paths])
    print(f"{count} files of 1 KiB: {count / seconds:.0f} files/s")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

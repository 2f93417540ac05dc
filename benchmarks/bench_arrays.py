"""One frame, and a 32 MiB slice, of the same HDF5 file over HTTP: ours beside Tiled's, in turns, one process each.

    python benchmarks/bench_arrays.py [--rounds 15] [--clients 1] [--tiled FOLDER]

Tiled is installed by this script into an environment of its own in a temporary folder (`tiled[server]` with pip), and removed with it;
`--tiled` names one that is there already. Medians, and the best of all rounds, which other work on the machine disturbs least.
Both send plain bytes (`Accept-Encoding: identity`) to one client that keeps its connection; each round asks for another frame, so that
no answer was given before. Reads come from the page cache. `file` is the whole of it read by h5py in this process: no server is faster.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import h5py
import hdf5plugin
import httpx
import numpy as np

FRAMES, SIDE = 160, 1024  # 2 MiB each
SLICE = 16  # frames: 32 MiB
KINDS = {"plain": "contiguous", "chunked": "a chunk a frame, not compressed", "packed": "a chunk a frame, bitshuffle and LZ4"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--tiled", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "runs").mkdir()
        write(folder / "runs" / "stack.h5")
        with ours(folder) as our_url, tiled(folder, options.tiled) as their_url:
            print(
                f"{'':24}{'median, ms: ours':>18}{'Tiled':>8}{'ratio':>7}{'best, ms: ours':>18}{'Tiled':>8}{'ratio':>7}{'h5py':>8}{'MB/s':>7}"
            )
            for kind, words in KINDS.items():
                for label, count in (("frame, 2 MiB", 1), ("slice, 32 MiB", SLICE)):
                    mine, theirs, plain = [], [], []
                    for turn in range(options.rounds):
                        start = (turn * 7) % (FRAMES - count)
                        wanted = f"{start}:{start + count}"
                        mine.append(timed(lambda w=wanted, k=kind: ask_us(our_url, k, w), options.clients))
                        theirs.append(timed(lambda w=wanted, k=kind: ask_them(their_url, k, w), options.clients))
                        plain.append(timed(lambda s=start, c=count, k=kind: read(folder, k, s, c), 1))
                    row(f"{kind} {label}", count, mine, theirs, plain)
                print(f"  ({words})")


def row(label: str, count: int, mine: list[float], theirs: list[float], plain: list[float]) -> None:
    size = count * SIDE * SIDE * 2 / 1e6
    (a, b), (c, d) = ((1000 * f(mine), 1000 * f(theirs)) for f in (statistics.median, min))
    best = f"{c:18.1f}{d:8.1f}{d / c:7.1f}{1000 * min(plain):8.1f}{1000 * size / c:7.0f}"
    print(f"{label:24}{a:18.1f}{b:8.1f}{b / a:7.1f}{best}", flush=True)


def write(path: Path) -> None:
    data = np.random.default_rng(1).poisson(2, (SLICE, SIDE, SIDE)).astype("u2")
    with h5py.File(path, "w") as file:
        shape = (FRAMES, SIDE, SIDE)
        sets = [
            file.create_dataset("plain", shape, "u2"),
            file.create_dataset("chunked", shape, "u2", chunks=(1, SIDE, SIDE)),
            file.create_dataset("packed", shape, "u2", chunks=(1, SIDE, SIDE), **hdf5plugin.Bitshuffle(cname="lz4")),
        ]
        for one in sets:
            for start in range(0, FRAMES, SLICE):
                one[start : start + SLICE] = np.roll(data, start, axis=2)


def read(folder: Path, kind: str, start: int, count: int) -> int:
    with h5py.File(folder / "runs" / "stack.h5") as file:
        return len(file[kind][start : start + count].tobytes())


def timed(ask: Callable[[], int], clients: int) -> float:
    """Seconds until all clients have their answer."""
    if clients == 1:
        started = time.perf_counter()
        ask()
        return time.perf_counter() - started
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    started = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return time.perf_counter() - started


_LINES = threading.local()


def _get(url: str, path: str, query: dict[str, str]) -> bytes:
    """By the plainest client there is, over one connection of each thread: what is measured is the server."""
    lines: dict[str, http.client.HTTPConnection] = _LINES.__dict__
    line = lines.setdefault(url, http.client.HTTPConnection(url.removeprefix("http://"), timeout=120))
    line.request("GET", f"{path}?{urlencode(query)}", headers={"Accept-Encoding": "identity"})
    answer = line.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    return body


def ask_us(url: str, kind: str, wanted: str) -> int:
    query = {"path": f"/{kind}", "selection": wanted, "format": "bin"}
    return _checked(_get(url, f"/api/h5/{_pid(url)}/data", query), wanted)


def ask_them(url: str, kind: str, wanted: str) -> int:
    query = {"slice": f"{wanted},:,:", "format": "application/octet-stream"}
    return _checked(_get(url, f"/api/v1/array/full/stack/{kind}", query), wanted)


def _checked(body: bytes, wanted: str) -> int:
    start, _, stop = wanted.partition(":")
    if len(body) != (int(stop) - int(start)) * SIDE * SIDE * 2:
        raise RuntimeError(f"{wanted}: {len(body)} bytes")
    return len(body)


_PIDS: dict[str, str] = {}


def _pid(url: str) -> str:
    if url not in _PIDS:
        _PIDS[url] = json.loads(_get(url, "/api/v1/datasets", {}))["items"][0]["pid"]
    return _PIDS[url]


@contextmanager
def ours(folder: Path) -> Iterator[str]:
    data = folder / "data"
    data.mkdir()
    (data / "panmesh.toml").write_text(f'[policy]\nunscheduled = "open"\n[storage.runs]\npath = "{folder}/runs"\n', "utf-8")
    panmesh = [sys.executable, "-m", "panmesh"]
    subprocess.run([*panmesh, "ingest", "--data", str(data), str(folder / "runs")], check=True, stdout=subprocess.DEVNULL)
    port = _free_port()
    with _running([*panmesh, "serve", "--no-ingest", "--data", str(data), "--port", str(port)], port) as url:
        yield url


@contextmanager
def tiled(folder: Path, there: Path | None) -> Iterator[str]:
    home = there or folder / "tiled"
    if there is None:
        venv.create(home, with_pip=True)
        install = [str(home / "bin" / "pip"), "install", "--quiet", "tiled[server]", "h5py", "hdf5plugin"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = _free_port()
    command = [str(home / "bin" / "tiled"), "serve", "directory", str(folder / "runs"), "--public", "--port", str(port)]
    with _running(command, port) as url:
        _until(lambda: httpx.get(f"{url}/api/v1/metadata/stack/plain").status_code == 200)
        yield url


@contextmanager
def _running(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        _until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("it does not start")
        time.sleep(0.2)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()

"""The many small files of one dataset, one by one, through the whole server (identity, access, manifest), beside nginx alone.

    python benchmarks/bench_many_files.py [--files 20000] [--bytes 10240]

Uses `wrk` (Debian package), which asks for the next file of the list each time. "signed in": with a token of somebody in no team.
Bar: at least 30 % of nginx without handing over.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench_download import _free_port, _nginx, _running

from panmesh.access.viewer import OPERATOR, Scope
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.query import DatasetQuery
from panmesh.ingest.units import DerivedFile, DerivedRun
from panmesh.testing.simulator import write_run

ROUNDS = 3
LUA = """
local paths = {{}}
for line in io.lines("{list}") do paths[#paths + 1] = line end
local at = 0
request = function() at = at % #paths + 1; return wrk.format("GET", "{prefix}" .. paths[at]{headers}) end
"""


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--files", type=int, default=20_000)
    options.add_argument("--bytes", type=int, default=10 << 10)
    options.add_argument("--seconds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        pid, token = _facility(folder, given.files, given.bytes)
        with _ours(folder) as ours, _nginx(folder / "runs") as nginx:
            if nginx is None:
                sys.exit("nginx is missing: apt-get install nginx-light")
            ways = {
                "nginx alone": (nginx, "/frames/", None),
                "panmesh": (ours, f"/api/v1/datasets/{pid}/files/", None),
                "panmesh, signed in": (ours, f"/api/v1/datasets/{pid}/files/", token),
            }
            for connections in (1, 16):
                rates: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(ROUNDS):
                    for way, (port, prefix, secret) in ways.items():
                        rates[way].append(_wrk(folder, port, prefix, secret, connections, given.seconds))
                base = statistics.median(rates["nginx alone"])
                for way, found in rates.items():
                    rate = statistics.median(found)
                    print(f"{connections:3} connections  {way:20} {rate:9.0f} files/s  {rate / base:.2f} of nginx", flush=True)


def _facility(folder: Path, count: int, size: int) -> tuple[str, str]:
    frames = folder / "runs" / "frames"
    frames.mkdir(parents=True)
    write_run(folder / "runs", 1, datetime(2026, 3, 1, tzinfo=UTC))
    (folder / "data").mkdir()
    (folder / "data/panmesh.toml").write_text(
        f'[storage.runs]\npath = "{folder / "runs"}"\nwatch = false\n[policy]\nunscheduled = "open"\n', "utf-8"
    )
    app = Composition(load(data=folder / "data"))
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    raw = app.search.search(OPERATOR, DatasetQuery()).items[0].pid
    names = [f"frame_{i:06d}.cbf" for i in range(count)]
    for one in names:
        (frames / one).write_bytes(os.urandom(size))
    made = DerivedRun(
        title="Frames", sources=(raw,), files=tuple(DerivedFile(path=str(frames / n)) for n in names), software="benchmark"
    )
    pid = app.desk.register_derived(OPERATOR, made)
    app.accounts.create(login="reader", name="Reader", password=None)
    token, _ = app.accounts.make_token(app.accounts.viewer("reader"), "benchmark", frozenset({Scope.READ, Scope.DATA}))
    app.close()
    (folder / "list").write_text("\n".join(names), "utf-8")
    return pid, token


@contextmanager
def _ours(folder: Path) -> Iterator[int]:
    port = _free_port()
    command = [sys.executable, "-m", "panmesh", "serve", "--no-ingest", "--port", str(port), "--data", str(folder / "data")]
    with _running(command, port, dict(os.environ)):
        yield port


def _wrk(folder: Path, port: int, prefix: str, token: str | None, connections: int, seconds: int) -> float:
    headers = f', {{["Authorization"] = "Bearer {token}"}}' if token else ""
    script = folder / "next.lua"
    script.write_text(LUA.format(list=folder / "list", prefix=prefix, headers=headers), "utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


if __name__ == "__main__":
    main()

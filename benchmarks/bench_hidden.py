"""Hidden and absent take the same time: medians of interleaved requests to a running server, route by route, on both databases.

  python benchmarks/bench_hidden.py [--requests 2000] [--datasets 20000]

Every pair asks for one pid that exists and may not be known to a stranger, and for one that never was, in random order.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from large_catalogue import fill

from panmesh.adapters.sql.database import Database
from panmesh.kernel.pid import mint
from panmesh.testing.postgres import ThrowawayPostgres, new_database

ROUTES = (
    "/api/v1/datasets/{}",
    "/api/v1/datasets/{}/files",
    "/api/v1/datasets/{}/files/run.nxs",
    "/api/v1/datasets/{}/access",
    "/datasets/{}",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--datasets", type=int, default=20_000)
    options = parser.parse_args()
    postgres = ThrowawayPostgres()
    worst = 0.0
    try:
        server_url = postgres.start()
        for kind in ("sqlite", "postgresql"):
            with tempfile.TemporaryDirectory() as folder:
                url = f"sqlite:///{folder}/c.db" if kind == "sqlite" else new_database(server_url)
                database = Database(url)
                hidden = fill(database, options.datasets)["hidden"]
                database.dispose()
                worst = max(worst, one(kind, url, Path(folder), hidden, options.requests))
    finally:
        postgres.stop()
    print(f"largest difference of medians: {worst:.3f} ms (bar: 1 ms)")


def one(kind: str, url: str, folder: Path, hidden: list[str], requests: int) -> float:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = os.environ | {"PANMESH_DATABASE__URL": url, "PANMESH_SERVER__PORT": str(port)}
    command = [sys.executable, "-m", "panmesh", "serve", "--data", str(folder / "data")]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rng, worst = random.Random(2), 0.0
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait(client)
            for route in ROUTES:
                times: dict[bool, list[float]] = {True: [], False: []}
                for _ in range(requests):
                    for there in rng.sample([True, False], 2):
                        pid = rng.choice(hidden) if there else mint(rng.randbytes)
                        started = time.perf_counter()
                        answer = client.get(route.format(pid))
                        times[there].append(time.perf_counter() - started)
                        assert answer.status_code == 404, (route, there, answer.text[:300])
                a, b = (statistics.median(times[there]) * 1000 for there in (True, False))
                worst = max(worst, abs(a - b))
                print(f"{kind:11} {route:36} hidden {a:7.3f} ms  absent {b:7.3f} ms  difference {a - b:+.3f} ms")
    finally:
        server.terminate()
        server.wait(20)
    return worst


def wait(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            client.get("/health")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not come up")


if __name__ == "__main__":
    main()

"""From the closing of a file to its run being found by search: a running server watches, an instrument writes, a client asks.

python benchmarks/bench_visible.py [--runs 100] [--every 0.5]
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from panmesh.testing.simulator import write_run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--every", type=float, default=0.5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, socket.socket() as s:
        folder = Path(temporary)
        (folder / "runs").mkdir()
        (folder / "data").mkdir()
        (folder / "data" / "panmesh.toml").write_text(
            f'[policy]\nunscheduled = "open"\n[storage.runs]\npath = "{folder}/runs"\n', "utf-8"
        )
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        command = [sys.executable, "-m", "panmesh", "serve", "--data", str(folder / "data")]
        environment = os.environ | {"PANMESH_SERVER__PORT": str(port)}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                lags = measure(client, folder / "runs", options.runs, options.every)
        finally:
            server.terminate()
            server.wait(20)
    cut = statistics.quantiles(lags, n=20)
    print(
        f"{len(lags)} runs, one every {options.every} s: visible after {statistics.median(lags):.3f} s (median), {cut[18]:.3f} s (p95), {max(lags):.3f} s (longest)"
    )


def measure(client: httpx.Client, runs: Path, count: int, every: float) -> list[float]:
    lags = []
    for number in range(count + 1):
        write_run(runs, number, datetime.now(UTC))
        closed = time.perf_counter()
        while True:
            try:
                if client.get("/api/v1/datasets", params={"limit": 0}).json()["total"] > number:
                    break
            except httpx.TransportError:
                pass
            if time.perf_counter() - closed > 60:
                raise SystemExit("not visible within a minute")
            time.sleep(0.01)
        if number:  # the first waits for the server to start
            lags.append(time.perf_counter() - closed)
        time.sleep(every)
    return lags


if __name__ == "__main__":
    main()

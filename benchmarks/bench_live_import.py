"""A large catalogue imported from a live provider: rate, the importer's largest memory, killed on the way and gone on with.

  python benchmarks/bench_live_import.py [--datasets 1000000] [--kill-at 0.4]

The provider is another panmesh on this machine, with five parameters, one file and one technique for each dataset. Bars: at most 500 MB
in the importing process, nothing lost or doubled after kill -9.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from bench_panosc import _port, _wait
from large_catalogue import fill

from panmesh.adapters.sql.database import Database


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, default=1_000_000)
    parser.add_argument("--kill-at", type=float, default=0.4)
    parser.add_argument("--folder", type=Path, help="where the provider's catalogue is kept for another time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        provider = (options.folder or folder) / f"provider-{options.datasets}.db"
        if not provider.exists():
            database = Database(f"sqlite:///{provider}.part")
            fill(database, options.datasets)
            database.dispose()
            Path(f"{provider}.part").rename(provider)
            print("provider ready", flush=True)
        port = _port()
        environment = {**os.environ, "PANMESH_DATABASE__URL": f"sqlite:///{provider}", "PANMESH_INGEST__SANDBOX": "off"}
        command = [sys.executable, "-m", "panmesh", "serve", "--no-ingest", "--port", str(port), "--data", str(folder / "p")]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}/api"
        try:
            _wait(url + "/")
            there = httpx.get(f"{url}/Datasets/count", timeout=60).json()["count"]
            measure(url, there, folder / "here", options.kill_at)
        finally:
            server.terminate()
            server.wait()


def measure(url: str, there: int, data: Path, kill_at: float) -> None:
    subprocess.run([sys.executable, "-m", "panmesh", "init", "--data", str(data)], check=True, stdout=subprocess.DEVNULL)
    here = Database(f"sqlite:///{data}/panmesh.db")
    started, largest, killed = time.perf_counter(), 0, 0
    while True:
        command = [sys.executable, "-m", "panmesh", "import", "search-api", url, "--origin", "mirrored", "--data", str(data)]
        with open(data / "import.log", "a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            time.sleep(1.0)
            try:
                largest = max(largest, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            if not killed and newest(here) > kill_at * there:  # cheap: a count each second would be measured too
                killed = count(here)
                process.send_signal(signal.SIGKILL)
                print(f"killed at {killed} after {time.perf_counter() - started:.0f} s", flush=True)
        if process.wait() == 0:
            break
        if process.returncode != -signal.SIGKILL:
            sys.exit((data / "import.log").read_text()[-3000:])
    seconds = time.perf_counter() - started
    print((data / "import.log").read_text()[-1500:])
    print(
        f"{there} datasets there, {count(here)} here ({count(here, 'DISTINCT pid')} pids), {seconds:.0f} s ({there / seconds:.0f}/s)"
    )
    print(f"largest memory of the importing process: {largest / 1e6:.0f} MB")


def newest(database: Database) -> int:
    return _number(database, "SELECT coalesce(max(id), 0) FROM dataset")


def count(database: Database, what: str = "*") -> int:
    return _number(database, f"SELECT count({what}) FROM dataset")


def _number(database: Database, query: str) -> int:
    """0 before the importer has made the tables."""
    try:
        with database.read() as connection:
            return int(connection.exec_driver_sql(query).scalar_one())
    except Exception as error:
        if "no such table" in str(error):
            return 0
        raise


if __name__ == "__main__":
    main()

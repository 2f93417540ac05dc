"""The Search API over HTTP in a large catalogue, beside a plain Starlette route that sends the same bytes, in the same run.

  python benchmarks/bench_panosc.py [--datasets 100000] [--rounds 60] [--seconds 5]

"first time": every request asks something else, nothing is kept; "again": the same question. Requests per second with 16 clients (wrk).
The reference implementation took 239 to 4,216 ms for these questions at 100,000 datasets (contract, observed).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import httpx
from large_catalogue import PARAMETERS, WORDS, fill

from panmesh.adapters.sql.database import Database
from panmesh.testing.postgres import ThrowawayPostgres, new_database

BASELINE = """
import json, sys
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
import uvicorn
body = open(sys.argv[1], "rb").read()
async def same(request):
    return Response(body, media_type="application/json")
uvicorn.run(Starlette(routes=[Route("/{path:path}", same)]), port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


def questions(pids: list[str], rng: random.Random) -> dict[str, str]:
    """One URL of each kind, another one each time."""
    low = 5.5 + 19 * rng.random()
    pid = rng.choice(pids)
    energy = {"and": [{"name": "incident_energy"}, {"value": {"between": [low, low + 0.05]}}, {"unit": "keV"}]}
    return {
        "list of 20": "/api/Datasets?" + _filter({"limit": 20}, cursor=pid),
        "by pid": f"/api/Datasets/{pid}",
        "count": "/api/Datasets/count?where=" + quote(json.dumps({"size": {"gt": rng.randrange(10**8)}})),
        "text": "/api/Datasets?" + _filter({"where": {"text": " ".join(rng.choices(WORDS, k=2))}, "limit": 20}),
        "two includes": "/api/Datasets?"
        + _filter({"include": [{"relation": "parameters"}, {"relation": "techniques"}], "limit": 20}, cursor=pid),
        "documents": "/api/Documents?"
        + _filter(
            {
                "include": [
                    {"relation": "datasets", "scope": {"limit": 10}},
                    {"relation": "members", "scope": {"include": [{"relation": "person"}]}},
                ],
                "skip": rng.randrange(500),
                "limit": 10,
            }
        ),
        "parameter range": "/api/Datasets?"
        + _filter({"include": [{"relation": "parameters", "scope": {"where": energy}}], "limit": 20}),
    }


def _filter(plain: dict[str, object], **more: str) -> str:
    return "filter=" + quote(json.dumps(plain)) + "".join(f"&{k}={quote(v)}" for k, v in more.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    server, started = ThrowawayPostgres(), False
    try:
        for kind in [options.only] if options.only else ["sqlite", "postgresql"]:
            with tempfile.TemporaryDirectory() as folder:
                started = started or kind == "postgresql"
                url = f"sqlite:///{folder}/c.db" if kind == "sqlite" else new_database(server.start())
                database = Database(url)
                pids = fill(database, options.datasets)["open"]
                database.dispose()
                one(kind, url, Path(folder), pids, options)
    finally:
        if started:
            server.stop()


def one(kind: str, url: str, folder: Path, pids: list[str], options: argparse.Namespace) -> None:
    port = _port()
    environment = {**os.environ, "PANMESH_DATABASE__URL": url, "PANMESH_INGEST__SANDBOX": "off"}
    command = [sys.executable, "-m", "panmesh", "serve", "--port", str(port), "--data", str(folder / "data")]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base + "/api/")
        print(
            f"\n{kind}, {options.datasets} datasets, {options.datasets * PARAMETERS} parameters; medians in ms, requests/s of 16 clients"
        )
        print(f"{'':18}{'first time':>11}{'again':>8}{'plain':>8}{'16: first':>11}{'again':>8}{'plain':>8}{'again/plain':>13}")
        rng = random.Random(2)
        for name in questions(pids, rng):
            row(name, base, pids, rng, folder, options)
    finally:
        process.terminate()
        process.wait()


def row(name: str, base: str, pids: list[str], rng: random.Random, folder: Path, options: argparse.Namespace) -> None:
    fresh = [questions(pids, rng)[name] for _ in range(options.rounds)]
    same = questions(pids, rng)[name]
    with httpx.Client(base_url=base) as client:
        for path in fresh[:5]:
            client.get(path).raise_for_status()
        first = median(client, fresh[5:])
        body = client.get(same).content
        again = median(client, [same] * options.rounds)
    other = [questions(pids, rng)[name] for _ in range(2000)]
    first_rate = wrk(base, other, options.seconds, folder)
    again_rate = wrk(base, [same], options.seconds, folder)
    (folder / "body").write_bytes(body)
    port = _port()
    plain_server = subprocess.Popen([sys.executable, "-c", BASELINE, str(folder / "body"), str(port)])
    try:
        plain_base = f"http://127.0.0.1:{port}"
        _wait(plain_base + "/")
        with httpx.Client(base_url=plain_base) as client:
            plain = median(client, [same] * options.rounds)
        plain_rate = wrk(plain_base, [same], options.seconds, folder)
    finally:
        plain_server.terminate()
        plain_server.wait()
    print(
        f"{name:18}{first:11.1f}{again:8.1f}{plain:8.1f}{first_rate:11.0f}{again_rate:8.0f}{plain_rate:8.0f}{again_rate / plain_rate:13.2f}",
        flush=True,
    )


def median(client: httpx.Client, paths: list[str]) -> float:
    times = []
    for path in paths:
        started = time.perf_counter()
        client.get(path).raise_for_status()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def wrk(base: str, paths: list[str], seconds: int, folder: Path) -> float:
    script = folder / "paths.lua"
    listed = ",\n".join(json.dumps(path) for path in paths)
    script.write_text(
        f"local paths = {{\n{listed}\n}}\nlocal n = 0\nrequest = function() n = n % #paths + 1 return wrk.format('GET', paths[n]) end\n"
    )
    program = shutil.which("wrk")
    if program is None:
        sys.exit("wrk is missing: apt install wrk")
    said = subprocess.run(
        [program, "-t1", "-c16", f"-d{seconds}s", "-s", str(script), base], capture_output=True, text=True
    ).stdout
    if "Non-2xx" in said:
        sys.exit(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    return float(found[1])


def _port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            httpx.get(url)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(url)


if __name__ == "__main__":
    main()

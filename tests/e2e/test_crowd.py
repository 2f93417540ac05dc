"""Two hundred people at once: nobody waits long, and memory stays as it is. Long: `make soak SOAK_MINUTES=30`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import h5py
import httpx
import numpy as np
import pytest

from panmesh.kernel.techniques import PREFIX
from panmesh.testing.crowd import Crowd, Memory
from panmesh.testing.seed_words import vocabulary

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
FRAMES, SIDE = 64, 512  # frames of 1 MiB: 512 × 1024 of two bytes
PANMESH = (sys.executable, "-m", "panmesh")


@pytest.mark.soak
@pytest.mark.timeout(MINUTES * 60 + 900)
def test_two_hundred_people_and_nobody_waits_long(tmp_path: Path, database_url: str) -> None:
    runs, data = tmp_path / "runs", tmp_path / "data"
    runs.mkdir()
    data.mkdir()
    (data / "panmesh.toml").write_text(f'[policy]\nunscheduled = "open"\n[storage.runs]\npath = "{runs}"\n', "utf-8")
    with h5py.File(runs / "stack.h5", "w") as file:
        frame = np.random.default_rng(1).poisson(2, (SIDE, 1024)).astype("u2")
        stack = file.create_dataset("entry/data", (FRAMES, SIDE, 1024), "u2", chunks=(1, SIDE, 1024))
        for number in range(FRAMES):
            stack[number] = np.roll(frame, number, axis=1)
    environment = {**os.environ, "PANMESH_DATABASE__URL": database_url}
    subprocess.run(
        [*PANMESH, "seed", "--datasets", "20000", "--data", str(data)], env=environment, check=True, capture_output=True
    )
    subprocess.run([*PANMESH, "ingest", str(runs), "--data", str(data)], env=environment, check=True, capture_output=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [*PANMESH, "serve", "--no-ingest", "--workers", "2", "--data", str(data), "--port", str(port)]  # one for each core
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    memory, over = Memory(server.pid), threading.Event()
    try:
        stack_pid, pids = _ready(url)
        looks = [f"/datasets/{pid}" for pid in pids] + [f"/api/v1/datasets/{pid}" for pid in pids]
        looks += [f"/?q={quote(word)}" for word in vocabulary()[:60]] + [
            f"/api/v1/datasets?text={quote(word)}" for word in vocabulary()[:60]
        ]
        looks += [
            f"/api/v1/datasets?quantity={quote(f'incident_energy:{e}..{e + 1} keV')}&facets=instrument,technique"
            for e in range(5, 25)
        ]
        looks += [
            "/",
            "/instruments",
            f"/?technique={quote(PREFIX + 'PaNET01188')}",
            "/api/Datasets?filter=" + quote(json.dumps({"limit": 20})),
        ]
        slices = [f"/api/h5/{stack_pid}/data?path=/entry/data&selection={n}&format=bin" for n in range(FRAMES)]
        watch = threading.Thread(target=lambda: [memory.sample() for _ in iter(lambda: over.wait(2), True)], daemon=True)
        watch.start()
        crowd = Crowd(url=url, looks=looks, slices=slices)
        crowd.run(MINUTES * 60)
    finally:
        over.set()
        server.terminate()
        server.wait(30)
    asked = sum(map(len, crowd.seconds_of.values()))
    said = (
        f"{asked} requests in {MINUTES:g} min: median {crowd.quantile(0.5) * 1000:.0f} ms, p99 {crowd.quantile(0.99) * 1000:.0f} ms, slices p99 "
        f"{crowd.quantile(0.99, 'slice') * 1000:.0f} ms, longest {crowd.quantile(1) * 1000:.0f} ms; memory {memory.samples[-1] / 1e6:.0f} MB, "
        f"growth {memory.growth():.3f}; in tenths of the time {', '.join(f'{bytes_ / 1e6:.0f}' for bytes_ in memory.tenths())}"
    )
    print(said)
    assert not crowd.wrong, crowd.wrong[:5]
    assert crowd.quantile(0.99) <= 1.0, said
    assert memory.growth() <= 1.1, said


def _ready(url: str) -> tuple[str, list[str]]:
    """The pid of the measured stack, and pids of others, when the server answers."""
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=0), timeout=60) as client:
        for _ in range(300):
            try:
                stack = client.get("/api/v1/datasets?text=stack").json()["items"]
                return stack[0]["pid"], [
                    item["pid"] for item in client.get("/api/v1/datasets?limit=200&sort=start").json()["items"]
                ]
            except httpx.ConnectError:
                threading.Event().wait(0.2)
    raise TimeoutError(url)

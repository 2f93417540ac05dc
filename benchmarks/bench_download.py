"""Files to clients under uvicorn, one process each: Starlette's FileResponse, ours, and where nginx is installed nginx before ours, to which the
bytes are handed over, and nginx alone. Bars for whole files: half of nginx, handed over four fifths.

    python benchmarks/bench_download.py [--seconds 4]

Uses `wrk` (Debian package). Every round takes turns among the servers; medians are printed with their ratio to nginx alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from panmesh.http.files import FileAnswer

SIZES = {"small (10 KiB)": 10 << 10, "medium (1 MiB)": 1 << 20, "large (256 MiB)": 256 << 20}
ROUNDS = 3
FOLDER = os.environ.get("BENCH_FOLDER", "")


async def theirs(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await FileResponse(FOLDER + scope["path"], filename="scan.nxs")(scope, receive, send)


async def ours(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _answer(scope, None)(scope, receive, send)


async def handed(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _answer(scope, {"x-accel-redirect": "/_files" + scope["path"]})(scope, receive, send)


def _answer(scope: Scope, offload: dict[str, str] | None) -> FileAnswer:
    handle = os.open(FOLDER + scope["path"], os.O_RDONLY | os.O_CLOEXEC)
    info = os.fstat(handle)
    said = {"pid": "pm-bench", "name": "scan.nxs", "sha256": bytes(32), "size": info.st_size}
    return FileAnswer(handle, **said, modified_us=info.st_mtime_ns // 1000, offload=offload)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=int, default=4)
    seconds = options.parse_args().seconds
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for size in SIZES.values():
            (folder / f"{size}.nxs").write_bytes(os.urandom(size))
        with ExitStack() as running:
            a, b, c = (running.enter_context(_uvicorn(name, folder)) for name in ("theirs", "ours", "handed"))
            d = running.enter_context(_nginx(folder, c))
            before = {"handed over to nginx": (d, "/handed"), "nginx alone": (d, "")} if d else {}
            servers = {"Starlette FileResponse": (a, ""), "ours": (b, ""), **before}
            for label, size in SIZES.items():
                _compare(label, size, servers, seconds)


def _compare(label: str, size: int, servers: dict[str, tuple[int, str]], seconds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, (port, prefix) in servers.items():
            rates[name].append(_wrk(f"http://127.0.0.1:{port}{prefix}/{size}.nxs", seconds, 16 if size < 64 << 20 else 2))
    base = statistics.median(rates.get("nginx alone", rates["Starlette FileResponse"]))
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{label:16} {name:24} {rate:10.1f} files/s {rate * size / 1e6:8.0f} MB/s   x{rate / base:.2f}")


def _wrk(url: str, seconds: int, connections: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


@contextmanager
def _uvicorn(app: str, folder: Path) -> Iterator[int]:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        f"bench_download:{app}",
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "error",
    ]
    here = Path(__file__).parent
    with _running([*command, "--app-dir", str(here)], port, os.environ | {"BENCH_FOLDER": str(folder)}):
        yield port


@contextmanager
def _nginx(folder: Path, before: int | None = None) -> Iterator[int | None]:
    """`before`: the port of who hands over what is asked for below /handed."""
    if shutil.which("nginx") is None:
        yield None
        return
    port = _free_port()
    configuration = folder / "nginx.conf"
    through = (
        f"upstream us {{ server 127.0.0.1:{before}; keepalive 16; }}\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; location /_files/ {{ internal; alias {folder}/; }}\n"
        f'location /handed/ {{ proxy_pass http://us/; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}\n'
    )
    alone = f"server {{ listen 127.0.0.1:{port}; root {folder}; }}\n"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
        f"events {{}} http {{ access_log off; sendfile on; keepalive_requests 1000000;\n{alone if before is None else through}}}\n"
    )
    with _running(["nginx", "-c", str(configuration)], port, dict(os.environ)):
        yield port


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not listen")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()

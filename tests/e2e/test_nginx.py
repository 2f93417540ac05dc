"""Behind a real nginx, configured with the very text of the how-to: nginx sends the bytes, panmesh decides who gets them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import h5py
import httpx
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def _port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _configuration(folder: Path, runs: Path, https: int, http: int, backend: int) -> str:
    block = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/how-to/nginx.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    text = block[1]
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"),
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("http2 on;", ""),  # Debian 12 has an nginx that says it otherwise
        ("/etc/ssl/data.example.org/fullchain.pem", str(folder / "cert.pem")),
        ("/etc/ssl/data.example.org/privkey.pem", str(folder / "key.pem")),
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{backend}"),
        ("/_files/i22/", "/_files/runs/"),
        ("/data/i22/", f"{runs}/"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.getuid() == 0 else ""
    return (
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """(address of nginx, pid of the dataset, its file)"""
    assert Path(NGINX).exists(), "nginx is missing: apt-get install nginx-light"
    folder = tmp_path_factory.mktemp("nginx")
    runs, data = folder / "runs", folder / "data"
    runs.mkdir()
    file = runs / "run 17.nxs"
    with h5py.File(file, "w") as h5:
        entry = h5.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = "behind a proxy"
        entry["data"] = np.arange(200_000)
    data.mkdir()
    https, http, backend = _port(), _port(), _port()
    (data / "panmesh.toml").write_text(
        f'[policy]\nunscheduled = "open"\n[storage.runs]\npath = "{runs}"\n'
        f'[server]\nport = {backend}\noffload = "x-accel-redirect"\npublic_url = "https://127.0.0.1:{https}"\n',
        "utf-8",
    )
    panmesh = [sys.executable, "-m", "panmesh"]
    subprocess.run([*panmesh, "ingest", "--data", str(data), str(runs)], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "nginx.conf").write_text(_configuration(folder, runs, https, http, backend), "utf-8")
    nginx = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    server = subprocess.Popen([*panmesh, "serve", "--data", str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    proxy = subprocess.Popen(nginx, stderr=subprocess.PIPE)
    address = f"https://127.0.0.1:{https}"
    try:
        with _client(address) as client:
            deadline = time.monotonic() + 90
            while True:
                try:
                    found = client.get("/api/v1/datasets")
                    if found.status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                assert proxy.poll() is None, proxy.stderr.read().decode() if proxy.stderr else ""
                assert time.monotonic() < deadline, "the server did not come up"
                time.sleep(0.1)
        yield address, found.json()["items"][0]["pid"], file
    finally:
        for process in (proxy, server):
            process.terminate()
        for process in (proxy, server):
            process.wait(20)
        if proxy.stderr is not None:
            proxy.stderr.close()


def _client(address: str) -> httpx.Client:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return httpx.Client(base_url=address, verify=context, timeout=20)


def test_nginx_sends_the_bytes_and_says_of_them_what_panmesh_says(house: tuple[str, str, Path]) -> None:
    address, pid, file = house
    url = f"/api/v1/datasets/{pid}/files/run%2017.nxs"
    with _client(address) as client:
        whole = client.get(url)
        assert whole.content == file.read_bytes()
        assert "x-accel-redirect" not in whole.headers
        sha = hashlib.sha256(file.read_bytes())
        assert whole.headers["etag"] == f'"{sha.hexdigest()}"'
        assert whole.headers["repr-digest"] == f"sha-256=:{b64encode(sha.digest()).decode()}:"
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert whole.headers["content-security-policy"].startswith("sandbox")
        assert whole.headers["content-disposition"].startswith("attachment")
        assert whole.headers["content-type"] == "application/x-hdf5"
        part = client.get(url, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, file.read_bytes()[100:200])
        same = client.get(url, headers={"Range": "bytes=0-9", "If-Range": whole.headers["etag"]})
        other = client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
        assert (same.status_code, other.status_code) == (206, 200)
        assert client.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        head = client.head(url)
        assert (head.status_code, head.headers["content-length"]) == (200, str(file.stat().st_size))


def test_nobody_goes_round_panmesh(house: tuple[str, str, Path]) -> None:
    address, pid, file = house
    with _client(address) as client:
        assert client.get("/_files/runs/run%2017.nxs").status_code == 404
        assert client.get("/metrics").status_code == 404
        assert "datasets" not in client.get("/health").json()
        outside = file.parent.parent / "outside.txt"
        outside.write_text("not for you")
        kept = file.read_bytes()
        file.unlink()
        file.symlink_to(outside)
        try:
            answer = client.get(f"/api/v1/datasets/{pid}/files/run%2017.nxs")
            assert answer.status_code >= 400
            assert "not for you" not in answer.text
        finally:
            file.unlink()
            file.write_bytes(kept)


def test_the_plain_port_leads_to_the_sealed_one(house: tuple[str, str, Path]) -> None:
    conf = next(p for p in house[2].parent.parent.glob("nginx.conf"))
    [port] = re.findall(r"listen 127\.0\.0\.1:(\d+);", conf.read_text())
    answer = httpx.get(f"http://127.0.0.1:{port}/x", headers={"Host": "data.example.org"})
    assert (answer.status_code, answer.headers["location"]) == (301, "https://data.example.org/x")

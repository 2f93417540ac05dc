"""Files taken home, and read where they are, over lines that break and from servers that are busy or lie."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest

import panmesh.client
from panmesh.access.viewer import ALL_SCOPES
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.client import Client, Dataset, Incomplete, Invalid, NotFound, PeerFailed, TooMany
from panmesh.client.http import Http
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility
from tests.e2e.serving import BreakingLine, served

BIG = 12 << 20  # bytes
MANY = 40


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database: nothing here is a question of SQL."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def facility(make_facility: MakeFacility, tmp_path: Path) -> Iterator[tuple[Composition, str, str]]:
    app = make_facility()
    write_run(tmp_path / "runs", 0, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    app.accounts.create(login="chief", name="Chief", password="a password of many signs", admin=True)
    token = app.accounts.make_token(app.accounts.viewer("chief"), "t", ALL_SCOPES)[0]
    with served(build(app, work=False)) as url:
        yield app, url, token


def _register(client: Client, folder: Path, contents: dict[str, bytes]) -> Dataset:
    for name, content in contents.items():
        path = folder / "runs" / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    raw = client.datasets.search()[0]
    paths = [f"runs:results/{name}" for name in contents]
    made = client.register_derived("reduced", sources=[raw], files=paths, software="reduce", software_version="1.2")
    assert made.relations[0].pid == raw.pid
    assert (made.relations[0].direction, made.relations[0].software) == ("from", "reduce")
    return made


def _digest(app: Composition) -> None:
    while app.digests.work():
        pass


def _noise(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@pytest.mark.parametrize("known", [True, False], ids=["digest known", "digest pending"])
def test_a_broken_line_goes_on_where_it_broke(facility: tuple[Composition, str, str], tmp_path: Path, known: bool) -> None:
    app, url, token = facility
    content = _noise(BIG)
    with panmesh.client.connect(url, token) as client:
        pid = _register(client, tmp_path, {"big.h5": content, "small.txt": b"x"}).pid
    if known:
        _digest(app)
    with BreakingLine(url, after=5 << 20, breaks=2) as line, panmesh.client.connect(line.url, token) as client:
        counted: list[int] = []
        taken = client.datasets[pid].files.download(tmp_path / "home", progress=counted.append, workers=1)
        assert line.broken == 2
    assert (tmp_path / "home" / "big.h5").read_bytes() == content
    assert BIG + 1 == sum(counted) == taken.bytes, "nothing came twice"
    assert taken.compared == (2 if known else 0)
    ranges = [head for head in "".join(line.asked).split("\r\n") if head.lower().startswith("if-range")]
    assert len(ranges) == 2
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["big.h5", "small.txt"]


@pytest.mark.parametrize("known", [True, False], ids=["digest known", "digest pending"])
def test_a_later_day_goes_on_too_and_not_with_another_files_bytes(
    facility: tuple[Composition, str, str], tmp_path: Path, known: bool
) -> None:
    app, url, token = facility
    content = _noise(BIG)
    with panmesh.client.connect(url, token) as client:
        pid = _register(client, tmp_path, {"big.h5": content}).pid
    if known:
        _digest(app)
    home = tmp_path / "home"
    with BreakingLine(url, after=5 << 20, breaks=0) as line, panmesh.client.connect(line.url, token) as client:
        files = client.datasets[pid].files
        _break_off(files, home)
        assert not (home / "big.h5").exists(), "nothing stands under its name before it is whole"
        [part] = home.glob("*.panmesh-part")
        have = part.stat().st_size
        assert have > 0
        taken = files.download(home, progress=False)
        assert taken.bytes == BIG - have
        assert (home / "big.h5").read_bytes() == content
        (home / "big.h5").unlink()
        _break_off(files, home)
        other = _noise(BIG, 2)
        (tmp_path / "runs" / "results" / "big.h5").write_bytes(other)
        if known:
            with pytest.raises(Incomplete, match="damaged, or was changed"):
                files.download(home, progress=False)
            assert list(home.iterdir()) == []
        else:
            files.download(home, progress=False)
            assert (home / "big.h5").read_bytes() == other, "two files were sewn together"


def _break_off(files: Any, home: Path) -> None:
    """As when somebody closes the computer: an error that the client knows nothing of."""
    seen = 0

    def progress(count: int) -> None:
        nonlocal seen
        seen += count
        if seen > 6 << 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.download(home, progress=progress, workers=1)


def test_one_bad_file_is_named_and_the_others_come(facility: tuple[Composition, str, str], tmp_path: Path) -> None:
    app, url, token = facility
    contents = {f"part/{n:03}.dat": f"file {n}".encode() * n for n in range(MANY)}
    with panmesh.client.connect(url, token) as client:
        pid = _register(client, tmp_path, contents).pid
        _digest(app)
        (tmp_path / "runs" / "results" / "part" / "007.dat").write_bytes(b"FILE 7" * 7)
        files = client.datasets[pid].files
        assert len(files) == MANY
        with pytest.raises(Incomplete, match=rf"1 of {MANY} file.*007\.dat") as refused:
            files.download(tmp_path / "home", progress=False, workers=8)
        taken = refused.value.taken
        assert [name.rpartition("/")[2] for name in taken.failed] == ["007.dat"]
        assert taken.compared == len(taken.files) == MANY - 1
        names = {path.name for path in (tmp_path / "home").rglob("*") if path.is_file()}
        assert names == {f"{n:03}.dat" for n in range(MANY) if n != 7}
        assert "1 did not arrive" in str(taken)
        few = files.download(tmp_path / "few", only="*01*.dat", progress=False)
        assert len(few.files) == len(files.glob("*01*.dat")) == 11
        assert len(files.download(tmp_path / "one", only=[files[3]], progress=False).files) == 1
        assert files[files[3].name] == files[3]
        with pytest.raises(NotFound, match="no file"):
            files["nothing.dat"]
        with pytest.raises(NotFound, match="no file"):
            files.download(tmp_path / "one", only=["nothing.dat"], progress=False)


def test_a_file_is_read_where_it_is(facility: tuple[Composition, str, str], tmp_path: Path) -> None:
    _, url, token = facility
    made = tmp_path / "made.h5"
    images = np.random.default_rng(1).integers(0, 60_000, (20, 256, 256), dtype="uint16")
    with h5py.File(made, "w") as file:
        file.create_dataset("entry/images", data=images, chunks=(1, 256, 256), compression="gzip")
        file["entry/title"] = "far away"
    with BreakingLine(url, after=1 << 62, breaks=0) as line, panmesh.client.connect(line.url, token) as client:
        run = _register(client, tmp_path, {"made.h5": made.read_bytes(), "empty.txt": b"", "text.txt": b"abc\ndef\n"})
        line.asked.clear()
        with h5py.File(run.open("made.h5")) as file:
            assert file["entry/title"].asstr()[()] == "far away"
            assert np.array_equal(file["entry/images"][13], images[13])
        assert len(line.asked) < 8, "one frame of twenty does not need the whole file"
        assert run.open("empty.txt").read() == b""
        text = io.TextIOWrapper(io.BufferedReader(run.open("text.txt")), "utf-8")
        assert list(text) == ["abc\n", "def\n"]
        with pytest.raises(NotFound):
            run.open("nothing.h5")


def test_a_file_that_is_read_where_it_is_reads_like_a_file(facility: tuple[Composition, str, str], tmp_path: Path) -> None:
    from panmesh.client.remote_file import RemoteFile

    app, url, token = facility
    content = _noise(10_007)
    with panmesh.client.connect(url, token) as client:
        pid = _register(client, tmp_path, {"x.bin": content}).pid
    _digest(app)
    http = Http(url, token)
    far, near = RemoteFile(http, pid, "x.bin", block=64, kept=5), io.BytesIO(content)
    random = np.random.default_rng(3)
    for _ in range(150):
        at, count = int(random.integers(0, 11_000)), int(random.integers(0, 900))
        assert far.seek(at) == near.seek(at)
        assert far.read(count) == near.read(count)
        assert far.tell() == near.tell()
    assert far.seek(-7, io.SEEK_END) == 10_000
    assert far.read() == content[-7:]
    assert far.seek(0) == 0
    assert far.readall() == content
    path = tmp_path / "runs" / "results" / "x.bin"
    path.write_bytes(content[::-1])
    far.seek(0)
    with pytest.raises(panmesh.client.Conflict, match="changed since you opened it"):
        far.read(10)
    http.close()


def test_a_folder_is_read_when_it_is_pushed(facility: tuple[Composition, str, str], tmp_path: Path) -> None:
    app, url, token = facility
    write_run(tmp_path / "runs", 1, datetime(2026, 3, 1, 1, tzinfo=UTC))
    with panmesh.client.connect(url, token) as client:
        assert client.ingest("runs:sim_00001.nxs").accepted == 1
        ingest_until_done(app)
        assert len(client.datasets.search()) == 2
        with pytest.raises(Invalid):
            client.register_derived("x", sources=[], files=["runs:nothing"], software="s")


def test_nobody_at_the_address() -> None:
    with panmesh.client.connect("http://127.0.0.1:9") as client, pytest.raises(PeerFailed, match="Is the address right"):
        len(client.datasets.search())
    with pytest.raises(Invalid, match="https://"):
        panmesh.client.connect("data.example.org")


# --- a server that lies, or is busy -----------------------------------------------------------------------------------

Answer = Callable[[httpx.Request], httpx.Response]


def _listed(*names: str, content: bytes = b"x") -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    one = {"size": len(content), "sha256": digest, "state": "online", "modified": "2026-03-01T00:00:00Z"}
    return {"items": [{"name": name, **one} for name in names], "total": len(names), "total_bytes": 0, "offset": 0, "limit": 1000}


def _bytes(content: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(content))


def _files(answer: Answer, listed: dict[str, Any]) -> panmesh.client.Files:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/files"):
            return httpx.Response(200, content=json.dumps(listed))
        return answer(request)

    return panmesh.client.Files(Http("http://liar", transport=httpx.MockTransport(handle)), "pm-1")


def test_no_name_of_a_server_leaves_the_folder(tmp_path: Path) -> None:
    names = ("../../evil", "/evil", "a/../../../evil", "..", "\\evil", "a/b", "a", "x\x00y", "")
    home = tmp_path / "deep" / "home"
    taken = _files(lambda _: _bytes(b"x"), _listed(*names)).download(home, progress=False)
    assert len({path.resolve() for path in taken.files}) == len(names)
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) == len(names)
    assert all(path.resolve().is_relative_to(home) for path in everything)


def test_a_busy_server_is_waited_for_as_long_as_it_says(tmp_path: Path) -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "1"}), httpx.Response(503), _bytes(b"x")])
    lock = threading.Lock()

    def busy(_: httpx.Request) -> httpx.Response:
        with lock:
            return next(answers)

    begun = time.monotonic()
    assert _files(busy, _listed("a")).download(tmp_path, progress=False).compared == 1
    assert time.monotonic() - begun > 1


def test_a_list_is_asked_for_again_and_then_given_up() -> None:
    slept: list[float] = []
    count = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(429, headers={"Retry-After": "7"}) if count < 3 else httpx.Response(200, content=b"[]")

    with Client(Http("http://busy", transport=httpx.MockTransport(handle), sleep=slept.append)) as client:
        assert client.instruments == []
        assert slept == [7, 7]
        count = -100
        with pytest.raises(TooMany):
            client.quantities()


def test_what_changes_something_is_sent_once() -> None:
    count = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        return httpx.Response(502)

    with Client(Http("http://broken", transport=httpx.MockTransport(handle), sleep=lambda _: None)) as client:
        with pytest.raises(PeerFailed):
            client.ingest("runs:x")
        assert count == 1


def test_something_else_at_the_address_is_said() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>It works!</html>"))
    with Client(Http("http://other", transport=transport)) as client, pytest.raises(Invalid, match="panmesh facility"):
        client.whoami()

"""A right that is taken while it is used: over real HTTP, nothing of a run under embargo arrives any more after the time that is promised."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import httpx
import numpy as np
import pytest

from panmesh.access.viewer import Scope
from panmesh.app.asgi import build
from panmesh.http import identity
from panmesh.testing.personas import PASSWORD
from tests.e2e.serving import served
from tests.protocol.conftest import PIDS, House
from tests.protocol.h5.conftest import Runs
from tests.protocol.listening import listening
from tests.protocol.test_events import tell

EMBARGOED = PIDS["embargoed"]
SIZE = 256 << 20
ARRAY = 120 << 20  # of one answer
PROMISED = identity.RIGHTS_SECONDS + 5  # "within ten seconds", says docs/how-to/teams.md
ON_ITS_WAY = 6 << 20  # in the buffers of the server, of both kernels and of the client
PATIENCE = 60.0  # seconds, on a machine that is busy with other things; what may come meanwhile is counted in bytes
Take = Callable[[House], None]


@pytest.fixture
def runs(house: House) -> Runs:
    return Runs(house)


def leave_team(house: House) -> None:
    house.app.accounts.set_member("team", "member", None)


def revoke_tokens(house: House) -> None:
    viewer = house.app.accounts.viewer("member")
    for token in house.app.accounts.tokens(viewer):
        house.app.accounts.revoke(viewer, token.id)


WAYS = [leave_team, revoke_tokens]


def large(house: House) -> str:
    """The file of the run under embargo, as large as a download of minutes on a slow line; holes, so that it takes no place."""
    file: Path = house.app.storages.root("runs").path / "embargoed/run.nxs"
    with file.open("r+b") as handle:
        handle.truncate(SIZE)
    return f"/api/v1/datasets/{EMBARGOED}/files/zirconium-mystery.nxs"


@contextmanager
def downloading(url: str, headers: dict[str, str]) -> Iterator[tuple[socket.socket, bytearray]]:
    """A line of which little is taken at once; what came so far."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    path = "/" + url.removeprefix("http://").partition("/")[2]
    with socket.create_connection((host, int(port))) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        said = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host, **headers}.items())
        line.sendall(f"GET {path} HTTP/1.1\r\n{said}\r\n".encode())
        line.settimeout(20)
        yield line, bytearray()


def take_slowly(line: socket.socket, got: bytearray, seconds: float, pace: int = 8 << 20) -> bool:
    """For so long, so many bytes a second. Returns whether it ended."""
    started, before = time.monotonic(), len(got)
    while (now := time.monotonic() - started) < seconds:
        if len(got) - before > now * pace:
            time.sleep(0.01)
            continue
        try:
            piece = line.recv(1 << 16)
        except ConnectionError:
            return True
        if not piece:
            return True
        got += piece
    return False


@pytest.mark.parametrize("take", WAYS)
def test_a_running_download_ends_and_is_not_resumed(house: House, monkeypatch: pytest.MonkeyPatch, take: Take) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    path, member = large(house), house.bearer("member")
    with served(build(house.app, work=False)) as url, downloading(url + path, member) as (line, got):
        assert not take_slowly(line, got, 3.0), "whoever may read is not cut, however slow they are"
        head = bytes(got[: got.index(b"\r\n\r\n")]).decode()
        assert "200 OK" in head
        assert f"content-length: {SIZE}" in head
        take(house)
        before = len(got)
        assert take_slowly(line, got, PATIENCE), "it goes on"
        assert len(got) - before < 1.5 * (8 << 20) + ON_ITS_WAY
        assert len(got) < SIZE
        etag = next(one.partition(": ")[2] for one in head.split("\r\n") if one.startswith("etag"))
        for more in ({}, {"If-Range": etag}, {"If-Match": etag}):
            again = httpx.get(url + path, headers={**member, "Range": f"bytes={len(got)}-", **more})
            assert again.status_code in (401, 403), again.status_code
            assert len(again.content) < 2000


def test_a_download_in_a_browser_ends_with_the_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    path = large(house)
    session = house.app.accounts.sign_in("pi", PASSWORD, "192.0.2.1")
    cookie = {"Cookie": f"{identity.COOKIE}={session.secret}"}
    with served(build(house.app, work=False)) as url, downloading(url + path, cookie) as (line, got):
        assert not take_slowly(line, got, 2.0)
        house.app.accounts.sign_out(session.secret)
        assert take_slowly(line, got, PATIENCE)
        assert len(got) < SIZE // 2


def test_a_download_of_many_files_ends_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the short way, on which it is decided once for many files who asks."""
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    path, member = large(house), house.bearer("member")
    with served(build(house.app, work=False)) as url:
        with httpx.Client() as client:
            for _ in range(5):
                assert client.get(url + path, headers={**member, "Range": "bytes=0-9"}).status_code == 206
        with downloading(url + path, member) as (line, got):
            assert not take_slowly(line, got, 3.0), "whoever may read is not cut"
            leave_team(house)
            assert take_slowly(line, got, PATIENCE)
            assert len(got) < SIZE // 2


def hold(house: House, pid: str) -> None:
    held = house.client.post(
        "/api/v1/requests",
        json={"kind": "hold", "about": pid, "reason": "Personal data are in it."},
        headers=house.bearer("steward"),
    )
    assert held.status_code == 201, held.text


@pytest.mark.parametrize("login", [None, "member"])
def test_a_hold_ends_running_downloads_of_those_who_no_longer_may_read(
    house: House, monkeypatch: pytest.MonkeyPatch, login: str | None
) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    name = "embargoed" if login else "open"
    path = large(house) if login else large(house).replace(EMBARGOED, PIDS["open"]).replace("zirconium-mystery", "ceria")
    with (house.app.storages.root("runs").path / f"{name}/run.nxs").open("r+b") as handle:
        handle.truncate(SIZE)
    asking = house.bearer(login) if login else {}
    with served(build(house.app, work=False)) as url, downloading(url + path, asking) as (line, got):
        hold(house, PIDS["open" if login else "embargoed"])
        assert not take_slowly(line, got, 3.0), "of another run: it goes on"
        hold(house, PIDS[name])
        assert take_slowly(line, got, PATIENCE), "it goes on"
        assert len(got) < SIZE // 2
        again = httpx.get(url + path, headers={**asking, "Range": f"bytes={len(got)}-"})
        assert again.status_code == 403


def test_a_hold_ends_a_large_array_too(house: House, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    with h5py.File(runs.folder("open") / "ceria.nxs", "w") as file:
        file.create_dataset("entry/data", (ARRAY // 8,), "f8")[-1] = 1.0
    runs.put("open", "ceria.nxs")
    with served(build(house.app, work=False)) as url:
        path = f"{url}/api/h5/{PIDS['open']}/data/?path=/entry/data&format=bin"
        with downloading(path, {}) as (line, got):
            assert not take_slowly(line, got, 2.5)
            assert b"200 OK" in got[:50], bytes(got[:500])
            hold(house, PIDS["open"])
            assert take_slowly(line, got, PATIENCE)
            assert len(got) < ARRAY - (20 << 20)


def test_what_is_taken_from_somebody_else_ends_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 0.5)
    path = large(house)
    with served(build(house.app, work=False)) as url, downloading(url + path, house.bearer("pi")) as (line, got):
        assert not take_slowly(line, got, 1.0)
        leave_team(house)
        house.app.accounts.set_member("team", "outsider", house.app.accounts.viewer("pi").teams[1])
        assert not take_slowly(line, got, 3.0)


@pytest.mark.parametrize("take", WAYS)
def test_a_warm_reader_of_arrays_answers_no_more(house: House, runs: Runs, take: Take) -> None:
    with h5py.File(runs.folder("embargoed") / "zirconium-mystery.nxs", "w") as file:
        file["entry/data"] = np.arange(100_000, dtype="f8")
        file["entry/more"] = np.arange(100_000, dtype="f8")
    runs.put("embargoed", "zirconium-mystery.nxs")
    member, asked = house.bearer("member"), {"path": "/entry/data", "format": "bin"}
    with served(build(house.app, work=False)) as url, httpx.Client(base_url=f"{url}/api/h5/{EMBARGOED}/") as client:
        for _ in range(5):
            warm = client.get("data/", params=asked, headers=member)
            assert (warm.status_code, len(warm.content)) == (200, 800_000)
        take(house)
        for what, query in (("data/", asked), ("data/", {**asked, "path": "/entry/more"}), ("meta/", {"path": "/"}), ("", {})):
            for more in ({}, {"If-None-Match": warm.headers["etag"]}):
                refused = client.get(what, params=query, headers={**member, **more})
                assert refused.status_code in (401, 403), (what, refused.status_code)
                assert len(refused.content) < 2000


@pytest.mark.parametrize("take", WAYS)
def test_a_large_array_that_is_being_sent_ends(house: House, runs: Runs, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "RIGHTS_SECONDS", 1.0)
    with h5py.File(runs.folder("embargoed") / "zirconium-mystery.nxs", "w") as file:
        plain = file.create_dataset("entry/data", (ARRAY // 8,), "f8")  # lies in the file as one piece
        plain[-1] = 1.0
    runs.put("embargoed", "zirconium-mystery.nxs")
    with served(build(house.app, work=False)) as url:
        path = f"{url}/api/h5/{EMBARGOED}/data/?path=/entry/data&format=bin"
        with downloading(path, house.bearer("member")) as (line, got):
            assert not take_slowly(line, got, 2.5)
            assert b"200 OK" in got[:50], bytes(got[:500])
            take(house)
            assert take_slowly(line, got, PATIENCE)
            assert len(got) < ARRAY - (20 << 20)


@pytest.mark.parametrize("take", WAYS)
def test_an_open_stream_of_events_tells_nothing_more(house: House, take: Take) -> None:
    """With the intervals as they are: what happens ten seconds later is not heard."""
    runs = [PIDS["collecting"], EMBARGOED]
    secret, _ = house.app.accounts.make_token(house.app.accounts.viewer("member"), "stream", frozenset({Scope.READ}))
    with (
        served(build(house.app, work=False)) as url,
        listening(url, headers={"Authorization": f"Bearer {secret}"}) as member,
    ):
        tell(house.app, runs[0], "updated")
        assert member.next().body["pid"] == runs[0]
        take(house)
        time.sleep(PROMISED)
        for pid in (*runs, PIDS["open"]):
            tell(house.app, pid, "closed")
        if take is revoke_tokens:
            (end,) = member.until_end()
            assert (end.type, end.body.get("pid")) == ("end", None)
            return
        public = [member.next(), member.next()]
        assert {one.body["pid"] for one in public} == {EMBARGOED, PIDS["open"]}  # that it is there is public, its data are not
        assert "parameters" not in str(public) or all(
            one.body["run"].get("parameters") in (None, [], {}) for one in public if one.body["pid"] == EMBARGOED
        )
        assert member.silent(1.0)


def test_the_docs_state_the_time() -> None:
    text = (Path(__file__).parents[2] / "docs/how-to/teams.md").read_text("utf-8")
    assert "within ten seconds" in " ".join(text.split())
    assert PROMISED <= 10

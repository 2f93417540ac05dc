"""The client before servers that lie: wrong lengths, answers without end, other people's hosts. Nobody gets the token, nothing wrong is believed."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import panmesh.client
from panmesh.client import Client, Dataset, Incomplete, Invalid, PanmeshError, PeerFailed, Unavailable, inside
from panmesh.client.async_client import AsyncClient
from panmesh.client.async_http import AsyncHttp
from panmesh.client.flow import Ask, Pause, Together, ask
from panmesh.client.http import Http
from panmesh.client.inside import Place
from panmesh.client.line import Unending
from panmesh.client.picking import pick

RUN = {
    "pid": "pm-1",
    "title": "<script>",
    "kind": "raw",
    "start": None,
    "end": None,
    "facility_name": None,
    "instrument": None,
    "investigation": None,
    "proposal": None,
    "run": None,
    "sample": None,
    "techniques": [],
    "parameters": [],
    "access": {"state": "open", "opens": None, "readable": []},
    "file_count": 1,
    "total_bytes": 1,
}
META = {
    "name": "x",
    "kind": "dataset",
    "attributes": [],
    "shape": [4, 6],
    "chunks": None,
    "type": {"class": 0, "dtype": "<i4", "size": 4},
}


Handle = Callable[[httpx.Request], httpx.Response]


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _client(handle: Handle) -> Client:
    return Client(Http("http://liar", "secret", transport=httpx.MockTransport(handle), sleep=lambda _: None))


def _array(answer: bytes | httpx.Response) -> Any:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/meta"):
            return httpx.Response(200, content=json.dumps(META))
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, content=answer)

    return Dataset(_client(handle)._http, RUN)["/x"]


RIGHT = np.arange(24, dtype="<i4").reshape(4, 6)


def test_what_is_right_is_taken() -> None:
    assert np.array_equal(_array(_npy(RIGHT))[...], RIGHT)
    assert np.array_equal(_array(_npy(np.asfortranarray(RIGHT)))[...], RIGHT)


@pytest.mark.parametrize(
    "body",
    [
        _npy(RIGHT.T),
        _npy(RIGHT[:3]),
        _npy(RIGHT.astype("<i8")),
        _npy(RIGHT.astype(">i4")),
        _npy(RIGHT.astype("<f4")),
        _npy(RIGHT)[:-1],
        _npy(RIGHT) + b"x",
        _npy(np.array([{"a": 1}], object)),
        _npy(RIGHT).replace(b"(4, 6)", b"(9**9,)"),
        b"\x93NUMPY",
        b"",
        b"<html>",
    ],
)
def test_arrays_of_another_form_are_refused(body: bytes) -> None:
    with pytest.raises((PeerFailed, Invalid)):
        _array(body)[...]


def test_an_array_without_end_fills_no_memory() -> None:
    came = 0

    def endless() -> Iterator[bytes]:
        nonlocal came
        while True:
            came += 1 << 16
            yield bytes(1 << 16)

    with pytest.raises(Unending, match="more than"):
        _array(httpx.Response(200, content=endless()))[...]
    assert came < 1 << 20
    with pytest.raises(Unending):
        list(_client(lambda _: httpx.Response(200, content=endless())).techniques("x"))


def test_a_refusal_without_end_is_not_read_to_it() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    with pytest.raises(PanmeshError):
        _client(lambda _: httpx.Response(422, content=endless())).whoami()


def test_a_file_without_end_is_not_kept(tmp_path: Path) -> None:
    listed = {"items": [{"name": "a", "size": 10, "sha256": None, "state": "online", "modified": None}], "total": 1}

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/files"):
            return httpx.Response(200, content=json.dumps(listed))
        return httpx.Response(200, content=(bytes(1 << 16) for _ in iter(int, 1)))

    with pytest.raises(Incomplete, match="sends more of a than the 10 bytes"):
        Dataset(_client(handle)._http, RUN).files.download(tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_pages_that_never_end_are_left(tmp_path: Path) -> None:
    """A list that promises more and gives nothing."""
    answers = [{"items": [], "total": 10**9}]
    client = _client(lambda _: httpx.Response(200, content=json.dumps(answers[0])))
    assert list(client.datasets.search()) == []
    assert Dataset(client._http, RUN).files.download(tmp_path, progress=False).files == ()


def test_an_answer_of_another_form_is_said_to_be() -> None:
    for content in ("[]", "{}", '{"items": 3}', "null", "3"):
        with pytest.raises(PeerFailed, match="has not the form"):
            len(_client(lambda _, content=content: httpx.Response(200, content=content)).datasets.search())  # type: ignore[misc]


def test_titles_are_text_and_no_page(tmp_path: Path) -> None:
    body = {"items": [RUN], "total": 1}
    client = _client(lambda _: httpx.Response(200, content=json.dumps(body)))
    found = client.datasets.search()
    assert "<script>" not in found._repr_html_() + found[0]._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


# --- other hosts ------------------------------------------------------------------------------------------------------


@contextmanager
def _listening(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Its address, and the heads of what was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append({name.lower(): value for name, value in self.headers.items()})
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _say(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


ME = b'{"login": null, "name": "nobody", "signed_in": false, "staff": false, "scopes": []}'


def test_a_redirect_to_another_host_does_not_carry_the_token() -> None:
    with _listening(lambda handler: _say(handler, 200, ME)) as (other, heard):
        with _listening(lambda handler: _say(handler, 302, b"", Location=f"{other}/api/v1/me")) as (url, asked):
            with panmesh.client.connect(url, "secret") as client:
                assert client.whoami().name == "nobody"

            async def work() -> None:
                async with panmesh.client.connect_async(url, "secret") as awaiting:
                    await awaiting.whoami()

            asyncio.run(work())
        assert [head["authorization"] for head in asked] == ["Bearer secret"] * 2
        assert len(heard) == 2
        assert not any("secret" in str(head) for head in heard)


def test_a_circle_of_redirects_is_left() -> None:
    with _listening(lambda handler: _say(handler, 302, b"", Location="/api/v1/me")) as (url, asked):
        with panmesh.client.connect(url) as client, pytest.raises(Invalid, match="without end"):
            client.whoami()
        assert len(asked) < 10


def test_one_line_is_used_for_many_questions() -> None:
    ports: set[Any] = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address)
        _say(handler, 200, ME)

    with _listening(answer) as (url, asked), panmesh.client.connect(url) as client:
        for _ in range(5):
            client.whoami()
        assert len(asked) == 5
        assert len(ports) == 1


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with _listening(lambda handler: _say(handler, 200, ME)) as (proxy, asked):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with panmesh.client.connect("http://facility.invalid") as client:
            assert client.whoami().name == "nobody"
        assert asked[0]["host"] == "facility.invalid"


def test_certificates_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with panmesh.client.connect("https://facility.invalid") as client, pytest.raises((OSError, PanmeshError)):
        client.whoami()


# --- flows ------------------------------------------------------------------------------------------------------------


def test_both_drivers_wait_as_long_as_the_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for answers in ([429, 503, 200], [503, 502, 200]):
        slept: list[float] = []

        def handle(_: httpx.Request, left: list[int]) -> httpx.Response:
            return httpx.Response(left.pop(0), headers={"Retry-After": "7"}, content=ME)

        first, second = list(answers), list(answers)
        Client(Http("http://busy", transport=httpx.MockTransport(lambda r, f=first: handle(r, f)), sleep=slept.append)).whoami()  # type: ignore[misc]

        async def sleep(seconds: float, slept: list[float] = slept) -> None:
            slept.append(seconds)

        async def work(left: list[int]) -> None:
            with monkeypatch.context() as patched:
                patched.setattr("panmesh.client.async_http.asyncio.sleep", sleep)
                async with AsyncClient(
                    AsyncHttp("http://busy", transport=httpx.MockTransport(lambda r: handle(r, left)))
                ) as client:
                    await client.whoami()

        asyncio.run(work(second))
        assert slept == [7, 7, 7, 7]


def test_a_flow_needs_no_network() -> None:
    flow = ask(panmesh.client.asking.ME)
    assert isinstance(next(flow), Ask)
    assert isinstance(flow.throw(Unavailable("Later.", 3)), Pause)
    assert isinstance(next(flow), Ask)
    reading = inside.read(Place("pm-1"), inside._info(META, "/x"), pick((slice(None), 2), (4, 6)))
    step = next(reading)
    assert isinstance(step, Together)
    [one] = step.flows
    asked = next(one)
    assert isinstance(asked, Ask)
    assert asked.request.path == "/h5/pm-1/data"
    assert asked.request.query == {"path": "/x", "selection": "0:4,2", "format": "npy"}
    one.close()


def test_the_first_error_ends_all_that_is_asked_together() -> None:
    count, lock = 0, threading.Lock()

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal count
        with lock:
            count += 1
        return httpx.Response(403, content=b"{}")

    def several() -> Any:
        found = yield Together([ask(panmesh.client.asking.ME) for _ in range(200)], 4)
        return found

    with pytest.raises(panmesh.client.Forbidden):
        _client(handle)._http.run(several())
    assert count < 20
    count = 0

    async def work() -> None:
        http = AsyncHttp("http://liar", transport=httpx.MockTransport(handle))
        with pytest.raises(panmesh.client.Forbidden):
            await http.run(several())
        await http.close()

    asyncio.run(work())
    assert count < 20

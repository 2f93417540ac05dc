"""Files over HTTP: each range is the slice, validators never mix two states of a file, and nobody is served who has gone."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from panmesh.http import files as module
from panmesh.http.files import FileAnswer, disposition
from panmesh.http.ranges import MAX_RANGES, Piece, Unsatisfiable, parse_range

DATA = hashlib.shake_128(b"scan").digest(3_000_017)  # larger than what is sent at once, of no round size
SHA = hashlib.sha256(DATA).digest()
ETAG = f'"{SHA.hex()}"'


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "scan.nxs"
    path.write_bytes(DATA)
    return path


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self.messages = 0

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        else:
            self.messages += 1
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)


def _answer(path: Path, *, sha256: bytes | None = SHA, offload: dict[str, str] | None = None) -> FileAnswer:
    info = path.stat()
    handle = os.open(path, os.O_RDONLY)
    return FileAnswer(
        handle,
        pid="pm-1",
        name=path.name,
        sha256=sha256,
        size=info.st_size,
        modified_us=info.st_mtime_ns // 1000,
        offload=offload,
    )


async def _never() -> Any:
    await asyncio.Event().wait()


def _get(
    file: FileAnswer,
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    receive: Callable[[], Awaitable[Any]] = _never,
) -> Answer:
    scope = {
        "type": "http",
        "method": method,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()],
    }
    got = Answer()
    asyncio.run(file(scope, receive, got.take))
    if "content-length" in got.headers and got.complete and method != "HEAD" and not file._offload:
        assert int(got.headers["content-length"]) == len(got.body)
    return got


positions = st.integers(0, len(DATA) + 100)
edges = st.one_of(positions, st.sampled_from([0, 1, len(DATA) - 1, len(DATA), module.PIECE - 1, module.PIECE, module.PIECE + 1]))
one_range = st.one_of(
    st.tuples(edges, edges).map(lambda ab: f"{min(ab)}-{max(ab)}"), edges.map(lambda a: f"{a}-"), edges.map(lambda n: f"-{n}")
)


def _slice(text: str) -> bytes:
    first, _, last = text.partition("-")
    if not first:
        return DATA[len(DATA) - int(last) :] if int(last) < len(DATA) else DATA
    return DATA[int(first) : int(last) + 1] if last else DATA[int(first) :]


@settings(deadline=None, max_examples=150)
@given(one_range)
@example("-0")
@example(f"{len(DATA)}-")
def test_a_range_is_the_slice(scan: Path, text: str) -> None:
    expected = b"" if text == "-0" else _slice(text)
    got = _get(_answer(scan), {"Range": f"bytes={text}"})
    if not expected:
        assert (got.status, got.headers["content-range"], got.body) == (416, f"bytes */{len(DATA)}", b"")
        return
    start = DATA.find(expected) if len(expected) > 8 else int(got.headers["content-range"].split()[1].partition("-")[0])
    assert got.status == 206
    assert got.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(DATA)}"
    assert got.body == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(one_range, min_size=2, max_size=6))
def test_several_ranges_hold_every_byte_that_was_asked_for(scan: Path, texts: list[str]) -> None:
    wanted = set[tuple[int, int]]()
    for piece in (parse_range(f"bytes={t}", len(DATA)) for t in texts if t != "-0" and _slice(t)):
        assert piece is not None
        wanted.add((piece[0].start, piece[0].end))
    got = _get(_answer(scan), {"Range": "bytes=" + ", ".join(texts)})
    if not wanted:
        assert got.status == 416
        return
    assert got.status == 206
    sent = _parts(got)
    for start, content in sent:
        assert content == DATA[start : start + len(content)]
    for start, end in wanted:
        assert any(s <= start and end <= s + len(c) for s, c in sent)
    assert sum(len(c) for _, c in sent) <= sum(e - s for s, e in wanted) * len(texts)


def _parts(got: Answer) -> list[tuple[int, bytes]]:
    if not got.headers["content-type"].startswith("multipart/byteranges"):
        return [(int(got.headers["content-range"].split()[1].partition("-")[0]), got.body)]
    boundary = got.headers["content-type"].partition("boundary=")[2].encode()
    assert got.body.endswith(b"\r\n--" + boundary + b"--\r\n")
    parts = []
    for part in got.body[: -len(boundary) - 8].split(b"\r\n--" + boundary + b"\r\n")[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        fields = BytesParser(policy=HTTP).parsebytes(head)
        first, last = str(fields["content-range"]).split()[1].partition("/")[0].split("-")
        assert int(last) - int(first) + 1 == len(content)
        parts.append((int(first), content))
    return parts


def test_asking_for_the_same_bytes_many_times_gets_them_once() -> None:
    assert parse_range("bytes=" + ",".join(["0-999"] * MAX_RANGES), 1000) == (Piece(0, 1000),)
    assert parse_range("bytes=" + ",".join(["0-999"] * (MAX_RANGES + 1)), 1000) is None


@pytest.mark.parametrize(
    "header", ["bytes", "bytes=", "bytes=a-b", "items=0-1", "bytes=5-2", "bytes=0-1;2-3", "bytes=-", "bytes=--5", "bytes=1e3-"]
)
def test_what_is_no_range_gets_the_whole_file(scan: Path, header: str) -> None:
    got = _get(_answer(scan), {"Range": header})
    assert (got.status, got.body) == (200, DATA)


def test_an_empty_file_has_no_ranges(tmp_path: Path) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range("bytes=0-", 0)
    empty = tmp_path / "empty.nxs"
    empty.write_bytes(b"")
    got = _get(_answer(empty, sha256=hashlib.sha256(b"").digest()))
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")


def test_the_whole_file_comes_with_its_digest_and_its_manners(scan: Path) -> None:
    got = _get(_answer(scan))
    assert (got.status, got.body, got.complete) == (200, DATA, True)
    assert got.headers["etag"] == ETAG
    assert got.headers["repr-digest"] == f"sha-256=:{b64encode(SHA).decode()}:"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-type"] == "application/x-hdf5"
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["last-modified"] == formatdate(scan.stat().st_mtime, usegmt=True)


def test_head_says_the_same_and_sends_nothing(scan: Path) -> None:
    whole, head = _get(_answer(scan)), _get(_answer(scan), method="HEAD")
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


def test_a_file_that_is_not_the_catalogued_one_claims_no_digest(scan: Path, tmp_path: Path) -> None:
    other = tmp_path / "scan.nxs"
    other.write_bytes(DATA)
    handle = os.open(other, os.O_RDONLY)
    file = FileAnswer(handle, pid="pm-1", name="scan.nxs", sha256=SHA, size=len(DATA), modified_us=0)
    got = _get(file)
    assert "repr-digest" not in got.headers
    assert got.headers["etag"] != ETAG
    assert not got.headers["etag"].startswith("W/")


def test_the_validator_changes_with_every_write(tmp_path: Path) -> None:
    path = tmp_path / "growing.nxs"
    seen = set()
    for number in range(3):
        path.write_bytes(b"same")
        os.utime(path, ns=(0, 1_700_000_000_000_000_000 + number))
        seen.add(_get(_answer(path, sha256=None)).headers["etag"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": f'"other", W/{ETAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": ETAG}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": f"W/{ETAG}"}, 412),
        ({"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412),
        ({"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"Range": "bytes=5-9", "If-Range": ETAG}, 206),
        ({"Range": "bytes=5-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=5-9", "If-Range": f"W/{ETAG}"}, 200),
        ({"Range": "bytes=5-9", "If-Range": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"Range": "bytes=5-9", "If-None-Match": ETAG}, 304),
        ({"Range": "bytes=99999999-", "If-Range": '"other"'}, 200),
    ],
)
def test_conditions_decide_as_rfc_9110_says(scan: Path, headers: dict[str, str], status: int) -> None:
    got = _get(_answer(scan), headers)
    assert got.status == status
    assert got.body == {200: DATA, 206: DATA[5:10]}.get(status, b"")
    assert got.headers["etag"] == ETAG


def test_the_proxy_sends_the_bytes_when_it_may_and_only_after_the_conditions(scan: Path) -> None:
    offload = {"X-Accel-Redirect": "/_files/raw/scan.nxs"}
    got = _get(_answer(scan, offload=offload))
    assert (got.status, got.headers["X-Accel-Redirect"], got.body) == (200, "/_files/raw/scan.nxs", b"")
    assert _get(_answer(scan, offload=offload), {"If-None-Match": ETAG}).status == 304


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
@example('a"; filename="evil.html')
@example("a\r\nSet-Cookie: x=1")
@example("größe µ 100%.nxs")
def test_a_name_never_leaves_its_header(name: str) -> None:
    from urllib.parse import unquote

    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    plain, _, exact = header.partition("; filename*=UTF-8''")
    assert unquote(exact) == name
    assert plain.startswith('attachment; filename="')
    assert plain.count('"') == 2


def test_reading_stops_when_the_client_has_gone(scan: Path) -> None:
    async def gone() -> Any:
        await asyncio.sleep(0.02)
        return {"type": "http.disconnect"}

    class Slow(Answer):
        async def take(self, message: Any) -> None:
            await super().take(message)
            if self.messages == 1:
                await asyncio.sleep(5)  # the client takes nothing

    got, file = Slow(), _answer(scan)
    scope = {"type": "http", "method": "GET", "headers": []}
    asyncio.run(asyncio.wait_for(file(scope, gone, got.take), timeout=2))
    assert (got.messages, got.complete) == (1, False)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file._handle)


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_a_file_cut_short_while_it_is_sent_is_an_error_not_a_short_answer(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.nxs"
    path.write_bytes(DATA[:size])
    file = _answer(path, sha256=None)
    path.write_bytes(b"")
    with pytest.raises(OSError, match="shorter"):
        _get(file)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file._handle)


def test_what_is_not_in_the_page_cache_is_read_in_a_thread(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cold(*_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "not in the cache")

    monkeypatch.setattr(os, "preadv", cold)
    assert _get(_answer(scan), {"Range": "bytes=10-99"}).body == DATA[10:100]

    def half(_: int, buffers: list[bytearray], *__: object) -> int:
        buffers[0][:5] = b"wrong"
        return 5

    monkeypatch.setattr(os, "preadv", half)
    assert _get(_answer(scan), {"Range": "bytes=10-99"}).body == DATA[10:100]

"""Questions that nobody should ask: never an error of the server, never a long wait, never much memory."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Scope

from panmesh.adapters.sql import tables as t
from panmesh.app.asgi import build
from panmesh.catalogue.graph import SHAPES
from panmesh.protocols.panosc.app import LONG_ANSWERS
from tests.protocol.panosc.conftest import Provider, open_provider

PATIENCE = 2.0  # seconds
Answer = TypeVar("Answer")
ODD_TEXTS = (
    "",
    "\x00",
    "\ud800",
    "%",
    "_",
    "'",
    '"',
    "\\",
    "[",
    "(",
    "a" * 3000,
    "%a" * 400,
    "NaN",
    "1e999",
    "-0",
    "٣",
    "ß",
    "😀",
    "null",
    "../",
    "$where",
)
NAMES = sorted(
    {name for shape in SHAPES.values() for name in shape.fields}
    | {"text", "and", "or", "nor", "creationDate", "isPublic", "score"}
)
OPERATORS = (
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "inq",
    "nin",
    "like",
    "nlike",
    "ilike",
    "nilike",
    "regexp",
    "near",
    "options",
    "exists",
)
RELATIONS = sorted({name for shape in SHAPES.values() for name in shape.relations} | {"nothing"})

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(-(10**40), 10**40), st.floats(), st.sampled_from(ODD_TEXTS), st.text(max_size=12),
    st.sampled_from(("2020-05-05", "2020-05-05T15:01:02.341Z", "true", "K", "eV", "temperature", "copper")),
)  # fmt: skip
_wild = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*NAMES, *OPERATORS)), inner, max_size=3),
    max_leaves=8,
)
_tests = st.dictionaries(st.sampled_from(OPERATORS), _wild, min_size=1, max_size=3) | _wild
_wheres = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), _tests, max_size=3),
    lambda inner: (
        st.fixed_dictionaries({"and": st.lists(inner, max_size=3)}) | st.fixed_dictionaries({"or": st.lists(inner, max_size=3)})
    ),
    max_leaves=5,
)


def _filters(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    include = st.lists(
        st.fixed_dictionaries({"relation": st.sampled_from(RELATIONS)}, optional={"scope": inner}) | _wild, max_size=2
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "where": _wheres | _wild,
            "include": include | _wild,
            "order": st.sampled_from([f"{name} {way}" for name in NAMES for way in ("ASC", "DESC")]) | _wild,
            "fields": st.lists(st.sampled_from(NAMES), max_size=3) | _wild,
            "limit": st.integers(0, 3) | _wild,
            "skip": st.integers(0, 3) | _wild,
            "query": st.sampled_from(("copper units", "test")) | _wild,
        },
    )


def in_time(ask: Callable[[], Answer]) -> Answer:
    """Within the patience of an asker, once of three times: other tests run beside it, and what is really slow is so every time."""
    for _ in range(3):
        started = time.perf_counter()
        answer = ask()
        if time.perf_counter() - started < PATIENCE:
            return answer
    raise AssertionError("three times too slow")


FILTERS = st.recursive(st.just({}), _filters, max_leaves=4) | _filters(st.just({})) | _wild
PATHS = st.sampled_from(
    ("Datasets", "Documents", "Instruments", "Datasets/many%2Ffiles/files", "Datasets/units%2Fscan", "techniques")
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PATHS, FILTERS)
def test_no_filter_breaks_it(provider: Provider, path: str, plain: Any) -> None:
    answer = in_time(partial(provider.get, path, json.dumps(plain)))
    assert answer.status_code in (200, 400), answer.text
    if "%2F" not in path or path.endswith("files"):
        where = plain.get("where", plain) if isinstance(plain, dict) else plain
        assert provider.status(f"{path}/count", where=json.dumps(where)) in (200, 400)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(("Datasets", "techniques", "Datasets/many%2Ffiles/files")),
    st.text(max_size=400) | st.text('{}[]":,\\u0d8filterwhn1', max_size=80),
)
def test_no_text_breaks_it(provider: Provider, path: str, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert provider.status(path, text) in (200, 400)
    assert provider.status(path, None, **{f"filter[{text}]": text, f"filter[where]{text}": "1"}) in (200, 400)
    assert provider.status(path, None, cursor=text, limit="1") in (200, 400)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.from_regex(r"[\^\$\.\*\+\?\(\)\[\]\{\}\\|a-cA-C0-3:=!<>P-]{1,14}", fullmatch=True))
def test_no_regular_expression_breaks_it(provider: Provider, pattern: str) -> None:
    statuses = {
        provider.status("Instruments", {"where": {"name": {"regexp": pattern}}}),
        provider.status("Datasets/many%2Ffiles/files", {"where": {"name": {"regexp": pattern}}}),
        provider.status("Datasets", {"include": [{"relation": "techniques", "scope": {"where": {"name": {"regexp": pattern}}}}]}),
    }
    assert statuses <= {200, 400}, pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|a)*b", "(a*)*b", "(.*)*x", "((a{1,90}){1,90}){1,90}", "a{1,1000}{1,1000}", "(?:a?){100}a{100}", "[" * 500, "(" * 500, "\\1", "(?=a)",
        "(?P<n>a)", "\\pL", "\\Qa\\E", "(?i)(?s)a", "[[:word:]]", "[[.a.]]", "[[=a=]]", "***=a", "a" * 501, "^" * 400, "(x*){200}" * 3, "[\\w\\W]{200}" * 20,
    ],
)  # fmt: skip
def test_expensive_expressions_are_cheap_or_refused(provider: Provider, pattern: str) -> None:
    for path, field in (("Datasets", "title"), ("Datasets/many%2Ffiles/files", "name"), ("techniques", "name")):
        assert in_time(partial(provider.status, path, {"where": {field: {"regexp": pattern}}})) in (200, 400)


def test_words_of_expressions_mean_the_same_on_both_databases(provider: Provider) -> None:
    for pattern, found in (
        (r"\bDataset\b", 4), (r"\bataset", 0), (r"\d$", 14), (r"^\w+\s\w+$", 10), (r"Test\B", 0), (r"[[:digit:]]$", 14), (r"(?:Many|Units) (files|kev)$", 2),
        (r"[^a-z ]{2}", 5), (r"a{2}", 0), (r"\.", 0), (r"^.{10}$", 2),
    ):  # fmt: skip
        found_pids = provider.pids("Datasets", {"where": {"title": {"regexp": pattern}}})
        assert len(found_pids) == found, (pattern, found_pids)


def _long_questions() -> Iterator[tuple[str, Any]]:
    yield "text", {"where": {"text": "a " * 45_000}}
    yield "one long word", {"where": {"text": "a" * 90_000}}
    yield "like", {"where": {"title": {"like": "%a" * 40_000}}}
    yield "ilike", {"where": {"title": {"ilike": "_" * 90_000}}}
    yield "eq", {"where": {"title": "a" * 95_000}}
    yield "inq", {"where": {"pid": {"inq": [f"p{n}" for n in range(9_000)]}}}
    yield "inq of numbers", {"where": {"size": {"inq": list(range(10_000))}}}
    yield "many choices", {"where": {"and": [{"pid": {"inq": [str(n) for n in range(3500)]}} for _ in range(4)]}}
    yield "and", {"where": {"and": [{"title": "a"}] * 6000}}
    yield "or", {"where": {"or": [{"title": {"like": "a"}}] * 4000}}
    yield "nested", '{"where":' + '{"and":[' * 900 + "{}" + "]}" * 900 + "}"
    yield "includes", {"include": ["techniques"] * 6000}
    deep: Any = {}
    for _ in range(40):
        deep = {"include": [{"relation": "datasets", "scope": {"include": [{"relation": "documents", "scope": deep}]}}]}
    yield "deep includes", deep
    yield "values", {"include": [{"relation": "parameters", "scope": {"where": {"value": {"inq": list(range(10_000))}}}}]}
    yield (
        "units",
        {"include": [{"relation": "parameters", "scope": {"where": {"unit": {"inq": [f"{n} m" for n in range(9000)]}}}}]},
    )
    yield (
        "names",
        {"include": [{"relation": "parameters", "scope": {"where": {"name": {"inq": ["wavelength"] * 6000}, "unit": "nm"}}}]},
    )
    yield "keywords", {"where": {"keywords": {"inq": [f"w{n}" for n in range(9000)]}}}
    yield "booleans", {"where": {"isPublic": {"inq": [True] * 9000}}}
    yield "instants", {"where": {"creationDate": {"inq": list(range(9000))}}}
    yield "order", {"order": ["title ASC"] * 5000}
    yield "fields", {"fields": ["title"] * 9000}
    yield "techniques", {"include": [{"relation": "techniques", "scope": {"where": {"or": [{"name": {"like": "a"}}] * 290}}}]}
    yield "files", {"include": [{"relation": "files", "scope": {"where": {"or": [{"name": {"like": "%a%b%c"}}] * 290}}}]}
    yield "query", {"query": "copper " * 14_000}


@pytest.mark.parametrize("case", list(_long_questions()), ids=lambda case: case[0])
def test_a_question_of_100_kilobytes(provider: Provider, case: tuple[str, Any]) -> None:
    plain = case[1] if isinstance(case[1], str) else json.dumps(case[1], separators=(",", ":"))
    assert len(plain) < 100_000
    for path in ("Datasets", "Documents"):
        status, text = in_time(partial(_raw, provider, path, plain))
        assert status in (200, 400), text


def test_a_question_of_more_than_100_kilobytes_is_refused(provider: Provider) -> None:
    assert _raw(provider, "Datasets", json.dumps({"x": "a" * 100_001}))[0] == 400


def _raw(provider: Provider, path: str, plain: str) -> tuple[int, str]:
    """Longer than an HTTP client sends."""
    seen: dict[str, Any] = {"status": 0, "body": b""}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        seen["status"] = message.get("status", seen["status"])
        seen["body"] += message.get("body", b"")

    scope = _scope(b"filter=" + quote(plain).encode()) | {"path": f"/api/{path}", "raw_path": f"/api/{path}".encode()}
    asyncio.run(provider.client._app(scope, receive, send))  # type: ignore[arg-type]
    return seen["status"], seen["body"].decode()[:300]


# --- whole catalogues -------------------------------------------------------------------------------------------------


def _many(provider: Provider, number: int) -> None:
    app = provider.app
    with app.database.write() as c:
        facility_id = c.execute(t.facility.select()).first()
        facility_id = (
            facility_id.id
            if facility_id
            else c.execute(
                t.facility.insert().values(facility_key="f", name="F", time_zone="UTC").returning(t.facility.c.id)
            ).scalar_one()
        )
        c.execute(t.terms.insert(), {"id": 1, "access": "open", "policy_version": "1"})
        base = {
            "facility_id": facility_id,
            "terms_id": 1,
            "origin": "native",
            "kind": "raw",
            "read_state": "read",
            "created_us": 0,
            "updated_us": 0,
        }
        for start in range(0, number, 5000):
            rows = [
                base | {"pid": f"d{n:08d}", "identity": str(n).encode(), "title": f"title {n} " + "x" * 100}
                for n in range(start, min(start + 5000, number))
            ]
            c.execute(t.dataset.insert(), rows)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # which takes the fewest parameters
def test_many_datasets_are_found_by_their_files(database_url: str, tmp_path: Any) -> None:
    """More datasets satisfy it than a statement may have parameters."""
    from panmesh.adapters.sql.file_names import keep_file_names
    from panmesh.catalogue.manifest import FileRow, ManifestRef, pack

    provider, number = open_provider(database_url, tmp_path), 66_000
    _many(provider, number)
    ref = ManifestRef(
        file_count=1, total_bytes=1, inline=pack([FileRow(name="run.h5", size=1, modified_us=0, storage="runs", path="run.h5")])
    )
    with provider.app.database.write() as c:
        ids = [row.id for row in c.execute(t.dataset.select().with_only_columns(t.dataset.c.id))]
        fixed = {
            "number": 1,
            "manifest": ref.to_bytes(),
            "content_key": b"",
            "file_count": 1,
            "total_bytes": 1,
            "digest_state": "done",
            "created_us": 0,
        }
        c.execute(t.dataset_version.insert(), [fixed | {"id": n, "pid": f"v{n}", "dataset_id": n} for n in ids])
        c.execute(t.dataset.update().values(version_id=t.dataset.c.id, file_count=1))
        keep_file_names(c, [(n, ref) for n in ids], fresh=True)
    question = {"include": [{"relation": "files", "scope": {"where": {"name": {"like": "h5"}}}}], "limit": 2}
    answer = provider.get("Datasets", question)
    assert [one["pid"] for one in answer.json()] == ["d00000000", "d00000001"]
    assert answer.headers["x-total-count"] == str(number)
    provider.app.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_whole_catalogue_is_sent_in_pieces_and_memory_stays_flat(database_url: str, tmp_path: Any) -> None:
    provider = open_provider(database_url, tmp_path)
    number = 20_000
    _many(provider, number)
    app = build(provider.app, work=False)

    async def stream(query: bytes) -> tuple[int, int, int]:
        """(status, bytes, the most that was held at once)."""
        seen = {"status": 0, "bytes": 0, "most": 0}

        async def receive() -> Message:
            await asyncio.sleep(3600)
            raise AssertionError

        async def send(message: Message) -> None:
            seen["status"] = message.get("status", seen["status"])
            seen["bytes"] += len(message.get("body", b""))
            seen["most"] = max(seen["most"], tracemalloc.get_traced_memory()[0])

        await app(_scope(query), receive, send)
        return seen["status"], seen["bytes"], seen["most"]

    asyncio.run(stream(b'filter={"limit":1}'))
    tracemalloc.start()
    for query in (b"", b'filter={"order":"title"}', b'filter={"limit":20000}'):
        before = tracemalloc.get_traced_memory()[0]
        status, size, most = asyncio.run(stream(query))
        assert status == 200
        assert size > number * 150
        assert most - before < 3_000_000, (query, most - before, size)
    tracemalloc.stop()
    answer = provider.get("Datasets")
    assert answer.headers["x-total-count"] == str(number)
    assert [one["pid"] for one in answer.json()] == [f"d{n:08d}" for n in range(number)]
    head = provider.client.request("HEAD", "/api/Datasets")
    assert (head.status_code, head.content, head.headers["x-total-count"]) == (200, b"", str(number))
    provider.app.close()


def _scope(query: bytes) -> Scope:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/api/Datasets", "raw_path": b"/api/Datasets",
        "query_string": query, "root_path": "", "scheme": "http", "headers": [(b"host", b"testserver")], "client": ("192.0.2.1", 1), "server": ("testserver", 80),
    }  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_strangers_take_turns_for_whole_catalogues(database_url: str, tmp_path: Any) -> None:
    provider = open_provider(database_url, tmp_path)
    _many(provider, 1200)
    app = build(provider.app, work=False)

    async def main() -> None:
        begun, go_on = asyncio.Semaphore(0), asyncio.Event()

        async def receive() -> Message:
            await go_on.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.release()
            await go_on.wait()

        slow = [
            asyncio.create_task(app(_scope(f"filter={n}&n={n}".encode().replace(b"filter", b"x")), receive, send))
            for n in range(LONG_ANSWERS)
        ]
        for _ in slow:
            await begun.acquire()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
            refused = await client.get("/api/Datasets")
            assert refused.status_code == 429
            assert refused.headers["retry-after"]
            assert refused.json()["error"]["statusCode"] == 429
            assert (await client.get("/api/Datasets?filter=" + '{"limit":2}')).status_code == 200  # pages have no turns
            go_on.set()  # and they go away in the middle
            await asyncio.gather(*slow, return_exceptions=True)
            for _ in range(LONG_ANSWERS + 1):
                assert (await client.get("/api/Datasets")).status_code == 200

    asyncio.run(main())
    provider.app.close()

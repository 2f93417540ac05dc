"""Entities in the Search API's JSON, in every dialect that providers speak, to records; and from a live provider that has bad days."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.adapters.catalogues.json_stream import Guarded
from panmesh.adapters.catalogues.search_api_file import read_search_api_file
from panmesh.adapters.catalogues.search_api_live import LiveSearchApi
from panmesh.catalogue.imported import Imported, ImportedDataset, ImportedDocument, ImportedInstrument, Rejected
from panmesh.kernel.errors import Invalid, PeerFailed
from panmesh.wire.panosc_import import SearchApiReader

INSTRUMENT = {"pid": "i/1", "name": "LoKI", "facility": "ESS"}
WHOLE = {
    "pid": "20.500/d1",
    "title": "A run",
    "isPublic": True,
    "creationDate": "2020-05-05T15:01:02.341Z",
    "size": 17,
    "instrument": INSTRUMENT,
    "documents": [{"pid": "doc/1", "type": "proposal", "title": "P", "isPublic": False}],
    "techniques": [{"pid": "t/1", "name": "SANS", "panetId": "http://purl.org/pan-science/PaNET/PaNET01189"}],
    "samples": [{"pid": "s/1", "name": "copper", "description": "a cylinder"}],
    "parameters": [{"name": "wavelength", "value": 1064, "unit": "nm"}, {"name": "formula", "value": "Cu", "unit": ""}],
    "files": [{"id": 1, "name": "a.hdf", "size": 17}, {"id": "b", "path": "/there/b.hdf"}],
}


def read(entity: str, *raw: Any) -> list[Imported | Rejected]:
    reader = SearchApiReader()
    return [record for one in raw for record in reader.read(entity, one)]


def test_a_whole_dataset_brings_what_it_nests() -> None:
    instrument, document, one = read("datasets", WHOLE)
    assert instrument == ImportedInstrument(pid="i/1", name="LoKI", facility="ESS", nested=True)
    assert isinstance(document, ImportedDocument)
    assert (document.pid, document.type, document.access.public, document.nested) == ("doc/1", "proposal", False, True)
    assert isinstance(one, ImportedDataset)
    assert (one.pid, one.title, one.access.public, one.size) == ("20.500/d1", "A run", True, 17)
    assert one.created_us == 1_588_690_862_341_000
    assert (one.instrument, one.documents) == ("i/1", ("doc/1",))
    assert one.techniques[0].panet_pid == "http://purl.org/pan-science/PaNET/PaNET01189"
    assert [(p.name, p.value, p.unit or None) for p in one.parameters] == [("wavelength", 1064.0, "nm"), ("formula", "Cu", None)]
    assert [(f.name, f.path, f.size) for f in one.files] == [("a.hdf", None, 17), ("b.hdf", "/there/b.hdf", None)]


@pytest.mark.parametrize("empty", [{}, dict.fromkeys(WHOLE), {k: [] for k in WHOLE}], ids=["absent", "null", "empty"])
def test_optional_fields_may_be_absent_null_or_empty(empty: dict[str, Any]) -> None:
    [one] = read("datasets", empty | {"pid": "d"})
    assert one == ImportedDataset(pid="d", title=None, access=one.access)  # type: ignore[union-attr]
    assert isinstance(one, ImportedDataset)
    assert not one.access.public
    [document] = read("documents", dict.fromkeys(("members", "datasets", "keywords", "summary")) | {"pid": "x"})
    assert isinstance(document, ImportedDocument)
    assert (document.title, document.members, document.datasets) == ("x", (), ())


def test_relations_come_by_foreign_key_by_pid_and_to_one() -> None:
    by_key = {"pid": "d", "instrumentId": "i/9", "documentId": "doc/1"}
    by_pid = {"pid": "d", "instrument": "i/9", "documents": ["doc/1"]}
    to_one = {"pid": "d", "instrument": {"pid": "i/9"}, "document": {"pid": "doc/1"}}
    for raw in (by_key, by_pid, to_one):
        [one] = read("datasets", raw)
        assert isinstance(one, ImportedDataset)
        assert (one.instrument, one.documents) == ("i/9", ("doc/1",)), raw
    [document] = read("documents", {"pid": "p", "datasets": ["d1", {"pid": "d2"}], "datasetId": 3})
    assert isinstance(document, ImportedDocument)
    assert document.datasets == ("d1", "d2", "3")


def test_members_nest_people_and_affiliations() -> None:
    members = [
        {
            "id": 1,
            "role": "owner",
            "person": {"id": 7, "fullName": "Ada Example", "orcid": "x"},
            "affiliation": {"id": 1, "city": "Lund"},
        },
        {"role": "principal_investigator", "person": {"firstName": "Bob", "lastName": "B"}},
        {"personId": "p9"},
        {"id": 4},
    ]
    *rejected, document = read("documents", {"pid": "p", "members": members})
    assert isinstance(document, ImportedDocument)
    assert [(m.role, m.person and (m.person.key, m.person.full_name)) for m in document.members] == [
        ("owner", ("7", "Ada Example")),
        ("principal_investigator", ("Bob B", "Bob B")),
        (None, ("p9", "p9")),
    ]
    assert document.members[0].affiliation is not None
    assert document.members[0].affiliation.city == "Lund"
    assert rejected == [Rejected(kind="member", pid="p", reason="a member needs a person, an affiliation or a role")]


def test_bad_records_are_told_of_and_do_not_stop_the_rest() -> None:
    bad = [
        17,
        None,
        [],
        {},
        {"pid": ""},
        {"pid": True},
        {"pid": "ok", "parameters": [3, {"name": "x"}, {"value": 1}], "files": [{}]},
    ]
    found = read("datasets", *bad, WHOLE)
    assert [r.reason for r in found if isinstance(r, Rejected)] == (
        ["it is no JSON object"] * 3
        + ["it has no pid"] * 3
        + ["a parameter needs a name and a value"] * 3
        + ["a file needs a name"]
    )
    assert [r.pid for r in found if isinstance(r, ImportedDataset)] == ["ok", "20.500/d1"]


def test_numbers_that_are_none_are_kept_as_text() -> None:
    values = [10**500, 1e308 * 10, True, {"a": 1}, "12", [1, 2.5]]
    [*_, one] = read("datasets", {"pid": "d", "parameters": [{"name": str(i), "value": v} for i, v in enumerate(values)]})
    assert isinstance(one, ImportedDataset)
    said = [p.value for p in one.parameters]
    assert said[1:5] == ["inf", "true", '{"a": 1}', "12"]
    assert (one.parameters[5].minimum, one.parameters[5].maximum) == (1.0, 2.5)


def test_records_that_nest_one_another_end_somewhere() -> None:
    raw: dict[str, Any] = {"pid": "x", "title": "end"}
    for number in range(60):
        raw = {"pid": f"x{number}", "title": "t", "datasets" if number % 2 else "documents": [raw]}
    found = read("documents", raw)
    assert [r.reason for r in found if isinstance(r, Rejected)] == ["nested more than 6 deep"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_gives_instruments_first_whatever_its_order(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(
        json.dumps({"documents": [{"pid": "p", "title": "t"}], "datasets": [{"pid": "d"}], "instruments": [INSTRUMENT]})
    )
    read_bytes = 0

    def advance(size: int) -> None:
        nonlocal read_bytes
        read_bytes += size

    found = list(read_search_api_file(path, advance))
    assert [type(r) for r in found] == [ImportedInstrument, ImportedDataset, ImportedDocument]
    assert read_bytes == 3 * path.stat().st_size


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"datasets": [{"pid": "a"}', "JSON"),
        (b"[1, 2]", "has none of"),
        (b'{"models": {}}', "has none of"),
        (b'{"datasets": ' + b"[" * 100_000, "nested"),
        (b'{"datasets": [' + b'{"a": "' + b"\\" * 65_534 + b'"}, ' + b"[" * 1000, "nested"),
    ],
)
def test_a_file_of_something_else_is_refused_in_words(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    with pytest.raises(Invalid, match=says):
        list(read_search_api_file(path))


def test_brackets_in_long_texts_are_no_nesting(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for texts in (["[" * 200_000, '\\"[' * 100_000, "\\" * 65_537 + "[" * 1000], ["[{" * 300, "x"] * 2000):
        path.write_text(json.dumps({"datasets": [{"pid": str(i), "title": one} for i, one in enumerate(texts)]}))
        assert len(list(read_search_api_file(path))) == len(texts)


@given(st.text('"\\[]{}a', max_size=60), st.integers(1, 70))
def test_depth_is_counted_outside_of_strings_whatever_the_pieces(text: str, size: int) -> None:
    guarded, depth, string, escaped = Guarded(io.BytesIO(text.encode())), 0, False, False
    for sign in text:
        if string:
            string, escaped = escaped or sign != '"', sign == "\\" and not escaped
        else:
            string, depth = sign == '"', depth + (sign in "[{") - (sign in "]}")
    while guarded.read(size):
        pass
    assert (guarded._depth, guarded._in_string) == (depth, string)


def test_an_empty_catalogue_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"datasets": []}')
    assert list(read_search_api_file(path)) == []


# --- live providers ---------------------------------------------------------------------------------------------------


class Provider:
    """A Search API in memory. `trouble` may answer in its place."""

    def __init__(self, datasets: int, cap: int = 1000) -> None:
        self.data = {
            "Instruments": [INSTRUMENT],
            "Datasets": [{"pid": f"d{i:04}", "title": f"Run {i}", "isPublic": True} for i in range(datasets)],
            "Documents": [{"pid": "doc", "title": "P", "isPublic": True, "type": "proposal"}],
        }
        self.cap = cap
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.trouble: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/api/")
        if name.endswith("/count"):
            return httpx.Response(200, json={"count": len(self.data[name.removesuffix("/count")])})
        asked = json.loads(request.url.params["filter"])
        self.asked.append((name, asked))
        answer = self.trouble(request)
        if answer is not None:
            return answer
        rows = self.data[name]
        return httpx.Response(200, json=rows[asked.get("skip", 0) :][: min(asked["limit"], self.cap)])


def live(provider: Provider, place: Path, page: int = 100) -> LiveSearchApi:
    client = httpx.Client(transport=httpx.MockTransport(provider))
    return LiveSearchApi("https://peer.example/api", place, client=client, sleep=lambda _: None, page=page)


def pids(source: LiveSearchApi) -> list[str]:
    found = []
    for batch in source.batches():
        found += [str(r.pid) for r in batch.records]
        assert batch.stored is not None
        batch.stored()
    source.close()
    return found


def test_a_provider_is_walked_to_its_end_also_when_it_caps_its_pages(tmp_path: Path) -> None:
    provider = Provider(250, cap=30)
    source = live(provider, tmp_path)
    assert source.total() == 252
    assert pids(source) == ["i/1", *(f"d{i:04}" for i in range(250)), "doc"]
    assert list(tmp_path.iterdir()) == []


def test_a_provider_that_stumbles_is_asked_again(tmp_path: Path) -> None:
    provider = Provider(250)
    troubles = iter([429, 200, 503, 500, 200, 200, 0, 504] * 100)

    def stumble(request: httpx.Request) -> httpx.Response | None:
        status = next(troubles)
        if status == 0:
            raise httpx.ReadTimeout("slow", request=request)
        return None if status == 200 else httpx.Response(status, headers={"retry-after": "1"})

    provider.trouble = stumble
    assert len(pids(live(provider, tmp_path))) == 252


def test_a_walk_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    provider = Provider(250)
    provider.trouble = lambda r: httpx.Response(503) if json.loads(r.url.params["filter"]).get("skip") == 200 else None
    with pytest.raises(PeerFailed, match="goes on where it stopped"):
        pids(live(provider, tmp_path))
    provider.trouble = lambda _: None
    assert pids(live(provider, tmp_path)) == [*(f"d{i:04}" for i in range(200, 250)), "doc"]
    assert len(pids(live(provider, tmp_path))) == 252


def test_a_provider_that_gives_cursors_is_followed_by_them_also_after_a_break(tmp_path: Path) -> None:
    provider = Provider(250)
    broken = True

    def page(request: httpx.Request) -> httpx.Response | None:
        asked, cursor = json.loads(request.url.params.get("filter", "{}")), request.url.params.get("cursor")
        if not request.url.path.endswith("/Datasets") or asked["limit"] == 1:
            return None
        assert asked["skip"] == 0
        if broken and cursor == "d0199":
            return httpx.Response(503)
        rows = [row for row in provider.data["Datasets"] if cursor is None or row["pid"] > cursor][: asked["limit"]]
        link = {"link": f'</api/Datasets?cursor={rows[-1]["pid"]}>; rel="next"'} if len(rows) == asked["limit"] else {}
        return httpx.Response(200, json=rows, headers=link)

    provider.trouble = page
    with pytest.raises(PeerFailed, match="goes on where it stopped"):
        pids(live(provider, tmp_path))
    broken = False
    assert pids(live(provider, tmp_path)) == [*(f"d{i:04}" for i in range(200, 250)), "doc"]


def test_relations_that_a_provider_does_not_serve_are_left_out_and_named(tmp_path: Path) -> None:
    provider = Provider(3)
    provider.trouble = lambda r: httpx.Response(500) if "samples" in r.url.params["filter"] else None
    source = live(provider, tmp_path)
    assert len(pids(source)) == 5
    assert source.left_out == ["datasets: samples"]


def test_a_provider_that_gives_one_page_for_ever_is_found_out(tmp_path: Path) -> None:
    provider = Provider(3)
    provider.trouble = lambda _: httpx.Response(200, json=[{"pid": "same", "title": "x"}])
    with pytest.raises(PeerFailed, match="does not heed"):
        pids(live(provider, tmp_path))


@pytest.mark.parametrize("body", [b"<html>", b'{"error": {}}', b"[" * 200_000], ids=["html", "object", "deep"])
def test_answers_that_are_no_list_are_named(tmp_path: Path, body: bytes) -> None:
    provider = Provider(3)
    provider.trouble = lambda _: httpx.Response(200, content=body)
    with pytest.raises(PeerFailed, match=r"no JSON|no list"):
        pids(live(provider, tmp_path))


def test_pages_that_are_too_large_are_asked_for_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panmesh.adapters.catalogues.search_api_live.LARGEST", 2000)
    provider = Provider(250)
    assert len(pids(live(provider, tmp_path))) == 252
    assert min(asked["limit"] for name, asked in provider.asked if name == "Datasets" and asked["limit"] > 1) == 25


def test_pages_that_take_too_long_are_asked_for_in_pieces(tmp_path: Path) -> None:
    """A document with a hundred thousand datasets takes its time; five hundred of them, more than anybody waits."""
    provider = Provider(250)

    def trouble(request: httpx.Request) -> httpx.Response | None:
        if json.loads(request.url.params["filter"])["limit"] > 30:
            raise httpx.ReadTimeout("slow", request=request)
        return None

    provider.trouble = trouble
    assert len(pids(live(provider, tmp_path))) == 252

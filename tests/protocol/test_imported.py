"""What another catalogue says is not public: no page and no API tells a stranger of it."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import quote

from panmesh.access.viewer import ANONYMOUS, OPERATOR
from panmesh.app.asgi import build
from panmesh.catalogue.importing import batched
from panmesh.catalogue.model import Origin
from panmesh.catalogue.query import DatasetQuery
from panmesh.wire.panosc_import import SearchApiReader
from tests.conftest import MakeFacility
from tests.protocol.conftest import Client

SECRET = "zirconium-mystery"


def _dataset(name: str, public: bool, word: str) -> dict[str, object]:
    return {
        "pid": name,
        "title": f"title {word}",
        "isPublic": public,
        "techniques": [{"pid": f"technique-{word}", "name": f"technique {word}"}],
        "samples": [{"pid": f"sample-{word}", "name": f"sample {word}", "description": word}],
        "parameters": [{"name": f"parameter_{word}", "value": 12345, "unit": "eV"}, {"name": "p", "value": word}],
        "files": [{"name": f"file-{word}.h5", "path": f"/there/{word}/file.h5", "size": 7}],
    }


def _document(name: str, public: bool, word: str, datasets: list[str]) -> dict[str, object]:
    member = {
        "role": f"role {word}",
        "person": {"id": word, "fullName": f"Person {word}"},
        "affiliation": {"id": word, "name": word},
    }
    return {
        "pid": name,
        "title": f"doc {word}",
        "summary": word,
        "isPublic": public,
        "type": "proposal",
        "datasets": datasets,
    } | {
        "members": [member],
        "keywords": [word],
    }


def test_a_closed_record_is_nowhere_for_strangers(make_facility: MakeFacility) -> None:
    app = make_facility()
    reader = SearchApiReader()
    raw = [
        ("datasets", _dataset("open-1", True, "harmless")),
        ("datasets", _dataset("closed-1", False, SECRET)),
        ("documents", _document("doc-open", True, "harmless", ["open-1", "closed-1"])),
        ("documents", _document("doc-closed", False, SECRET, ["open-1", "closed-1"])),
    ]
    records = [record for entity, one in raw for record in reader.read(entity, one)]
    app.importing.load(OPERATOR, batched(records), origin=Origin.MIGRATED, source="test")
    client = Client(build(app, work=False))
    everything = {
        "Datasets": ["documents", "document", "techniques", "samples", "parameters", "files", "instrument"],
        "Documents": ["datasets", "members", "parameters"],
        "Instruments": ["datasets"],
    }
    for entity, relations in everything.items():
        for given in ({}, {"include": relations}, {"query": SECRET}, {"where": {"text": SECRET}}):
            answer = client.get(f"/api/{entity}", params={"filter": json.dumps(given)})
            assert answer.status_code == 200, (entity, given, answer.text)
            assert SECRET not in answer.text, (entity, given)
            assert "closed-1" not in answer.text
            assert "doc-closed" not in answer.text
    assert client.get("/api/Datasets/count").json() == {"count": 1}
    assert client.get("/api/Documents/count").json() == {"count": 1}
    for path in (
        "/api/Datasets/closed-1",
        "/api/Datasets/closed-1/files",
        "/api/Documents/doc-closed",
        "/api/v1/datasets/closed-1",
        "/api/v1/datasets/closed-1/files",
        f"/api/v1/datasets/closed-1/files/file-{SECRET}.h5",
        f"/api/v1/samples/sample-{SECRET}",
        "/datasets/closed-1",
        "/datasets/closed-1.v1",
    ):
        assert client.get(path).status_code == 404, path
    for path in ("/", f"/?q={SECRET}", "/api/v1/datasets", "/api/v1/quantities", "/instruments", "/investigations"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "closed-1" not in answer.text, path
    assert app.search.count(ANONYMOUS, DatasetQuery()) == 1


def test_an_open_record_has_its_page_and_says_where_its_bytes_are(make_facility: MakeFacility) -> None:
    app = make_facility()
    records = list(SearchApiReader().read("datasets", _dataset("open-1", True, "harmless")))
    app.importing.load(OPERATOR, batched(records), origin=Origin.MIRRORED, source="test")
    client = Client(build(app, work=False))
    page = client.get("/datasets/open-1")
    assert page.status_code == 200
    assert "technique harmless" in page.text
    assert client.get("/api/v1/datasets/open-1").json()["origin"] == "mirrored"
    files = client.get("/api/v1/datasets/open-1/files")
    assert files.json()["items"][0]["state"] == "elsewhere"
    for path in ("/datasets/open-1/files/file-harmless.h5", "/api/v1/datasets/open-1/files/file-harmless.h5"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "are not here" in answer.text
        assert "/there/harmless/file.h5" in answer.text


def test_a_pid_with_slashes_and_signs_has_its_pages(make_facility: MakeFacility) -> None:
    app = make_facility()
    pid = "20.500.12269/BRIGHTNESS/a b%2F?#ü"
    raw = _dataset(pid, True, "harmless") | {"instrument": {"pid": "20.500/loki 1", "name": "LoKI", "facility": "ESS"}}
    raw["files"] = [{"name": "sub/file.h5", "path": "/there/file.h5", "size": 7}]
    raw["samples"] = [{"pid": "s/1", "name": "copper"}]
    app.importing.load(OPERATOR, batched(SearchApiReader().read("datasets", raw)), origin=Origin.MIGRATED, source="test")
    client = Client(build(app, work=False))
    address = quote(pid, safe="")
    page = client.get(f"/datasets/{address}")
    assert page.status_code == 200
    assert "title harmless" in page.text
    assert client.get(f"/api/v1/datasets/{address}").json()["pid"] == pid
    assert client.get(f"/api/v1/datasets/{address}/files").json()["total"] == 1
    for name in ("sub/file.h5", "sub%2Ffile.h5"):
        assert client.get(f"/api/v1/datasets/{address}/files/{name}").status_code == 503, name
    assert client.get("/api/v1/samples/s%2F1").json()["name"] == "copper"
    for start in ("/", f"/datasets/{address}", "/instruments"):
        text = client.get(start).text
        links = set(re.findall(r'(?:href|src)="(/(?:datasets|instruments|samples|investigations)/[^"]+)"', text))
        assert links, start
        for link in links:
            if "files/" not in link:
                assert client.get(unescape(link)).status_code == 200, link
    assert client.get("/datasets/20.500.12269/BRIGHTNESS").status_code == 404


def test_files_that_are_elsewhere_are_told_of_and_no_link_leads_to_them(make_facility: MakeFacility) -> None:
    """To harvesters, citation tools and crawlers: the list of the files answers, the files would not."""
    app = make_facility()
    records = SearchApiReader().read("datasets", _dataset("open-1", True, "harmless"))
    app.importing.load(OPERATOR, batched(records), origin=Origin.MIGRATED, source="test")
    client = Client(build(app, work=False))
    page = client.get("/datasets/open-1", headers={"Accept": "text/html"})
    assert 'rel="item"' not in page.headers["link"]
    for form in ("jsonld", "linkset", "turtle", "ro-crate"):
        told = client.get("/datasets/open-1", params={"format": form})
        assert told.status_code == 200
        assert "/datasets/open-1/files/" not in told.text, form
    turtle = client.get("/datasets/open-1", params={"format": "turtle"}).text
    service = re.search(r"dcat:endpointURL <http://testserver(/api/[^>]+)>", turtle)
    assert service is not None
    assert client.get(service[1]).json()["items"][0]["name"] == "file-harmless.h5"
    datacite = client.get("/datasets/open-1", params={"format": "datacite-json"}).json()
    assert (datacite["formats"], datacite["sizes"]) == (["application/x-hdf5"], ["7 bytes", "1 file"])


def test_techniques_of_other_catalogues_are_told_as_terms_of_panet_only_where_they_are(make_facility: MakeFacility) -> None:
    app = make_facility()
    number = "PaNET01239"
    known = [{"pid": f"PaNET:{number}", "name": "photon_and_neutron_technique.defined_by.reflectometry.neutron_reflectometry"}]
    raws = [_dataset("open-1", True, "harmless"), _dataset("open-2", True, "harmless") | {"techniques": known}]
    records = [record for raw in raws for record in SearchApiReader().read("datasets", raw)]
    app.importing.load(OPERATOR, batched(records), origin=Origin.MIGRATED, source="test")
    client = Client(build(app, work=False))
    strange = client.get("/datasets/open-1", params={"format": "datacite-json"}).json()
    assert {"subject": "technique harmless"} in strange["subjects"]
    assert "PaNET" not in json.dumps(strange)
    told = client.get("/datasets/open-2", params={"format": "datacite-json"}).json()
    term = next(one for one in told["subjects"] if one.get("subjectScheme") == "PaNET")
    assert (term["subject"], term["valueUri"]) == ("neutron reflectometry", f"http://purl.org/pan-science/PaNET/{number}")
    assert "defined_by" not in json.dumps(told)

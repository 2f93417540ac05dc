"""Paths, headers and errors, as providers and browsers expect them (contract b2)."""

from __future__ import annotations

import pytest

from panmesh.testing.panosc_seed import INSTRUMENTS, SEED, D
from tests.protocol.panosc.conftest import Provider

ONE = "Datasets/20.500.12269%2Fpanosc-dataset1"


@pytest.mark.parametrize(
    "path", ["datasets", "DATASETS", "Datasets", "dataSets", "datasets/", "Documents", "documents/count", "INSTRUMENTS/COUNT"]
)
def test_paths_in_any_case(provider: Provider, path: str) -> None:
    assert provider.status(path) == 200


def test_pids_with_slashes(provider: Provider) -> None:
    encoded = provider.ask(ONE)
    assert encoded["pid"] == f"{D}1"
    assert provider.ask(ONE.replace("%2F", "%2f")) == encoded
    assert provider.ask(f"datasets/{D}1") == encoded
    assert provider.ask(f"datasets/{D}1/files") == provider.ask(ONE + "/files")
    assert provider.ask(f"datasets/{D}1/FILES/count") == {"count": 1}
    assert provider.ask("Instruments/" + INSTRUMENTS["LoKI"].replace("/", "%2F"))["name"] == "LoKI"


@pytest.mark.parametrize(
    "path",
    [
        "Samples", "Parameters", "Files", "Documents/10.5072%2Fpanosc-document1/datasets", "Documents/10.5072%2Fpanosc-document1/members",
        "Datasets/findOne", f"{ONE}/exists", f"{ONE}/instrument", f"{ONE}/files/1", "Instruments/x/files", "nothing", "Datasets/x/count",
    ],
)  # fmt: skip
def test_nothing_else_is_there(provider: Provider, path: str) -> None:
    answer = provider.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["statusCode"] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(provider: Provider, method: str) -> None:
    for path in ("/api/Datasets", f"/api/{ONE}"):
        answer = provider.client.request(method, path)
        assert answer.status_code == 404
        assert list(answer.json()["error"]) == ["statusCode", "name", "message"]


def test_errors_are_pages_for_browsers(provider: Provider) -> None:
    for path, status in (("/api/Datasets/<b>x", 404), ("/api/Datasets?filter=[]", 400), ("/api/nothing", 404)):
        answer = provider.client.get(path, headers={"Accept": "text/html,application/xhtml+xml"})
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert "<b>x" not in answer.text
        assert provider.client.get(path, headers={"Accept": "*/*"}).headers["content-type"] == "application/json"


def test_any_page_may_ask_from_the_browser(provider: Provider) -> None:
    for path in ("/api/Datasets?limit=1", f"/api/{ONE}", "/api/Datasets/absent", "/api/techniques/count"):
        answer = provider.client.get(path, headers={"Origin": "https://portal.example.org"})
        assert answer.headers["access-control-allow-origin"] == "https://portal.example.org"
        assert "Origin" in answer.headers["vary"]
        assert "X-Total-Count" in answer.headers["access-control-expose-headers"]
    assert (
        provider.client.get(f"/api/{ONE}", headers={"Origin": "https://x.org"}).headers["access-control-allow-credentials"]
        == "true"
    )
    asked = {
        "Origin": "https://portal.example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = provider.client.request("OPTIONS", "/api/Documents", headers=asked)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == "https://portal.example.org"
    assert answer.headers["access-control-allow-credentials"] == "true"


def test_head_says_what_get_would(provider: Provider) -> None:
    for path in (ONE, "Datasets", "Datasets/count", "Datasets/absent"):
        get, head = provider.get(path), provider.client.request("HEAD", f"/api/{path}")
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers.get("etag") == get.headers.get("etag")


def test_an_answer_that_is_known_is_not_sent_again(provider: Provider) -> None:
    for path in (ONE, "Datasets?limit=2", "Documents", "Datasets/count", "techniques/count"):
        first = provider.client.get(f"/api/{path}")
        again = provider.client.get(f"/api/{path}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


def test_pages_say_the_total_and_the_next(provider: Provider) -> None:
    everything = provider.pids("Datasets")
    for question in (
        '{"limit": 4}',
        '{"limit": 4, "order": "title DESC"}',
        '{"limit": 4, "include": ["samples"], "skip": 2}',
        '{"limit": 3, "query": "units"}',
    ):
        start = provider.get("Datasets", question)
        total, seen, url = int(start.headers["x-total-count"]), [], None
        answer = start
        while True:
            assert int(answer.headers["x-total-count"]) == total
            seen += [one["pid"] for one in answer.json()]
            if "link" not in answer.headers:
                break
            url, _, kind = answer.headers["link"].partition(">; ")
            assert kind == 'rel="next"'
            answer = provider.client.get(url.removeprefix("<"))
            assert answer.status_code == 200
        assert url is not None
        assert len(set(seen)) == len(seen)
        skipped = 2 if "skip" in question else 0
        assert len(seen) == total - skipped, question
        if "query" not in question:
            assert set(seen) <= set(everything)
    bracketed = provider.client.get("/api/Instruments?filter[order]=name&filter[limit]=4&filter[where][facility]=ESS")
    answer = provider.client.get(bracketed.headers["link"].partition(">")[0].removeprefix("<"))
    assert [one["name"] for one in bracketed.json() + answer.json()] == sorted(INSTRUMENTS)
    assert "link" not in answer.headers
    whole = provider.get("Datasets")
    assert int(whole.headers["x-total-count"]) == len(SEED["datasets"])


def test_signs_of_life(provider: Provider) -> None:
    for path in ("/api/", "/api"):
        answer = provider.client.request("GET", path, follow_redirects=True)
        assert answer.status_code == 200
        assert answer.json().keys() == {"started", "uptime"}

"""Pages in another language than English: every text of the catalogue is in it, and the page is the same otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from panmesh.app.asgi import build
from panmesh.kernel.errors import Invalid
from panmesh.portal import sentences, strings, words
from tests.protocol.conftest import PIDS, Client, House

_TEXT = re.compile(r">[^<]*<|(?:title|alt|aria-label|placeholder)=\"[^\"]*\"")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The database plays no part."""
    return f"sqlite:///{tmp_path / 'test.db'}"


def test_a_translated_page_differs_in_its_text_alone(house: House) -> None:
    said = _turned()
    folder = house.app.settings.data / "strings"
    folder.mkdir()
    (folder / "fr.json").write_text(json.dumps({"language": "fr", "messages": said}), "utf-8")
    client = _started_again(house)
    for path in ("/", f"/datasets/{PIDS['open']}", f"/datasets/{PIDS['embargoed']}", "/investigations", "/nowhere"):
        html = {"Accept": "text/html"}
        english, french = (client.get(path, headers=html | {"Accept-Language": one}) for one in ("en", "fr-FR, en;q=0.5"))
        assert english.status_code == french.status_code
        assert '<html lang="fr">' in french.text
        assert "ζ Skip to the content" in french.text
        assert "ζ" not in english.text
        assert "Accept-Language" in french.headers["vary"]
        assert _TEXT.sub("", english.text).replace('lang="en"', 'lang="fr"') == _TEXT.sub("", french.text)
    assert "ζ Embargoed" in client.get("/", headers={"Accept-Language": "fr"}).text


@pytest.mark.parametrize(
    "path",
    [
        f"/why/{PIDS['embargoed']}", f"/why/{PIDS['open']}", f"/datasets/{PIDS['embargoed']}", "/investigations/pm-visit2",
        "/datasets/pm-0000000000000000", "/nowhere", "/investigations?q=" + "+".join("abcdefghijklmnopqrstuvw"), "/?quantity=warm", "/facility",
    ],
)  # fmt: skip
def test_no_sentence_of_a_page_is_left_in_english(house: House, path: str) -> None:
    """What stands between two tags and reads like a sentence is a message, but for what people and files wrote."""
    folder = house.app.settings.data / "strings"
    folder.mkdir()
    (folder / "fr.json").write_text(json.dumps({"language": "fr", "messages": _turned()}), "utf-8")
    page = _started_again(house).get(path, headers={"Accept": "text/html", "Accept-Language": "fr"}).text
    page = re.sub(r"<(script|style|pre|code|svg)\b.*?</\1>", "", page, flags=re.S)
    texts = [" ".join(text.split()) for text in re.findall(r">([^<]+)<", page)]
    texts += re.findall(r'(?:title|alt|aria-label|placeholder)="([^"]*)"', page)
    left = {text for text in texts if "ζ" not in text and re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", text)}
    assert left == set()


def _turned() -> dict[str, str]:
    found = strings.catalogue(words.all_words(), sentences.catalogue())
    return {message: f"ζ {message}" for message in found if "<" not in message and "{{" not in message and "{%" not in message}


def test_a_broken_file_stops_the_start_with_a_sentence(house: House) -> None:
    folder = house.app.settings.data / "strings"
    folder.mkdir()
    (folder / "fr.json").write_text('{"messages": {"Runs": "<script>"}}', "utf-8")
    with pytest.raises(Invalid, match="marks of a template"):
        _started_again(house)


def _started_again(house: House) -> Client:
    del house.app.languages
    return Client(build(house.app, work=False))

"""Pages in another language than English: every text of the catalogue is in it, and the page is the same otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from panmesh.app.asgi import build
from panmesh.kernel.errors import Invalid
from panmesh.portal import strings, words
from tests.protocol.conftest import PIDS, Client, House

_TEXT = re.compile(r">[^<]*<|(?:title|alt|aria-label|placeholder)=\"[^\"]*\"")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The database plays no part."""
    return f"sqlite:///{tmp_path / 'test.db'}"


def test_a_translated_page_differs_in_its_text_alone(house: House) -> None:
    said = {message: f"ζ {message}" for message in strings.catalogue(words.all_words())}
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


def test_a_broken_file_stops_the_start_with_a_sentence(house: House) -> None:
    folder = house.app.settings.data / "strings"
    folder.mkdir()
    (folder / "fr.json").write_text('{"messages": {"Runs": "<script>"}}', "utf-8")
    with pytest.raises(Invalid, match="marks of a template"):
        _started_again(house)


def _started_again(house: House) -> Client:
    del house.app.languages
    return Client(build(house.app, work=False))

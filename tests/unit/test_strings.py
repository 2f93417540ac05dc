"""The catalogue of what the pages say: taken from every template, put back without a sign changed."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from panmesh.portal import strings, words

TEMPLATES = {
    one.name: one.read_text("utf-8")
    for one in resources.files("panmesh.portal").joinpath("templates").iterdir()
    if one.name.endswith(".html")
}
PAGES = pytest.mark.parametrize("name", sorted(TEMPLATES))
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)


@PAGES
def test_a_template_in_its_own_language_is_itself(name: str) -> None:
    assert strings.translated(TEMPLATES[name], lambda message: message) == TEMPLATES[name]


@PAGES
def test_a_translation_changes_text_and_nothing_else(name: str) -> None:
    turned = strings.translated(TEMPLATES[name], lambda message: "".join(f"{{{n}}}" for n in _places(message)) + "ζ")
    assert sorted(_BLOCK.findall(turned)) == sorted(_BLOCK.findall(TEMPLATES[name]))
    Environment().parse(turned)


def _places(message: str) -> list[str]:
    return re.findall(r"\{(\d+)\}", message)[::-1]


def test_values_may_change_their_order() -> None:
    source = '<p title="Runs of {{ a }}">{{ n }} runs of\n   <b>{{ a }}</b> by {{ b }}{% if x %} and others{% endif %}</p>'
    said = {"Runs of {1}": "{1}: Läufe", "{1} runs of": "{1} Läufe von", "by {1}": "durch {1}", "and others": "und andere"}
    turned = strings.translated(source, lambda message: said[message])
    assert turned == (
        '<p title="{{ a }}: Läufe">{{ n }} Läufe von\n   <b>{{ a }}</b> durch {{ b }}{% if x %} und andere{% endif %}</p>'
    )
    assert strings.messages(["<p>From {{ a }} to {{ b }}</p>"]) == ["From {1} to {2}"]
    assert strings.translated("<p>From {{ a }} to {{ b }}</p>", lambda _: "Bis {2} ab {1}") == "<p>Bis {{ b }} ab {{ a }}</p>"


def test_scripts_code_and_values_are_no_messages() -> None:
    sources = ["<script>let word = 1</script><pre>panmesh get {{ pid }}</pre><code>entry data</code>{{ 'text' }}<!-- a note -->"]
    assert strings.messages(sources) == []


@given(st.text(max_size=200))
def test_any_text_comes_back_unchanged(text: str) -> None:
    assert strings.translated(text, lambda message: message) == text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("de-CH, fr;q=0.8", "fr"),
        ("pt-BR", "pt-BR"),
        ("fr;q=0", "en"),
        ("en-GB, fr;q=0.9", "en"),
        ("fr-CA;q=0.5, en;q=0.9", "en"),
        ("*;q=x, fr", "fr"),
    ],
)
def test_the_reader_is_answered_in_the_language_they_ask_for(accepted: str, language: str) -> None:
    assert strings.chosen(accepted, ("fr", "pt-BR")) == language


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "no catalogue"),
        ('{"messages": []}', "no catalogue"),
        ('{"messages": {"From {1}": "De"}}', "must hold the same values"),
        ('{"messages": {"Runs": "<b>Läufe</b>"}}', "marks of a template"),
        ('{"messages": {"Runs": "{{ secret }}"}}', "marks of a template"),
    ],
)
def test_a_broken_file_is_refused_in_words(content: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "fr.json"
    file.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=fault):
        strings.read(file)


def test_words_for_values_are_in_the_catalogue_too() -> None:
    known = strings.catalogue(words.all_words())
    assert {"Embargoed", "Skip to the content", "user experiment"} <= set(known)
    assert len(known) == len(set(known))

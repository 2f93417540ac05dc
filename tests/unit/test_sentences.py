"""Sentences of the core and of the scripts are in the catalogue, and a sentence on a page is found in it again with its values."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from panmesh.portal import sentences, strings, words

CATALOGUE = sentences.catalogue()
TURNED = {message: f"ζ{message}ζ" for message in strings.catalogue(words.all_words(), CATALOGUE)}
PORTAL = resources.files("panmesh.portal")


@pytest.fixture(autouse=True)
def _in_english_again() -> object:
    yield
    strings.speak_to({})


@pytest.mark.parametrize("message", [one for one in CATALOGUE if "{1}" in one])
def test_a_sentence_with_values_is_found_again_whatever_they_are(message: str) -> None:
    count = len(set(re.findall(r"\{(\d+)\}", message)))
    values = [f"Q{place}/7" for place in range(1, count + 1)]
    english = re.sub(r"\{(\d+)\}", lambda place: values[int(place[1]) - 1], message)
    assert sentences.say(english) == english
    strings.speak_to(TURNED)
    said = sentences.say(english)
    assert "ζ" in said or not re.search("[A-Za-z]{4}", re.sub(r"\{\d+\}", "", message))
    assert [value in said for value in values] == [True] * count


def test_sentences_side_by_side_and_dates_and_lists_within_them_are_said_too() -> None:
    strings.speak_to(TURNED)
    said = sentences.say(
        "The experiment is over and its embargo runs: the core metadata are public, the data are for the team. "
        "They open by themselves on 2 November 2029. If you took part, sign in."
    )
    assert said.count("ζ") == 8
    assert "2 ζNovemberζ 2029" in said
    listed = sentences.say("only its principal investigator, its team and the data stewards")
    assert listed == "ζonly ζits principal investigatorζ, ζits teamζ ζandζ ζthe data stewardsζζ"
    assert sentences.say("A title that somebody wrote") == "A title that somebody wrote"


def test_months_are_named_by_the_catalogue_alone() -> None:
    """strftime knows English only, or the language of the machine."""
    sources = [one for one in PORTAL.iterdir() if one.name.endswith(".py")]
    sources += list(PORTAL.joinpath("templates").iterdir())
    assert [one.name for one in sources if re.search(r"%-?[bB]", one.read_text("utf-8"))] == []


def test_scripts_say_nothing_that_the_page_did_not_give_them() -> None:
    left = []
    for name in ("panmesh.js", "notes.js"):
        source = re.sub(r"(^|\s)//[^\n]*", "", PORTAL.joinpath("static", name).read_text("utf-8"))
        literals = re.findall(r'"([^"\n]*)"|`([^`]*)`', source)
        left += [text for pair in literals for text in pair if re.search(r"^[A-Z][a-z]+ [a-z]|^[a-z]+ [a-z]+ [a-z]", text)]
        left += re.findall(r"textContent = [\"`][^\"`]*[a-z]{3}[^;]*", source)
        assert set(re.findall(r'\bsay\("(\w+)"', source)) <= set(words.SCRIPTS)
    assert left == []
    used = "".join(PORTAL.joinpath("static", name).read_text("utf-8") for name in ("panmesh.js", "notes.js"))
    assert [name for name in words.SCRIPTS if f'say("{name}"' not in used] == []

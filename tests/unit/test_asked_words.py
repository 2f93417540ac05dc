"""What people type into the box for words finds what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.catalogue.query import And, Compare, Condition, Field, Op, Or, QuantityRange, Words
from panmesh.catalogue.relevance import ranked_words
from panmesh.http.asked_words import condition_of, telling_words
from panmesh.kernel.errors import Invalid
from panmesh.kernel.techniques import find
from panmesh.kernel.text import typed_otherwise


def _parts(condition: Condition) -> set[Condition]:
    if isinstance(condition, And | Or):
        return {part for one in condition.parts for part in _parts(one)}
    return {condition}


def _asked(text: str) -> set[Condition]:
    return _parts(condition_of(text, "Europe/Paris"))


@pytest.mark.parametrize("text", ["CeO2,XAS", "(CeO2), XAS", "XAS / CeO2", "what XAS data on CeO2 is there?", "“CeO2” XAS!"])
def test_signs_around_words_are_no_part_of_them(text: str) -> None:
    assert _asked(text) == _asked("XAS on CeO2")


def test_a_question_is_its_technique_its_range_its_word_and_its_state() -> None:
    asked = _asked("which SANS runs at 280-300 K of a polymer are open?")
    assert QuantityRange("temperature", 280.0, 300.0, "K") in asked
    assert Compare(Field.TECHNIQUE, Op.EQUAL, find("SANS") or "") in asked
    assert Compare(Field.STATE, Op.EQUAL, "open") in asked
    assert Words(("polymer",)) in asked


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("280-300 K", 280, 300, "K"), ("280–300K", 280, 300, "K"), ("280 K to 300 K", 280, 300, "K"), ("between 280 and 300 K", 280, 300, "K"),
        ("280..300 k", 280, 300, "K"), ("300-280 K", 280, 300, "K"), (">280 K", 280, None, "K"), ("<= 300 K", None, 300, "K"), ("-20--10 °C", -20, -10, "degC"),
        ("temperature:280..300 K", 280, 300, "K"),
    ],
)  # fmt: skip
def test_a_range_is_written_in_many_ways(text: str, low: float | None, high: float | None, unit: str) -> None:
    assert _asked(text) == {QuantityRange("temperature", low, high, unit)}


def test_a_number_with_a_unit_is_a_quantity_or_its_letters() -> None:
    ranges = {one.name: one for one in _asked("CeO2 5723eV") if isinstance(one, QuantityRange)}
    assert ranges["incident_energy"].low == pytest.approx(5717.277)
    assert Words(("5723", "eV")) in _asked("CeO2 5723eV")
    assert not any(isinstance(one, QuantityRange) for one in _asked("sample-5 K3PO4 12 x 4"))
    units = {one.unit for text in ("5 meV", "5 MeV", "5 kev") for one in _asked(text) if isinstance(one, QuantityRange)}
    assert units == {"meV", "MeV", "keV"}


def test_hyphens_plurals_and_accents_do_not_hide_a_run() -> None:
    assert Words(("x-ray",)) in _asked("xray absorption")
    assert Words(("x-ray",)) in _asked("X\u2011ray".lower())
    assert Words(("L3", "edge")) in _asked("L3-edge")
    assert Words(("SIM002",)) in _asked("SIM-002")
    assert Words(("neutron",)) in _asked("neutrons")
    assert Words(("Muller",)) in _asked("Müller")
    assert {"Muller", "Lodz"} <= set(typed_otherwise("Müller Łódź"))


def test_a_word_ranks_in_whichever_way_it_is_written() -> None:
    """Of runs with "x-ray" or "electrode" in their title those come first, though both are looked for in other writings, too."""
    assert {"x-ray", "electrodes", "electrode", "ceo2"} <= set(ranked_words(condition_of("x-ray electrodes CeO2", "UTC")))


def test_days_months_and_years_are_when_it_was_measured() -> None:
    def starts(text: str) -> set[Condition]:
        return {one for one in _asked(text) if isinstance(one, Compare)}

    assert starts("October 2023") == starts("oct 2023")
    assert len(starts("2023")) == len(starts("2023-10-29")) == 2
    assert starts("2023-13-45") == set()
    assert max(str(one) for one in starts("December 2023")) in {str(one) for one in starts("2023")}


def test_without_a_technique_is_without_its_narrower_ones() -> None:
    asked = _asked("CeO2 -XAS")
    assert Compare(Field.FULL_TEXT, Op.NOT_CONTAINS, "xas") in asked
    assert Compare(Field.FULL_TEXT, Op.NOT_CONTAINS, "x-ray absorption spectroscopy") in asked
    assert asked == _asked("CeO2 NOT XAS")


@pytest.mark.parametrize(
    "text", ["pm-0123456789abcdef", "PM-0123456789ABCDEF", "https://data.example.org/datasets/pm-0123456789abcdef.v2"]
)
def test_a_pid_is_what_has_it(text: str) -> None:
    assert Compare(Field.PID, Op.EQUAL, "pm-0123456789abcdef") in _asked(text)
    assert not any(isinstance(one, Words) for one in _asked(text))


def test_what_is_in_quotes_stays_together() -> None:
    assert _asked('"L3 edge" CeO2') == {Words(("L3 edge", "CeO2"))}
    assert telling_words('280-300 K of "L3 edge"') == ["280-300 K", '"L3 edge"']


@given(st.text(max_size=60))
def test_any_text_is_a_search_or_says_what_is_wrong_with_it(text: str) -> None:
    try:
        condition_of(text, "UTC")
    except Invalid:
        assert ":" in text  # only a range that is written out can be wrong

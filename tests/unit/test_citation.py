"""How data are cited: worded once, and harmless to what reads it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from panmesh.catalogue.citation import Citation, all_as, as_bibtex, as_csl, as_ris, as_text

ONE = Citation(
    creators=("Ada Lovelace", "Grace Hopper"),
    title="Thermal expansion of CeO2.",
    publisher="A facility",
    year=2026,
    identifier="pm-0123456789abcdef",
    url="https://facility.example/datasets/pm-0123456789abcdef",
)


def test_text_is_what_datacite_recommends() -> None:
    expected = "Ada Lovelace; Grace Hopper (2026): Thermal expansion of CeO2. A facility. Dataset. " + ONE.url
    assert as_text(ONE) == expected


def test_what_is_not_known_is_left_out() -> None:
    bare = replace(ONE, creators=(), year=None)
    assert as_text(bare) == f"Thermal expansion of CeO2. A facility. Dataset. {ONE.url}"
    assert "author" not in as_bibtex(bare)
    assert "year" not in as_bibtex(bare)
    assert "AU  -" not in as_ris(bare)


def test_a_doi_stands_where_reference_managers_look_for_it() -> None:
    doi = replace(ONE, identifier="10.82012/0123456789abcdef", url="https://doi.org/10.82012/0123456789abcdef")
    assert "  doi = {10.82012/0123456789abcdef},\n" in as_bibtex(doi)
    assert "DO  - 10.82012/0123456789abcdef\r\n" in as_ris(doi)
    assert "note" not in as_bibtex(doi)
    assert "doi" not in as_bibtex(ONE)
    assert f"AN  - {ONE.identifier}\r\n" in as_ris(ONE)


def test_of_many_creators_the_first_is_named() -> None:
    many = replace(ONE, creators=tuple(f"Person {n}" for n in range(40)))
    assert as_text(many).startswith("Person 0; et al. (2026)")
    assert as_bibtex(many).count(" and ") == 39


def test_signs_that_mean_something_to_tex_are_written_as_signs() -> None:
    title = replace(ONE, title=r"50% Fe_2 & {α} #1 $x$ \input{/etc/passwd}")
    assert r"50\% Fe\_2 \& \{α\} \#1 \$x\$ \textbackslash{}input\{/etc/passwd\}" in as_bibtex(title)


def test_formulae_are_written_for_tex_with_its_own_commands() -> None:
    title = replace(ONE, title="Ce³⁺ in CeO₂")
    assert r"Ce\textsuperscript{3}\textsuperscript{+} in CeO\textsubscript{2}" in as_bibtex(title)


def test_citation_processors_are_told_who_when_and_what() -> None:
    doi = replace(
        ONE,
        creators=("Müller, Ana María", "Grace Hopper"),
        identifier="10.82012/0123456789abcdef",
        url="https://doi.org/10.82012/0123456789abcdef",
    )
    assert as_csl(doi) == {
        "id": "10.82012/0123456789abcdef",
        "type": "dataset",
        "title": "Thermal expansion of CeO2.",
        "author": [{"family": "Müller", "given": "Ana María"}, {"literal": "Grace Hopper"}],
        "issued": {"date-parts": [[2026]]},
        "publisher": "A facility",
        "DOI": "10.82012/0123456789abcdef",
        "URL": "https://doi.org/10.82012/0123456789abcdef",
    }
    bare = as_csl(replace(ONE, creators=(), year=None))
    assert (bare["number"], "author" in bare, "issued" in bare, "DOI" in bare) == (ONE.identifier, False, False, False)
    assert all_as("json", [ONE, doi]).count('"type": "dataset"') == 2


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_no_text_breaks_out_of_its_field(title: str, publisher: str, creators: list[str]) -> None:
    one = Citation(creators=tuple(creators), title=title, publisher=publisher, year=2026, identifier="pm-1", url="https://x")
    assert "\n" not in as_text(one)
    lines = as_ris(one).split("\r\n")
    assert all(line[2:6] == "  - " for line in lines if line)
    assert [line[:2] for line in lines if line].count("ER") == 1
    depth, escaped = 0, False
    for c in as_bibtex(one):
        depth += 0 if escaped else (c == "{") - (c == "}")
        escaped = c == "\\" and not escaped
        assert depth >= 0
    assert depth == 0
    assert all_as("bib", [one, one]).count("@misc{") == 2

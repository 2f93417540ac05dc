"""Turtle as we write it says to a reader of RDF what was put in, whatever signs it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.compare import isomorphic

from panmesh.wire.turtle import Statements, iri, literal

SPACE = "https://example.org/words#"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.sampled_from(["one", "two", "three"])
SAID = st.lists(st.tuples(NAMES, NAMES, st.one_of(TEXTS, NAMES.map(lambda name: URIRef(SPACE + name)))), max_size=12)


@given(SAID, st.sampled_from([None, "en"]))
def test_what_is_written_is_what_was_said(said: list[tuple[str, str, str]], lang: str | None) -> None:
    ours, theirs = Statements({"x": SPACE}), Graph()
    for subject, predicate, one in said:
        theirs.add(
            (URIRef(SPACE + subject), URIRef(SPACE + predicate), one if isinstance(one, URIRef) else Literal(one, lang=lang))
        )
        ours.add(iri(SPACE + subject), f"x:{predicate}", iri(one) if isinstance(one, URIRef) else literal(one, lang=lang))
    assert set(Graph().parse(data=ours.written(), format="turtle")) == set(theirs)


@given(st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=5))
def test_what_has_no_address_is_told_where_it_belongs(said: list[tuple[str, str]]) -> None:
    """Each inside the one before."""
    ours, theirs = Statements({"x": SPACE}), Graph()
    here, there = iri(f"{SPACE}me"), URIRef(f"{SPACE}me")
    for predicate, text in said:
        inner, blank = ours.node(), BNode()
        ours.add(here, f"x:{predicate}", inner)
        ours.add(inner, "x:says", literal(text))
        theirs.add((there, URIRef(SPACE + predicate), blank))
        theirs.add((blank, URIRef(f"{SPACE}says"), Literal(text)))
        here, there = inner, blank
    assert isomorphic(Graph().parse(data=ours.written(), format="turtle"), theirs)


@given(TEXTS)
def test_no_address_ends_early(text: str) -> None:
    ours = Statements({})
    ours.add(iri("https://example.org/a"), "a", iri(f"https://example.org/{text}"))
    ((_, _, found),) = Graph().parse(data=ours.written(), format="turtle")
    assert isinstance(found, URIRef)
    assert str(found).startswith("https://example.org/")


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\r", "\t", "\x00", "\x7f", "\u2028", "'", '"""', "\\u0041"])
def test_signs_that_mean_something(text: str) -> None:
    ours = Statements({"x": SPACE})
    ours.add(iri(SPACE), "x:says", literal(text, datatype="x:kind"))
    ((_, _, found),) = Graph().parse(data=ours.written(), format="turtle")
    assert str(found) == text

"""Facts cross the sandbox's wall unchanged, and nothing else crosses it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panmesh.ingest.facts import EntryFacts, FileFacts, Found, PlotFacts, QuantityFacts
from panmesh.ingest.facts_codec import Malformed, facts_from_dict, from_plain, to_plain
from panmesh.ingest.plot import Axis, PlotData
from panmesh.ingest.tree import Problem

_texts = st.text(st.characters(codec="utf-8"), max_size=8)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_found = st.builds(Found, value=_texts, path=_texts, raw=st.none() | _texts)
_quantities = st.builds(
    QuantityFacts,
    path=_texts,
    name=_texts,
    unit=st.none() | _texts,
    value=st.none() | _numbers | _texts,
    minimum=st.none() | _numbers,
)
_plots = st.builds(
    PlotFacts,
    group=_texts,
    signal=_texts,
    axes=st.lists(_texts, max_size=3).map(tuple),
    shape=st.lists(st.integers(0, 1 << 60), max_size=3).map(tuple),
    units=st.none() | _texts,
    title=st.none() | _texts,
    marking=_texts,
)
_entries = st.builds(
    EntryFacts,
    entry=st.none() | _texts,
    entry_class=_texts,
    title=st.none() | _found,
    quantities=st.lists(_quantities, max_size=2).map(tuple),
    plot=st.none() | _plots,
    placeholders=st.lists(_found, max_size=2).map(tuple),
)
_files = st.builds(
    FileFacts,
    entries=st.lists(_entries, min_size=1, max_size=2).map(tuple),
    problems=st.lists(st.builds(Problem, path=_texts, what=_texts), max_size=2).map(tuple),
    counts=st.none() | st.dictionaries(_texts, st.integers(0, 9), max_size=2),
)
_values = st.lists(st.none() | _numbers, max_size=4).map(tuple)
_axes = st.lists(st.builds(Axis, label=_texts, units=st.none() | _texts, values=_values), max_size=2).map(tuple)
_sizes = st.integers(0, (1 << 63) - 1)
_pictures = st.builds(
    PlotData,
    shape=st.lists(_sizes, max_size=3).map(tuple),
    rows=_sizes,
    columns=_sizes,
    values=_values,
    low=st.none() | _numbers,
    high=st.none() | _numbers,
    axes=_axes,
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _numbers | _texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["format", "state", "entries", "entry", "x"]), inner)
    ),
    max_leaves=8,
)


def _over_the_wall(value: Any) -> Any:
    return orjson.loads(orjson.dumps(to_plain(value)))


@settings(max_examples=60, deadline=None)
@given(_files)
def test_facts_come_back_as_they_went(facts: FileFacts) -> None:
    assert facts_from_dict(_over_the_wall(facts)) == facts


@settings(max_examples=60, deadline=None)
@given(_pictures)
def test_plots_come_back_as_they_went(plot: PlotData) -> None:
    assert from_plain(PlotData, _over_the_wall(plot)) == plot


@settings(max_examples=150, deadline=None)
@given(_json)
def test_whatever_else_a_child_writes_is_refused_by_name(plain: Any) -> None:
    with pytest.raises(Malformed):
        facts_from_dict(plain)

"""The search page: conditions, facets, results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import FacetValue
from panmesh.catalogue.query import DatasetQuery, Field
from panmesh.http.filters import query_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel import techniques
from panmesh.kernel.errors import Invalid
from panmesh.portal import words
from panmesh.portal.pages_basket import current_of
from panmesh.portal.rendering import offset_of, render, zone_of

PER_PAGE = 25
FACETS = (
    (Field.STATE, "Access"),
    (Field.INSTRUMENT, "Instrument"),
    (Field.TECHNIQUE, "Technique"),
    (Field.SAMPLE, "Sample"),
    (Field.PROPOSAL, "Proposal"),
    (Field.KIND, "Kind"),
)
_SINGLE = ("q", "from", "to", "sort")
_SEARCH_FIELDS = ("q", "from", "to", "quantity", "sort", "person", "visit", "flag", "tag", *(f.value for f, _ in FACETS))


def home(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    given = search_given(request)
    offset = offset_of(request)
    zone = zone_of(s)
    fault = None
    try:
        query = query_of(given, zone=zone, offset=offset, limit=PER_PAGE)
        page = s.search.search(who, query)
    except Invalid as error:
        fault = error
        query = DatasetQuery(limit=PER_PAGE)
        page = s.search.search(who, query)
    facets = [(field.value, title, _worded(field, s.search.facet(who, query, field, 12))) for field, title in FACETS]
    basket = current_of(request)
    return render(
        request,
        "search.html",
        page=page,
        facets=[(name, title, values) for name, title, values in facets if len(values) > (0 if name in given else 1)],
        given=given,
        conditions=_conditions(given, facets, _instrument_names(s, who, given, facets)),
        fault=fault,
        quantities=s.search.quantities(who),
        link=lambda **changes: _link(given, changes),
        first=not given and offset == 0,
        basket=basket,
        basket_runs=s.baskets.runs(who, basket) if basket is not None else (),
    )


def search_given(request: Request) -> dict[str, list[str]]:
    """What the address says of a search, by its name."""
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in _SEARCH_FIELDS and value.strip():
            given.setdefault(name, []).append(value)
    return given


def _worded(field: Field, values: tuple[FacetValue, ...]) -> list[FacetValue]:
    names = {Field.STATE: words.STATES, Field.KIND: words.KINDS}.get(field, {})
    return [replace(v, label=names.get(v.value, v.label)) for v in values]


Facets = list[tuple[str, str, list[FacetValue]]]


def _instrument_names(s: Services, who: Viewer, given: dict[str, list[str]], facets: Facets) -> dict[tuple[str, str], str]:
    """Of chosen instruments that no run fits, which the facet therefore does not name."""
    counted = {v.value for name, _, values in facets if name == "instrument" for v in values}
    if not set(given.get("instrument", ())) - counted:
        return {}
    return {("instrument", i.key): i.name for i in s.search.instruments(who)}


def _conditions(
    given: dict[str, list[str]], facets: Facets, instruments: dict[tuple[str, str], str]
) -> list[tuple[str, str, str]]:
    """What narrows the search: (its name, its value in words, the URL without it)."""
    titles = words.CONDITIONS | {name: title for name, title, _ in facets}
    labels = instruments | {(name, v.value): v.label for name, _, values in facets for v in values}
    found = []
    for name, values in given.items():
        for value in values if name in titles else ():
            label = labels.get((name, value)) or (techniques.label(value) if name == "technique" else None) or value
            found.append((titles[name], label, _link(given, {name: None if name in _SINGLE else value})))
    return found


def _link(given: dict[str, list[str]], changes: dict[str, Any]) -> str:
    """The search's URL with changes: name=value toggles a value, name=None takes the name away, offset=… moves."""
    kept = {name: list(values) for name, values in given.items()}
    offset = changes.pop("offset", None)
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        elif name in _SINGLE:
            kept[name] = [value]
        elif value in kept.get(name, []):
            kept[name].remove(value)
        else:
            kept.setdefault(name, []).append(value)
    pairs = [(name, value) for name, values in kept.items() for value in values]
    if offset:
        pairs.append(("offset", str(offset)))
    return "/?" + urlencode(pairs) if pairs else "/"

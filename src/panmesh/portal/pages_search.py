"""The search page: conditions, facets, results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import FacetValue
from panmesh.catalogue.query import And, Compare, DatasetQuery, Field, Op
from panmesh.http.asked_ranges import quantity as quantity_asked
from panmesh.http.asked_words import telling_words
from panmesh.http.filters import query_of, query_of_address
from panmesh.http.services import Services, services, viewer
from panmesh.kernel import techniques
from panmesh.kernel.errors import Invalid, NotFound
from panmesh.kernel.pid import is_native
from panmesh.kernel.units import same_dimension
from panmesh.portal import words
from panmesh.portal.pages_basket import current_of
from panmesh.portal.pages_visits import page_of
from panmesh.portal.rendering import offset_of, render, zone_of
from panmesh.portal.spread_plot import condition_of, range_in_words, spread_plot
from panmesh.publication import identifiers

PER_PAGE = 25
NEAREST = 10  # ways to ask for less that are counted when nothing fits
FACETS = (
    (Field.STATE, "Access"),
    (Field.INSTRUMENT, "Instrument"),
    (Field.SAMPLE, "Sample"),
    (Field.PROPOSAL, "Proposal"),
    (Field.KIND, "Kind"),
    (Field.FORMAT, "File type"),
)
_SINGLE = ("q", "from", "to", "sort")
_SEARCH_FIELDS = (
    "q", "from", "to", "quantity", "sort", "person", "visit", "flag", "tag", "technique", "facility", "year", "mine", *(f.value for f, _ in FACETS)
)  # fmt: skip


def home(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    given = search_given(request)
    named = _page_named(request, given)
    if named is not None:
        return RedirectResponse(named, 302, headers={"X-Robots-Tag": "noindex, nofollow"})
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
    facets += [("facility", "Facility", list(s.search.facet(who, query, Field.FACILITY, 12)))]
    years = s.search.years(who, query, zone)
    facets.append(("year", "Year", [FacetValue(value=str(y), label=str(y), count=n) for y, n in list(years.items())[:12]]))
    facets = [*_whose(s, who, query, given), *facets]
    basket, quantities = current_of(request), s.search.quantities(who)
    conditions = _conditions(given, facets, _instrument_names(s, who, given, facets))
    shown = render(
        request,
        "search.html",
        page=page,
        facets=[one for one in facets if one[0] in given or _tells_apart(one[2], page.total)],
        techniques=s.search.technique_tree(who, query),
        given=given,
        conditions=conditions,
        nearest=() if page.total or fault else _nearest(s, who, given, conditions, zone),
        meant=() if page.total or fault else [*_misspelt(given), *_meant(given, quantities)],
        fault=fault,
        quantities=quantities,
        link=lambda **changes: _link(given, changes),
        first=not given and offset == 0,
        basket=basket,
        basket_runs=s.baskets.runs(who, basket) if basket is not None else (),
    )
    if given:
        shown.headers["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def _page_named(request: Request, given: dict[str, list[str]]) -> str | None:
    """Of somebody who pastes an identifier of something here, bare or as an address: its page."""
    text = given["q"][-1].strip() if set(given) == {"q"} else ""
    name = identifiers.doi(text) or text.rpartition("/")[2]
    if not (name.startswith("10.") or is_native(name)):
        return None
    try:
        return page_of(request, name)
    except NotFound:
        return None  # the words of a search, for all that its reader may know


def quantities(request: Request, _form: dict[str, str]) -> Response:
    """The part of the page that lists quantities as somebody types; what is typed of another quantity does not narrow it."""
    s, who = services(request), viewer(request)
    given = {name: values for name, values in search_given(request).items() if name != "quantity"}
    try:
        query = query_of(given, zone=zone_of(s))
    except Invalid:
        query = DatasetQuery()
    found = s.search.spreads(who, query, request.query_params.get("typed", "")[:80])
    listed = [{"spread": q, "plot": spread_plot(q), "range": range_in_words(q), "condition": condition_of(q)} for q in found]
    shown = render(request, "quantities.html", found=listed)
    shown.headers.update({"Cache-Control": "private, max-age=30", "X-Robots-Tag": "noindex"})
    return shown


def search_given(request: Request) -> dict[str, list[str]]:
    """What the address says of a search, by its name."""
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in _SEARCH_FIELDS and value.strip():
            given.setdefault(name, []).append(value)
    return given


def _worded(field: Field, values: tuple[FacetValue, ...]) -> list[FacetValue]:
    if field is Field.FORMAT:
        return [replace(v, label=words.kind_of_file(v.value)) for v in values]
    names = {Field.STATE: words.STATES, Field.KIND: words.KINDS}.get(field, {})
    return [replace(v, label=names.get(v.value, v.label)) for v in values]


def _whose(s: Services, who: Viewer, query: DatasetQuery, given: dict[str, list[str]]) -> Facets:
    """Somebody's own runs among all that they may read; nobody who was in no visit is offered them."""
    if "mine" not in given and not (who.teams or who.granted or who.emergencies):
        return []
    own = Compare(Field.MINE, Op.EQUAL, "true")
    number = s.search.count(who, replace(query, where=And((query.where, own)) if query.where is not None else own))
    return [("mine", words.CONDITIONS["mine"], [FacetValue(value="true", label=words.WHOSE["true"], count=number)])]


def _tells_apart(values: list[FacetValue], total: int) -> bool:
    """Something that all have alike, or nobody, narrows nothing."""
    return len(values) > 1 or any(v.count < total for v in values)


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
            label = (
                labels.get((name, value))
                or (techniques.label(value) if name == "technique" else None)
                or words.asked(name, value)
            )
            found.append((titles[name], label, _link(given, {name: None if name in _SINGLE else value})))
    return found


def _nearest(
    s: Services, who: Viewer, given: dict[str, list[str]], conditions: list[tuple[str, str, str]], zone: str
) -> list[tuple[str, int, str]]:
    """What there is without one of the conditions, or one of the words: (what is left out, how many runs, the URL)."""
    said = telling_words((given.get("q") or [""])[-1])
    fewer = [(word, _link(given, {"q": " ".join(other for other in said if other != word)})) for word in said]
    tried = [(label, url) for _, label, url in conditions if url != "/"] + (fewer if len(set(said)) > 1 else [])
    counted = [(what, s.search.count(who, query_of_address(url[2:], zone=zone)), url) for what, url in tried[:NEAREST]]
    return sorted((one for one in counted if one[1]), key=lambda one: -one[1])


def _misspelt(given: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    """Of words that are nearly one of a technique's name: (the word, that word, the URL with it)."""
    text, known = (given.get("q") or [""])[-1], techniques.vocabulary()
    found = []
    for word in telling_words(text):
        for near in get_close_matches(word.casefold(), known, 1, 0.8) if word.casefold() not in known else ():
            found.append((word, near, _link({**given, "q": [text.replace(word, near)]}, {})))
    return found


def _meant(given: dict[str, list[str]], known: Sequence[FacetValue]) -> list[tuple[str, str, str]]:
    """Of quantities that nothing has under this name or unit: (what was asked, what there is instead, its URL or nothing)."""
    units = {one.value: one.label for one in known}
    found = []
    for asked in given.get("quantity", ()):
        one = quantity_asked(asked)
        for near in get_close_matches(one.name, units, 1, 0.7) if one.name not in units else ():
            kept = [near + asked.strip()[len(one.name) :] if other == asked else other for other in given["quantity"]]
            found.append((one.name, near, _link({**given, "quantity": kept}, {})))
        if one.name in units and one.unit and not same_dimension(one.unit, units[one.name] or None):
            found.append((f"{one.name} in {one.unit}", words.unit(units[one.name]) or "no unit", ""))
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
    return "/?" + "&".join(_encoded(*pair) for pair in pairs) if pairs else "/"


@lru_cache(maxsize=4096)
def _encoded(name: str, value: str) -> str:
    """A page has hundreds of links of the same few pairs."""
    return urlencode({name: value})

"""Landing pages for machines: the same address answers in each form that they ask for, and says by typed links which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.catalogue import citation
from panmesh.catalogue.model import DatasetRecord
from panmesh.http.services import Services, services
from panmesh.kernel.errors import NotFound
from panmesh.publication.record import Kind, PublicRecord
from panmesh.wire import datacite, dcat, linkset, ro_crate, schema_org


@dataclass(frozen=True, slots=True)
class Form:
    media_type: str
    write: Callable[[PublicRecord], bytes]
    also: tuple[str, ...] = ()  # other media types that are answered with it
    attachment: str | None = None  # end of the file's name, for what is kept


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def cited(record: PublicRecord) -> citation.Citation:
    return citation.Citation(
        creators=tuple(one.name for one in record.creators if not one.organisation),
        title=record.title,
        publisher=record.publisher.name,
        year=record.year,
        identifier=record.doi or record.pid,
        url=record.identifier,
    )


FORMS = {
    "datacite-json": Form("application/vnd.datacite.datacite+json", lambda r: _json(datacite.attributes(r))),
    "datacite-xml": Form(
        "application/vnd.datacite.datacite+xml", lambda r: datacite.xml(r).encode(), ("application/xml", "text/xml")
    ),
    "jsonld": Form("application/ld+json", lambda r: _json(schema_org.document(r)), ("application/json",)),
    "turtle": Form("text/turtle", lambda r: dcat.page(r).encode(), ("application/x-turtle",)),
    "linkset": Form(linkset.MEDIA_TYPE, lambda r: _json(linkset.document(r, typed_links(r), told_forms()))),
    "bibtex": Form("application/x-bibtex", lambda r: citation.as_bibtex(cited(r)).encode(), attachment="bib"),
    "ris": Form("application/x-research-info-systems", lambda r: citation.as_ris(cited(r)).encode(), attachment="ris"),
    "csl": Form("application/vnd.citationstyles.csl+json", lambda r: _json(citation.as_csl(cited(r))), attachment="csl.json"),
    "citation": Form("text/x-bibliography", lambda r: citation.as_text(cited(r)).encode()),
    "ro-crate": Form("application/ld+json", lambda r: _json(ro_crate.document(r)), attachment="ro-crate-metadata.json"),
}
_BY_MEDIA = {media: name for name, form in reversed(FORMS.items()) for media in (form.media_type, *form.also)}
ON_THE_PAGE = 100  # files that the page names to machines; the other forms name more
_PAGE = ("text/html", "application/xhtml+xml")


def told_forms() -> list[tuple[str, str]]:
    return [(name, form.media_type) for name, form in FORMS.items()]


def typed_links(record: PublicRecord) -> list[linkset.Link]:
    return linkset.links(record, told_forms())


def wanted(accept: str, asked: str | None) -> str | None:
    """The name of the form; "html" for the page; None: none that we have. `asked`: ?format="""
    if asked is not None:
        return asked if asked in FORMS or asked == "html" else _BY_MEDIA.get(asked)
    ranked = sorted(_accepted(accept), key=lambda one: -one[1])
    for media, quality in ranked:
        if quality <= 0:
            continue
        if media in _PAGE or media in ("*/*", "text/*"):
            return "html"
        if media in _BY_MEDIA:
            return _BY_MEDIA[media]
        if media == "application/*":
            return "jsonld"
    return None if ranked else "html"


def _accepted(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.split(",")[:50]:
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            found.append((media.lower(), float(quality)))
        except ValueError:
            found.append((media.lower(), 0.0))
    return [one for one in found if one[0]]


def public(request: Request, pid: str, kind: Kind) -> PublicRecord | None:
    """What anybody may know of it; None where that is nothing."""
    s = services(request)
    try:
        return s.records.at(base_of(request, s)).record(pid, kind, ON_THE_PAGE)
    except NotFound:
        return None


def public_run(request: Request, who: Viewer, record: DatasetRecord) -> PublicRecord | None:
    """The same of a run of which this viewer has read `record`: whoever has no rights of their own has read what anybody may know."""
    if who.rights != ANONYMOUS.rights:
        return public(request, record.summary.pid, Kind.DATASET)
    s = services(request)
    return s.records.at(base_of(request, s)).of_run(record, ON_THE_PAGE)


def base_of(request: Request, s: Services) -> str:
    return (s.public_url or str(request.base_url)).rstrip("/")


def answer(request: Request, pid: str, kind: Kind) -> Response | None:
    """For whoever asks for another form than the page; None: they want the page."""
    name = wanted(request.headers.get("accept", ""), request.query_params.get("format"))
    if name == "html":
        return None
    if name is None:
        offered = ", ".join(dict.fromkeys(form.media_type for form in FORMS.values()))
        problem = {
            "type": "about:blank",
            "title": "Not acceptable",
            "status": 406,
            "detail": f"This is written as text/html, {offered}.",
        }
        return Response(orjson.dumps(problem), 406, media_type="application/problem+json", headers={"Vary": "Accept"})
    s = services(request)
    record = s.records.at(base_of(request, s)).record(pid, kind)
    form = FORMS[name]
    headers = {
        "Link": _describes(record),
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }
    if form.attachment:
        plain = "".join(c for c in record.pid if c.isalnum() or c in "-_") or "record"
        dot = "-" if "." in form.attachment else "."
        headers["Content-Disposition"] = f'attachment; filename="{plain}{dot}{form.attachment}"'
    return Response(form.write(record), media_type=form.media_type, headers=headers)


def _describes(record: PublicRecord) -> str:
    return f'<{record.url}>; rel="describes"; type="text/html", <{record.identifier}>; rel="cite-as"'


def signposted(response: Response, record: PublicRecord | None) -> Response:
    """The page with its typed links, when there is something that anybody may know."""
    response.headers["Vary"] = ", ".join(dict.fromkeys([*filter(None, [response.headers.get("vary")]), "Accept", "Cookie"]))
    if record is not None:
        alternates = [linkset.Link(f"{record.url}?format={name}", "alternate", media) for name, media in told_forms()]
        response.headers["Link"] = linkset.header(typed_links(record), alternates)
    return response


def embedded(record: PublicRecord | None) -> str | None:
    """JSON-LD as it can stand in a page: nothing in it ends the element."""
    if record is None:
        return None
    text = orjson.dumps(schema_org.document(record)).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

"""Our reading of F-UJI's tests (FAIRsFAIR metrics 0.8), asked of a landing page by its address.

It is a reading and not the judge: F-UJI itself is no package of PyPI and wants a network. It takes what F-UJI takes, in the order in which
F-UJI does (JSON-LD in the page, then what is negotiated), and knows nothing of how the page was made. F-UJI 3.5.1 itself was run by hand
on few records (benchmarks/RESULTS.md): an open run without and with a DOI, an embargoed run, a visit, an instrument, a proposal,
publications. This reading gives records of these kinds the same totals; its points of single metrics were not compared with F-UJI's, nor
were other kinds of records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree

from rdflib import DCAT, DCTERMS, RDF, Graph, Namespace, Node, URIRef

SCHEMA = Namespace("https://schema.org/")
PROV = "http://www.w3.org/ns/prov#"
KERNEL = "{http://datacite.org/schema/kernel-4}"
TURTLE, XML, JSON_LD = "text/turtle", "application/xml", "application/ld+json"
CORE = {  # as schema.org and as DataCite call it
    "identifier": "identifier",
    "name": "title",
    "creator": "creator",
    "publisher": "publisher",
    "datePublished": "publicationYear",
    "description": "description",
    "keywords": "subject",
}
CITED = 5  # of them, the first
RELATED = ("isPartOf", "hasPart", "isBasedOn", "subjectOf", "citation")
# Formats that F-UJI lists as scientific, open or for the long term, as far as instruments write them; text, XML and JSON count always.
KNOWN_FORMATS = re.compile(
    r"(application/(x-)?(hdf5?|netcdf|fits|zarr|pdf)|image/(tiff|png|jpeg|fits)|text/.*|.*[/+](xml|json|csv|text))$"
)
MOST_FILES = 5


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


# (address, Accept header) → answer, redirects not followed
Ask = Callable[[str, str], Answer]


@dataclass(slots=True)
class Content:
    """A link to data."""

    url: str
    type: str | None = None
    size: str | None = None
    service: str | None = None
    status: int = 0
    header_type: str | None = None


@dataclass(slots=True)
class Harvest:
    """What is found at one landing page."""

    page: Answer
    embedded: Graph = field(default_factory=Graph)
    turtle: Graph = field(default_factory=Graph)
    negotiated: Graph = field(default_factory=Graph)
    datacite: ElementTree.Element | None = None
    content: dict[str, Content] = field(default_factory=dict)

    @property
    def main(self) -> Node | None:
        kinds = (SCHEMA.Dataset, SCHEMA.Product, SCHEMA.ResearchProject)
        return next((one for kind in kinds for one in self.embedded.subjects(RDF.type, kind)), None)

    def says(self, name: str) -> bool:
        return self.main is not None and (self.main, SCHEMA[name], None) in self.embedded


def harvest(ask: Ask, address: str) -> Harvest:
    found = Harvest(ask(address, "text/html, */*"))
    for text in re.findall(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', found.page.body.decode(), re.S):
        found.embedded.parse(data=text, format="json-ld")
    for graph, media, form in ((found.turtle, TURTLE, "turtle"), (found.negotiated, JSON_LD, "json-ld")):
        answer = ask(address, media)
        if answer.status == 200 and answer.headers["content-type"].startswith(media):
            graph.parse(data=answer.body, format=form)
    answer = ask(address, XML)
    if answer.status == 200:
        root = ElementTree.fromstring(answer.body)
        found.datacite = root if root.tag == f"{KERNEL}resource" else None
    for one in (*_files_of_jsonld(found), *_files_of_dcat(found.turtle)):
        found.content.setdefault(one.url, one)
    for one in list(found.content.values())[:MOST_FILES]:
        answer = ask(one.url, "*/*")
        one.status, one.header_type = answer.status, answer.headers.get("content-type", "").split(";")[0]
    return found


def points(ask: Ask, address: str) -> dict[str, float]:
    """Metric → points; of 26 in all."""
    found = harvest(ask, address)
    files = list(found.content.values())[:MOST_FILES]
    page_is_there = found.page.status == 200
    web = urlsplit(address).scheme in ("http", "https")
    data_on_web = any(urlsplit(one.url).scheme in ("http", "https") for one in files)
    graphs = bool(found.embedded) or bool(found.turtle) or bool(found.negotiated)
    core = [found.says(name) or _xml(found, tag) for name, tag in CORE.items()]
    rights = found.says("conditionsOfAccess") or _xml(found, "rights")
    return {
        "FsF-F1-01MD": float(web),
        "FsF-F1-02MD": _persistent(ask, found),
        "FsF-F2-01M": float(all(core[:CITED])) + float(all(core)),
        "FsF-F3-01M": float(bool(files)),
        "FsF-F4-01M": 2.0 * (found.main is not None),
        "FsF-A1-01M": float(rights),
        "FsF-A1-02MD": float(page_is_there and graphs) + float(any(200 <= one.status < 300 for one in files)),
        "FsF-A1.1-01MD": float(web) + float(data_on_web),
        "FsF-A1.2-01MD": float(web) + float(data_on_web),
        "FsF-I1-01M": 2.0 * graphs,
        "FsF-I2-01M": 2.0 * _vocabularies(found),
        "FsF-I3-01M": 2.0 * (any(found.says(name) for name in RELATED) or _xml(found, "relatedIdentifier")),
        "FsF-R1-01M": float(found.main is not None) + float(any((one.type and one.size) or one.service for one in files)),
        "FsF-R1.1-01M": float(found.says("license") or _xml(found, "rights")),
        "FsF-R1.2-01M": float(_xml(found, "contributor") or any(str(p).startswith(PROV) for p in found.turtle.predicates())),
        "FsF-R1.3-01M": float(found.datacite is not None or any(found.turtle.subjects(RDF.type, DCAT.Dataset))),
        "FsF-R1.3-02D": float(any(KNOWN_FORMATS.match(_format(one)) for one in files)),
    }


def percent(ask: Ask, address: str) -> float:
    return 100 * sum(points(ask, address).values()) / 26


def _files_of_jsonld(found: Harvest) -> Iterator[Content]:
    g = found.embedded
    for one in g.objects(found.main, SCHEMA.distribution) if found.main is not None else ():
        url = g.value(one, SCHEMA.contentUrl)
        if url is not None:
            yield Content(str(url), _text(g.value(one, SCHEMA.encodingFormat)), _text(g.value(one, SCHEMA.contentSize)))


def _files_of_dcat(g: Graph) -> Iterator[Content]:
    dataset = next(g.subjects(RDF.type, DCAT.Dataset), None)
    for one in g.objects(dataset, DCAT.distribution) if dataset is not None else ():
        service = g.value(one, DCAT.accessService)
        if service is not None:
            kind, said = g.value(service, DCTERMS.conformsTo), g.value(service, DCAT.endpointDescription)
            yield Content(str(g.value(service, DCAT.endpointURL)), _last_two(kind), None, _text(said))
        else:
            url = g.value(one, DCAT.accessURL) or g.value(one, DCAT.downloadURL)
            yield Content(str(url), _last_two(g.value(one, DCAT.mediaType)), _text(g.value(one, DCAT.byteSize)))


def _persistent(ask: Ask, found: Harvest) -> float:
    """Half for an identifier of a known scheme, half for one that its registry knows: it leads on, with a redirect."""
    said = [found.main, *(found.embedded.objects(found.main, SCHEMA.identifier) if found.main is not None else ())]
    dois = [str(one) for one in said if re.match(r"https?://(dx\.)?doi\.org/10\.\d{4,5}/", str(one))]
    if not dois:
        return 0.0
    return 0.5 + 0.5 * (300 <= ask(dois[0], "text/html, */*").status < 400)


def _vocabularies(found: Harvest) -> bool:
    """Terms of a vocabulary that others know, beside schema.org and DCAT themselves."""
    terms = {str(one) for g in (found.embedded, found.turtle) for one in g.objects() if isinstance(one, URIRef)}
    known = (
        "http://purl.org/pan-science/PaNET",
        "https://vocabs.acdh.oeaw.ac.at/",
        "http://purl.org/coar/",
        "http://publications.europa.eu/resource/authority/",
    )
    return any(term.startswith(known) for term in terms)


def _xml(found: Harvest, name: str) -> bool:
    return found.datacite is not None and next(found.datacite.iter(f"{KERNEL}{name}"), None) is not None


def _format(one: Content) -> str:
    return one.type if one.type and "/" in one.type and one.type != "application/octet-stream" else one.header_type or ""


def _text(node: Node | None) -> str | None:
    return None if node is None else str(node)


def _last_two(node: Node | None) -> str | None:
    """A media type written as an address of IANA's."""
    return None if node is None else "/".join(str(node).split("/")[-2:])

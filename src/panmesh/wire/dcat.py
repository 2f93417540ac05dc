"""A public record as DCAT-AP 3, with the experiment that made it as PROV."""

from __future__ import annotations

from datetime import date

from rdflib import DCAT, DCTERMS, FOAF, PROV, RDF, RDFS, SKOS, XSD, BNode, Graph, Literal, Namespace, URIRef

from panmesh.publication.record import Agent, DataService, Kind, PublicFile, PublicRecord, Subject

ADMS = Namespace("http://www.w3.org/ns/adms#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
SCHEMA = Namespace("https://schema.org/")
DATACITE = Namespace("http://purl.org/spar/datacite/")
_ACCESS = "http://publications.europa.eu/resource/authority/access-right/"
_PUBLIC = {"info:eu-repo/semantics/openAccess": "PUBLIC", "info:eu-repo/semantics/embargoedAccess": "RESTRICTED"}
_ENGLISH = URIRef("http://publications.europa.eu/resource/authority/language/ENG")
_NO_DATA = frozenset({Kind.INSTRUMENT, Kind.PROPOSAL})
_IANA = "https://www.iana.org/assignments/media-types/"


def graph(record: PublicRecord, into: Graph | None = None) -> Graph:
    """Adds the record to a graph, a new one if none is given."""
    g = into if into is not None else new_graph()
    me = URIRef(record.identifier)
    g.add((me, RDF.type, PROV.Entity if record.kind in _NO_DATA else DCAT.Dataset))
    g.add((me, DCTERMS.identifier, Literal(record.identifier, datatype=XSD.anyURI)))
    g.add((me, ADMS.identifier, _other(g, record.pid)))
    g.add((me, DCTERMS.title, Literal(record.title, lang="en")))
    g.add((me, DCTERMS.description, Literal(record.description, lang="en")))
    g.add((me, DCAT.landingPage, _document(g, record.url)))
    g.add((me, DCTERMS.publisher, _agent(g, record.publisher)))
    for one in record.creators:
        g.add((me, DCTERMS.creator, _agent(g, one)))
    for one in record.contributors:
        g.add((me, DCTERMS.contributor, _agent(g, one)))
    for term in (*record.techniques, *record.subjects):
        g.add((me, DCAT.keyword, Literal(term.term, lang="en")))
        _theme(g, me, term)
    g.add((me, DCTERMS.language, _typed(g, _ENGLISH, DCTERMS.LinguisticSystem)))
    _dates(g, me, record)
    _rights(g, me, record)
    _relations(g, me, record)
    if record.version:
        g.add((me, URIRef(f"{DCAT}version"), Literal(record.version)))
    if record.gone:
        g.add((me, ADMS.status, _typed(g, URIRef("http://purl.org/adms/status/Withdrawn"), SKOS.Concept)))
    for file in record.files:
        g.add((me, DCAT.distribution, _distribution(g, record, file)))
    if record.service is not None and record.kind not in _NO_DATA:
        g.add((me, DCAT.distribution, _served(g, record, record.service, me)))
    return g


def new_graph() -> Graph:
    g = Graph()
    for prefix, space in (("dcat", DCAT), ("dct", DCTERMS), ("foaf", FOAF), ("adms", ADMS), ("spdx", SPDX), ("prov", PROV)):
        g.bind(prefix, space)
    return g


def turtle(record: PublicRecord) -> str:
    return str(graph(record).serialize(format="turtle"))


def page(record: PublicRecord) -> str:
    """At its own address: also where the runs are had of what is no dataset itself. The catalogue names each of these runs, so they are
    no dataset of their own there."""
    g = graph(record)
    if record.service is not None and record.kind in _NO_DATA:
        _runs(g, record, record.service)
    return str(g.serialize(format="turtle"))


def _node(g: Graph) -> BNode:
    """Named by its place, so that the same record is written the same each time. To be used before the next is made."""
    return BNode(f"n{len(g)}")


def _typed(g: Graph, node: URIRef, kind: URIRef) -> URIRef:
    g.add((node, RDF.type, kind))
    if kind == SKOS.Concept:
        g.add((node, SKOS.prefLabel, Literal(str(node).rpartition("/")[2], lang="en")))
    return node


def _document(g: Graph, url: str) -> URIRef:
    return _typed(g, URIRef(url), FOAF.Document)


def _other(g: Graph, pid: str) -> BNode:
    node = _node(g)
    g.add((node, RDF.type, ADMS.Identifier))
    g.add((node, SKOS.notation, Literal(pid)))
    return node


def _agent(g: Graph, one: Agent) -> URIRef | BNode:
    uri = f"https://orcid.org/{one.orcid}" if one.orcid else one.ror
    node: URIRef | BNode = URIRef(uri) if uri else _node(g)
    g.add((node, RDF.type, FOAF.Agent))
    g.add((node, RDF.type, FOAF.Organization if one.organisation else FOAF.Person))
    g.add((node, FOAF.name, Literal(one.name)))
    if one.affiliation:
        at: URIRef | BNode = URIRef(one.affiliation_ror) if one.affiliation_ror else _node(g)
        g.add((at, RDF.type, FOAF.Organization))
        g.add((at, FOAF.name, Literal(one.affiliation)))
        g.add((node, SCHEMA.affiliation, at))
    return node


def _theme(g: Graph, me: URIRef, term: Subject) -> None:
    if term.uri is None:
        return
    node = URIRef(term.uri)
    g.add((node, RDF.type, SKOS.Concept))
    g.add((node, SKOS.prefLabel, Literal(term.term, lang="en")))
    if term.scheme_uri:
        scheme = URIRef(term.scheme_uri)
        g.add((scheme, RDF.type, SKOS.ConceptScheme))
        g.add((scheme, DCTERMS.title, Literal(term.scheme or term.scheme_uri, lang="en")))
        g.add((node, SKOS.inScheme, scheme))
    g.add((me, DCTERMS.subject, node))


def _dates(g: Graph, me: URIRef, record: PublicRecord) -> None:
    for predicate, day in (
        (DCTERMS.created, record.created),
        (DCTERMS.issued, record.available),
        (DCTERMS.dateAccepted, record.accepted),
        (DCTERMS.available, record.available),
        (DCTERMS.modified, record.updated),
    ):
        if day is not None:
            g.add((me, predicate, _day(day)))
    if record.collected is not None:
        period = _node(g)
        g.add((period, RDF.type, DCTERMS.PeriodOfTime))
        g.add((period, DCAT.startDate, _day(record.collected[0])))
        g.add((period, DCAT.endDate, _day(record.collected[1])))
        g.add((me, DCTERMS.temporal, period))


def _day(day: date) -> Literal:
    return Literal(day.isoformat(), datatype=XSD.date)


def _rights(g: Graph, me: URIRef, record: PublicRecord) -> None:
    coar = URIRef(record.access.coar)
    g.add((coar, RDF.type, DCTERMS.RightsStatement))
    g.add((coar, RDFS.label, Literal(record.access.label, lang="en")))
    g.add((me, DCTERMS.rights, coar))
    said = URIRef(record.access.info_eu)
    g.add((said, RDF.type, DCTERMS.RightsStatement))
    g.add((me, DCTERMS.rights, said))
    authority = URIRef(_ACCESS + _PUBLIC.get(record.access.info_eu, "NON_PUBLIC"))
    g.add((authority, RDF.type, DCTERMS.RightsStatement))
    g.add((me, DCTERMS.accessRights, authority))
    if record.licence is not None:
        licence = URIRef(record.licence.uri)
        g.add((licence, RDF.type, DCTERMS.LicenseDocument))
        g.add((licence, DCTERMS.title, Literal(record.licence.name, lang="en")))
        g.add((me, DCTERMS.license, licence))


_PREDICATES = {
    "IsPartOf": DCTERMS.isPartOf,
    "HasPart": DCTERMS.hasPart,
    "IsDerivedFrom": DCTERMS.source,
    "HasVersion": DCTERMS.hasVersion,
    "IsVersionOf": DCTERMS.isVersionOf,
    "IsCitedBy": DCTERMS.isReferencedBy,
}


def _relations(g: Graph, me: URIRef, record: PublicRecord) -> None:
    for one in record.relations:
        other = URIRef(one.to.identifier)
        predicate = _PREDICATES.get(one.relation, DCTERMS.relation)
        g.add((me, predicate, other))
        if predicate == DCTERMS.source:
            g.add((other, RDF.type, DCAT.Dataset if one.general == "Dataset" else PROV.Entity))
    if record.instrument is not None:
        made, tool = _node(g), URIRef(record.instrument.identifier)
        g.add((made, RDF.type, PROV.Activity))
        g.add((made, PROV.used, tool))
        g.add((tool, RDF.type, PROV.Entity))
        if record.instrument.name:
            g.add((tool, RDFS.label, Literal(record.instrument.name, lang="en")))
        g.add((me, PROV.wasGeneratedBy, made))


def _distribution(g: Graph, record: PublicRecord, file: PublicFile) -> URIRef:
    node = URIRef(f"{record.url}#{file.url.rpartition('/files/')[2]}")
    g.add((node, RDF.type, DCAT.Distribution))
    g.add((node, DCTERMS.title, Literal(file.name)))
    g.add((node, DCAT.accessURL, _resource(g, file.url)))
    g.add((node, DCAT.downloadURL, _resource(g, file.url)))
    g.add((node, DCAT.mediaType, _typed(g, URIRef(_IANA + file.media_type), DCTERMS.MediaType)))
    if file.size is not None:
        g.add((node, DCAT.byteSize, Literal(file.size, datatype=XSD.decimal)))
    if record.licence is not None:
        g.add((node, DCTERMS.license, URIRef(record.licence.uri)))
    if file.sha256:
        checksum = _node(g)
        g.add((checksum, RDF.type, SPDX.Checksum))
        g.add((checksum, SPDX.algorithm, _typed(g, SPDX.checksumAlgorithm_sha256, SPDX.ChecksumAlgorithm)))
        g.add((checksum, SPDX.checksumValue, Literal(file.sha256, datatype=XSD.hexBinary)))
        g.add((node, SPDX.checksum, checksum))
    return node


def _runs(g: Graph, record: PublicRecord, service: DataService) -> None:
    """An instrument is no dataset, nor is a proposal: what was measured with it is one."""
    runs = URIRef(f"{record.url}#runs")
    g.add((runs, RDF.type, DCAT.Dataset))
    g.add((runs, DCTERMS.title, Literal(f"{service.name}: {record.title}", lang="en")))
    told = f"What anybody may know of the runs of {record.title}, the newest first."
    g.add((runs, DCTERMS.description, Literal(told, lang="en")))
    g.add((runs, DCTERMS.publisher, _agent(g, record.publisher)))
    g.add((runs, DCAT.landingPage, _document(g, record.url)))
    g.add((runs, DCTERMS.relation, URIRef(record.identifier)))
    g.add((runs, DCAT.distribution, _served(g, record, service, runs)))


def _served(g: Graph, record: PublicRecord, service: DataService, data: URIRef) -> URIRef:
    """Data that are had through a service: no file and no size is named."""
    node, at = URIRef(f"{record.url}#data"), URIRef(service.url)
    g.add((node, RDF.type, DCAT.Distribution))
    g.add((node, DCTERMS.title, Literal(service.name, lang="en")))
    g.add((node, DCAT.accessURL, _resource(g, record.url)))
    g.add((node, DCAT.accessService, at))
    g.add((at, RDF.type, DCAT.DataService))
    g.add((at, DCTERMS.title, Literal(service.name, lang="en")))
    g.add((at, DCAT.endpointURL, _resource(g, service.url)))
    g.add((at, DCAT.endpointDescription, _resource(g, service.description)))
    g.add((at, DCTERMS.conformsTo, _typed(g, URIRef(f"{_IANA}application/json"), DCTERMS.Standard)))  # what it answers in
    g.add((at, DCAT.servesDataset, data))
    return node


def _resource(g: Graph, url: str) -> URIRef:
    return _typed(g, URIRef(url), RDFS.Resource)

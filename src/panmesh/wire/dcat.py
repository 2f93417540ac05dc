"""A public record as DCAT-AP 3, with the experiment that made it as PROV."""

from __future__ import annotations

from datetime import date

from panmesh.publication.record import Agent, DataService, Kind, PublicFile, PublicRecord, Subject
from panmesh.wire.turtle import Statements, Term, iri, literal

PREFIXES = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "adms": "http://www.w3.org/ns/adms#",
    "spdx": "http://spdx.org/rdf/terms#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
}
_ACCESS = "http://publications.europa.eu/resource/authority/access-right/"
_PUBLIC = {"info:eu-repo/semantics/openAccess": "PUBLIC", "info:eu-repo/semantics/embargoedAccess": "RESTRICTED"}
_ENGLISH = iri("http://publications.europa.eu/resource/authority/language/ENG")
_NO_DATA = frozenset({Kind.INSTRUMENT, Kind.PROPOSAL})
_IANA = "https://www.iana.org/assignments/media-types/"


def turtle(record: PublicRecord) -> str:
    return _statements(record).written()


def page(record: PublicRecord) -> str:
    """At its own address: also where the runs are had of what is no dataset itself. The catalogue names each of these runs, so they are
    no dataset of their own there."""
    g = _statements(record)
    if record.service is not None and record.kind in _NO_DATA:
        _runs(g, record, record.service)
    return g.written()


def _statements(record: PublicRecord) -> Statements:
    g = Statements(PREFIXES)
    me = iri(record.identifier)
    g.add(me, "a", "prov:Entity" if record.kind in _NO_DATA else "dcat:Dataset")
    g.add(me, "dct:identifier", literal(record.identifier, datatype="xsd:anyURI"))
    g.add(me, "adms:identifier", _other(g, record.pid))
    g.add(me, "dct:title", literal(record.title, lang="en"))
    g.add(me, "dct:description", literal(record.description, lang="en"))
    g.add(me, "dcat:landingPage", _document(g, record.url))
    g.add(me, "dct:publisher", _agent(g, record.publisher))
    for one in record.creators:
        g.add(me, "dct:creator", _agent(g, one))
    for one in record.contributors:
        g.add(me, "dct:contributor", _agent(g, one))
    for term in (*record.techniques, *record.subjects):
        g.add(me, "dcat:keyword", literal(term.term, lang="en"))
        _theme(g, me, term)
    g.add(me, "dct:language", _typed(g, _ENGLISH, "dct:LinguisticSystem"))
    _dates(g, me, record)
    _rights(g, me, record)
    _relations(g, me, record)
    if record.version:
        g.add(me, "dcat:version", literal(record.version))
    if record.gone:
        g.add(me, "adms:status", _typed(g, iri("http://purl.org/adms/status/Withdrawn"), "skos:Concept"))
    for file in record.files:
        g.add(me, "dcat:distribution", _distribution(g, record, file))
    if record.service is not None and record.kind not in _NO_DATA:
        g.add(me, "dcat:distribution", _served(g, record, record.service, me))
    return g


def _typed(g: Statements, node: Term, kind: Term) -> Term:
    g.add(node, "a", kind)
    if kind == "skos:Concept":
        g.add(node, "skos:prefLabel", literal(node.strip("<>").rpartition("/")[2], lang="en"))
    return node


def _document(g: Statements, url: str) -> Term:
    return _typed(g, iri(url), "foaf:Document")


def _other(g: Statements, pid: str) -> Term:
    node = g.node()
    g.add(node, "a", "adms:Identifier")
    g.add(node, "skos:notation", literal(pid))
    return node


def _agent(g: Statements, one: Agent) -> Term:
    uri = f"https://orcid.org/{one.orcid}" if one.orcid else one.ror
    node: Term = iri(uri) if uri else g.node()
    g.add(node, "a", "foaf:Agent")
    g.add(node, "a", "foaf:Organization" if one.organisation else "foaf:Person")
    g.add(node, "foaf:name", literal(one.name))
    if one.affiliation:
        at: Term = iri(one.affiliation_ror) if one.affiliation_ror else g.node()
        g.add(at, "a", "foaf:Organization")
        g.add(at, "foaf:name", literal(one.affiliation))
        g.add(node, "schema:affiliation", at)
    return node


def _theme(g: Statements, me: Term, term: Subject) -> None:
    if term.uri is None:
        return
    node = iri(term.uri)
    g.add(node, "a", "skos:Concept")
    g.add(node, "skos:prefLabel", literal(term.term, lang="en"))
    if term.scheme_uri:
        scheme = iri(term.scheme_uri)
        g.add(scheme, "a", "skos:ConceptScheme")
        g.add(scheme, "dct:title", literal(term.scheme or term.scheme_uri, lang="en"))
        g.add(node, "skos:inScheme", scheme)
    g.add(me, "dct:subject", node)


def _dates(g: Statements, me: Term, record: PublicRecord) -> None:
    for predicate, day in (
        ("dct:created", record.created),
        ("dct:issued", record.available),
        ("dct:dateAccepted", record.accepted),
        ("dct:available", record.available),
        ("dct:modified", record.updated),
    ):
        if day is not None:
            g.add(me, predicate, _day(day))
    if record.collected is not None:
        period = g.node()
        g.add(period, "a", "dct:PeriodOfTime")
        g.add(period, "dcat:startDate", _day(record.collected[0]))
        g.add(period, "dcat:endDate", _day(record.collected[1]))
        g.add(me, "dct:temporal", period)


def _day(day: date) -> Term:
    return literal(day.isoformat(), datatype="xsd:date")


def _rights(g: Statements, me: Term, record: PublicRecord) -> None:
    coar = iri(record.access.coar)
    g.add(coar, "a", "dct:RightsStatement")
    g.add(coar, "rdfs:label", literal(record.access.label, lang="en"))
    g.add(me, "dct:rights", coar)
    said = iri(record.access.info_eu)
    g.add(said, "a", "dct:RightsStatement")
    g.add(me, "dct:rights", said)
    authority = iri(_ACCESS + _PUBLIC.get(record.access.info_eu, "NON_PUBLIC"))
    g.add(authority, "a", "dct:RightsStatement")
    g.add(me, "dct:accessRights", authority)
    if record.licence is not None:
        licence = iri(record.licence.uri)
        g.add(licence, "a", "dct:LicenseDocument")
        g.add(licence, "dct:title", literal(record.licence.name, lang="en"))
        g.add(me, "dct:license", licence)


_PREDICATES = {
    "IsPartOf": "dct:isPartOf",
    "HasPart": "dct:hasPart",
    "IsDerivedFrom": "dct:source",
    "HasVersion": "dct:hasVersion",
    "IsVersionOf": "dct:isVersionOf",
    "IsCitedBy": "dct:isReferencedBy",
}


def _relations(g: Statements, me: Term, record: PublicRecord) -> None:
    for one in record.relations:
        other = iri(one.to.identifier)
        predicate = _PREDICATES.get(one.relation, "dct:relation")
        g.add(me, predicate, other)
        if predicate == "dct:source":
            g.add(other, "a", "dcat:Dataset" if one.general == "Dataset" else "prov:Entity")
    if record.instrument is not None:
        made, tool = g.node(), iri(record.instrument.identifier)
        g.add(made, "a", "prov:Activity")
        g.add(made, "prov:used", tool)
        g.add(tool, "a", "prov:Entity")
        if record.instrument.name:
            g.add(tool, "rdfs:label", literal(record.instrument.name, lang="en"))
        g.add(me, "prov:wasGeneratedBy", made)


def _distribution(g: Statements, record: PublicRecord, file: PublicFile) -> Term:
    node = iri(f"{record.url}#{file.url.rpartition('/files/')[2]}")
    g.add(node, "a", "dcat:Distribution")
    g.add(node, "dct:title", literal(file.name))
    g.add(node, "dcat:accessURL", _resource(g, file.url))
    g.add(node, "dcat:downloadURL", _resource(g, file.url))
    g.add(node, "dcat:mediaType", _typed(g, iri(_IANA + file.media_type), "dct:MediaType"))
    if file.size is not None:
        g.add(node, "dcat:byteSize", literal(str(file.size), datatype="xsd:decimal"))
    if record.licence is not None:
        g.add(node, "dct:license", iri(record.licence.uri))
    if file.sha256:
        checksum = g.node()
        g.add(checksum, "a", "spdx:Checksum")
        g.add(checksum, "spdx:algorithm", _typed(g, "spdx:checksumAlgorithm_sha256", "spdx:ChecksumAlgorithm"))
        g.add(checksum, "spdx:checksumValue", literal(file.sha256, datatype="xsd:hexBinary"))
        g.add(node, "spdx:checksum", checksum)
    return node


def _runs(g: Statements, record: PublicRecord, service: DataService) -> None:
    """An instrument is no dataset, nor is a proposal: what was measured with it is one."""
    runs = iri(f"{record.url}#runs")
    g.add(runs, "a", "dcat:Dataset")
    g.add(runs, "dct:title", literal(f"{service.name}: {record.title}", lang="en"))
    told = f"What anybody may know of the runs of {record.title}, the newest first."
    g.add(runs, "dct:description", literal(told, lang="en"))
    g.add(runs, "dct:publisher", _agent(g, record.publisher))
    g.add(runs, "dcat:landingPage", _document(g, record.url))
    g.add(runs, "dct:relation", iri(record.identifier))
    g.add(runs, "dcat:distribution", _served(g, record, service, runs))


def _served(g: Statements, record: PublicRecord, service: DataService, data: Term) -> Term:
    """Data that are had through a service: no file and no size is named."""
    node, at = iri(f"{record.url}#data"), iri(service.url)
    g.add(node, "a", "dcat:Distribution")
    g.add(node, "dct:title", literal(service.name, lang="en"))
    g.add(node, "dcat:accessURL", _resource(g, record.url))
    g.add(node, "dcat:accessService", at)
    g.add(at, "a", "dcat:DataService")
    g.add(at, "dct:title", literal(service.name, lang="en"))
    g.add(at, "dcat:endpointURL", _resource(g, service.url))
    g.add(at, "dcat:endpointDescription", _resource(g, service.description))
    g.add(at, "dct:conformsTo", _typed(g, iri(f"{_IANA}application/json"), "dct:Standard"))  # what it answers in
    g.add(at, "dcat:servesDataset", data)
    return node


def _resource(g: Statements, url: str) -> Term:
    return _typed(g, iri(url), "rdfs:Resource")

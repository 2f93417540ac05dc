"""A public record as the metadata of an OAI-PMH item: one XML element in each of the formats that harvesters ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as Xml

from panmesh.publication.record import Kind, PublicRecord
from panmesh.wire import datacite

DC = "http://purl.org/dc/elements/1.1/"
OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
OAI_DATACITE = "http://schema.datacite.org/oai/oai-1.1/"
KERNEL = "http://datacite.org/schema/kernel-4"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_DC_TYPE = {
    Kind.DATASET: "Dataset",
    Kind.INVESTIGATION: "Collection",
    Kind.COLLECTION: "Collection",
    Kind.INSTRUMENT: "PhysicalObject",
    Kind.PROPOSAL: "Event",
}
_COAR_TYPE = {
    Kind.DATASET: "http://purl.org/coar/resource_type/c_ddb1",
    Kind.INVESTIGATION: "http://purl.org/coar/resource_type/c_ddb1",
    Kind.COLLECTION: "http://purl.org/coar/resource_type/c_ddb1",
    Kind.INSTRUMENT: "http://purl.org/coar/resource_type/c_1843",
    Kind.PROPOSAL: "http://purl.org/coar/resource_type/c_1843",
}
for _prefix, _space in (("dc", DC), ("oai_dc", OAI_DC), ("xsi", XSI)):
    Xml.register_namespace(_prefix, _space)


def oai_dc(record: PublicRecord) -> str:
    root = Xml.Element(f"{{{OAI_DC}}}dc")
    root.set(f"{{{XSI}}}schemaLocation", f"{OAI_DC} http://www.openarchives.org/OAI/2.0/oai_dc.xsd")

    def add(name: str, *values: str | None) -> None:
        for value in values:
            if value:
                Xml.SubElement(root, f"{{{DC}}}{name}").text = clean(value)

    add("title", record.title)
    add("creator", *(one.name for one in record.creators))
    add("subject", *record.keywords)
    add("description", record.description)
    add("publisher", record.publisher.name)
    add("contributor", *(one.name for one in record.contributors))
    dates = [record.available or record.created, record.updated]
    add("date", *dict.fromkeys(day.isoformat() if day else None for day in dates), None if any(dates) else str(record.year))
    add("type", _DC_TYPE[record.kind], _COAR_TYPE[record.kind])
    add("format", *record.formats)
    add("identifier", record.identifier, record.url if record.doi else None)
    add("source", record.instrument.identifier if record.instrument else None)
    add("language", "en")
    add("relation", *(one.to.identifier for one in record.relations))
    add("coverage", "/".join(day.isoformat() for day in record.collected) if record.collected else None)
    embargo = f"info:eu-repo/date/embargoEnd/{record.available}" if record.available and record.licence is None else None
    add("rights", record.access.info_eu, record.access.coar, record.licence.uri if record.licence else None, embargo)
    return Xml.tostring(root, encoding="unicode")


def datacite4(record: PublicRecord) -> str:
    return re.sub(r"^<\?xml[^>]*\?>\s*", "", datacite.xml(record))


def oai_datacite(record: PublicRecord) -> str:
    return datacite4(record).join(around_datacite(record.publisher.name))


def around_datacite(publisher: str) -> tuple[str, str]:
    """What stands before and after the record, the same for all of a publisher."""
    symbol = clean(publisher).replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<oai_datacite xmlns="{OAI_DATACITE}" xmlns:xsi="{XSI}"'
        f' xsi:schemaLocation="{OAI_DATACITE} http://schema.datacite.org/oai/oai-1.1/oai.xsd">'
        "<isReferenceQuality>true</isReferenceQuality><schemaVersion>4.6</schemaVersion>"
        f"<datacentreSymbol>{symbol}</datacentreSymbol><payload>",
        "</payload></oai_datacite>",
    )


TEXTS: dict[str, Callable[[PublicRecord], str]] = {"oai_dc": oai_dc, "datacite4": datacite4}
_DATACITE = "http://schema.datacite.org/meta/kernel-4.6/metadata.xsd"
FORMS: dict[str, tuple[str, str, str]] = {
    # prefix: schema, namespace, text; `around_datacite` stands around that of oai_datacite
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC, "oai_dc"),
    "oai_datacite": ("http://schema.datacite.org/oai/oai-1.1/oai.xsd", OAI_DATACITE, "datacite4"),
    "oai_openairedata": (_DATACITE, KERNEL, "datacite4"),
    "datacite4": (_DATACITE, KERNEL, "datacite4"),
}


def clean(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)

"""FAIR Signposting: typed links of a landing page, in the header as far as there is room, all of them in a linkset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panmesh.publication.record import Kind, PublicRecord

MEDIA_TYPE = "application/linkset+json"
MOST_ITEMS = 20  # in the header
LONGEST = 4096  # bytes of the header
_TYPES = {
    Kind.DATASET: "https://schema.org/Dataset",
    Kind.INVESTIGATION: "https://schema.org/Collection",
    Kind.COLLECTION: "https://schema.org/Collection",
    Kind.INSTRUMENT: "https://schema.org/Product",
    Kind.PROPOSAL: "https://schema.org/ResearchProject",
}


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    rel: str
    type: str | None = None
    profile: str | None = None
    title: str | None = None

    def header(self) -> str:
        found = f'<{self.href}>; rel="{self.rel}"'
        found += f'; type="{self.type}"' if self.type else ""
        return found + (f'; profile="{self.profile}"' if self.profile else "")


def links(record: PublicRecord, forms: Sequence[tuple[str, str]]) -> list[Link]:
    """`forms`: name and media type of each way to write the record; `?format=NAME` of its address."""
    found = [Link(record.identifier, "cite-as")]
    found += [Link(_TYPES[record.kind], "type"), Link("https://schema.org/AboutPage", "type")]
    if record.licence is not None:
        found.append(Link(record.licence.uri, "license"))
    found += [Link(f"https://orcid.org/{one.orcid}", "author") for one in record.creators if one.orcid]
    found += [
        Link(f"{record.url}?format={name}", "linkset" if media == MEDIA_TYPE else "describedby", media) for name, media in forms
    ]
    found += [Link(file.url, "item", file.media_type) for file in record.files]
    return found


def header(found: Sequence[Link], more: Sequence[Link] = ()) -> str:
    """As much as fits: what says what the page is comes before the files, of which the linkset has all."""
    kept: list[str] = []
    size = items = 0
    for link in (*(one for one in found if one.rel != "item"), *more, *(one for one in found if one.rel == "item")):
        items += link.rel == "item"
        text = link.header()
        if size + len(text) + 2 > LONGEST or items > MOST_ITEMS or not text.isascii():
            continue
        kept.append(text)
        size += len(text) + 2
    return ", ".join(kept)


def document(record: PublicRecord, found: Sequence[Link], forms: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The linkset: the page, each file and each description of it as an anchor."""
    page: dict[str, Any] = {"anchor": record.url}
    for link in found:
        if link.rel != "linkset":
            page.setdefault(link.rel, []).append({"href": link.href} | ({"type": link.type} if link.type else {}))
    back = [{"href": record.url, "type": "text/html"}]
    anchors = [page, *({"anchor": file.url, "collection": back} for file in record.files)]
    described = [name for name, media in forms if media != MEDIA_TYPE]
    anchors += [{"anchor": f"{record.url}?format={name}", "describes": back} for name in described]
    return {"linkset": anchors}

"""Runs as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from panmesh.kernel.clock import iso

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    id: str
    title: str
    link: str
    updated_us: int
    summary: str


def atom(*, id: str, title: str, self_link: str, page_link: str, author: str, entries: Sequence[Entry]) -> bytes:
    updated = max((entry.updated_us for entry in entries), default=0)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{_text(id)}</id><title>{_text(title)}</title><updated>{iso(updated)}</updated>",
        f'<link rel="self" type="application/atom+xml" href={_value(self_link)}/>',
        f'<link rel="alternate" type="text/html" href={_value(page_link)}/>',
        f"<author><name>{_text(author)}</name></author>",
    ]
    for one in entries:
        lines.append(
            f"<entry><id>{_text(one.id)}</id><title>{_text(one.title)}</title><updated>{iso(one.updated_us)}</updated>"
            f'<link rel="alternate" type="text/html" href={_value(one.link)}/><summary>{_text(one.summary)}</summary></entry>'
        )
    return "\n".join([*lines, "</feed>", ""]).encode("utf-8")


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _value(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))

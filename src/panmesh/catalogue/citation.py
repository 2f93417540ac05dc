"""How data are cited: the one place where a citation is worded, as text, BibTeX, RIS and CSL JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_"}
_TEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
# pdfTeX stops at these, and chemical formulae are full of them.
_TEX |= {sign: rf"\textsubscript{{{digit}}}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_TEX |= {sign: rf"\textsuperscript{{{plain}}}" for plain, sign in zip("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", strict=True)}
_DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+")  # such as need no care in any form
_NAMED_IN_FULL = 10  # creators; of more, the first and "et al."


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What DataCite asks for: creators, year, title, publisher, identifier. What is not known is left out, never made up."""

    creators: tuple[str, ...]  # as people write themselves; may be empty
    title: str
    publisher: str  # the facility
    year: int | None
    identifier: str  # pid or DOI
    url: str


def as_text(c: Citation) -> str:
    """`Creators (Year): Title. Publisher. Dataset. URL`, as DataCite recommends."""
    shown = c.creators if len(c.creators) <= _NAMED_IN_FULL else (c.creators[0], "et al.")
    who, year = _line("; ".join(shown)), f" ({c.year})" if c.year is not None else ""
    title = _line(c.title).rstrip(".")
    return (
        f"{who}{year}: {title}. {_line(c.publisher)}. Dataset. {c.url}"
        if who
        else (f"{title}{year}. {_line(c.publisher)}. Dataset. {c.url}")
    )


def as_bibtex(c: Citation) -> str:
    """An entry of type `misc`, which every style knows."""
    fields = {"title": f"{{{_tex(c.title)}}}", "publisher": _tex(c.publisher)}
    if c.creators:
        fields = {"author": " and ".join(_tex(name.replace(" and ", " & ")) for name in c.creators)} | fields
    if c.year is not None:
        fields["year"] = str(c.year)
    named = {"doi": c.identifier} if _DOI.fullmatch(c.identifier) else {"note": _tex(c.identifier)}
    fields |= {"howpublished": "Dataset", **named, "url": _line(c.url).replace("{", "%7B").replace("}", "%7D")}
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{_key(c.identifier)},\n{body}\n}}\n"


def as_ris(c: Citation) -> str:
    lines = [("TY", "DATA"), *(("AU", name) for name in c.creators), ("TI", c.title), ("PB", c.publisher)]
    lines += [("PY", str(c.year))] if c.year is not None else []
    lines += [("DO" if _DOI.fullmatch(c.identifier) else "AN", c.identifier), ("UR", c.url), ("ER", "")]
    return "".join(f"{tag}  - {_line(value)}\r\n" for tag, value in lines)


def as_csl(c: Citation) -> dict[str, Any]:
    """An item of CSL JSON 1.0.2, which Zotero, pandoc and citation processors read. A name without a comma is not taken apart."""
    item: dict[str, Any] = {"id": _key(c.identifier), "type": "dataset", "title": _line(c.title), "publisher": _line(c.publisher)}
    item |= {"author": [_csl_name(_line(name)) for name in c.creators]} if c.creators else {}
    item |= {"issued": {"date-parts": [[c.year]]}} if c.year is not None else {}
    return item | {"DOI" if _DOI.fullmatch(c.identifier) else "number": c.identifier, "URL": _line(c.url)}


def _csl_name(name: str) -> dict[str, str]:
    family, comma, given = name.partition(",")
    return {"family": family.strip(), "given": given.strip()} if comma and given.strip() and family.strip() else {"literal": name}


def all_as(form: str, citations: Sequence[Citation]) -> str:
    """`form`: txt, bib, ris or json (CSL)."""
    if form == "json":
        return json.dumps([as_csl(c) for c in citations], ensure_ascii=False, indent=2) + "\n"
    write = {"txt": lambda c: as_text(c) + "\n", "bib": as_bibtex, "ris": as_ris}[form]
    return ("\n" if form == "bib" else "").join(write(c) for c in citations)


def _line(text: str) -> str:
    """On one line, without signs that are none."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in _line(text))


def _key(identifier: str) -> str:
    return re.sub(r"[^A-Za-z0-9.:/-]", "", identifier) or "dataset"

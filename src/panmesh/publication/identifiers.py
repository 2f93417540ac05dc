"""Identifiers that people type: ORCID, ROR, DOI, funder ids, made uniform where they are right and refused where they are not."""

from __future__ import annotations

import re

_ORCID = re.compile(r"\d{4}-?\d{4}-?\d{4}-?\d{3}[\dX]", re.ASCII)
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}\d{2}", re.ASCII)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_RESOLVERS = ("https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:")
_FUNDREF = "10.13039/"


def orcid(text: str) -> str | None:
    """`0000-0000-0000-0000`, when the last digit is the one that follows from the others (ISO 7064, 11-2)."""
    bare = re.sub(r"^(https?://)?(www\.)?orcid\.org/", "", text.strip(), flags=re.IGNORECASE).upper()
    if not _ORCID.fullmatch(bare):
        return None
    digits = bare.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    if digits[-1] != ("X" if rest == 10 else str(rest)):
        return None
    return "-".join(digits[i : i + 4] for i in range(0, 16, 4))


def ror(text: str) -> str | None:
    """`https://ror.org/…`, by its shape."""
    bare = re.sub(r"^(https?://)?(www\.)?ror\.org/", "", text.strip(), flags=re.IGNORECASE).lower()
    return f"https://ror.org/{bare}" if _ROR.fullmatch(bare) else None


def doi(text: str) -> str | None:
    """`10.…/…`, without a resolver."""
    bare = text.strip()
    for resolver in _RESOLVERS:
        if bare.lower().startswith(resolver):
            bare = bare[len(resolver) :].strip()
    return bare if _DOI.fullmatch(bare) and bare.isprintable() else None


def funder(text: str) -> str | None:
    """A ROR, or an entry of Crossref's funder registry as an address."""
    found = doi(text)
    if found is not None:
        return f"https://doi.org/{found}" if found.startswith(_FUNDREF) else None
    return ror(text)

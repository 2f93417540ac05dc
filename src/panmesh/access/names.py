"""Names that their owners asked not to be shown to the public: how the same person is known under another writing, and what is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from panmesh.kernel.text import fold

NAME_WITHHELD = "Name withheld"
FORMER_USER = "A former user"
_NOT_LETTERS = re.compile(r"[\W\d_]+")


def name_key(name: str) -> str:
    """The parts of a name without accents, signs and order: "Lovelace, Ada" and "ada lovelace" are one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return " ".join(sorted(part for part in _NOT_LETTERS.split(plain) if part))


@dataclass(frozen=True, slots=True)
class Withheld:
    keys: frozenset[str] = frozenset()
    orcids: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys or self.orcids)

    def holds(self, name: str | None, orcid: str | None) -> bool:
        key = name_key(name) if name and self.keys else ""
        return bool(key and key in self.keys) or bool(orcid and orcid.rpartition("/")[2] in self.orcids)


def orcid_writings(orcids: Iterable[str]) -> list[str]:
    """Bare, as they are kept here, and as addresses, as other catalogues and scripts send them."""
    return [f"{before}{one}" for one in sorted(orcids) for before in ("", "https://orcid.org/", "http://orcid.org/")]


def writings(name: str) -> frozenset[str]:
    """A name as texts write it, folded: "ada lovelace", "lovelace, ada", "lovelace ada"."""
    plain = fold(name)
    last, comma, first = (part.strip() for part in plain.partition(","))
    if not comma:
        first, _, last = plain.rpartition(" ")
    return frozenset({plain, f"{first} {last}", f"{last}, {first}", f"{last} {first}"}) if first and last else frozenset({plain})


def without(value: Any, names: frozenset[str], orcids: frozenset[str]) -> Any:
    """A document with these names taken out of all its texts, and with all else that is said beside them of these people."""
    if isinstance(value, str):
        folded = fold(value)
        hit = any(name and name in folded for name in names) or any(orcid in value for orcid in orcids)
        return NAME_WITHHELD if hit else value
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and without(value["name"], names, orcids) != value["name"]:
            role = value.get("role")
            return {"name": NAME_WITHHELD, **({"role": role} if role else {})}
        return {key: without(one, names, orcids) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without(one, names, orcids) for one in value]
    return value

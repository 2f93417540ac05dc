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
_NOT_WORD = re.compile(r"[\W_]+")


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
    """A document with these names taken out of all its texts and keys, and with all else that is said beside them of these people."""
    return _Cut(names, orcids).of(value)


def spelt(name: str) -> frozenset[str]:
    """As folders, files and keys spell a folded name, between blanks: "ada lovelace" for ada_lovelace and ada-lovelace, "adalovelace"."""
    words = _spaced(name)
    return frozenset({words, f" {words.replace(' ', '')} "}) if words.strip() else frozenset()


class _Cut:
    def __init__(self, names: frozenset[str], orcids: frozenset[str]) -> None:
        self._names = frozenset(filter(None, names))
        self._spelt = frozenset(one for name in names for one in spelt(name))
        self._orcids = orcids

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return NAME_WITHHELD if self._names_somebody(value) else value
        if isinstance(value, dict):
            if isinstance(value.get("name"), str) and self._names_somebody(value["name"]):
                role = value.get("role")
                return {"name": NAME_WITHHELD, **({"role": role} if role else {})}
            return self._mapping(value)
        if isinstance(value, list | tuple):
            return [self.of(one) for one in value]
        return value

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, one in value.items():
            shown = self.of(key)
            number = 1
            while shown in made:  # two keys with names: both stay
                shown, number = f"{NAME_WITHHELD} {number + 1}", number + 1
            made[shown] = self.of(one)
        return made

    def _names_somebody(self, text: str) -> bool:
        if any(orcid in text for orcid in self._orcids):
            return True
        folded = fold(text)
        if any(name in folded for name in self._names):
            return True
        words = _spaced(folded)
        return any(name in words for name in self._spelt)


def _spaced(folded: str) -> str:
    return f" {' '.join(_NOT_WORD.split(folded))} ".replace("  ", " ")

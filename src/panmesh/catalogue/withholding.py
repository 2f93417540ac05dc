"""What search knows of a dataset without the names that are withheld: nobody finds a person by a text any more."""

from __future__ import annotations

import re
from dataclasses import replace

from panmesh.access.names import Withheld, name_key, writings
from panmesh.catalogue.effective import Described
from panmesh.kernel.text import fold, typed_otherwise


def hide(described: Described, withheld: Withheld) -> Described:
    """Whoever is named twice, once with an ORCID iD that is withheld, is withheld in both places."""
    keys = {name_key(person["name"]) for person in described.people if withheld.holds(person["name"], person["orcid"])}
    found = [person for person in described.people if name_key(person["name"]) in keys]
    if not found:
        return described
    names = sorted({one for person in found for one in writings(person["name"])}, key=len, reverse=True)
    spelt = {fold(word) for name in (*names, *(person["name"] for person in found)) for word in typed_otherwise(name)}
    otherwise = [rf"(?<!\S){re.escape(word)}(?!\S)" for word in sorted(spelt)]
    text = re.sub("|".join([*map(re.escape, names), *map(_in_one_word, names), *otherwise]), " ", described.columns["full_text"])
    people = tuple({**person, "withheld": True} if person in found else person for person in described.people)
    return replace(described, columns={**described.columns, "full_text": fold(text)}, people=people)


def _in_one_word(name: str) -> str:
    """A pattern for the name as files are called: ada_lovelace, ada-lovelace, adalovelace."""
    parts = [re.escape(part) for part in re.split(r"[\W_]+", name) if part]
    return r"(?<![^\W_])" + r"[\W_]*".join(parts) + r"(?![^\W_])" if parts else r"(?!)"

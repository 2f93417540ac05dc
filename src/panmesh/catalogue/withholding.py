"""What search knows of a dataset without the names that are withheld: nobody finds a person by a text any more."""

from __future__ import annotations

from dataclasses import replace

from panmesh.access.names import Withheld
from panmesh.catalogue.effective import Described
from panmesh.kernel.text import fold


def hide(described: Described, withheld: Withheld) -> Described:
    found = [person for person in described.people if withheld.holds(person["name"], person["orcid"])]
    if not found:
        return described
    text = described.columns["full_text"]
    for name in sorted({fold(person["name"]) for person in found}, key=len, reverse=True):
        text = text.replace(name, " ")
    people = tuple({**person, "withheld": True} if person in found else person for person in described.people)
    return replace(described, columns={**described.columns, "full_text": fold(text)}, people=people)

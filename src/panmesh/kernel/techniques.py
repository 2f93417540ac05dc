"""Experimental techniques: the PaNET terms, found by pid, name or synonym, with their hierarchy.

The table is PaNET (CC-BY-4.0), with the parents that a reasoner derives. A term includes all narrower terms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from panmesh.kernel.text import fold

PREFIX = "http://purl.org/pan-science/PaNET/"

# What terms were called in earlier releases of PaNET: documents, portals and old tags still say it. All "… probe" became "… probe technique".
_FORMER = {
    "PaNET00106": "microfocussed probe", "PaNET01004": "nanofocussed probe", "PaNET01146": "photoemission microscopy",
    "PaNET01233": "polymer micro and nanografting", "PaNET01244": "time-of-flight spectrometry", "PaNET01250": "high-resolution neutron imaging",
    "PaNET01294": "x-ray photoemission microscopy", "PaNET01316": "grazing incidence wide angle scattering",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Technique:
    pid: str
    name: str
    synonyms: tuple[str, ...]
    parents: tuple[str, ...]  # pids


@cache
def table() -> dict[str, Technique]:
    """pid → technique, 380 of them."""
    document = json.loads(files("panmesh.kernel").joinpath("data/panet.json").read_text("utf-8"))
    return {
        PREFIX + number: Technique(PREFIX + number, name, tuple(synonyms), tuple(PREFIX + p for p in parents))
        for number, name, synonyms, parents in document["techniques"]
    }


def label(pid: str) -> str | None:
    """The term's name; None for a pid that PaNET does not have."""
    technique = table().get(pid)
    return technique.name if technique else None


def names(technique: Technique) -> tuple[str, ...]:
    """All that the term is or was called, its label first."""
    former = _FORMER.get(technique.pid.removeprefix(PREFIX))
    probe = technique.name.removesuffix(" technique") if technique.name.endswith(" probe technique") else None
    return (technique.name, *technique.synonyms, *(name for name in (former, probe) if name))


def find(text: str) -> str | None:
    """The pid for a pid, "PaNET01101", "PaNET:PaNET01101", a name, a synonym or a former name, case folded; None when nothing fits."""
    if text in table():
        return text
    short = PREFIX + text.strip().replace("PANET", "PaNET").removeprefix("PaNET:")
    return short if short in table() else _by_name().get(fold(text))


def short_for(word: str) -> str | None:
    """The pid of the term that the word is short for ("XAS", "xrd"); None for a word of its name, which is in the texts of runs itself."""
    pid = find(word)
    return pid if pid is not None and fold(word) not in fold(table()[pid].name) else None


@cache
def vocabulary() -> frozenset[str]:
    """The words of all names, folded, that are long enough to be written wrong."""
    said = fold(" ".join(name for technique in table().values() for name in names(technique))).split()
    return frozenset(word for word in said if len(word) > 4)


def search(text: str, limit: int = 20) -> tuple[Technique, ...]:
    """Terms whose name or synonym has all words, names that begin with the text first."""
    words = fold(text).split()
    found = [t for t in table().values() if any(all(w in fold(n) for w in words) for n in (t.name, *t.synonyms))]
    return tuple(sorted(found, key=lambda t: (not fold(t.name).startswith(fold(text)), len(t.name), t.name))[:limit])


def descendants(pid: str) -> frozenset[str]:
    """The term itself and all narrower ones; just the pid itself when PaNET does not have it."""
    return _narrower(pid) if pid in table() else frozenset({pid})


@cache  # of terms only: what people ask for has no end
def _narrower(pid: str) -> frozenset[str]:
    found = {pid}
    grown = True
    while grown:
        more = {t.pid for t in table().values() if t.pid not in found and found.intersection(t.parents)}
        grown = bool(more)
        found |= more
    return frozenset(found)


def ancestors(pid: str) -> frozenset[str]:
    """All broader terms, without the term itself."""
    found: set[str] = set()
    waiting = list(_parents([pid]))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(_parents([one]))
    return frozenset(found)


def _parents(pids: Iterable[str]) -> Iterable[str]:
    return (parent for pid in pids if pid in table() for parent in table()[pid].parents)


@cache
def _by_name() -> dict[str, str]:
    found = {fold(name): t.pid for t in table().values() for name in names(t)}
    found |= {fold(synonym): t.pid for t in table().values() for synonym in t.synonyms}
    return found | {fold(t.name): t.pid for t in table().values()}

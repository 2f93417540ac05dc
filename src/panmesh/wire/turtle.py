"""RDF statements, written as Turtle (W3C, 2014): terms are texts as they stand in the document, so that writing one is joining them."""

from __future__ import annotations

import re
from collections.abc import Mapping

Term = str  # `<https://…>`, `dct:title`, `"text"@en`

_NO_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_NO_TEXT = re.compile(r'["\\\x00-\x1f\x7f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def iri(address: str) -> Term:
    """What no address may contain is percent-encoded."""
    return f"<{_NO_IRI.sub(lambda sign: f'%{ord(sign[0]):02X}', address)}>"


def literal(text: str, *, lang: str | None = None, datatype: str | None = None) -> Term:
    written = _NO_TEXT.sub(lambda sign: _SHORT.get(sign[0]) or f"\\u{ord(sign[0]):04X}", text)
    return f'"{written}"' + (f"@{lang}" if lang else f"^^{datatype}" if datatype else "")


class Statements:
    """Each said once, in the order in which subjects, predicates and objects were first named."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        """`prefixes`: name → namespace, of those that terms like `dcat:Dataset` have."""
        self._prefixes = prefixes
        self._of: dict[Term, dict[Term, dict[Term, None]]] = {}
        self._nodes = 0

    def add(self, subject: Term, predicate: str, *objects: Term) -> None:
        """`objects` as terms; `predicate` with its prefix, or `a`."""
        said = self._of.setdefault(subject, {}).setdefault(predicate, {})
        for one in objects:
            said[one] = None

    def node(self) -> Term:
        """Something without an address, written inside the one statement whose object it is."""
        self._nodes += 1
        return f"_:n{self._nodes}"

    def written(self) -> str:
        blocks = [f"{subject} {self._told(subject, 1)} .\n" for subject in self._of if not subject.startswith("_:")]
        body = "\n".join(blocks)
        used = [name for name in self._prefixes if f"{name}:" in body]  # one too many does no harm
        return "".join(f"@prefix {name}: <{self._prefixes[name]}> .\n" for name in used) + "\n" + body

    def _told(self, subject: Term, depth: int) -> str:
        between = f" ;\n{'    ' * depth}"
        return between.join(
            f"{predicate} {', '.join(self._object(one, depth) for one in objects)}"
            for predicate, objects in self._of.get(subject, {}).items()
        )

    def _object(self, one: Term, depth: int) -> str:
        return f"[ {self._told(one, depth + 1)} ]" if one.startswith("_:") else one

"""A slash that is a part of a pid is written %2F in addresses, and stays a part of it on the way to the routes.

Servers decode a path before any route sees it; then "/datasets/20.500%2Fd1" and "/datasets/20.500/d1" are one. From the raw path we know
them apart: an encoded slash travels as a private sign through the routes, whose parameters turn it back.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

_SIGN = "\uf02f"  # for private use in Unicode
_ENCODED = re.compile(r"%2f", re.IGNORECASE)


def keep_encoded_slashes(scope: Scope) -> None:
    raw = scope.get("raw_path")
    if raw and b"%2" in raw:
        path = raw.decode("latin-1").split("?", 1)[0]
        scope["path"] = unquote(_ENCODED.sub(quote(_SIGN), path))


def segment(text: str) -> str:
    """As one segment of an address."""
    return quote(text, safe="")


def decoded(value: str) -> str:
    """A part of a route's path with its encoded slashes as slashes."""
    return value.replace(_SIGN, "/")


def as_written(path: str) -> str:
    """The path as an address has it: its encoded slashes encoded again."""
    return path.replace(_SIGN, "%2F")


class _Segment(Convertor[str]):
    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return decoded(value)

    def to_string(self, value: str) -> str:
        return segment(value)


class _Path(Convertor[str]):
    regex = ".*"

    def convert(self, value: str) -> str:
        return decoded(value)

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("str", _Segment())
register_url_convertor("path", _Path())

"""The query of a request as a question about a file, as h5grove reads it; all faults are said at once."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import QueryParams

from panmesh.catalogue.arrays import ArrayQuestion, Ask
from panmesh.kernel.errors import Fault, Invalid

MOST_PATH = 10_000  # characters
_LINKS = {"true": "all", "all": "all", "false": "none", "none": "none", "only_valid": "only_valid"}
_FORMATS = {name: name for name in ("json", "bin", "npy", "csv", "tiff")}
_EXPORTS = _FORMATS | {"png": "png"}
_DTYPES = {name: name for name in ("origin", "safe")}


def question(what: Ask, query: QueryParams) -> ArrayQuestion:
    """Raises Invalid."""
    faults: list[Fault] = []
    found = ArrayQuestion(
        what=what,
        path=_path(query, faults),
        links=_one_of(query, "resolve_links", _LINKS, "only_valid", faults),
        keys=tuple(query.getlist("attr_keys")) if "attr_keys" in query else None,
        selection=query.get("selection") or None,
        format=_one_of(query, "format", _FORMATS, "json", faults) if what is Ask.DATA else "json",
        dtype=_one_of(query, "dtype", _DTYPES, "origin", faults),
        flatten=_flag(query, "flatten"),
        width=int(_number(query, "width", 800, faults) or 800),
        low=_number(query, "low", None, faults),
        high=_number(query, "high", None, faults),
        log=_flag(query, "log"),
    )
    if faults:
        raise Invalid(" ".join(fault.detail for fault in faults), tuple(faults))
    return found


def export(query: QueryParams) -> ArrayQuestion:
    """As a file: the numbers in any form, or a picture of them. Raises Invalid."""
    faults: list[Fault] = []
    form = _one_of(query, "format", _EXPORTS, "npy", faults)
    if faults:
        raise Invalid(faults[0].detail, tuple(faults))
    if form == "png":
        return question(Ask.PICTURE, query)
    return replace(question(Ask.DATA, QueryParams([*((k, v) for k, v in query.multi_items() if k != "format")])), format=form)


def _path(query: QueryParams, faults: list[Fault]) -> str:
    path = query.get("path") or "/"
    if len(path) > MOST_PATH or "\x00" in path:
        faults.append(Fault("path", f"a path has at most {MOST_PATH} characters, and none of them is NUL."))
        return "/"
    return path if path == "/" else "/" + path.strip("/")


def _one_of(query: QueryParams, name: str, known: dict[str, str], default: str, faults: list[Fault]) -> str:
    given = query.get(name)
    if given is None:
        return default
    if given.lower() not in known:
        faults.append(Fault(name, f"{name} is one of {', '.join(known)}; got {given[:40]!r}."))
    return known.get(given.lower(), default)


def _flag(query: QueryParams, name: str) -> bool:
    """Present is true, unless it says otherwise."""
    return name in query and query[name].lower() not in ("false", "0", "no")


def _number(query: QueryParams, name: str, default: float | None, faults: list[Fault]) -> float | None:
    given = query.get(name)
    if not given:
        return default
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e300:
        faults.append(Fault(name, f"{name} is a number; got {given[:40]!r}."))
        return default
    return value

"""The inside of an HDF5 file, asked for over the routes of docs/how-to/arrays.md: what there is, and numbers, exactly as they are stored."""

from __future__ import annotations

import difflib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panmesh.client import asking
from panmesh.client.flow import Flow, Together, ask, said
from panmesh.client.picking import Piece, Spans, counts, pieces, shape_of, words
from panmesh.kernel.errors import Invalid, NotFound, PeerFailed, Unsupported

MOST = 16 << 20  # bytes of one request for numbers
TEXTS = 1 << 16  # texts of one request
AT_ONCE = 4
HEAD = 1 << 16  # bytes that may stand before the numbers
_RECORD, _LIST = 6, 10  # classes of HDF5's types

Told = Callable[[int], object]  # of bytes that came


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a run; `file` None: that which the run was read from."""

    pid: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """One object of the file, as /meta says it."""

    path: str
    kind: str  # group, dataset, datatype, soft_link, external_link, other
    attributes: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    type: Mapping[str, Any] | None = None
    chunks: tuple[int, ...] | None = None
    children: tuple[Info, ...] = ()
    omitted: int = 0  # children that are not described
    leads_to: str | None = None  # of a link

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1] or "/"

    @property
    def itemsize(self) -> int:
        return int((self.type or {}).get("size") or 1)

    @property
    def texts(self) -> bool:
        """Of any length: they come as JSON."""
        return (self.type or {}).get("dtype") == "|O" or bool((self.type or {}).get("vlen"))

    def brief(self) -> str:
        """(100, 512, 512) <u2"""
        if self.kind != "dataset":
            return f"→ {self.leads_to}" if self.leads_to else "" if self.kind == "group" else self.kind
        dtype = (self.type or {}).get("dtype")
        what = "text" if self.texts else dtype if isinstance(dtype, str) else "compound"
        return f"{tuple(self.shape or ())} {what}" if self.shape else str(what)


class NoSuchPath(NotFound, KeyError):
    """Also a KeyError, as h5py's."""

    def __str__(self) -> str:
        return self.detail


def absolute(path: str, base: str = "/") -> str:
    inner = path.strip("/")
    return "/" + inner if path.startswith("/") or base == "/" else f"{base}/{inner}" if inner else base


def look(place: Place, path: str) -> Flow[Info]:
    """Raises NoSuchPath, with what there is beside it."""
    try:
        info = yield from said(_request("meta", place, path), lambda told: _info(told, path))
    except NotFound as error:
        parent, _, name = path.rpartition("/")
        if not name:
            if place.file is not None:
                raise NotFound(
                    f"{place.pid} has no file {place.file!r}, or you may not know of it; run.files lists them."
                ) from error
            raise
        try:
            around = yield from look(place, parent or "/")
        except NoSuchPath as further:
            raise further from None
        near = difflib.get_close_matches(name, [child.name for child in around.children], 3, 0.5)
        have = ", ".join(near or [child.name for child in around.children][:8]) or "nothing"
        raise NoSuchPath(f"There is no {path} in this file; {parent or '/'} has {have}.") from error
    if info.leads_to and info.kind.endswith("link"):
        raise NoSuchPath(f"{path} is a link to {info.leads_to}, which is not in this run, or not there.")
    return info


def attributes(place: Place, path: str) -> Flow[dict[str, Any]]:
    found = yield from said(_request("attr", place, path), dict)
    return found


def paths(place: Place, path: str = "/") -> Flow[list[str]]:
    found = yield from said(_request("paths", place, path), list)
    return [str(one) for one in found]


def statistics(place: Place, path: str, spans: Spans) -> Flow[dict[str, float]]:
    found = yield from said(_request("stats", place, path, selection=words(spans)), dict)
    return found


def picture(place: Place, path: str, spans: Spans, **how: Any) -> Flow[bytes]:
    """PNG of one line or one image."""
    answer = yield from ask(_request("plot.png", place, path, selection=words(spans), **how), most=32 << 20)
    if not answer.body.startswith(b"\x89PNG"):
        raise Unsupported("What came is no picture.", ())
    return answer.body


def describe(place: Place, path: str, depth: int, most: int) -> Flow[list[tuple[int, Info]]]:
    """The objects at and below a path with their depth, in the order of a tree; `most` of them, the shallow ones first."""
    root = yield from look(place, path)
    below: dict[str, Info] = {root.path: root}
    level, seen = [root], 1
    for _ in range(depth - 1):
        groups = [child for info in level for child in info.children if child.kind == "group"][: max(0, most - seen)]
        if not groups:
            break
        level = yield Together([look(place, group.path) for group in groups], AT_ONCE)
        below |= {info.path: info for info in level}
        seen += sum(len(info.children) for info in level)
    return list(_in_order(root, below, 0))[:most]


def read(place: Place, info: Info, spans: Spans, told: Told = lambda _: None) -> Flow[Any]:
    """A NumPy array, or a scalar of NumPy where every dimension has one index; texts are str. Large ones in several requests at once."""
    import numpy as np

    if info.texts:
        whole = np.empty(counts(spans), object)
        cut = list(pieces(spans, 1, info.chunks, TEXTS))
        yield Together([_texts(place, info.path, piece, whole) for piece in cut], AT_ONCE)
    else:
        whole = np.empty(counts(spans), dtype_of(info))
        cut = list(pieces(spans, whole.itemsize, info.chunks, MOST))
        yield Together([_numbers(place, info.path, piece, whole, told) for piece in cut], AT_ONCE)
    turned = tuple(slice(None, None, -1 if span.backwards else 1) for span in spans)
    found = whole[turned].reshape(shape_of(spans))
    return found if found.ndim else found[()]


def dtype_of(info: Info) -> Any:
    """NumPy's, exactly as the file's. Raises Unsupported for records that cannot come over the line."""
    import numpy as np

    try:
        found = np.dtype(object) if info.texts else np.dtype(_dtype(info.type or {}))
    except TypeError as error:
        what = f"{info.path} holds what does not come over the line as it is stored ({error})"
        raise Unsupported(f"{what}; h5py reads it from the file itself: h5py.File(run.open(name))['{info.path}']", ()) from error
    return found


def _dtype(told: Mapping[str, Any]) -> Any:
    said = told.get("dtype")
    if isinstance(said, str) and said[1:2] not in ("O", "V"):
        return said
    if told.get("class") == _LIST:
        return _dtype(told["base"]), tuple(told["dims"])
    members = told.get("members")
    if told.get("class") != _RECORD or not isinstance(members, list) or sum(one["size"] for one in members) != told.get("size"):
        raise TypeError("texts of any length in records, gaps, or a type that NumPy has not")
    return [(one["name"], _dtype(one)) for one in members]


def _numbers(place: Place, path: str, piece: Piece, whole: Any, told: Told) -> Flow[None]:
    """Numbers come as npy, which says what they are; texts of one length and records have no such form here: they come as their bytes."""
    import numpy as np

    expected = math.prod(counts(piece[1])) * whole.itemsize
    plain = whole.dtype.kind in "biufc"
    request = _request("data", place, path, selection=words(piece[1]), format="npy" if plain else "bin")
    answer = yield from ask(request, most=2 * expected + HEAD)
    if not plain and len(answer.body) != expected:
        raise PeerFailed(f"{path}: {len(answer.body)} bytes came, {expected} were asked for.", "")
    part = _array(answer.body, shape_of(piece[1]), path) if plain else np.frombuffer(answer.body, whole.dtype)
    if part.dtype != whole.dtype:
        raise PeerFailed(f"{path}: numbers of type {part.dtype} came, not {whole.dtype}. Open it again.", "")
    _put(whole, piece, part)
    told(part.nbytes)


def _texts(place: Place, path: str, piece: Piece, whole: Any) -> Flow[None]:
    import numpy as np

    found = yield from said(_request("data", place, path, selection=words(piece[1]), format="json"), lambda told: told)
    part = np.empty(counts(piece[1]), object)
    flat = list(_flat(found, len(shape_of(piece[1]))))
    if len(flat) != part.size:
        raise PeerFailed(f"{path}: {len(flat)} values came, {part.size} were asked for.", "")
    for at, value in enumerate(flat):
        part.flat[at] = value
    _put(whole, piece, part)


def _flat(value: Any, depth: int) -> list[Any]:
    if not depth or not isinstance(value, list):
        return [value]
    return [leaf for one in value for leaf in _flat(one, depth - 1)]


def _put(whole: Any, piece: Piece, part: Any) -> None:
    at, spans = piece
    whole[tuple(slice(first, first + span.count) for first, span in zip(at, spans, strict=True))] = part.reshape(counts(spans))


def _array(body: bytes, shape: tuple[int, ...], path: str) -> Any:
    """Of the form npy, whose head is not believed before it fits."""
    import numpy as np
    from numpy.lib import format as npy

    stream = io.BytesIO(body)
    try:
        version = npy.read_magic(stream)
        read_head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        came, fortran, dtype = read_head(stream)
    except (ValueError, SyntaxError) as error:
        raise Invalid(f"{path}: what came is no array ({error}). Is this the address of a panmesh facility?") from error
    if dtype.hasobject or came != shape or len(body) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise PeerFailed(f"{path}: an array of {came} came, {shape} was asked for.", "")
    return np.frombuffer(body, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")


def _request(what: str, place: Place, path: str, **query: Any) -> asking.Request:
    return asking.inside(what, place.pid, file=place.file, path=path, **query)


def _info(told: Mapping[str, Any], path: str) -> Info:
    target = told.get("target_path")
    return Info(
        path=path,
        kind=told["kind"],
        attributes=tuple(one["name"] for one in told.get("attributes") or ()),
        shape=None if told.get("shape") is None else tuple(int(one) for one in told["shape"]),
        type=told.get("type"),
        chunks=None if told.get("chunks") is None else tuple(int(one) for one in told["chunks"]),
        children=tuple(_info(one, absolute(one["name"], path)) for one in told.get("children") or ()),
        omitted=int(told.get("children_omitted") or 0),
        leads_to=None if target is None else f"{told.get('target_file', '')}{target}",
    )


def _in_order(info: Info, below: Mapping[str, Info], depth: int) -> Sequence[tuple[int, Info]]:
    lines = [(depth, info)]
    for child in below.get(info.path, info).children:
        lines += _in_order(child, below, depth + 1)
    return lines

"""A careful walk through an HDF5 file: by object address, within limits, following nothing that leads out of the file.

Uses the low-level interface of h5py throughout: it is several times faster than the comfortable one, and says exactly
what is read. Nothing is read before its size is known.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p, h5s, h5t, h5z

from panmesh.ingest.reader import ReadLimits
from panmesh.ingest.tree import MAX_INLINE_ITEMS, Node, NodeKind, Problem, Source, Summary, Tree, Value, join, parent_of, text_of

# Attributes of datasets that mean something to us; of groups all are read.
_WANTED = frozenset(
    b"units unit signal axis axes primary long_name local_name short_name uncertainties uncertainty interpretation".split()
)
_FIRST = (b"NX_class", b"default", b"signal", b"axes", b"units")  # read even where attributes are without number
# Looked for by name in a group of more members than are listed: what says most of a run.
_FIRST_MEMBERS = (
    b"entry entry1 entry_1 raw_data_1 exchange title definition start_time end_time experiment_identifier entry_identifier run_number"
    b" duration instrument sample user user1 data name source monochromator beam detector"
).split()
# What waits until the rest is read when a file has more objects than are looked at: logs, notes, lists of events.
_LAST_CLASSES = frozenset(
    ["NXlog", "NXcollection", "NXnote", "NXevent_data", "NXprocess", "NXparameters", "NXgeometry", "NXtransformations"]
)
MAX_GRID_ITEMS = 16_384  # a map of so many points is a scan: what varied over it is read
_MAX_PROBLEMS = 200
ROOT_ERRORS = _Errors = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    MemoryError,
    OverflowError,
    UnicodeError,
    AttributeError,
    IndexError,
)


def open_file(path: str, close: int = h5f.CLOSE_STRONG) -> tuple[Any, bool]:
    """(file id, whether it is open for writing elsewhere). Raises OSError with the library's reason. `close`: what becomes of objects that
    are still open when the file is closed."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(close)
    name = os.fsencode(path)
    try:
        access.set_file_locking(False, True)
        return h5f.open(name, h5f.ACC_RDONLY, access), False
    except OSError as error:
        if "write" not in str(error) and "SWMR" not in str(error) and "consistency" not in str(error):
            raise
    return h5f.open(name, h5f.ACC_RDONLY | h5f.ACC_SWMR_READ, access), True


def walk(file: Any, limits: ReadLimits, *, swmr: bool = False) -> Tree:
    return _Walk(file, limits, swmr).tree()


class _Walk:
    def __init__(self, file: Any, limits: ReadLimits, swmr: bool) -> None:
        self._file = file
        self._limits = limits
        self._nodes: dict[str, Node] = {}
        self._children: dict[str, tuple[str, ...]] = {}
        self._seen: dict[Any, str] = {}
        self._problems: list[Problem] = []
        self._capped = False
        self._swmr = swmr
        self._read = 0  # bytes
        self._deadline = time.monotonic() + limits.seconds * 0.6

    def tree(self) -> Tree:
        root = h5g.open(self._file, b"/")
        self._seen[_address(root)] = "/"
        self._nodes["/"] = Node(path="/", kind=NodeKind.GROUP, attrs=self._attributes(root, "/", all_=True))
        waiting: deque[tuple[str, Any, int]] = deque([("/", root, 0)])
        sorted_once = False
        while waiting:
            if not sorted_once and len(self._nodes) > self._limits.nodes // 2:  # the limit may be met: what matters first
                waiting, sorted_once = deque(sorted(waiting, key=self._last)), True
            path, group, depth = waiting.popleft()
            if self._exhausted(path):
                break
            self._group(path, group, depth, waiting)
        return Tree(
            nodes=self._nodes, children=self._children, problems=tuple(self._problems), capped=self._capped, swmr=self._swmr
        )

    def _last(self, one: tuple[str, Any, int]) -> bool:
        """Whether a group stands below one that can wait."""
        path = one[0]
        while path != "/":
            if text_of(self._nodes[path].attrs.get("NX_class")) in _LAST_CLASSES:
                return True
            path = parent_of(path)
        return False

    def _exhausted(self, path: str) -> bool:
        if len(self._nodes) >= self._limits.nodes:
            return self._cap(path, f"more than {self._limits.nodes} objects: the rest was not looked at")
        if time.monotonic() > self._deadline:
            return self._cap(path, f"reading took more than {self._limits.seconds * 0.6:.0f} s: the rest was not looked at")
        return False

    def _cap(self, path: str, what: str) -> bool:
        self._capped = True
        self._problem(path, what)
        return True

    def _problem(self, path: str, what: object) -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(Problem(path=path, what=" ".join(str(what).split())[:300]))

    def _group(self, path: str, group: Any, depth: int, waiting: deque[tuple[str, Any, int]]) -> None:
        names: list[tuple[bytes, int, Any]] = []
        limit = self._limits.links_per_group

        def collect(name: Any, info: Any) -> bool | None:
            names.append((_bytes(name), info.type, info.u))  # the library uses one info object for all
            return True if len(names) >= limit else None

        try:
            group.links.iterate(collect, info=True)
        except _Errors as error:
            self._problem(path, f"the group's members could not be listed: {error}")
        if len(names) >= limit:
            self._cap(path, f"more than {limit} members: the rest was not looked at")
            listed = {name for name, _, _ in names}
            for name in _FIRST_MEMBERS:
                if name not in listed and name in group:
                    info = group.links.get_info(name)
                    names.insert(0, (name, info.type, info.u))
        paths: list[str] = []
        for raw, kind, address in names:
            if len(self._nodes) >= self._limits.nodes or (len(paths) & 63 == 63 and time.monotonic() > self._deadline):
                self._exhausted(path)
                break
            child = self._unique(join(path, _text(raw)))
            paths.append(child)
            self._member(child, group, (raw, kind, address), depth, waiting)
        self._children[path] = tuple(paths)

    def _unique(self, path: str) -> str:
        number, wanted = 2, path
        while path in self._nodes:
            path, number = f"{wanted} ({number})", number + 1
        return path

    def _member(
        self, path: str, group: Any, link: tuple[bytes, int, Any], depth: int, waiting: deque[tuple[str, Any, int]]
    ) -> None:
        try:
            node = self._link(path, group, link, depth, waiting)
        except _Errors as error:
            self._problem(path, f"could not be opened: {error}")
            node = Node(path=path, kind=NodeKind.BROKEN)
        self._nodes[path] = node

    def _link(
        self, path: str, group: Any, link: tuple[bytes, int, Any], depth: int, waiting: deque[tuple[str, Any, int]]
    ) -> Node:
        raw, kind, address = link
        if kind == h5py.h5l.TYPE_SOFT:
            return Node(path=path, kind=NodeKind.SOFT, target=_text(group.links.get_val(raw)))
        if kind == h5py.h5l.TYPE_EXTERNAL:
            file, inner = group.links.get_val(raw)
            source = Source(kind="link", file=_text(file), inner=_text(inner))
            return Node(path=path, kind=NodeKind.EXTERNAL, target=source.file, sources=(source,))
        if kind != h5py.h5l.TYPE_HARD:
            self._problem(path, "a user-defined link: not followed")
            return Node(path=path, kind=NodeKind.BROKEN)
        if address in self._seen:
            return Node(path=path, kind=NodeKind.REPEAT, target=self._seen[address])
        self._seen[address] = path
        opened = h5o.open(group, raw)
        if isinstance(opened, h5d.DatasetID):
            return self._dataset(path, opened)
        if isinstance(opened, h5g.GroupID):
            node = Node(path=path, kind=NodeKind.GROUP, attrs=self._attributes(opened, path, all_=True))
            if depth + 1 > self._limits.depth:
                self._cap(path, f"groups nested deeper than {self._limits.depth}: not looked at")
            else:
                waiting.append((path, opened, depth + 1))
            return node
        return Node(path=path, kind=NodeKind.BROKEN)  # a named datatype: nothing to say

    # --- datasets ----------------------------------------------------------------------------------------------------

    def _dataset(self, path: str, dataset: Any) -> Node:
        node = Node(path=path, kind=NodeKind.DATASET)
        try:
            node.attrs = self._attributes(dataset, path, all_=False)
            node.units = _units(node.attrs)
            datatype = dataset.get_type()
            node.dtype = _dtype_name(datatype)
            shape = dataset.shape
            if not shape and dataset.get_space().get_simple_extent_type() == h5s.NULL:
                node.dtype = "null"
                return node
            node.shape = tuple(int(n) for n in shape)
            if dataset.get_offset() is None:  # else its bytes lie in one piece in this very file
                self._storage(node, dataset.get_create_plist())
            if node.sources:
                return node  # the bytes are somewhere else: never read here
            self._value(node, dataset, datatype)
        except _Errors as error:
            self._problem(path, f"could not be read: {missing_filters(dataset) or error}")
        return node

    def _too_large(self, node: Node, datatype: Any) -> bool:
        """A chunk is read whole, whatever is wanted of it."""
        if node.chunks is None or self._chunk_bytes(node, datatype) <= self._limits.chunk_bytes:
            return False
        self._problem(node.path, "its chunks are too large to be read safely")
        return True

    def _chunk_bytes(self, node: Node, datatype: Any) -> int:
        size = int(datatype.get_size())
        for n in node.chunks or ():
            size *= n
        return size

    def _storage(self, node: Node, properties: Any) -> None:
        layout = properties.get_layout()
        if layout == h5d.CHUNKED:
            node.chunks = tuple(int(n) for n in properties.get_chunk())
            count = properties.get_nfilters()
            if count:
                node.filters = tuple(str(properties.get_filter(i)[0]) for i in range(min(count, 8)))
        elif layout == h5d.VIRTUAL:
            count = properties.get_virtual_count()
            found: dict[tuple[str, str], None] = {}
            for i in range(min(count, 1000)):
                file, inner = properties.get_virtual_filename(i), properties.get_virtual_dsetname(i)
                found.setdefault((_text(file), _text(inner)))
            node.sources = tuple(Source(kind="virtual", file=f, inner=i) for f, i in found) or (
                Source(kind="virtual", file=".", inner=None),
            )
        elif properties.get_external_count():
            node.sources = tuple(
                Source(kind="raw", file=_text(properties.get_external(i)[0]), inner=None)
                for i in range(min(properties.get_external_count(), 100))
            )

    def _value(self, node: Node, dataset: Any, datatype: Any) -> None:
        shape = node.shape or ()
        items = math.prod(shape)
        if items == 0:
            return
        if node.dtype in ("text", "bytes"):
            if items <= MAX_INLINE_ITEMS and not self._too_large(node, datatype):
                node.value = self._text_value(node, dataset, datatype, shape, items)
            return
        if node.dtype not in _NUMERIC:
            return
        size = items * int(datatype.get_size())
        if items > MAX_GRID_ITEMS and sum(n > 1 for n in shape) > 1:
            return  # an image or more: plots read it, metadata do not
        if size > self._limits.array_bytes or self._read + size > self._limits.total_bytes:
            return
        if self._too_large(node, datatype):
            return
        self._read += size
        array = np.empty(shape, dtype=_NUMERIC[node.dtype])
        dataset.read(h5s.ALL, h5s.ALL, array, _MEMORY[node.dtype])
        flat = array.reshape(-1)
        if items <= MAX_INLINE_ITEMS:
            values = [v.item() for v in flat]
            node.value = values[0] if not shape else tuple(values)
        if items > 1:
            node.summary = _summary(flat)

    def _text_value(self, node: Node, dataset: Any, datatype: Any, shape: tuple[int, ...], items: int) -> Value:
        memory = _text_memory(datatype, items, self._limits.text_bytes)
        if memory is None:
            self._problem(node.path, f"a text of {datatype.get_size()} bytes is too long to be read")
            return None
        if self._read > self._limits.total_bytes:
            self._problem(node.path, "its text was not read: the file's others are too long together")
            return None
        array = np.empty(shape, dtype=memory[0])
        dataset.read(h5s.ALL, h5s.ALL, array, memory[1])
        self._read += sum(len(text) for text in array.reshape(-1).tolist())  # of variable length: known only now
        return self._texts(array, shape)

    def _texts(self, array: Any, shape: tuple[int, ...]) -> Value:
        most = self._limits.text_bytes
        if not shape:
            return _text(array.item())[:most]
        return tuple([_text(v)[:most] for v in array.reshape(-1).tolist()])

    # --- attributes --------------------------------------------------------------------------------------------------

    def _attributes(self, owner: Any, path: str, *, all_: bool) -> dict[str, Value]:
        found: dict[str, Value] = {}
        names: list[bytes] = []
        limit = self._limits.attributes

        def collect(name: Any) -> bool | None:
            raw = _bytes(name)
            if all_ or raw in _WANTED:
                names.append(raw)
            return True if len(names) >= limit else None

        try:
            if h5a.get_num_attrs(owner) == 0:
                return found
            h5a.iterate(owner, collect)
        except _Errors as error:
            self._problem(path, f"its attributes could not be listed: {error}")
        if len(names) >= limit:
            self._problem(path, f"more than {limit} attributes: the rest was not looked at")
            names = list(dict.fromkeys([*(n for n in _FIRST if h5a.exists(owner, n)), *names]))
        for raw in names:
            try:
                value = self._attribute(h5a.open(owner, raw))
            except _Errors as error:
                self._problem(f"{path}@{_text(raw)}", f"could not be read: {error}")
                continue
            if value is not None:
                found[_text(raw)] = value
        return found

    def _attribute(self, attribute: Any) -> Value:
        datatype = attribute.get_type()
        kind = _dtype_name(datatype)
        numeric = kind in _NUMERIC
        if not numeric and kind != "text":
            return None
        space = attribute.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            return None
        shape = tuple(int(n) for n in space.shape) if space.get_simple_extent_ndims() else ()
        items = math.prod(shape)
        if items == 0 or items > (MAX_INLINE_ITEMS if numeric else 1024):
            return None
        if numeric:
            array = np.empty(shape, dtype=_NUMERIC[kind])
            attribute.read(array, _MEMORY[kind])
            return tuple(array.reshape(-1).tolist()) if shape else array.item()
        memory = _text_memory(datatype, items, self._limits.text_bytes)
        if memory is None:
            return None
        array = np.empty(shape, dtype=memory[0])
        attribute.read(array, memory[1])
        return self._texts(array, shape)


def _text_memory(datatype: Any, items: int, most: int) -> tuple[Any, Any] | None:
    """How texts lie in memory: (NumPy's type, the library's); None when they are longer than `most` bytes altogether."""
    if datatype.get_class() != h5t.STRING:
        return None
    if datatype.is_variable_str():
        return object, h5t.PYTHON_OBJECT
    size = int(datatype.get_size())
    return None if size * items > most else (f"S{size}", datatype)


def missing_filters(dataset: Any) -> str | None:
    """Names the filters that this machine does not have: that can be mended by installing them."""
    try:
        properties = dataset.get_create_plist()
        needed = [properties.get_filter(i) for i in range(min(properties.get_nfilters(), 8))]
    except _Errors:
        return None
    absent = [f"{n} {name.decode('ascii', 'replace')}".strip() for n, _, _, name in needed if not h5z.filter_avail(n)]
    return f"the filter {', '.join(absent)} is not installed here" if absent else None


_NUMERIC: dict[str, Any] = {
    "float": np.float64,
    "integer": np.int64,
    "unsigned": np.uint64,
    "enum": np.int64,
}
# The same for the library; made once, since every one that h5py makes of a NumPy type costs as much as a small read.
_MEMORY: dict[str, Any] = {
    "float": h5t.NATIVE_DOUBLE,
    "integer": h5t.NATIVE_INT64,
    "unsigned": h5t.NATIVE_UINT64,
    "enum": h5t.NATIVE_INT64,
}


def _dtype_name(datatype: Any) -> str:
    kind = datatype.get_class()
    if kind == h5t.FLOAT:
        return "float"
    if kind == h5t.INTEGER:
        return "integer" if datatype.get_sign() else "unsigned"
    if kind == h5t.STRING:
        return "text"
    return _OTHER.get(kind, "other")


_OTHER = {
    h5t.ENUM: "enum",
    h5t.COMPOUND: "compound",
    h5t.REFERENCE: "reference",
    h5t.OPAQUE: "opaque",
    h5t.ARRAY: "array",
    h5t.VLEN: "vlen",
    h5t.BITFIELD: "bitfield",
}


def _summary(flat: Any) -> Summary | None:
    values = flat.astype(np.float64, copy=False)
    good = values[np.isfinite(values)]
    if good.size == 0:
        return None
    return Summary(
        count=int(values.size),
        first=float(good[0]),
        last=float(good[-1]),
        minimum=float(good.min()),
        maximum=float(good.max()),
        mean=float(good.mean()),
    )


def _units(attrs: dict[str, Value]) -> str | None:
    value: Value = attrs.get("units", attrs.get("unit"))
    while isinstance(value, tuple) and value:
        value = value[0]
    return value.replace("\x00", " ").strip() if isinstance(value, str) else None


def _bytes(name: Any) -> bytes:
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")


def _address(group: Any) -> Any:
    info = h5o.get_info(group)
    return info.addr


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        raw = value.rstrip(b"\x00")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1") if _looks_latin(raw) else raw.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").rstrip("\x00")
    return "" if value is None else str(value)


def _looks_latin(value: bytes) -> bool:
    """Å, °, µ and é in the encodings of the last century: mostly ASCII with single high bytes that are letters or signs."""
    high = [byte for byte in value if byte >= 0x80]
    return len(high) * 4 <= len(value) and all(byte >= 0xA0 for byte in high)

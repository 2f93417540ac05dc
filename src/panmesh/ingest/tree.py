"""What a careful reader saw in one hierarchical file: plain values, no handle, no h5py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# A value small enough to carry: text is decoded (undecodable bytes as U+FFFD), arrays are tuples, NaN and inf stay floats.
Scalar = str | int | float | bool
Value = Scalar | tuple["Value", ...] | None

MAX_INLINE_ITEMS = 16  # arrays up to this many items are carried whole in `value`; longer ones only as `summary`


class NodeKind(StrEnum):
    GROUP = "group"
    DATASET = "dataset"
    REPEAT = "repeat"  # a hard link to an object already seen; `target` is the path it was first seen at
    SOFT = "soft"  # a soft link; `target` as written. What it leads to (in this file) is followed by `Tree.resolve`
    EXTERNAL = "external"  # an external link, never followed by the reader; `target` is "file//path" as in `file`, `inner`
    BROKEN = "broken"  # could not be read; the reason stands in `Tree.problems`


_LINKS = frozenset((NodeKind.REPEAT, NodeKind.SOFT))


@dataclass(slots=True, kw_only=True)
class Summary:
    """Of a numeric array that was small enough to read (the reader's byte budget), NaN left out."""

    count: int
    first: float
    last: float
    minimum: float
    maximum: float
    mean: float


@dataclass(slots=True, kw_only=True)
class Source:
    """A file that a dataset's bytes really come from."""

    kind: str  # "virtual", "raw" (external raw storage) or "link"
    file: str  # as written, unresolved
    inner: str | None  # path in that file; None for raw storage


@dataclass(slots=True, kw_only=True)
class Node:
    path: str  # absolute, "/" for the root; link names are text (undecodable bytes as U+FFFD)
    kind: NodeKind
    attrs: Mapping[str, Value] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None  # () scalar; None: not a dataset, or a null dataspace
    dtype: str | None = None  # "text", "bytes", numpy name ("float32"), "compound", "enum", "reference", "opaque"
    value: Value = None  # text and small numeric arrays; None when too big, unreadable or null
    summary: Summary | None = None
    units: str | None = None  # @units (or @unit), stripped; "" when written blank; None when absent
    target: str | None = None
    sources: tuple[Source, ...] = ()
    filters: tuple[str, ...] = ()
    chunks: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def nx_class(self) -> str:
        """NX_class as text, stripped (one-element arrays and bytes are unwrapped); where absent the canSAS class; "" where neither."""
        return text_of(self.attrs.get("NX_class")) or text_of(self.attrs.get("canSAS_class")) or ""


@dataclass(slots=True, kw_only=True)
class Problem:
    path: str
    what: str  # in a person's words: what could not be read and why


@dataclass(slots=True, kw_only=True)
class Tree:
    """Nodes in the order of a breadth-first walk by object address, parents before children; paths are unique."""

    nodes: dict[str, Node]
    children: dict[str, tuple[str, ...]]  # group path → child paths, in the file's order
    problems: tuple[Problem, ...] = ()
    capped: bool = False  # a limit (links, depth, nodes, time) ended the walk early: also in `problems`
    swmr: bool = False  # the file is open for writing elsewhere and was opened as SWMR reader

    def get(self, path: str) -> Node | None:
        """The node at `path`, through repeats and soft links inside this file; None if there is none or a link dangles."""
        node = self.nodes.get(path)
        return node if node is not None and node.kind not in _LINKS else self._resolve(path, 0)

    def child(self, parent: str, name: str) -> Node | None:
        path = join(parent, name)
        if path not in self.nodes and "/" not in name:  # most of what is asked for is not there: say so at once
            holder = self.nodes.get(parent)
            if holder is not None and holder.kind is NodeKind.GROUP:
                return None
        return self.get(path)

    def members(self, path: str) -> tuple[Node, ...]:
        """The children of a group as they stand (links not resolved)."""
        node = self.get(path)
        return tuple(self.nodes[p] for p in self.children.get(node.path, ())) if node else ()

    def _resolve(self, path: str, hops: int) -> Node | None:
        if hops > 16:
            return None
        node = self.nodes.get(path)
        if node is None:
            return self._resolve_by_parent(path, hops)
        if node.kind is NodeKind.REPEAT and node.target is not None:
            return self._resolve(node.target, hops + 1)
        if node.kind is NodeKind.SOFT and node.target is not None:
            return self._resolve(absolute(node.target, parent_of(path)), hops + 1)
        return node

    def _resolve_by_parent(self, path: str, hops: int) -> Node | None:
        parent = parent_of(path)
        if path == "/" or parent == path:
            return None
        real = self._resolve(parent, hops + 1)
        if real is None or real.path == parent:
            return None
        return self._resolve(join(real.path, path.rsplit("/", 1)[-1]), hops + 1)


def join(parent: str, name: str) -> str:
    return f"/{name}" if parent == "/" else f"{parent}/{name}"


def parent_of(path: str) -> str:
    return path.rsplit("/", 1)[0] or "/"


def absolute(target: str, parent: str) -> str:
    """A link target as an absolute path; "." and ".." are resolved as in POSIX, never above the root."""
    parts: list[str] = [] if target.startswith("/") else [p for p in parent.split("/") if p]
    for part in target.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def text_of(value: Value) -> str | None:
    """The text of a scalar or one-element array at any nesting, stripped of blanks and NUL; None when not text."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value.replace("\x00", " ").strip() if isinstance(value, str) else None

"""What a signal is drawn against and how far it may be wrong: by the conventions of today, of canSAS, and of before 2014."""

from __future__ import annotations

from collections.abc import Sequence

from panmesh.ingest.tree import Node, NodeKind, Tree, Value, text_of


def named_axes(tree: Tree, node: Node, name: str, rank: int) -> tuple[str, ...]:
    """Of a group that names its signal: @axes, else what canSAS calls them, @I_axes. `rank`: of the signal, 0 where it is not known."""
    names = _names(node.attrs.get("axes")) or _names(node.attrs.get(f"{name}_axes"))
    paths = tuple("" if n in (".", "") else _path(tree, node, n) for n in names)
    return paths if len(paths) == rank else _placed(node, names, paths, rank)


def marked_axes(tree: Tree, node: Node, signal: Node) -> tuple[str, ...]:
    """Of a signal that is marked itself: its own @axes, else the arrays beside it that are numbered by @axis."""
    written = text_of(signal.attrs.get("axes"))
    if written:
        return tuple(_path(tree, node, n) for n in written.strip("[]").replace(":", ",").replace(" ", ",").split(",") if n)
    shape = signal.shape or ()
    found: dict[int, str] = {}
    for member in tree.members(node.path):
        target = tree.get(member.path)
        if target is None or target.kind is not NodeKind.DATASET:
            continue
        number = _whole(target.attrs.get("axis")) or 0
        if not 1 <= number <= len(shape):
            continue
        dimension = _fitting(target, number - 1, shape)
        if dimension not in found or _whole(target.attrs.get("primary")) == 1:
            found[dimension] = target.path
    return tuple(found.get(i, "") for i in range(len(shape))) if found else ()


def errors_of(tree: Tree, node: Node, signal: Node, name: str) -> str | None:
    """The array beside the signal that says how far each of its numbers may be wrong."""
    told = [signal.attrs.get(key) for key in ("uncertainties", "uncertainty")]
    told += [node.attrs.get(f"{name}_{key}") for key in ("uncertainties", "uncertainty")]
    for one in (*map(text_of, told), f"{name}_errors", f"{name}_error", "errors"):
        target = tree.child(node.path, one) if one else None
        if target is not None and target is not signal and target.kind is NodeKind.DATASET and target.shape == signal.shape:
            return target.path
    return None


def _names(written: Value) -> list[str]:
    if isinstance(written, tuple):
        written = ",".join(one for one in written if isinstance(one, str))
    return [n.strip() for n in written.replace(":", ",").split(",")] if isinstance(written, str) and written.strip() else []


def _placed(node: Node, names: Sequence[str], paths: tuple[str, ...], rank: int) -> tuple[str, ...]:
    """Fewer or more names than dimensions: @NAME_indices says which is whose."""
    found: dict[int, str] = {}
    for name, path in zip(names, paths, strict=True):
        index = _whole(node.attrs.get(f"{name}_indices"))
        if path and index is not None and 0 <= index < rank:
            found.setdefault(index, path)
    return tuple(found.get(i, "") for i in range(rank)) if found else paths


def _fitting(axis: Node, dimension: int, shape: tuple[int, ...]) -> int:
    """The dimension that it names; where it has another length and fits one other alone, that one."""
    length = axis.shape[0] if axis.shape else 0
    fits = [i for i, n in enumerate(shape) if n > 1 and length in (n, n + 1)]
    return fits[0] if len(fits) == 1 and length not in (shape[dimension], shape[dimension] + 1) else dimension


def _whole(mark: Value) -> int | None:
    """A number however it is written; None for several."""
    while isinstance(mark, tuple) and len(mark) == 1:
        mark = mark[0]
    if isinstance(mark, str):
        return int(mark) if mark.strip().isdecimal() else None
    return int(mark) if isinstance(mark, int | float) else None


def _path(tree: Tree, node: Node, name: str) -> str:
    target = tree.child(node.path, name)
    return target.path if target is not None and target.kind in (NodeKind.DATASET, NodeKind.EXTERNAL) else ""

"""Which numbers to show first: the file's own default chain, else the first marked signal, else a sensible guess."""

from __future__ import annotations

import re
from collections.abc import Iterable

from panmesh.ingest.entries import within
from panmesh.ingest.facts import PlotFacts
from panmesh.ingest.plot_axes import errors_of, marked_axes, named_axes
from panmesh.ingest.tree import Node, NodeKind, Tree, join, parent_of, text_of

_NUMBERS = ("float", "integer", "unsigned")


def default_plot(tree: Tree, group: Node) -> PlotFacts | None:
    for chosen, marking in _chain(tree, group):
        plot = _of_group(tree, chosen, marking)
        if plot is not None:
            return plot
    marked = [n for n in within(tree, group, 5) if n.kind is NodeKind.GROUP and _is_data(n)]
    marked.sort(key=lambda n: n.nx_class.casefold() not in ("nxdata", "sasdata"))  # data before detectors and monitors
    for node in marked:
        plot = _of_group(tree, node, "")
        if plot is not None:
            return plot
    for node in within(tree, group, 3):  # a signal that is marked in a group without class
        if node.kind is NodeKind.GROUP and not node.nx_class and node is not group:
            plot = _of_group(tree, node, "")
            if plot is not None:
                return plot
    return _guess(tree, group, marked)


def _chain(tree: Tree, group: Node) -> Iterable[tuple[Node, str]]:
    """@default from the root (when it leads here) or from the entry, down to a group with a signal."""
    root = tree.nodes["/"]
    node = group
    if group.path != "/" and (name := text_of(root.attrs.get("default"))) and tree.child("/", name.split("/")[0]) is not group:
        name = None
    for _ in range(8):
        name = text_of(node.attrs.get("default"))
        below = tree.get(join(node.path, name)) if name and not name.startswith("/") else tree.get(name) if name else None
        if below is None or below.kind is not NodeKind.GROUP or below is node:
            break
        node = below
    if node is not group:
        yield node, "default chain"


def _is_data(node: Node) -> bool:
    return (
        node.nx_class.casefold() in ("nxdata", "sasdata", "nxdetector", "nxmonitor", "data")
        or "signal" in node.attrs
        or "I_axes" in node.attrs
    )


def _of_group(tree: Tree, node: Node, marking: str) -> PlotFacts | None:
    name = text_of(node.attrs.get("signal"))
    if name:
        signal = tree.child(node.path, name)
        link = tree.nodes.get(join(node.path, name))
        if signal is not None or (link is not None and link.kind is NodeKind.EXTERNAL):
            rank = len(signal.shape or ()) if signal is not None else 0
            axes = named_axes(tree, node, name, rank)
            return _plot(tree, node, signal or link, axes, marking or "@signal on group", name)
    marked = [
        target
        for member in tree.members(node.path)
        if (target := tree.get(member.path)) is not None and target.kind is NodeKind.DATASET and _is_signal(target)
    ]
    if marked:  # where several are, the others are mostly sums of the one with the most dimensions
        target = max(marked, key=lambda n: sum(length > 1 for length in n.shape or ()))
        return _plot(tree, node, target, marked_axes(tree, node, target), marking or "@signal on dataset")
    if "I_axes" in node.attrs and (signal := tree.child(node.path, "I")) is not None:
        axes = named_axes(tree, node, "I", len(signal.shape or ()))
        return _plot(tree, node, signal, axes, marking or "@signal on group")
    return None


def _is_signal(node: Node) -> bool:
    mark = node.attrs.get("signal")
    while isinstance(mark, tuple) and mark:
        mark = mark[0]
    return mark == 1 or (isinstance(mark, str) and mark.strip() == "1")


def _plot(
    tree: Tree, node: Node, signal: Node | None, axes: tuple[str, ...], marking: str, name: str | None = None
) -> PlotFacts | None:
    """`name`: of the signal in its group, where a link leads elsewhere."""
    if signal is None or signal.kind not in (NodeKind.DATASET, NodeKind.EXTERNAL):
        return None
    if signal.kind is NodeKind.DATASET and signal.dtype not in _NUMBERS:
        return None
    title = tree.child(node.path, "title")
    return PlotFacts(
        group=node.path,
        signal=signal.path,
        axes=axes,
        shape=signal.shape or (),
        units=signal.units or None,
        title=text_of(title.value) if title is not None else text_of(node.attrs.get("title")),
        marking=marking,
        missing=_elsewhere(tree, signal),
        errors=errors_of(tree, node, signal, name or signal.name) if signal.shape else None,
        interpretation=text_of(signal.attrs.get("interpretation")) or text_of(node.attrs.get("interpretation")),
    )


def _elsewhere(tree: Tree, signal: Node) -> tuple[str, ...]:
    """Other files that the signal's numbers lie in, also those behind links of the file itself."""
    found: dict[str, None] = {}
    for source in signal.sources:
        if source.file not in (".", ""):
            found[source.file] = None
            continue
        inner = tree.get(source.inner) if source.inner is not None and source.inner.startswith("/") else None
        for behind in inner.sources if inner is not None else ():
            found[behind.file] = None
    return tuple(found)


def _guess(tree: Tree, group: Node, marked: list[Node]) -> PlotFacts | None:
    """The best-named, then the largest array of numbers in the groups meant for data; nothing where no group is."""
    for holders in (marked, [group], _meant_for_data(tree, group)):
        found = [
            (link.name, node, holder)
            for holder in holders
            for link in tree.members(holder.path)
            if (holder is not group or link.name == "data")
            and (node := tree.get(link.path)) is not None
            and node.kind is NodeKind.DATASET
            and node.dtype in _NUMBERS
            and not node.sources
            and "axis" not in node.attrs
            and not _SETTING.fullmatch(link.name)
            and _size(node) > 1
        ]
        if found:
            _, best, holder = max(found, key=lambda one: (_SIGNALS.get(one[0].casefold(), 0), _size(one[1])))
            return _plot(tree, holder, best, (), "guess")
    return _in_another_file(tree, marked) or _largest_image(tree, group)


def _in_another_file(tree: Tree, marked: list[Node]) -> PlotFacts | None:
    """A master whose NXdata only link to the files of the detector."""
    for holder in marked:
        for node in tree.members(holder.path):
            if node.kind is NodeKind.EXTERNAL and _LINKED_DATA.fullmatch(node.name):
                return _plot(tree, holder, node, (), "guess")
    return None


def _largest_image(tree: Tree, group: Node) -> PlotFacts | None:
    """For files that know no NeXus at all: what has rows and columns."""
    if any(node.nx_class for node in tree.nodes.values()):
        return None
    images = [
        node
        for node in within(tree, group)
        if node.dtype in _NUMBERS and not node.sources and min((0, *(node.shape or ()))[-2:]) > 3
    ]
    best = max(images, key=_size, default=None)
    return _plot(tree, tree.nodes[parent_of(best.path)], best, (), "guess") if best is not None else None


_SIGNALS = {"absorbed_beam": 2, "mutrans": 2} | dict.fromkeys(("data", "counts", "intensity", "i", "count", "image"), 1)
_SETTING = re.compile(  # arrays in detectors and monitors that say how was measured, not what
    r".*(time(_?(sec|stamp))?|mask|flat_?field|distance|offset|angle|_size|_number|_index|_errors?|position|efficiency|gain)|event_.*|spectra|detector_\w+",
    re.IGNORECASE,
)
_LINKED_DATA = re.compile(r"(image_?)?data(_\d+)?|frames?|images?", re.IGNORECASE)
_DATA_GROUP = re.compile(
    r"data(_?\d+)?|measurement|exchange|images?(_?\d+)?|.*detector(_?\d+)?|results?(_?\d+)?|scan_?data|spectrum\w*|signal\w*",
    re.IGNORECASE,
)


def _meant_for_data(tree: Tree, group: Node) -> list[Node]:
    """Groups that no NeXus class says anything of and whose names tell that data are in them."""
    return [
        node
        for node in within(tree, group, 4)
        if node.kind is NodeKind.GROUP and node is not group and not node.nx_class and _DATA_GROUP.fullmatch(node.name)
    ]


def _size(node: Node) -> int:
    total = 1
    for n in node.shape or (0,):
        total *= n
    return total

"""Which groups of a file are runs, and how values are looked up in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from panmesh.ingest.facts import Found
from panmesh.ingest.tree import Node, NodeKind, Tree, parent_of, text_of

ENTRY_CLASSES = frozenset({"nxentry", "sasentry", "nxsubentry", "nxprocess_entry"})
# Groups that hold what an entry holds in files that know no NeXus classes.
_LIKE_ENTRIES = ("entry", "entry_1", "entry1", "exchange", "measurement", "scan", "run", "raw_data_1", "METADATA", "metadata")


def entry_groups(tree: Tree) -> tuple[Node, ...]:
    """Groups of class NXentry or SASentry at the root, in the file's order; linked ones once."""
    found: list[Node] = []
    for member in tree.members("/"):
        node = tree.get(member.path) if member.kind in (NodeKind.GROUP, NodeKind.SOFT) else None
        if node is None or node.kind is not NodeKind.GROUP or node in found:
            continue
        if node.nx_class.casefold() in ("nxentry", "sasentry"):
            found.append(node)
    own = {node.path for node in found}
    return tuple(
        node for node in found if parent_of(node.path) not in own
    )  # an entry inside an entry, linked at the root, is a part of it


def subentries(tree: Tree, group: Node) -> tuple[Node, ...]:
    """Application definitions that stand in a group of their own within an entry."""
    return tuple(members_of_class(tree, group, "NXsubentry"))


def like_entries(tree: Tree) -> tuple[Node, ...]:
    """For a file without entries: the groups in which its facts may stand, the root first."""
    root = tree.nodes["/"]
    named = [n for name in _LIKE_ENTRIES if (n := tree.get(f"/{name}")) is not None and n.kind is NodeKind.GROUP]
    others = [n for n in tree.members("/") if n.kind is NodeKind.GROUP and n not in named]
    return (root, *named, *others)


def members_of_class(tree: Tree, group: Node, *classes: str) -> Iterator[Node]:
    """Groups right in `group` of one of the NeXus classes (any case), links resolved, in order."""
    wanted = {c.casefold() for c in classes}
    seen: set[str] = set()
    for member in tree.members(group.path):
        node = tree.get(member.path) if member.kind is not NodeKind.GROUP else member
        if node is not None and node.kind is NodeKind.GROUP and node.nx_class.casefold() in wanted and node.path not in seen:
            seen.add(node.path)
            yield node


def within(tree: Tree, group: Node, depth: int = 8) -> Iterator[Node]:
    """The group and every object below it, each once, nearest first, without following links out of the group."""
    level = [group]
    for _ in range(depth + 1):
        below: list[Node] = []
        for node in level:
            yield node
            if node.kind is NodeKind.GROUP:
                below.extend(tree.nodes[p] for p in tree.children.get(node.path, ()) if p in tree.nodes)
        level = below


def text_at(tree: Tree, parent: Node, names: Iterable[str]) -> Found | None:
    """The first non-blank text among the members of these names."""
    for name in names:
        node = valued(tree, tree.child(parent.path, name))
        if node is not None:
            found = text_found(node)
            if found is not None:
                return found
    return None


def valued(tree: Tree, node: Node | None) -> Node | None:
    """The dataset itself, or the `value` of a log that stands in its place (NXlog, as Mantid and others write single values)."""
    if node is None or node.kind is NodeKind.DATASET:
        return node
    if node.kind is NodeKind.GROUP and node.nx_class in ("NXlog", "NXpositioner", "NXsensor"):
        inner = tree.child(node.path, "value")
        return inner if inner is not None and inner.kind is NodeKind.DATASET else None
    return None


_LOOSE_HOLDER = re.compile(
    r"logs?|das_?logs?|metadata|.*wave_?note|before_scan|collection|experiment|start_positioners|detectorSpecific|(diamond_)?scan|user_?settings",
    re.IGNORECASE,
)


def loose(name: str) -> bool:
    return _LOOSE_HOLDER.fullmatch(name) is not None


def loose_holders(tree: Tree, group: Node) -> tuple[Node, ...]:
    """Groups of an entry where instruments and programs put what NeXus has better places for; asked last."""
    found: list[Node] = []
    for node in within(tree, group, 3):
        if node is not group and node.kind is NodeKind.GROUP and loose(node.name):
            found.append(node)
    return tuple(found[:20])


def text_found(node: Node) -> Found | None:
    """The text of a dataset: one line; lists of texts joined; whole numbers as they are."""
    value = node.value
    text = text_of(value)
    if text is None and isinstance(value, tuple) and value and all(isinstance(v, str) for v in value):
        text = " ".join(str(v).strip() for v in value if str(v).strip())
    if text is None:
        number = value[0] if isinstance(value, tuple) and len(value) == 1 else value
        if isinstance(number, int) and not isinstance(number, bool):
            text = str(number)
        elif isinstance(number, float) and number.is_integer():
            text = str(int(number))
    if text is None or not (line := " ".join(text.split())):
        return None
    return Found(value=line, path=node.path, raw=text if text != line else None)


def attribute_at(node: Node, names: Iterable[str]) -> Found | None:
    for name in names:
        text = text_of(node.attrs.get(name))
        if text and (line := " ".join(text.split())):
            return Found(value=line, path=f"{node.path}@{name}")
    return None

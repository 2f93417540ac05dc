"""Where a run was measured: the instrument and the facility, as written."""

from __future__ import annotations

from panmesh.ingest.entries import attribute_at, members_of_class, text_at
from panmesh.ingest.facts import Found
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.tree import Node, NodeKind, Tree

_NAMES = ("name", "beamline", "instrument_name", "short_name", "identifier")
_LOOSE = (
    "instrument_name",
    "instrument.name",
    "instrument",
    "beamline",
    "instrument_id",
    "beamline_name",
    "endstation",
    "end_station",
)
_ATTRIBUTES = ("instrument", "beamline", "instrument_name")
_FACILITY = (
    "facility",
    "facility_name",
    "site_name",
    "Facility",
    "source_name",
    "laboratory",
    "beamline_facility",
    "instrument_source_facility_name",
)


def instrument_of(tree: Tree, group: Node) -> Found | None:
    for node in instrument_groups(tree, group):
        found = text_at(tree, node, _NAMES) or attribute_at(node, ("name", "short_name"))
        if _good(found):
            return found
    found = text_at(tree, group, _LOOSE)
    if _good(found):
        return found
    for node in instrument_groups(tree, group):  # a laboratory's device is known by its model
        for inner in members_of_class(tree, node, "NXfabrication"):
            found = text_at(tree, inner, ("model",))
            if _good(found):
                return found
    found = attribute_at(group, _ATTRIBUTES) or attribute_at(tree.nodes["/"], _ATTRIBUTES)
    return found if _good(found) else None


def facility_of(tree: Tree, group: Node) -> Found | None:
    for node in (*_sources(tree, group),):
        found = text_at(tree, node, ("name", "facility", "facility_name", "short_name")) or attribute_at(
            node, ("name", "short_name")
        )
        if _good(found):
            return found
    for holder in (group, *members_of_class(tree, group, "NXexperiment", "NXcollection")):
        found = text_at(tree, holder, _FACILITY) or attribute_at(holder, _FACILITY)
        if _good(found):
            return found
    for node in instrument_groups(tree, group):
        found = text_at(tree, node, _FACILITY) or attribute_at(node, _FACILITY)
        if _good(found):
            return found
    found = attribute_at(tree.nodes["/"], ("facility", "facility_name", "laboratory"))
    return found if _good(found) else None


def instrument_groups(tree: Tree, group: Node) -> tuple[Node, ...]:
    found = tuple(members_of_class(tree, group, "NXinstrument", "SASinstrument", "instrument"))
    if found:
        return found
    node = tree.child(group.path, "instrument")
    return (node,) if node is not None and node.kind is NodeKind.GROUP else ()


def _sources(tree: Tree, group: Node) -> list[Node]:
    found: list[Node] = []
    for holder in (*instrument_groups(tree, group), group):
        found += [n for n in members_of_class(tree, holder, "NXsource", "SASsource") if n not in found]
    found += [
        n
        for holder in instrument_groups(tree, group)
        if (n := tree.child(holder.path, "source")) is not None and n.kind is NodeKind.GROUP and n not in found
    ]
    nested = [n for holder in found for n in members_of_class(tree, holder, "NXsource")]
    return _real_first(tree, found + nested)


def _real_first(tree: Tree, sources: list[Node]) -> list[Node]:
    """The accelerator or reactor before lamps and pump lasers, when a file has several sources."""

    def rank(node: Node) -> int:
        kind = (text_at(tree, node, ("type", "radiation", "probe")) or Found(value="", path="")).value.casefold()
        return (
            0
            if any(
                word in kind
                for word in ("synchrotron", "reactor", "spallation", "free-electron", "free electron", "neutron", "muon")
            )
            else 1
        )

    return sorted(sources, key=rank)


def _good(found: Found | None) -> bool:
    return found is not None and not is_placeholder(found.value)

"""Where a run was measured: the instrument and the facility, as written."""

from __future__ import annotations

import re

from panmesh.ingest.entries import attribute_at, members_of_class, text_at, text_found
from panmesh.ingest.facts import Found
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.tree import Node, NodeKind, Tree, text_of

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
    "experiment_facility",
    "experiment_institution",
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
    found = _of_entry(tree, group)
    if found is not None:
        return found
    for node in instrument_groups(tree, group):  # a laboratory's device is known by its model
        for inner in members_of_class(tree, node, "NXfabrication"):
            found = text_at(tree, inner, ("model",))
            if _good(found):
                return found
    found = attribute_at(group, _ATTRIBUTES) or attribute_at(tree.nodes["/"], _ATTRIBUTES)
    return found if _good(found) else _of_group_name(tree, group)


def _of_entry(tree: Tree, group: Node) -> Found | None:
    """ISIS names the instrument in the entry, with its short name; others the beamline in the source or a group of the facility."""
    name = tree.child(group.path, "name")
    if name is not None and name.kind is NodeKind.DATASET and text_of(name.attrs.get("short_name")):
        return found if _good(found := text_found(name)) else None
    named = [n for n in (tree.child("/", "facility"),) if n is not None and n.kind is NodeKind.GROUP]
    for node in (*_sources(tree, group), *named):
        found = text_at(tree, node, ("beamline_name", "beamline", "facility_beamline"))
        if _good(found):
            return found
    return None


_NAMELESS = re.compile(r".*(instrument|process|result|config|setup).*|[\W\d_]*", re.IGNORECASE)


def _of_group_name(tree: Tree, group: Node) -> Found | None:
    """An NXinstrument without a name in a group that is not called "instrument": the group's name is all there is."""
    for node in members_of_class(tree, group, "NXinstrument"):
        if _NAMELESS.fullmatch(node.name) is None:
            return Found(value=node.name, path=node.path)
    return None


def facility_of(tree: Tree, group: Node) -> Found | None:
    sources = [node for node in _sources(tree, group) if _large(tree, node) or not _lamp(tree, node)]
    large = [node for node in sources if _large(tree, node)]
    found = _of_sources(tree, large) or _of_holders(tree, group) or _of_sources(tree, sources)
    if found is not None:
        return found
    found = attribute_at(tree.nodes["/"], ("facility", "facility_name", "laboratory"))
    return found if _good(found) else None


def _of_sources(tree: Tree, sources: list[Node]) -> Found | None:
    for node in sources:
        said = text_at(tree, node, ("facility_name", "facility")), text_at(tree, node, ("name", "short_name"))
        found = next((f for f in (*said, attribute_at(node, ("name", "short_name"))) if _good(f)), None)
        if found is not None:
            return found
    return None


def _of_holders(tree: Tree, group: Node) -> Found | None:
    named = [
        n for n in (tree.child(group.path, "facility"), tree.child("/", "facility")) if n is not None and n.kind is NodeKind.GROUP
    ]
    for holder in (group, *named, *members_of_class(tree, group, "NXexperiment", "NXcollection")):
        found = text_at(tree, holder, _FACILITY) or attribute_at(holder, _FACILITY)
        if _good(found):
            return found
    for node in instrument_groups(tree, group):
        found = text_at(tree, node, _FACILITY) or attribute_at(node, _FACILITY)
        if _good(found):
            return found
    return None


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
    return sorted(found + nested, key=lambda node: not _large(tree, node))


def probe_of(tree: Tree, group: Node) -> Found | None:
    """ "x-ray" or "neutron", and where it is written; None where the sources say neither, or both."""
    found: dict[str, Found] = {}
    for source in _sources(tree, group):
        for name in ("probe", "radiation", "type"):
            said = text_at(tree, source, (name,))
            for probe, written in _PROBES.items() if said is not None else ():
                if said is not None and written.search(said.value):
                    found.setdefault(probe, Found(value=probe, path=said.path))
    return next(iter(found.values())) if len(found) == 1 else None


_PROBES = {"x-ray": re.compile(r"\bx[- _]?rays?\b", re.IGNORECASE), "neutron": re.compile(r"\bneutrons?\b", re.IGNORECASE)}
_LARGE = ("synchrotron", "reactor", "spallation", "free-electron", "free electron", "neutron", "muon")
_LAMPS = ("tube", "anode", "lamp", "laser", "plasma", "metal jet", "arc", "halogen", "led")


def _large(tree: Tree, source: Node) -> bool:
    """An accelerator or a reactor, which is a facility; lamps, X-ray tubes and pump lasers stand in one."""
    return any(word in _kind(tree, source) for word in _LARGE)


def _lamp(tree: Tree, source: Node) -> bool:
    return any(word in _kind(tree, source) for word in _LAMPS)


def _kind(tree: Tree, source: Node) -> str:
    return (text_at(tree, source, ("type", "radiation", "probe")) or Found(value="", path="")).value.casefold()


def _good(found: Found | None) -> bool:
    return found is not None and not is_placeholder(found.value)

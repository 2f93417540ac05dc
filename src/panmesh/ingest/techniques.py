"""From a NeXus application definition, and the probe, to PaNET terms. The table of definitions names its source line by line."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from panmesh.ingest.entries import text_at
from panmesh.ingest.facts import Found, TechniqueFacts
from panmesh.ingest.instrument import probe_of
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.profile import Profile
from panmesh.ingest.tree import Node, NodeKind, Tree
from panmesh.kernel import techniques


def definition_of(tree: Tree, group: Node) -> Found | None:
    """As written; a definition that lies is still what the file says."""
    found = text_at(tree, group, ("definition",))
    if found is None:
        node = tree.child(group.path, "definition")
        if node is not None and node.kind is NodeKind.GROUP:
            found = text_at(tree, node, ("definition", "name"))
    if found is None:
        inner = tree.child(group.path, "definition_local")
        found = text_at(tree, group, ("definition_local",)) if inner is not None else None
    return found if found is not None and not is_placeholder(found.value) else None


def techniques_of(tree: Tree, group: Node, definition: Found | None, profile: Profile) -> tuple[TechniqueFacts, ...]:
    found: dict[str, TechniqueFacts] = {}
    for said in (definition, *_sub_definitions(tree, group)):
        for pid in by_definition(said.value) if said is not None else ():
            facts = _with_probe(tree, group, _facts(pid, f"definition {said.value} at {said.path}" if said else ""))
            found.setdefault(facts.pid, facts)
    written = text_at(tree, group, ("technique_pid", "identifier_technique_1"))
    if written is not None:
        for part in written.value.replace(",", " ").split():
            known = techniques.find(part)
            if known is not None:
                found.setdefault(known, _facts(known, f"named at {written.path}"))
    if not found and profile.default_technique and techniques.label(profile.default_technique):
        found[profile.default_technique] = _facts(profile.default_technique, "the instrument's usual technique (configuration)")
    return tuple(found.values())


def by_definition(text: str) -> tuple[str, ...]:
    """PaNET pids for a definition, any case, padding aside; () for what is no NeXus definition or has no technique."""
    return _table().get(text.strip().casefold(), ())


def _with_probe(tree: Tree, group: Node, facts: TechniqueFacts) -> TechniqueFacts:
    """A definition for more than one probe means the narrower term where the source of the run says which it was."""
    narrower = _by_probe().get(facts.pid)
    probe = probe_of(tree, group) if narrower else None
    if narrower is None or probe is None or probe.value not in narrower:
        return facts
    return _facts(narrower[probe.value], f"{facts.source}, with {probe.value} at {probe.path}")


def _sub_definitions(tree: Tree, group: Node) -> list[Found]:
    subs = [n for m in tree.members(group.path) if (n := tree.get(m.path)) is not None and n.nx_class == "NXsubentry"]
    return [found for sub in subs if (found := text_at(tree, sub, ("definition",))) is not None]


def _facts(pid: str, source: str) -> TechniqueFacts:
    return TechniqueFacts(pid=pid, name=techniques.label(pid) or "", source=source)


@cache
def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows("definition_panet.csv"):
        key = row["definition"].casefold()
        found[key] = (*found.get(key, ()), techniques.PREFIX + row["panet"])
    return found


@cache
def _by_probe() -> dict[str, dict[str, str]]:
    """Pid → probe → the pid of the narrower term."""
    found: dict[str, dict[str, str]] = {}
    for row in _rows("panet_by_probe.csv"):
        found.setdefault(techniques.PREFIX + row["panet"], {})[row["probe"]] = techniques.PREFIX + row["narrower"]
    return found


def _rows(name: str) -> csv.DictReader[str]:
    return csv.DictReader(files("panmesh.ingest").joinpath(f"data/{name}").read_text("utf-8").splitlines())

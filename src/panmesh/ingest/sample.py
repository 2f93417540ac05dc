"""What was measured, as the file says."""

from __future__ import annotations

from dataclasses import replace

from panmesh.ingest.entries import attribute_at, members_of_class, text_at
from panmesh.ingest.facts import Found, SampleFacts
from panmesh.ingest.instrument import instrument_groups
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.tree import Node, NodeKind, Tree

_NAMES = ("name", "sample_name", "samplename", "title", "short_title", "ID", "SampleName", "sampleName", "sample.name")
_SUBTITLES = ("subtitle", "sub_title")  # of the run, where the sample is told in a user's words
_LOOSE = ("sample", "Sample", "sample_name", "samplename", "SampleName", "sample_title", "sample_description")


def sample_of(tree: Tree, group: Node) -> tuple[SampleFacts | None, list[Found]]:
    """(sample, placeholders). A sample group without any text is still a sample: its quantities are found elsewhere."""
    empty: list[Found] = []
    groups = list(members_of_class(tree, group, "NXsample", "SASsample", "NXsample_component"))
    if not groups:
        node = tree.child(group.path, "sample")
        groups = [node] if node is not None and node.kind is NodeKind.GROUP else []
    if not groups:  # some keep the sample, the last part of the beam's way, within the instrument
        groups = [n for i in instrument_groups(tree, group) for n in members_of_class(tree, i, "NXsample")]
    for node in groups:
        facts = _from_group(tree, node, empty)
        if facts is not None:
            return _with_subtitle(tree, group, facts), empty
    dotted = _from_group(tree, group, empty) if tree.child(group.path, "sample.chemicalFormula") else None
    if dotted is not None:  # a program flattened the sample group into names with dots
        return _with_subtitle(tree, group, dotted), empty
    for loose in _LOOSE:
        found = text_at(tree, group, (loose,)) or attribute_at(group, (loose,))
        if found is not None and not is_placeholder(found.value):
            return SampleFacts(path=found.path, name=found.value), empty
        if found is not None:
            empty.append(found)
    return None, empty


def _with_subtitle(tree: Tree, group: Node, facts: SampleFacts) -> SampleFacts:
    subtitle = text_at(tree, group, _SUBTITLES) if facts.description is None else None
    return facts if subtitle is None or is_placeholder(subtitle.value) else replace(facts, description=subtitle.value)


def _from_group(tree: Tree, node: Node, empty: list[Found]) -> SampleFacts | None:
    parts: dict[str, Found | None] = {"name": None}
    for key in _NAMES:
        found = text_at(tree, node, (key,))
        if found is None:
            continue
        if is_placeholder(found.value):
            empty.append(found)
            continue
        parts["name"] = found
        break
    if parts["name"] is None:
        parts["name"] = _good(attribute_at(node, ("name", "sample_name")), empty)
    parts["identifier"] = _good(
        text_at(tree, node, ("sample_id", "sampleId", "sample.sampleId", "identifier", "identifier_sample", "uuid", "barcode")),
        empty,
    )
    parts["formula"] = _good(
        text_at(tree, node, ("chemical_formula", "chemicalFormula", "sample.chemicalFormula", "formula", "atom_types")), empty
    )
    parts["description"] = _good(
        text_at(tree, node, ("description", "sample_description", "details", "comment", "composition", "sample.description")),
        empty,
    )
    parts["kind"] = _good(text_at(tree, node, ("type", "situation", "physical_form")), empty)
    identifier = tree.child(node.path, "identifier")
    if parts["identifier"] is None and identifier is not None and identifier.kind is NodeKind.GROUP:
        parts["identifier"] = _good(text_at(tree, identifier, ("identifier",)), empty)
    if not any(parts.values()):
        return None
    name = parts["name"]
    return SampleFacts(
        path=name.path if name else node.path,
        name=name.value if name else None,
        identifier=_text(parts["identifier"]),
        formula=_text(parts["formula"]),
        description=_text(parts["description"]),
        kind=_text(parts["kind"]),
    )


def _good(found: Found | None, empty: list[Found]) -> Found | None:
    if found is not None and is_placeholder(found.value):
        empty.append(found)
        return None
    return found


def _text(found: Found | None) -> str | None:
    return found.value if found is not None else None

"""Whose experiment a run says it is, and its own number: under all the names that instruments give them."""

from __future__ import annotations

import re

from panmesh.ingest.entries import attribute_at, text_at, text_found, valued, within
from panmesh.ingest.facts import Found
from panmesh.ingest.placeholders import is_placeholder_id
from panmesh.ingest.tree import Node, NodeKind, Tree

_PROPOSAL = (
    "experiment_identifier", "proposal_id", "proposal_number", "proposal", "proposal_identifier", "identifier_experiment", "identifier_proposal",
    "rb_number", "RBNumber", "rb_proposal", "GUPNumber", "gup_number", "GUP_number", "experiment_id", "experiment_number", "visit", "visit_id", "beamtime_id",
    "beamtimeID", "session_id", "scan_identifier_proposal", "proposalID", "ProposalID",
)  # fmt: skip
_HOLDERS = (
    "",
    "experiment",
    "proposal",
    "metadata",
    "Metadata",
    "METADATA",
    "DASlogs",
    "experiment_facility",
    "beamtime",
    "collection",
    "before_scan",
)
_RUN = (
    "entry_identifier", "identifier_entry", "run_number", "scan_number", "measurement_number", "numor", "collection_identifier", "run", "run_0", "raw_run_number", "experimentScanID", "spec_scan",
)  # fmt: skip
_VISIT = re.compile(r"(?P<proposal>[A-Za-z]{1,3}\d{3,7})-(?P<number>\d{1,3})")
_NO_PROPOSAL = re.compile(  # a UUID, the path of a file, the DOI of a paper
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|.*\\.*|/.+/.*|(https?://|doi:).*|10\.\d{4,}/.*", re.IGNORECASE
)
_IN_PATHS = tuple(
    re.compile(shape)
    for shape in (
        r"/(?:dls|ibl|nsls2?|data\d?|asap3?)/[\w.-]+/(?:data|gpfs|nfs)?/?(?:\d{4}/)?(?P<visit>[A-Za-z]{2}\d{3,6}-\d{1,3})/",
        r"/data/visitor/(?P<visit>[a-z]{2,3}-?\d{2,5})/",  # ESRF
        r"/asap3/petra3/gpfs/p\d\d\w*/\d{4}/data/(?P<visit>\d{8})/",  # PETRA III
        r"/data/visitors/[a-z]+/(?P<visit>\d{8})/",  # MAX IV
        r"/(?P<visit>IPTS-\d{3,6})/",  # SNS, HFIR
    )
)


def proposal_of(tree: Tree, group: Node) -> tuple[Found | None, Found | None, list[Found]]:
    """(proposal, visit, placeholders). A visit form "mm36462-1" gives both."""
    empty: list[Found] = []
    for found in _candidates(tree, group):
        if is_placeholder_id(found.value):
            empty.append(found)
        elif not _NO_PROPOSAL.fullmatch(found.value) and len(found.value) <= 80:
            return *_split(found), empty
    linked = _from_links(tree, group)
    return (*_split(linked), empty) if linked is not None else (None, None, empty)


def run_of(tree: Tree, group: Node) -> Found | None:
    """The acquisition's own number or identifier."""
    found = text_at(tree, group, _RUN)
    if found is not None and not is_placeholder_id(found.value):
        return found
    trajectory = tree.get(f"{group.path.rstrip('/')}/DAS_logs/trajectory")
    if found is None and trajectory is not None:
        found = text_at(tree, trajectory, ("experimentScanID",))
        if found is not None:
            return found
    for name in ("entry_identifier", "identifier_entry", "collection"):
        holder = tree.child(group.path, name)
        if holder is not None and holder.kind is NodeKind.GROUP:
            found = text_at(tree, holder, ("identifier", "service", "run_number"))
            if found is not None:
                return found
    return attribute_at(group, ("scan_number", "run_number", "entry_identifier"))


def _candidates(tree: Tree, group: Node) -> list[Found]:
    found: list[Found] = []
    for holder_name in _HOLDERS:
        holder = group if not holder_name else tree.child(group.path, holder_name)
        if holder is None or holder.kind is not NodeKind.GROUP:
            continue
        for name in _PROPOSAL:
            node = tree.child(holder.path, name)
            if node is None:
                continue
            node = valued(tree, node) or node
            if node.kind is NodeKind.GROUP:  # NXidentifier
                one = text_at(tree, node, ("identifier", "value"))
            else:
                one = text_found(node) or _blank(node)
            if one is not None:
                found.append(one)
    attribute = attribute_at(group, _PROPOSAL)
    if attribute is not None:
        found.append(attribute)
    for member in tree.members(group.path):  # users carry it at some sources
        node = tree.get(member.path)
        if node is not None and node.nx_class.casefold() in ("nxuser", "nxexperiment", "nxproposal"):
            one = text_at(tree, node, _PROPOSAL)
            if one is not None:
                found.append(one)
    for node in within(tree, group, 2):
        if node.kind is NodeKind.GROUP and node.name.casefold() == "proposal":
            one = text_at(tree, node, ("id", "number", "identifier"))
            if one is not None:
                found.append(one)
    return found


def _blank(node: Node) -> Found | None:
    value = node.value[0] if isinstance(node.value, tuple) and node.value else node.value
    return Found(value="", path=node.path, raw=value) if isinstance(value, str) else None


def _split(found: Found) -> tuple[Found, Found | None]:
    match = _VISIT.fullmatch(found.value.replace(" ", ""))
    if match is None:
        return found, None
    return Found(value=match["proposal"], path=found.path, raw=found.value), Found(value=match[0], path=found.path)


def _from_links(tree: Tree, group: Node) -> Found | None:
    """A visit in the absolute facility path of a linked data file or of the file itself, where nothing else in it says more."""
    written = [(source.file, path) for path in _below(tree, group) for source in tree.nodes[path].sources]
    own = attribute_at(tree.nodes["/"], ("file_name",))
    for file, path in (*written, *([(own.value, own.path)] if own is not None else [])):
        match = next((m for shape in _IN_PATHS if (m := shape.search(file)) is not None), None)
        if match is not None:
            return Found(value=match["visit"], path=path, raw=file)
    return None


def _below(tree: Tree, group: Node) -> list[str]:
    prefix = group.path.rstrip("/") + "/"
    return [path for path, node in tree.nodes.items() if node.sources and path.startswith(prefix)]

"""A tree to the facts of the runs in it. Pure; whatever nonsense a tree holds, this says what can be said and never raises."""

from __future__ import annotations

from panmesh.ingest.dates import parse_instant
from panmesh.ingest.default_plot import default_plot
from panmesh.ingest.entries import (
    attribute_at,
    entry_groups,
    like_entries,
    loose_holders,
    members_of_class,
    subentries,
    text_at,
    valued,
)
from panmesh.ingest.facts import EntryFacts, Found, Instant, Reference
from panmesh.ingest.identity import proposal_of, run_of
from panmesh.ingest.instrument import facility_of, instrument_groups, instrument_of
from panmesh.ingest.people import people_of
from panmesh.ingest.placeholders import is_placeholder
from panmesh.ingest.profile import Profile
from panmesh.ingest.quantities import canonical_rules, quantities_of
from panmesh.ingest.sample import sample_of
from panmesh.ingest.techniques import definition_of, techniques_of
from panmesh.ingest.tree import Node, NodeKind, Tree, text_of
from panmesh.kernel import techniques, units

_TITLES = ("title", "Title", "scan_title", "run_title", "experiment_title", "scanTitle")
_STARTS = (
    "start_time",
    "start_date",
    "startTime",
    "StartTime",
    "run_start",
    "date",
    "timestamp",
    "acquisition_start_time",
    "time_start",
    "start_timestamp",
    "data_collection_date",
    "timeStamp",
)
_ENDS = (
    "end_time",
    "end_date",
    "stop_time",
    "endTime",
    "EndTime",
    "StopTime",
    "stopTime",
    "run_end",
    "run_stop",
    "time_end",
    "acquisition_end_time",
    "end_timestamp",
)
_DESCRIPTIONS = (
    "experiment_description",
    "description",
    "entry_description",
    "comment",
    "comments",
    "notes",
    "experiment_documentation",
)


def extract(tree: Tree, *, file_name: str, profile: Profile) -> tuple[EntryFacts, ...]:
    """One for each NXentry, in the file's order; one for the whole file (entry=None) when it has none."""
    groups = entry_groups(tree)
    if groups:
        around = (tree.nodes["/"],) if len(groups) == 1 else ()  # what the root says, it says of the only run
        return tuple(_entry(tree, group, group.path, profile, around) for group in groups)
    root, *others = like_entries(tree)
    return (_entry(tree, root, None, profile, tuple(others)),)


def references(tree: Tree) -> tuple[Reference, ...]:
    """Other files that this one needs, each (kind, file, inner) once."""
    found: dict[tuple[str, str, str | None], Reference] = {}
    for node in tree.nodes.values():
        for source in node.sources:
            if source.file in (".", ""):
                continue
            key = (source.kind, source.file, source.inner)
            found.setdefault(key, Reference(kind=source.kind, file=source.file, inner=source.inner, path=node.path))
    return tuple(found.values())


def warm() -> None:
    """Load every table now: the processes that extract can open no file but the one they read."""
    units.warm()
    techniques.table()
    root = Node(path="/", kind=NodeKind.GROUP)
    techniques_of(Tree(nodes={"/": root}, children={}), root, Found(value="NXmonopd", path="/"), Profile())
    canonical_rules()


def _entry(tree: Tree, group: Node, entry: str | None, profile: Profile, fallbacks: tuple[Node, ...]) -> EntryFacts:
    """`fallbacks`: groups to look into when the group itself says nothing (files without NXentry, or with one)."""
    places = (group, *subentries(tree, group), *fallbacks, *loose_holders(tree, group))
    empty: list[Found] = []
    proposal = visit = None
    for place in places:
        proposal, visit, nothing = proposal_of(tree, place)
        empty += nothing
        if proposal is not None:
            break
    collection = next((r for p in places if (r := run_of(tree, p)) is not None), None)
    if proposal is not None and proposal.value in (collection.value if collection else None, group.name):
        proposal = visit = None  # the name of the scan, where a proposal should stand
    sample = None
    for place in places:
        sample, nothing = sample_of(tree, place)
        empty += nothing
        if sample is not None:
            break
    people, nothing = next((found for p in places if (found := people_of(tree, p))[0]), ((), people_of(tree, group)[1]))
    empty += nothing
    definition = next((d for p in places if (d := definition_of(tree, p)) is not None), None)
    title = _title(tree, places, empty)
    return EntryFacts(
        entry=entry,
        entry_class=group.nx_class if entry is not None else "",
        title=title,
        start=_time(tree, places, _STARTS, profile),
        end=_time(tree, places, _ENDS, profile),
        instrument=next((i for p in places if (i := instrument_of(tree, p)) is not None), None),
        facility=next((f for p in places if (f := facility_of(tree, p)) is not None), None),
        proposal=proposal,
        visit=visit,
        collection=collection,
        definition=definition,
        sample=sample,
        people=people,
        techniques=techniques_of(tree, group, definition, profile),
        quantities=quantities_of(tree, group, profile),
        plot=default_plot(tree, group),
        program=_program(tree, group),
        description=_description(tree, places),
        placeholders=tuple(dict.fromkeys(empty)),
        embargo_hint=text_at(tree, group, ("release_date",)),
    )


def _title(tree: Tree, places: tuple[Node, ...], empty: list[Found]) -> Found | None:
    for place in places:
        for name in _TITLES:
            node = valued(tree, tree.child(place.path, name))
            if node is None:
                continue
            found = text_at(tree, place, (name,))
            if found is not None and not is_placeholder(found.value):
                return found
            text = text_of(node.value)
            if text is not None:
                empty.append(Found(value=text, path=node.path))
        found = attribute_at(place, ("title", "experiment_title")) if place.path != "/" else None
        if found is not None and not is_placeholder(found.value):
            return found
    return None


def _time(tree: Tree, places: tuple[Node, ...], names: tuple[str, ...], profile: Profile) -> Instant | None:
    """The first that says an instant; else the first that says anything, kept raw."""
    said: Instant | None = None
    for place in places:
        for name in names:
            found = text_at(tree, place, (name,)) or (attribute_at(place, (name,)) if place.path != "/" else None)
            if found is None or is_placeholder(found.value):
                continue
            instant = parse_instant(found.value, found.path, zone=profile.time_zone, day_first=profile.day_first)
            if instant.us is not None:
                return instant
            said = said or instant
    return said


def _program(tree: Tree, group: Node) -> Found | None:
    named = [f for p in _instrument_software(tree, group) if (f := text_at(tree, p, ("program", "name"))) is not None]
    found = next((f for f in named if f.value != "pynxtools"), None)  # which only wrote the file
    found = found or text_at(tree, group, ("program_name", "program"))
    for process in members_of_class(tree, group, "NXprocess", "SASprocess"):
        found = found or text_at(tree, process, ("program", "name"))
        for note in (process, *members_of_class(tree, process, "NXnote")):
            found = found or text_at(tree, note, ("author",))
    return found or _creator(tree)


def _creator(tree: Tree) -> Found | None:
    """The root's creator where it is a program: some write the name of a person there."""
    found = attribute_at(tree.nodes["/"], ("creator",))
    if found is None or attribute_at(tree.nodes["/"], ("creator_version",)) is not None:
        return found
    words = found.value.split()
    return found if len(words) == 1 or any(c.isdigit() or c in "_/()" for c in found.value) else None


def _instrument_software(tree: Tree, group: Node) -> list[Node]:
    return [p for i in instrument_groups(tree, group) for p in members_of_class(tree, i, "NXprocess", "NXprogram")]


def _description(tree: Tree, places: tuple[Node, ...]) -> Found | None:
    for place in places:
        found = text_at(tree, place, _DESCRIPTIONS)
        if found is not None and not is_placeholder(found.value):
            return found
    return None

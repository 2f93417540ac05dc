"""Numbers with units: all that a run has, and the curated ones that become searchable parameters."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from panmesh.ingest.entries import loose, text_at, within
from panmesh.ingest.facts import QuantityFacts
from panmesh.ingest.profile import Profile
from panmesh.ingest.tree import Node, NodeKind, Tree, join, parent_of, text_of
from panmesh.kernel.units import to_base

MAX_QUANTITIES = 2000

# Of these -1 says that nothing was read.
_NEVER_NEGATIVE = frozenset(
    ["beam_current", "source_power", "source_frequency", "source_energy", "photon_flux", "count_time", "exposure_time"]
)
_SKIPPED_CLASSES = frozenset({"nxtransformations", "nxdetector_module", "nxoff_geometry", "nxgeometry", "nxpixel_shape"})
_DIMENSIONS = {  # of the table → dimensions as `kernel.units` names them
    "energy": ("keV",), "length": ("m",), "temperature": ("K",), "pressure": ("Pa",), "magnetic": ("T", "A/m"), "time": ("s",), "current": ("ampere", "A"),
    "angle": ("deg",), "frequency": ("Hz",), "voltage": ("V",), "wavenumber": ("1/angstrom",),
}  # fmt: skip


def quantities_of(tree: Tree, group: Node, profile: Profile) -> tuple[QuantityFacts, ...]:
    """Each number below the group once; those with a canonical name first, in the order of the table's authority."""
    found: list[tuple[int, QuantityFacts]] = []
    for node in within(tree, group):
        alias = node
        if node.kind is NodeKind.REPEAT:  # the same numbers under another name, which may say better what they are
            node = tree.get(node.path) or node
            if node.kind is NodeKind.GROUP and (inner := tree.child(node.path, "value")) is not None:
                alias, node = Node(path=join(alias.path, "value"), kind=NodeKind.REPEAT), inner
        if (
            node.kind is not NodeKind.DATASET
            or not (node.dtype in ("float", "integer", "unsigned") or (node.units and _number(node) is not None))
            or node.name.endswith("_set_")
            or node.sources
        ):
            continue
        one = _quantity(tree, node, alias.path, profile, group)
        if one is None or (alias is not node and one.canonical is None):
            continue
        found.append((_rank(tree, alias.path, one), one))
    found.sort(key=lambda pair: pair[0])
    return tuple(one for _, one in found[:MAX_QUANTITIES])


def _quantity(tree: Tree, node: Node, path: str, profile: Profile, group: Node) -> QuantityFacts | None:
    value = node.value[0] if isinstance(node.value, tuple) and len(node.value) == 1 else node.value
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    scalar = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _number(node)
    summary = node.summary
    if scalar is None and summary is None:
        return None
    varies = summary is not None and summary.minimum != summary.maximum
    if summary is not None and not varies:
        scalar = summary.minimum
    parent = tree.get(parent_of(path))
    unit = node.units
    if unit is None and parent is not None and len(tree.children.get(parent.path, ())) == 1:
        unit = text_of(parent.attrs.get("units"))  # written on the group that holds nothing else
    return QuantityFacts(
        path=path,
        name="/".join(path.removeprefix(group.path.rstrip("/")).strip("/").split("/")[-3:]),
        unit=unit,
        value=scalar if not varies else None,
        minimum=summary.minimum if summary is not None and varies else None,
        maximum=summary.maximum if summary is not None and varies else None,
        mean=summary.mean if summary is not None and varies else None,
        count=summary.count if summary is not None else 1,
        canonical=None
        if (canonical := _canonical(tree, path, parent, unit, profile)) in _NEVER_NEGATIVE and scalar == -1
        else canonical,
        label=text_of(node.attrs.get("long_name")) or text_of(node.attrs.get("local_name")),
    )


def _number(node: Node) -> float | None:
    """A number that is written as a text."""
    text = text_of(node.value)
    try:
        return float(text) if text is not None and len(text) < 40 else None
    except ValueError:
        return None


def _canonical(tree: Tree, path: str, parent: Node | None, unit: str | None, profile: Profile) -> str | None:
    for configured, name in profile.canonical.items():
        if path == configured or path.endswith("/" + configured.lstrip("/")):
            return name
    if parent is None:
        return None
    name, holders = path.rsplit("/", 1)[-1], [parent]
    holder_name = parent_of(path).rsplit("/", 1)[-1]
    above = tree.get(parent_of(parent_of(path)))
    if holder_name == "primaryNode" and above is not None:  # the reading of a device among its settings
        holder_name, above = above.name, tree.get(parent_of(above.path))
    if name.casefold() in ("value", "average_value", "mean", "data") and parent.nx_class in _VALUED:
        name, holders = holder_name, [parent, *([above] if above is not None else [])]
        if above is not None and (above.nx_class in ("NXlog", "NXsensor") or (above.nx_class == "" and above.path != "/")):
            holders.append(tree.get(parent_of(above.path)) or above)
    elif above is not None and loose(above.name) and name != "time":  # which is the axis of a log
        holders.append(above)
    measured = _measured(tree, parent) if name.casefold() == holder_name.casefold() else None
    classes = {h.nx_class.casefold() for h in holders} | {h.name.casefold() for h in holders} | {holder_name.casefold()}
    field = name.casefold().strip("\"' ")
    for key in dict.fromkeys(
        (holder_name.casefold(), field)
        if name == "data"
        else (field, field.removeprefix(f"{holder_name.casefold()}_"), *([measured] if measured else []))
    ):
        for canonical, wanted, dimension in canonical_rules().get(key, ()):
            if classes & wanted and _fits(unit, dimension) and not (canonical == "temperature" and _of_device(tree, parent)):
                return canonical
    return None


def _measured(tree: Tree, sensor: Node) -> str | None:
    """What an NXsensor says that its value is."""
    found = text_at(tree, sensor, ("measurement",)) if sensor.nx_class == "NXsensor" else None
    return found.value.casefold().replace(" ", "_") if found is not None else None


_DEVICE = re.compile(r".*\b(ccd|detector|camera|magnet|mirror|mono\w*|grating|electronics|laser)\b.*", re.IGNORECASE)


def _of_device(tree: Tree, sensor: Node) -> bool:
    """A thermometer at a part of the instrument, not at the sample."""
    place = text_at(tree, sensor, ("attached_to",)) if sensor.nx_class == "NXsensor" else None
    return place is not None and _DEVICE.fullmatch(place.value) is not None


_VALUED = ("NXlog", "NXsensor", "NXpositioner", "NXenvironment", "")


def _fits(unit: str | None, dimension: str) -> bool:
    """A unit that says another dimension disqualifies; none written does not, but for rules that end with "!"."""
    if not dimension or not unit:
        return not dimension.endswith("!")
    dimension = dimension.removesuffix("!")
    here = to_base(1.0, unit)
    if here is None:
        return True
    return here[1] in {base[1] for symbol in _DIMENSIONS[dimension] if (base := to_base(1.0, symbol)) is not None}


def _rank(tree: Tree, path: str, one: QuantityFacts) -> int:
    """Curated first; among them: with unit, near the top, scalar before scanned copies in NXdata."""
    if one.canonical is None:
        return 1_000_000
    parent = tree.get(parent_of(path))
    data = parent is not None and parent.nx_class in ("NXdata", "NXcollection", "NXlog")
    zero = one.value == 0 or (one.value is not None and one.value != one.value)
    return 1000 * (one.unit is None) + 400 * data + 200 * zero + 10 * path.count("/")


@cache
def canonical_rules() -> dict[str, tuple[tuple[str, frozenset[str], str], ...]]:
    """field → (canonical name, classes, dimension), in the table's order."""
    text = files("panmesh.ingest").joinpath("data/canonical.csv").read_text("utf-8")
    rules: dict[str, tuple[tuple[str, frozenset[str], str], ...]] = {}
    for row in csv.DictReader(text.splitlines()):
        classes = frozenset(row["classes"].casefold().split())
        for field in row["fields"].split():
            field = field.replace("~", " ")
            rules[field.casefold()] = (*rules.get(field.casefold(), ()), (row["canonical"], classes, row["dimension"]))
    return rules

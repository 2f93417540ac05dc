"""The techniques service that portals complete words with, and the closure that federations ask for: PaNET, with no service behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from panmesh.catalogue.graph import NEGATIVE, All, AnyOf, Entity, GraphCondition, GraphOp, Test
from panmesh.catalogue.graph_match import in_order, matches
from panmesh.catalogue.graph_search import GraphService
from panmesh.kernel import techniques as panet
from panmesh.kernel.errors import Invalid
from panmesh.protocols.panosc.errors import Unknown
from panmesh.protocols.panosc.routing import Resource, bracketed
from panmesh.wire import panosc


def techniques(graph: GraphService, pairs: Sequence[tuple[str, str]], wanted: Resource) -> Any:
    first = dict(reversed(pairs))
    if wanted.pid == "pan-ontology":
        where = first.get("where") or first.get("filter")
        return closure(panosc.condition(panosc.document(where, "where"), Entity.TECHNIQUE))
    if wanted.pid is not None:
        found = graph.techniques(Test("pid", GraphOp.EQ, wanted.pid))
        if not found:
            raise Unknown("Technique", wanted.pid)
        return _entry(found[0].values)
    plain = bracketed(pairs, "filter")
    if plain is None and first.get("where"):
        plain = {"where": panosc.document(first["where"], "where")}
    if plain is None:
        plain = panosc.document(first.get("filter"), "filter")
    selection = panosc.selection({k: v for k, v in plain.items() if k != "include"}, Entity.TECHNIQUE)
    found = in_order(graph.techniques(selection.where), selection.order)
    if wanted.count:
        return {"count": len(found)}
    page = [_entry(node.values) for node in found[selection.skip :][: selection.limit]]
    shown = selection.fields and {"panetId" if name == "panet_id" else name for name in selection.fields}
    return [one if shown is None else {key: value for key, value in one.items() if key in shown} for one in page]


def closure(condition: GraphCondition) -> Any:
    """The terms that a condition means, with all narrower ones, as a condition on pids: `{"pid": {"inq": […]}}`."""
    if isinstance(condition, All):
        return {"and": [closure(part) for part in condition.parts]}
    if isinstance(condition, AnyOf):
        return {"or": [closure(part) for part in condition.parts]}
    if not isinstance(condition, Test):
        raise Invalid("Techniques are found by pid or name.")
    positive = Test(condition.field, NEGATIVE.get(condition.op, condition.op), condition.value)
    meant = {
        narrower
        for one in panet.table().values()
        if any(
            matches(positive, {"pid": one.pid, "panet_id": one.pid, "name": name}, (), _no_regexp) for name in panet.names(one)
        )
        for narrower in panet.descendants(one.pid)
    }
    return {"pid": {"nin" if condition.op in NEGATIVE else "inq": sorted(meant)}}


def _entry(values: dict[str, Any]) -> dict[str, Any]:
    pid = str(values["pid"])
    term = panet.table().get(values["panet_id"] or pid)
    children = sorted(t.pid for t in panet.table().values() if term is not None and term.pid in t.parents)
    parents = sorted(term.parents) if term is not None else []
    found = {"pid": pid, "name": values["name"], "synonym": values["synonym"], "relatives": sorted({*children, *parents})}
    return found | {"children": children, "parents": parents, "panetId": values["panet_id"]}


def _no_regexp(_text: str | None, _pattern: str) -> bool:
    raise Invalid("The closure is of terms by pid or name, with like and ilike; not with regular expressions.")

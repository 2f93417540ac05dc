"""Instruments, proposals, samples and published data of SciCat's interface."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from panmesh.access.viewer import Viewer
from panmesh.catalogue.graph import Entity, Selection
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op
from panmesh.http.services import Services
from panmesh.ingest.pushing import PushedRecord, RecordKind
from panmesh.kernel.errors import Fault, Invalid, NotFound
from panmesh.kernel.pid import mint
from panmesh.kernel.text import key_of
from panmesh.wire import scicat_answers, scicat_query
from panmesh.wire.loose import key

_KIND = {"instruments": RecordKind.INSTRUMENT, "proposals": RecordKind.PROPOSAL, "samples": RecordKind.SAMPLE}
_ID = {"instruments": "pid", "proposals": "proposalId", "samples": "sampleId"}
_REQUIRED = {"instruments": ("name",), "proposals": ("proposalId", "email", "ownerGroup"), "samples": ("ownerGroup",)}
MOST = 1000


class Others:
    def __init__(self, services: Services) -> None:
        self._s = services

    def find(self, viewer: Viewer, kind: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = scicat_query.loopback(asked)
        found = [one for one in self._all(viewer, kind) if wanted.test(one)]
        last = None if wanted.limit is None else wanted.skip + wanted.limit
        return scicat_query.ordered(found, wanted.order)[wanted.skip : last]

    def get(self, viewer: Viewer, kind: str, pid: str) -> dict[str, Any]:
        if kind == "instruments":
            found = next((one for one in self._all(viewer, kind) if pid in (one["pid"], one.get("uniqueName"))), None)
            if found is None:
                raise NotFound(f"There is no instrument {pid!r}.")
            return found
        sent = self._s.pushing.one(viewer, _KIND[kind], pid)
        if sent is not None and self._may_see(viewer, kind, sent):
            return scicat_answers.record(sent, _ID[kind], known=viewer.user_id is not None)
        if kind == "proposals" and (made := self._proposal(viewer, pid)) is not None:
            return made
        raise NotFound(f"There is no {_KIND[kind].value} {pid!r}.")

    def create(self, viewer: Viewer, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        _check(kind, body)
        pid = key(body.get(_ID[kind])) or str(mint(os.urandom))
        self._s.pushing.keep(viewer, _KIND[kind], pid, dict(body), new=True)
        return self._answer(viewer, kind, pid)

    def change(self, viewer: Viewer, kind: str, pid: str, body: Mapping[str, Any]) -> dict[str, Any]:
        sent = self._s.pushing.one(viewer, _KIND[kind], pid)
        before = dict(sent.body) if sent is not None else {}
        whole = {name: value for name, value in {**before, **body}.items() if value is not None}
        self._s.pushing.keep(viewer, _KIND[kind], pid, whole, new=False)
        return self._answer(viewer, kind, pid)

    def published(self, viewer: Viewer, rest: tuple[str, ...]) -> Any:
        """What was published with a DOI, as far as it is known here."""
        nodes = self._s.graph.page(viewer, Entity.DOCUMENT, Selection(limit=MOST))
        made = [
            {
                "doi": node.values.get("doi") or node.values.get("pid"),
                "title": node.values.get("title"),
                "abstract": node.values.get("summary"),
                "status": "registered",
            }
            for node in nodes
            if node.values.get("type") == "publication"
        ]
        if not rest:
            return made
        if rest[0].casefold() == "count":
            return {"count": len(made)}
        found = next((one for one in made if one["doi"] == rest[0]), None)
        if found is None:
            raise NotFound(f"There is no publication {rest[0]!r}.")
        return found

    def _answer(self, viewer: Viewer, kind: str, pid: str) -> dict[str, Any]:
        sent = self._s.pushing.one(viewer, _KIND[kind], pid)
        if sent is None:
            raise NotFound()
        return scicat_answers.record(sent, _ID[kind], known=viewer.user_id is not None)

    def _all(self, viewer: Viewer, kind: str) -> list[dict[str, Any]]:
        sent = self._s.pushing.all(viewer, _KIND[kind], MOST)
        known = viewer.user_id is not None
        if kind != "instruments":
            return [scicat_answers.record(one, _ID[kind], known=known) for one in sent if self._may_see(viewer, kind, one)]
        ours = {key_of(view.name): view for view in self._s.search.instruments(viewer)}
        brought = [scicat_answers.record(one, "pid", known=known) for one in sent]
        taken = {key_of(str(one.get("name") or "")) for one in brought}
        return [*brought, *(scicat_answers.instrument(view) for name, view in ours.items() if name not in taken)]

    def _may_see(self, viewer: Viewer, kind: str, sent: PushedRecord) -> bool:
        """Who brought it, the house, and whoever may read what it belongs to."""
        if viewer.operator or viewer.admin or viewer.steward or (viewer.login is not None and viewer.login == sent.created_by):
            return True
        if kind == "samples":
            return self._s.search.count(viewer, DatasetQuery(where=Compare(Field.SAMPLE_PID, Op.EQUAL, sent.key))) > 0
        return self._proposal(viewer, sent.key) is not None

    def _proposal(self, viewer: Viewer, number: str) -> dict[str, Any] | None:
        """Of a visit under that number that the viewer may know of."""
        query = DatasetQuery(where=Compare(Field.PROPOSAL, Op.EQUAL, number), limit=1)
        page = self._s.search.search(viewer, query)
        if not page.items or page.items[0].investigation is None:
            return None
        visit = self._s.search.investigation(viewer, page.items[0].investigation.pid)
        return {"proposalId": number, "title": visit.title or number, "ownerGroup": number}


def _check(kind: str, body: Mapping[str, Any]) -> None:
    faults = [Fault(f"/{name}", "should not be empty") for name in _REQUIRED[kind] if not body.get(name)]
    if faults:
        raise Invalid("; ".join(f"{f.pointer.lstrip('/')} {f.detail}" for f in faults), tuple(faults))

"""Datasets of SciCat's interface: posted, read back, asked for, changed, deleted; with their lists of files and attachments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from panmesh.access.viewer import Viewer
from panmesh.catalogue.correction import Wanted, What
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import And, Condition, DatasetQuery, Field, OneOf, Or, Sort, SortKey, Words
from panmesh.http.services import Services
from panmesh.ingest.pushing import PushedDataset, PushedRecord, RecordKind
from panmesh.kernel.errors import Fault, Invalid, NotFound, Withdrawn
from panmesh.kernel.pid import mint
from panmesh.kernel.text import fold
from panmesh.wire import scicat, scicat_answers, scicat_posted, scicat_query
from panmesh.wire.loose import key, text

LOOKED_AT = 20_000  # datasets compared with a question that the catalogue cannot narrow further
PIECE = 500
_BLOCKS = ("origdatablocks", "datablocks")


class Datasets:
    def __init__(self, services: Services) -> None:
        self._s = services

    # --- reading -----------------------------------------------------------------------------------------------------

    def get(self, viewer: Viewer, pid: str, include: Sequence[str] = ()) -> dict[str, Any]:
        record = self._found(viewer, pid)
        made = next(self._documents(viewer, [record.summary], include))
        title = (record.values or {}).get("title") or {}
        if title.get("source") == "human":
            made["datasetName"] = record.summary.title
        return made

    def find(self, viewer: Viewer, asked: scicat_query.Asked) -> list[dict[str, Any]]:
        """Those that the viewer may read and that fit. Raises Invalid when the catalogue cannot narrow the question enough."""
        wanted = min(asked.limit if asked.limit is not None else scicat_query.MOST, scicat_query.MOST)
        sorted_here = asked.order is not None and asked.order[0] != "creationTime"
        found: list[dict[str, Any]] = []
        for one in self._narrowed(viewer, asked):
            if asked.test(one):
                found.append(one)
            if not sorted_here and len(found) >= asked.skip + wanted:
                break
        if sorted_here:
            found = scicat_query.ordered(found, asked.order)
        chosen = found[asked.skip : asked.skip + wanted]
        if asked.include:
            chosen = [self.get(viewer, one["pid"], asked.include) for one in chosen]
        return [{name: one[name] for name in asked.fields if name in one} for one in chosen] if asked.fields else chosen

    def count(self, viewer: Viewer, asked: scicat_query.Asked) -> int:
        return sum(1 for one in self._narrowed(viewer, asked) if asked.test(one))

    def blocks(self, viewer: Viewer, pid: str) -> list[dict[str, Any]]:
        """Raises Embargoed or Forbidden, as for the files."""
        summary = self._found(viewer, pid).summary
        self._s.search.files(viewer, pid, limit=1)
        return self._blocks(viewer, summary, self._parts(viewer, summary, RecordKind.BLOCK))

    def attachments(self, viewer: Viewer, pid: str) -> list[dict[str, Any]]:
        summary = self._found(viewer, pid).summary
        self._s.search.files(viewer, pid, limit=1)
        known = viewer.user_id is not None
        return [
            scicat_answers.part(one, summary.pid, "aid", known=known)
            for one in self._parts(viewer, summary, RecordKind.ATTACHMENT)
        ]

    # --- bringing in -------------------------------------------------------------------------------------------------

    def create(self, viewer: Viewer, body: Mapping[str, Any]) -> dict[str, Any]:
        scicat_posted.check(scicat_posted.dataset_faults(body))
        pid = key(body.get("pid")) or mint(os.urandom)
        made = self._s.pushing.add(viewer, self._pushed(viewer, body, pid))
        return self.get(viewer, made)

    def change(self, viewer: Viewer, pid: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Fields that are sent take the place of what was; null takes one away. Others stay."""
        record = self._found(viewer, pid)
        before = self.get(viewer, pid)
        ours = (
            "pid",
            "isPublished",
            "size",
            "packedSize",
            "numberOfFiles",
            "numberOfFilesArchived",
            "createdAt",
            "createdBy",
            "updatedAt",
        )
        sent = self._sent(viewer, record.summary)
        whole = {
            **(sent.body if sent is not None else before),
            **{name: value for name, value in body.items() if name not in ours},
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        scicat_posted.check(scicat_posted.dataset_faults(whole, whole=sent is not None))
        self._s.pushing.change(viewer, pid, self._pushed(viewer, whole, record.summary.pid))
        return self.get(viewer, pid)

    def delete(self, viewer: Viewer, pid: str) -> dict[str, Any]:
        """Discarded with a reason: the staff can undo it for a while."""
        before = self.get(viewer, pid)
        reason = "Deleted by a script, through SciCat's interface."
        self._s.corrections.make(viewer, Wanted(what=What.DISCARD, pids=(before["pid"],), reason=reason))
        return before

    def add_block(self, viewer: Viewer, pid: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        wanted = pid or key(body.get("datasetId"))
        if wanted is None:
            raise Invalid("datasetId should not be empty", (Fault("/datasetId", "should not be empty"),))
        scicat_posted.check(scicat_posted.block_faults(body))
        summary = self._found(viewer, wanted).summary
        sent = self._sent(viewer, summary)
        folder = text(sent.body.get("sourceFolder")) if sent is not None else None
        name = str(mint(os.urandom))
        kept = {"ownerGroup": (sent.body.get("ownerGroup") if sent else None) or "", **body}
        self._s.pushing.add_files(viewer, summary.pid, name, kept, list(scicat.to_files(body, folder)))
        return self._one_part(viewer, summary, RecordKind.BLOCK, name, "_id")

    def attach(self, viewer: Viewer, pid: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        wanted = pid or scicat_posted.attached_to(body)
        if wanted is None:
            raise Invalid("relationships should name a dataset", (Fault("/relationships", "should name a dataset"),))
        scicat_posted.check(scicat_posted.attachment_faults(body))
        summary = self._found(viewer, wanted).summary
        name = key(body.get("aid")) or key(body.get("id")) or str(mint(os.urandom))
        self._s.pushing.attach(viewer, summary.pid, name, body)
        return self._one_part(viewer, summary, RecordKind.ATTACHMENT, name, "aid")

    # --- parts -------------------------------------------------------------------------------------------------------

    def _found(self, viewer: Viewer, pid: str) -> Any:
        try:
            return self._s.search.get(viewer, pid)
        except Withdrawn as error:
            raise NotFound() from error

    def _pushed(self, viewer: Viewer, body: Mapping[str, Any], pid: str) -> PushedDataset:
        sent = (self._s.pushing.one(viewer, RecordKind.SAMPLE, one) for one in scicat_posted.sample_ids(body))
        return scicat_posted.pushed(body, pid, [{**one.body, "sampleId": one.key} for one in sent if one is not None])

    def _sent(self, viewer: Viewer, summary: DatasetSummary) -> PushedRecord | None:
        return next(iter(self._parts(viewer, summary, RecordKind.DATASET)), None)

    def _parts(self, viewer: Viewer, summary: DatasetSummary, *kinds: RecordKind) -> list[PushedRecord]:
        return self._s.pushing.parts(viewer, [summary.id], *kinds).get(summary.id, [])

    def _one_part(self, viewer: Viewer, summary: DatasetSummary, kind: RecordKind, name: str, id_name: str) -> dict[str, Any]:
        sent = self._s.pushing.one(viewer, kind, name)
        if sent is None:
            raise NotFound()
        return scicat_answers.part(sent, summary.pid, id_name, known=viewer.user_id is not None)

    def _documents(
        self, viewer: Viewer, summaries: Sequence[DatasetSummary], include: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        known = viewer.user_id is not None
        parts = self._s.pushing.parts(viewer, [one.id for one in summaries], *RecordKind) if summaries else {}
        for summary in summaries:
            mine = parts.get(summary.id, [])
            sent = next((one for one in mine if one.kind is RecordKind.DATASET), None)
            made = scicat_answers.dataset(summary, sent, known=known)
            if include and scicat_answers.has_files(summary):
                if any(name in _BLOCKS or name == "all" for name in include):
                    made["origdatablocks"] = self._blocks(viewer, summary, [p for p in mine if p.kind is RecordKind.BLOCK])
                if "attachments" in include or "all" in include:
                    pictures = [p for p in mine if p.kind is RecordKind.ATTACHMENT]
                    made["attachments"] = [scicat_answers.part(p, summary.pid, "aid", known=known) for p in pictures]
            elif include:
                made |= {name: [] for name in include if name in ("origdatablocks", "attachments")}
            yield made

    def _blocks(self, viewer: Viewer, summary: DatasetSummary, sent: Sequence[PushedRecord]) -> list[dict[str, Any]]:
        if sent:
            return [scicat_answers.part(one, summary.pid, "_id", known=viewer.user_id is not None) for one in sent]
        page = self._s.search.files(viewer, summary.pid, limit=10_000)
        return [scicat_answers.block_of_files(summary.pid, page.items, page.total_bytes)] if page.items else []

    def _narrowed(self, viewer: Viewer, asked: scicat_query.Asked) -> Iterator[dict[str, Any]]:
        descending = asked.order is None or asked.order[1]
        query = DatasetQuery(where=self._condition(asked), sort=Sort(SortKey.START, descending), limit=PIECE)
        total = self._s.search.count(viewer, query)
        if total > LOOKED_AT and not asked.plain:
            detail = (
                f"{total:,} datasets would have to be compared; narrow the question by text, proposalIds, type or datasetName."
            )
            raise Invalid(detail, (Fault("/fields", detail),))
        for offset in range(0, total, PIECE):
            page = self._s.search.search(viewer, replace(query, offset=offset))
            yield from self._documents(viewer, page.items)

    def _condition(self, asked: scicat_query.Asked) -> Condition | None:
        """What the catalogue can narrow by: never less than what fits, for the document itself is asked afterwards."""
        parts: list[Condition] = [Words(tuple(fold(word) for word in asked.words))] if asked.words else []
        for name, values in asked.equal.items():
            given = tuple(v for v in values if v)
            if not given or name.partition(".")[0] in ("instrumentId", "instrumentIds", "isPublished", *_UNKEPT):
                continue
            if name == "type":
                parts.append(OneOf(Field.KIND, tuple("raw" if v == "raw" else "processed" for v in given)))
            elif name == "pid":
                parts.append(OneOf(Field.PID, given))
            else:
                holding = OneOf(Field.PID, self._s.pushing.pids_holding(given))
                parts.append(Or((holding, *(OneOf(field, given) for field in _COMPUTED.get(name, ())))))
        return And(tuple(parts)) if parts else None


_UNKEPT = (
    "techniques",
    "size",
    "numberOfFiles",
    "createdAt",
    "updatedAt",
    "createdBy",
    "creationTime",
    "runNumber",
    "scientificMetadata",
)
_COMPUTED = {  # what a document says that no script sent
    "proposalId": (Field.PROPOSAL,),
    "proposalIds": (Field.PROPOSAL,),
    "ownerGroup": (Field.PROPOSAL,),
    "sampleId": (Field.SAMPLE,),
    "sampleIds": (Field.SAMPLE,),
    "datasetName": (Field.TITLE,),
}


def is_valid(body: Any) -> dict[str, Any]:
    faults = scicat_posted.dataset_faults(body) if isinstance(body, Mapping) else [Fault("/", "must be an object")]
    return {"valid": not faults} | ({"reason": [f"{f.pointer.lstrip('/')} {f.detail}" for f in faults]} if faults else {})

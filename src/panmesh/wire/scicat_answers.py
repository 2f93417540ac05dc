"""Our records in SciCat's shapes: what a script sent comes back as it was sent, beside what is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from panmesh.access.artefact import Artefact
from panmesh.access.names import NAME_WITHHELD, without
from panmesh.access.terms import State
from panmesh.catalogue.model import DatasetKind, DatasetSummary, FileView, InstrumentView, ParameterView
from panmesh.ingest.pushing import Hidden, PushedRecord
from panmesh.kernel.clock import iso
from panmesh.kernel.text import fold

Raw = dict[str, Any]
_MAIL = ("contactEmail", "ownerEmail", "pi_email", "email")
_HANDLES = (*_MAIL, "orcidOfOwner")  # that lead to a person who is not named
_PARTED = (("firstname", "lastname"), ("pi_firstname", "pi_lastname"), ("firstName", "lastName"))


def readable(summary: DatasetSummary) -> bool:
    """Whether the viewer may read more than that it is there."""
    return Artefact.FULL_METADATA in summary.access.readable


def has_files(summary: DatasetSummary) -> bool:
    needed = Artefact.RAW if summary.kind is DatasetKind.RAW else Artefact.PROCESSED
    return needed in summary.access.readable


def dataset(summary: DatasetSummary, sent: PushedRecord | None, *, known: bool, titled: bool = False) -> Raw:
    """`known`: the viewer is signed in, and sees addresses. `titled`: a person gave it another title here."""
    full = readable(summary)
    made = _computed(summary, full)
    if sent is None or not full:
        return made
    body = _body(sent, known=known)
    if titled:
        body.pop("datasetName", None)
    plural = {
        many: [body[one]]
        for one, many in (("proposalId", "proposalIds"), ("sampleId", "sampleIds"), ("instrumentId", "instrumentIds"))
        if body.get(one) and not body.get(many)
    }
    single = {
        one: body[many][0]
        for one, many in (("proposalId", "proposalIds"), ("sampleId", "sampleIds"), ("instrumentId", "instrumentIds"))
        if isinstance(body.get(many), list) and body[many] and not body.get(one)
    }
    if isinstance(body.get("principalInvestigator"), str) and "principalInvestigators" not in body:
        plural["principalInvestigators"] = [body["principalInvestigator"]]
    return {
        **made,
        **plural,
        **single,
        **body,
        **{name: made[name] for name in _OURS if name in made},
        **_stamps(sent, known=known),
    }


_OURS = ("pid", "isPublished", "size", "numberOfFiles", "numberOfFilesArchived", "packedSize", "datasetlifecycle")


def _computed(summary: DatasetSummary, full: bool) -> Raw:
    published = summary.access.state is State.OPEN
    made: Raw = {
        "pid": summary.pid,
        "datasetName": summary.title,
        "type": "raw" if summary.kind is DatasetKind.RAW else "derived",
        "creationTime": iso(summary.start_us if summary.start_us is not None else summary.created_us),
        "isPublished": published,
        "techniques": [{"pid": one.pid, "name": one.name} for one in summary.techniques],
        "instrumentId": summary.instrument.pid if summary.instrument else None,
        "instrumentIds": [summary.instrument.pid] if summary.instrument else [],
        "proposalId": summary.proposal,
        "proposalIds": [summary.proposal] if summary.proposal else [],
        "ownerGroup": summary.proposal or summary.visit_id or "",
        "createdAt": iso(summary.created_us),
    }
    if summary.end_us is not None:
        made["endTime"] = iso(summary.end_us)
    if not full:
        return _told(made)
    made |= {
        "size": summary.total_bytes or 0,
        "packedSize": 0,
        "numberOfFiles": summary.file_count or 0,
        "numberOfFilesArchived": 0,
        "sampleId": summary.sample.name if summary.sample else None,
        "sampleIds": [summary.sample.name] if summary.sample else [],
        "runNumber": summary.run,
        "scientificMetadata": {one.label: _quantity(one) for one in summary.parameters},
        "datasetlifecycle": {"isOnCentralDisk": True, "publishable": published, "retrievable": False, "archivable": False},
    }
    return _told(made)


def _told(made: Raw) -> Raw:
    return {name: value for name, value in made.items() if value is not None}


def _quantity(one: ParameterView) -> Raw:
    if one.value is not None:
        return {"value": one.value, "unit": one.unit or ""}
    return {"value": one.minimum, "minimum": one.minimum, "maximum": one.maximum, "unit": one.unit or ""}


def _body(sent: PushedRecord, *, known: bool) -> Raw:
    """As it was sent, as far as the viewer may be told: whom they may not know the name of they find in no other way either."""
    whole: Raw = dict(sent.body)
    body = _nameless(whole, sent.hidden)
    left_out = _HANDLES if body != whole else () if known else _MAIL
    return {name: value for name, value in body.items() if name not in left_out}


def _nameless(whole: Raw, hidden: Hidden) -> Raw:
    if not (hidden.names or hidden.orcids):
        return whole
    pictures = {name: whole[name] for name in ("thumbnail",) if name in whole}  # megabytes without words
    body: Raw = without({n: v for n, v in whole.items() if n not in pictures}, hidden.names, hidden.orcids) | pictures
    if isinstance(whole.get("dataFileList"), list):
        body["dataFileList"] = [_with_path(*pair) for pair in zip(whole["dataFileList"], body["dataFileList"], strict=True)]
    for first, last in _PARTED:
        if fold(f"{whole.get(first)} {whole.get(last)}") in hidden.names:
            body |= {first: NAME_WITHHELD, last: NAME_WITHHELD}
    return body


def _with_path(whole: Any, cut: Any) -> Any:
    """Whoever is shown a list of files may open them, by their paths: these stay, here as on our own pages."""
    kept = isinstance(whole, dict) and isinstance(cut, dict) and "path" in whole
    return {**cut, "path": whole["path"]} if kept else cut


def _stamps(sent: PushedRecord, *, known: bool) -> Raw:
    made = {"createdAt": iso(sent.created_us), "updatedAt": iso(sent.updated_us)}
    return made | ({"createdBy": sent.created_by, "updatedBy": sent.updated_by} if known else {})


def part(sent: PushedRecord, dataset_pid: str, id_name: str, *, known: bool) -> Raw:
    """A list of files or an attachment, under its own id."""
    return {
        "isPublished": False,
        "accessGroups": [],
        **_body(sent, known=known),
        id_name: sent.key,
        "id": sent.key,
        "_id": sent.key,
        "datasetId": dataset_pid,
        **_stamps(sent, known=known),
    }


def record(sent: PushedRecord, id_name: str, *, known: bool) -> Raw:
    """A proposal, a sample or an instrument that a script brought."""
    return {**_body(sent, known=known), id_name: sent.key, **_stamps(sent, known=known)}


def block_of_files(pid: str, files: Sequence[FileView], total_bytes: int) -> Raw:
    """Of a dataset that no script listed the files of."""
    listed = [
        _told({"path": f.name, "size": f.size or 0, "time": iso(f.modified_us) if f.modified_us else None, "chk": f.sha256})
        for f in files
    ]
    return {
        "_id": f"{pid}-files", "id": f"{pid}-files", "datasetId": pid, "size": total_bytes, "chkAlg": "sha256", "dataFileList": listed,
        "isPublished": False, "ownerGroup": "", "accessGroups": [],
    }  # fmt: skip


def instrument(view: InstrumentView) -> Raw:
    return {"pid": view.pid, "id": view.pid, "uniqueName": view.key, "name": view.name, "customMetadata": {}}


def with_sent(made: Raw, sent: Mapping[str, Any]) -> Raw:
    return {**made, **sent}

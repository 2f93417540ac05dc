"""What SciCat's clients post: checked against its model, with all faults at once, and translated to records that are brought in."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from panmesh.ingest.pushing import PushedDataset
from panmesh.kernel.errors import Fault, Invalid
from panmesh.wire import scicat
from panmesh.wire.loose import instant, key, many, text

Raw = Mapping[str, Any]
_REQUIRED = ("contactEmail", "creationTime", "owner", "ownerGroup", "sourceFolder", "type")
_TEXTS = (
    "pid", "contactEmail", "owner", "ownerGroup", "ownerEmail", "orcidOfOwner", "sourceFolder", "sourceFolderHost", "type", "datasetName", "description",
    "classification", "license", "comment", "creationLocation", "dataFormat", "principalInvestigator", "investigator", "proposalId", "sampleId",
    "instrumentId", "instrumentGroup", "validationStatus", "version", "runNumber", "scientificMetadataSchema",
)  # fmt: skip
_LISTS = (
    "keywords", "accessGroups", "sharedWith", "techniques", "relationships", "proposalIds", "sampleIds", "instrumentIds", "principalInvestigators",
    "inputDatasets", "usedSoftware", "history",
)  # fmt: skip
_OBJECTS = ("scientificMetadata", "jobParameters", "datasetlifecycle")
_INSTANTS = ("creationTime", "startTime", "endTime")
_IMAGE = re.compile(r"data:image/(?:png|jpe?g|webp|gif|svg\+xml);base64,", re.IGNORECASE)
MOST_IMAGE = 12 << 20  # characters of a picture as text


def dataset_faults(body: Raw, *, whole: bool = True) -> list[Fault]:
    """In the order of the fields. `whole`: what is required must be there."""
    faults = [Fault(f"/{name}", "should not be empty") for name in _REQUIRED if whole and body.get(name) in (None, "")]
    faults += [Fault(f"/{n}", "must be a string") for n in _TEXTS if not isinstance(body.get(n), str | None)]
    faults += [Fault(f"/{n}", "must be an array") for n in _LISTS if not isinstance(body.get(n), list | None)]
    faults += [Fault(f"/{n}", "must be an object") for n in _OBJECTS if not isinstance(body.get(n), Mapping | None)]
    for name in _INSTANTS:
        said = body.get(name)
        if said not in (None, "") and instant(said) is None:
            faults.append(Fault(f"/{name}", "must be a valid ISO 8601 date string"))
    kind = body.get("type")
    if isinstance(kind, str) and kind and kind.casefold() not in ("raw", "derived", "base", "custom"):
        faults.append(Fault("/type", "must be one of raw, derived, custom"))
    return faults


def check(faults: list[Fault]) -> None:
    if faults:
        raise Invalid("; ".join(f"{f.pointer.lstrip('/')} {f.detail}" for f in faults[:50]), tuple(faults))


def sample_ids(body: Raw) -> tuple[str, ...]:
    return _keys(body, "sampleId", "sampleIds")


def pushed(body: Raw, pid: str, samples: Iterable[Raw] = ()) -> PushedDataset:
    """The body has no faults. `samples`: those that it names, as far as they were sent."""
    named = {one.pid: one for raw in samples if (one := scicat.to_sample(raw)) is not None}
    record = scicat.to_dataset({**body, "pid": pid, "isPublished": False}, samples=named)
    assert record is not None
    return PushedDataset(
        record=record,
        body=body,
        folder=text(body.get("sourceFolder")),
        instruments=tuple(dict.fromkeys([*_keys(body, "instrumentId", "instrumentIds"), *_places(body)])),
        visits=_keys(body, "proposalId", "proposalIds", "ownerGroup"),
    )


def block_faults(body: Raw) -> list[Fault]:
    files = body.get("dataFileList")
    if not isinstance(files, list):
        return [Fault("/dataFileList", "must be an array")]
    for number, one in enumerate(files):
        if not isinstance(one, Mapping) or text(one.get("path")) is None:
            return [Fault(f"/dataFileList/{number}/path", "should not be empty")]
        size = one.get("size")
        if isinstance(size, bool) or not isinstance(size, int | float) or not 0 <= size < 2**63:
            return [Fault(f"/dataFileList/{number}/size", "must be a number not less than 0")]
    return []


def attachment_faults(body: Raw) -> list[Fault]:
    """A picture that is none, or too large, is refused: it would be shown."""
    faults = []
    said = body.get("thumbnail")
    if said is not None and not isinstance(said, str):
        faults.append(Fault("/thumbnail", "must be a string"))
    elif said and (fault := _picture_fault(said)) is not None:
        faults.append(Fault("/thumbnail", fault))
    if not isinstance(body.get("caption"), str | None):
        faults.append(Fault("/caption", "must be a string"))
    return faults


def attached_to(body: Raw) -> str | None:
    """Pid of the dataset: of v4's relationships, or v3's own field."""
    for one in many(body.get("relationships")):
        if isinstance(one, Mapping) and text(one.get("targetType")) in ("dataset", None):
            return key(one.get("targetId"))
    return key(body.get("datasetId"))


def _picture_fault(said: str) -> str | None:
    if len(said) > MOST_IMAGE:
        return f"has at most {MOST_IMAGE >> 20} MiB"
    head = _IMAGE.match(said)
    if head is None:
        return "must be a picture as data:image/…;base64,…"
    try:
        base64.b64decode(said[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        return "is no base64"
    return None


def _keys(body: Raw, *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for name in names for one in many(body.get(name)) if (found := key(one))))


def _places(body: Raw) -> list[str]:
    """ "/PSI/SLS/TOMCAT": the last part is often the instrument."""
    said = text(body.get("creationLocation"))
    return [part for part in reversed(said.split("/")) if part.strip()][:1] if said else []

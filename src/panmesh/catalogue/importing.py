"""Bringing in what another catalogue has, batch by batch: each is whole or not there, and what came before is passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.imported import Imported, ImportedDataset, ImportedDocument, ImportedInstrument, Rejected
from panmesh.catalogue.model import Origin
from panmesh.kernel.clock import Clock

BATCH = 500  # records in one transaction
EXAMPLES = 20  # pids named for each reason in the report


class Change(StrEnum):
    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DROPPED = "dropped"  # the reason says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one record; or, with `part`, of a part of it that was left out or altered."""

    kind: str  # dataset, document, instrument
    pid: str | None
    change: Change
    reason: str | None = None
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    records: Sequence[Imported | Rejected]
    stored: Callable[[], None] | None = None  # called when the batch is safe: the source may forget it


class ImportStore(Protocol):
    def store(
        self, by: Viewer, batch: Sequence[Imported], *, origin: Origin, source: str, now_us: int, dry_run: bool
    ) -> list[Fate]:
        """One transaction. A dry run does everything and takes it back."""
        ...


@dataclass(slots=True)
class Report:
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # kind → change → number
    reasons: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # (kind, reason) → the first pids
    reason_counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    brought: Counter[str] = field(default_factory=Counter)  # files, parameters, samples … of the records that are here now

    def add(self, fate: Fate) -> None:
        kind = self.counts.setdefault(fate.kind, Counter())
        if not fate.part:
            kind[fate.change.value] += 1
        elif fate.change is Change.DROPPED:
            kind["dropped"] += 1
        if fate.reason is not None:
            key = fate.kind, fate.reason
            self.reason_counts[key] += 1
            examples = self.reasons.setdefault(key, [])
            if len(examples) < EXAMPLES and fate.pid is not None:
                examples.append(fate.pid)

    def as_json(self) -> dict[str, Any]:
        return {
            "counts": {kind: dict(sorted(found.items())) for kind, found in sorted(self.counts.items())},
            "parts": dict(sorted(self.brought.items())),
            "reasons": [
                {"kind": kind, "reason": reason, "count": self.reason_counts[kind, reason], "examples": examples}
                for (kind, reason), examples in sorted(self.reasons.items())
            ],
        }


class ImportService:
    def __init__(self, store: ImportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def load(
        self,
        by: Viewer,
        batches: Iterable[Batch],
        *,
        origin: Origin,
        source: str,
        dry_run: bool = False,
        progress: Callable[[int], object] | None = None,
        report: Report | None = None,
    ) -> Report:
        """Killed and started again, it passes over what is already here and the same. `report`: filled as it goes, so that it can be
        shown when the source breaks off."""
        report = Report() if report is None else report
        for batch in batches:
            records: list[Imported] = []
            for record in batch.records:
                if isinstance(record, Rejected):
                    part = record.kind not in ("dataset", "document", "instrument")
                    report.add(Fate(kind=record.kind, pid=record.pid, change=Change.DROPPED, reason=record.reason, part=part))
                else:
                    records.append(record)
                    _count_parts(report, record)
            if records:
                for fate in self._store.store(by, records, origin=origin, source=source, now_us=self._clock(), dry_run=dry_run):
                    report.add(fate)
            if batch.stored is not None and not dry_run:
                batch.stored()
            if progress is not None:
                progress(len(batch.records))
        return report


def batched(records: Iterable[Imported | Rejected], size: int = BATCH) -> Iterator[Batch]:
    rows = iter(records)
    while part := list(islice(rows, size)):
        yield Batch(records=part)


def _count_parts(report: Report, record: Imported) -> None:
    match record:
        case ImportedDataset():
            for name in ("files", "parameters", "samples", "techniques"):
                report.brought[name] += len(getattr(record, name))
        case ImportedDocument():
            report.brought["members"] += len(record.members)
            report.brought["document parameters"] += len(record.parameters)
        case ImportedInstrument():
            pass

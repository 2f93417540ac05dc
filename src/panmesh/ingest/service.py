"""Files into datasets: sight, claim, read in the sandbox, place, commit. Every step can be killed and is found again from the ledger."""

from __future__ import annotations

import hashlib
import re
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import orjson

from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore, carry_digests, content_key, file_key, together
from panmesh.ingest import names
from panmesh.ingest.describing import file_layer
from panmesh.ingest.facts import EntryFacts, FileFacts, FileFormat, ReadState
from panmesh.ingest.facts_codec import entry_to_dict
from panmesh.ingest.files import FileStat, Storages
from panmesh.ingest.placing import MARGIN_US, Claim, place
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import Reader, ReadRequest
from panmesh.ingest.store import ClaimedUnit, IngestStore, Neighbour, NewDataset, Place, Sighting, SplitOff, UnitOutcome
from panmesh.ingest.units import UnitState
from panmesh.kernel.clock import Clock
from panmesh.kernel.faults import reach

LEASE_US = 10 * 60 * 1_000_000  # a worker that died gives its units back after this
BATCH = 64  # units claimed at once
COMMIT_EVERY = 0.25  # seconds: nothing read waits longer than this to become visible
COMMIT_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    units: int
    files: int
    bytes: int
    failed: int
    pids: tuple[str, ...]


class IngestService:
    def __init__(
        self,
        *,
        store: IngestStore,
        reader: Reader,
        manifests: ManifestStore,
        storages: Storages,
        clock: Clock,
        worker: str,
        facility: str,
        quiet_us: int = 0,
        margin_us: int = MARGIN_US,
        series: Mapping[str, re.Pattern[str]] | None = None,
    ) -> None:
        """`quiet_us`: a series, or a file that its writer holds open, that was written to within that time is a scan under way,
        one open version however often it grows; a writer that died leaves its file marked as open for ever. `margin_us`: how far outside its visit's time a run may start. `series`: key of an instrument → the rule that groups its runs into scan series."""
        self._store = store
        self._reader = reader
        self._manifests = manifests
        self._storages = storages
        self._clock = clock
        self._worker = worker
        self._facility = facility
        self._quiet_us = quiet_us
        self._margin_us = margin_us
        self._series_rules = dict(series or {})

    def sight(self, storage: str, stats: Iterable[FileStat]) -> int:
        """Record files that were seen; returns how many units are new or changed. Files of a series count as their series."""
        units: dict[str, Sighting] = {}
        for stat in stats:
            path = names.unit_path(stat.path)
            before = units.get(path)
            units[path] = Sighting(
                storage=storage,
                path=path,
                size=stat.size + (before.size if before else 0),
                modified_us=max(stat.modified_us, before.modified_us if before else 0),
                inode=stat.inode if path == stat.path else None,
            )
        changed = self._store.sight(list(units.values()), self._clock())
        reach("ingest.sighted")
        return changed

    def work(self, limit: int = BATCH) -> Worked:
        """Read and commit up to `limit` waiting units. `units` 0: nothing waits."""
        claimed = self._store.claim(self._worker, limit, self._clock(), LEASE_US)
        reach("ingest.claimed")
        batch = _Batch(self._commit)
        decided = self._decided(claimed)
        requests: dict[str, tuple[ClaimedUnit, FileStat, Profile]] = {}
        gone: list[ClaimedUnit] = []
        for unit in claimed:
            if names.is_series(unit.path):
                batch.add(self._series(unit, decided))
                continue
            stat = self._storages.stat(unit.storage, unit.path)
            if stat is None:
                gone.append(unit)
                continue
            absolute = self._storages.absolute(unit.storage, unit.path)
            requests[str(absolute)] = (unit, stat, self._storages.profile(unit.storage, unit.path))
        for unit in gone:
            self._store.gone(unit.storage, [unit.path], self._clock())
        for request, facts in self._reader.read_many([_request(path, item[2]) for path, item in requests.items()]):
            reach("ingest.read")
            unit, stat, profile = requests[str(request.path)]
            again = self._storages.stat(unit.storage, unit.path)
            if again is None or (again.size, again.modified_us) != (stat.size, stat.modified_us):
                if again is not None:
                    self.sight(unit.storage, [again])  # written while we read: it waits again
                continue
            batch.add(self._outcome(unit, stat, profile, facts, decided))
        batch.flush()
        return Worked(units=len(claimed), files=batch.files, bytes=batch.bytes, failed=batch.failed, pids=tuple(batch.pids))

    def _commit(self, outcomes: Sequence[UnitOutcome]) -> list[str]:
        return self._store.commit(self._worker, outcomes, self._clock())

    def _decided(self, units: Sequence[ClaimedUnit]) -> _Decided:
        split: dict[tuple[str, str], SplitOff] = {}
        merged: dict[bytes, tuple[ManifestRef, ...]] = {}
        for storage in {unit.storage for unit in units}:
            paths = [unit.path for unit in units if unit.storage == storage]
            split |= {(storage, path): one for path, one in self._store.split_off(storage, paths).items()}
            merged |= self._store.merged_into(storage, paths)
        return _Decided(split=split, merged=merged)

    # --- one file ----------------------------------------------------------------------------------------------------

    def _outcome(self, unit: ClaimedUnit, stat: FileStat, profile: Profile, facts: FileFacts, decided: _Decided) -> UnitOutcome:
        bare = is_bare(facts)
        own = decided.split.get((unit.storage, unit.path))
        if own is not None:
            return self._split_off(unit, stat, profile, facts, own)
        if bare:
            master = self._master(unit, stat.path)
            if master is not None:
                return _outcome(unit, stat, facts, state=UnitState.PART, bare=True, part_of=master.unit_id)
        needs = self._needs(unit, profile, facts)
        parts = [] if bare else self._parts(unit, needs)
        files = [stat, *(FileStat(path=p.path, size=p.size, modified_us=p.modified_us, inode=0) for p in parts)]
        rows = self._with_digests(unit, facts.entries, list(_rows(unit, files)))
        listed = self._manifests.write(rows), content_key(files)
        here = {stat.path for stat in files}
        datasets = []
        for entry in facts.entries:
            identity = _identity(self._facility, unit, entry.entry)
            manifest, key = self._merged(unit, identity, rows, decided.merged[identity]) if identity in decided.merged else listed
            drawable = self._drawable(unit, profile, entry, here)
            datasets.append(self._dataset(unit, profile, facts, entry, manifest, key, drawable=drawable))
        return _outcome(
            unit,
            stat,
            facts,
            state=_STATE[facts.state],
            bare=bare,
            needs=tuple(needs),
            datasets=tuple(datasets),
            absorbs=tuple(p.unit_id for p in parts if p.state is not UnitState.PART),
        )

    def _split_off(self, unit: ClaimedUnit, stat: FileStat, profile: Profile, facts: FileFacts, own: SplitOff) -> UnitOutcome:
        """A file that staff took out of another dataset: its first entry describes the dataset that they made of it."""
        if own.path != unit.path:
            return _outcome(unit, stat, facts, state=UnitState.PART, bare=True, part_of=own.unit_id)
        others = (self._storages.stat(own.storage, path) for path in own.files if path != unit.path)
        files = [stat, *(other for other in others if other is not None)]
        rows = sorted(_rows(unit, files), key=attrgetter("name"))
        before = self._store.manifest(own.identity)
        if before is not None:
            rows = list(carry_digests(self._manifests.iterate(before), rows))
        manifest, here = self._manifests.write(rows), {one.path for one in files}
        entry = facts.entries[0] if facts.entries else EntryFacts(entry=None, entry_class="")
        drawable = self._drawable(unit, profile, entry, here)
        made = self._dataset(unit, profile, facts, entry, manifest, content_key(rows), drawable=drawable)
        return _outcome(
            unit, stat, facts, state=_STATE[facts.state], bare=False, datasets=(replace(made, identity=own.identity),)
        )

    def _merged(
        self, unit: ClaimedUnit, identity: bytes, rows: Iterable[FileRow], others: Sequence[ManifestRef]
    ) -> tuple[ManifestRef, bytes]:
        """The list of files with those of the datasets that staff merged into this one."""
        files = together(rows, (row for one in others for row in self._manifests.iterate(one)), unit.path)
        before = self._store.manifest(identity)
        if before is not None:
            files = list(carry_digests(self._manifests.iterate(before), files))
        return self._manifests.write(files), content_key(files)

    def _with_digests(self, unit: ClaimedUnit, entries: Sequence[EntryFacts], rows: list[FileRow]) -> list[FileRow]:
        """A master that is read again because one more data file came keeps the digests of those that were there."""
        before = self._store.manifest(_identity(self._facility, unit, entries[0].entry)) if len(rows) > 1 and entries else None
        if before is None:
            return rows
        by_name = attrgetter("name")
        known = sorted(self._manifests.iterate(before), key=by_name)
        carried = {row.name: row for row in carry_digests(known, sorted(rows, key=by_name))}
        return [carried[row.name] for row in rows]

    def _master(self, unit: ClaimedUnit, path: str) -> Neighbour | None:
        found = [
            m
            for m in self._store.masters_of(unit.storage, path, names.master_candidates(path))
            if m.unit_id != unit.id and not m.bare
        ]
        return max(found, key=lambda m: len(m.path), default=None)

    def _needs(self, unit: ClaimedUnit, profile: Profile, facts: FileFacts) -> list[str]:
        """Storage paths of the files that this one refers to, as far as they lie in its folder or below."""
        found: list[str] = []
        for reference in facts.references:
            path = self._referred(unit, profile, reference.file)
            if path is not None and path != unit.path and path not in found:
                found.append(path)
        return found[:10_000]

    def _referred(self, unit: ClaimedUnit, profile: Profile, written: str) -> str | None:
        """The storage path of a file as another one names it; None when it lies above its folder."""
        return names.referred(
            written, path=unit.path, storage=unit.storage, prefix_map=profile.prefix_map, locate=self._storages.locate
        )

    def _drawable(self, unit: ClaimedUnit, profile: Profile, entry: EntryFacts, here: set[str]) -> bool:
        """Whether all files that the plot's numbers lie in belong to the dataset."""
        return entry.plot is not None and all(self._referred(unit, profile, name) in here for name in entry.plot.missing)

    def _parts(self, unit: ClaimedUnit, needs: Sequence[str]) -> list[Neighbour]:
        prefix = names.companion_prefix(unit.path)
        wanted = set(needs)
        found = [
            n
            for n in self._store.parts_of(unit.storage, needs, prefix)
            if n.unit_id != unit.id and n.bare and (n.path in wanted or names.is_companion(prefix, n.path))
        ]
        taken = self._store.split_off(unit.storage, [n.path for n in found]) if found else {}
        return [n for n in found if n.path not in taken]

    def _dataset(
        self,
        unit: ClaimedUnit,
        profile: Profile,
        facts: FileFacts,
        entry: EntryFacts,
        manifest: ManifestRef,
        content_key: bytes,
        *,
        drawable: bool,
    ) -> NewDataset:
        layer = file_layer(entry)
        where = self._place(unit, profile, entry)
        around = Surroundings(
            facility=self._facility,
            instrument=where.instrument.key,
            proposal=where.visit.proposal if where.visit else "",
            visit=where.visit.visit_id if where.visit else "",
            visit_title=where.visit.title if where.visit else "",
        )
        described = describe({name: value["value"] for name, value in layer.items()}, around, path=unit.path)
        return NewDataset(
            identity=_identity(self._facility, unit, entry.entry),
            place=where,
            storage=unit.storage,
            path=unit.path,
            entry=entry.entry,
            series=self._series_of(where.instrument.key, unit.path),
            layer=layer,
            described=described,
            facts=_document(facts, entry),
            read_state=facts.state.value,
            format=facts.format.value,
            advice=facts.advice,
            growing=facts.growing and self._clock() - unit.modified_us < self._quiet_us,
            has_plot=drawable,
            manifest=manifest,
            content_key=content_key,
        )

    def _series_of(self, instrument: str, path: str) -> str | None:
        rule = self._series_rules.get(instrument)
        match = rule.search(path) if rule is not None else None
        return match["series"] if match is not None else None

    def _place(self, unit: ClaimedUnit, profile: Profile, entry: EntryFacts) -> Place:
        instrument = self._store.instrument(
            profile.instrument or (entry.instrument.value if entry.instrument else None), self._clock()
        )
        folder = unit.path.rpartition("/")[0]
        if not instrument.scheduled:
            return Place(instrument=instrument, folder=folder)
        proposal = entry.proposal.value if entry.proposal else None
        visit = entry.visit.value if entry.visit else None
        start = entry.start.us if entry.start else None
        said = [text for text in (visit, proposal) if text] or [part for part in folder.split("/") if part]
        placed = place(
            Claim(start_us=start, proposal=proposal, visit=visit, path=unit.path),
            self._store.visits(instrument.id, start, said),
            margin_us=self._margin_us,
        )
        return Place(instrument=instrument, visit=placed.visit, quarantine=placed.reason)

    # --- a numbered series -------------------------------------------------------------------------------------------

    def _series(self, unit: ClaimedUnit, decided: _Decided) -> UnitOutcome:
        """All files of a series in one dataset, listed as a stream: a million of them cost no memory."""
        profile = self._storages.profile(unit.storage, unit.path)
        folder = unit.path.rpartition("/")[0]
        tally = _Tally()
        taken = self._store.split_off_in(unit.storage, folder)
        listed = (
            s
            for s in self._storages.list_folder(unit.storage, folder)
            if names.in_series(unit.path, s.path.rpartition("/")[2]) and s.path not in taken
        )
        rows = _rows(unit, tally.counted(listed))
        identity = _identity(self._facility, unit, None)
        before = self._store.manifest(identity)
        manifest = self._manifests.write(rows if before is None else carry_digests(self._manifests.iterate(before), rows))
        key = tally.key()
        if identity in decided.merged:
            manifest, key = self._merged(unit, identity, self._manifests.iterate(manifest), decided.merged[identity])
        suffix = unit.path.rpartition(".")[2].lower()
        format = _SERIES_FORMAT.get(suffix, FileFormat.UNKNOWN)
        entry = EntryFacts(entry=None, entry_class="")
        facts = FileFacts(
            format=format,
            growing=self._clock() - tally.newest_us < self._quiet_us,
            state=ReadState.STORED,
            entries=(entry,),
            advice=f"A numbered series of {suffix} files, kept as one dataset. Write a NeXus master file beside it that links to the frames, "
            "and it will have a title, a sample and a plot.",
        )
        stat = FileStat(path=unit.path, size=tally.bytes, modified_us=tally.newest_us, inode=0)
        datasets = (self._dataset(unit, profile, facts, entry, manifest, key, drawable=False),) if tally.files else ()
        if not datasets:
            self._store.gone(unit.storage, [unit.path], self._clock())
        return _outcome(unit, stat, facts, state=UnitState.STORED if datasets else UnitState.GONE, bare=False, datasets=datasets)


def is_bare(facts: FileFacts) -> bool:
    """Whether a file says nothing of a run itself, so that it may be the data file of a master."""
    return facts.format is FileFormat.HDF5 and all(
        e.title is None
        and e.start is None
        and e.sample is None
        and e.definition is None
        and e.instrument is None
        and not e.people
        for e in facts.entries
    )


_STATE = {
    ReadState.READ: UnitState.CATALOGUED,
    ReadState.PARTLY: UnitState.CATALOGUED,
    ReadState.STORED: UnitState.STORED,
    ReadState.FAILED: UnitState.FAILED,
}

_SERIES_FORMAT = {
    "tif": FileFormat.TIFF,
    "tiff": FileFormat.TIFF,
    "cbf": FileFormat.CBF,
    "txt": FileFormat.TEXT,
    "csv": FileFormat.TEXT,
    "asc": FileFormat.TEXT,
    "xy": FileFormat.TEXT,
    "xye": FileFormat.TEXT,
    "chi": FileFormat.TEXT,
    "log": FileFormat.TEXT,
    "out": FileFormat.TEXT,
}


@dataclass(frozen=True, slots=True)
class _Decided:
    """What staff decided about the units of one batch."""

    split: Mapping[tuple[str, str], SplitOff]
    merged: Mapping[bytes, tuple[ManifestRef, ...]]


class _Batch:
    """Outcomes on their way to a commit, by number or by age, whichever comes first."""

    def __init__(self, commit: Callable[[Sequence[UnitOutcome]], list[str]]) -> None:
        self._commit = commit
        self._waiting: list[UnitOutcome] = []
        self._since = time.monotonic()
        self.pids: list[str] = []
        self.files = self.bytes = self.failed = 0

    def add(self, outcome: UnitOutcome) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(outcome)
        if len(self._waiting) >= COMMIT_ROWS or time.monotonic() - self._since > COMMIT_EVERY:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        outcomes, self._waiting = self._waiting, []
        self.pids += self._commit(outcomes)
        self.files += sum(max((d.manifest.file_count for d in o.datasets), default=1) for o in outcomes)
        self.bytes += sum(o.unit.size for o in outcomes)
        self.failed += sum(o.state is UnitState.FAILED for o in outcomes)


class _Tally:
    """Counts a stream of files as it passes: total, newest, and a key over names, sizes and times."""

    def __init__(self) -> None:
        self.files = self.bytes = self.newest_us = 0
        self._sum = 0

    def counted(self, stats: Iterable[FileStat]) -> Iterable[FileStat]:
        for stat in stats:
            self.files += 1
            self.bytes += stat.size
            self.newest_us = max(self.newest_us, stat.modified_us)
            self._sum = (self._sum + int.from_bytes(file_key(stat), "big")) % (1 << 256)  # folders list in any order
            yield stat

    def key(self) -> bytes:
        return self._sum.to_bytes(32, "big")


def _identity(facility: str, unit: ClaimedUnit, entry: str | None) -> bytes:
    text = "\0".join((facility, unit.storage, unit.path, entry or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _request(path: str, profile: Profile) -> ReadRequest:
    from pathlib import Path

    absolute = Path(path)
    return ReadRequest(path=absolute, folder=absolute.parent, profile=profile)


def _rows(unit: ClaimedUnit, files: Iterable[FileStat]) -> Iterable[FileRow]:
    """Names in the dataset are relative to the folder of the primary file."""
    folder = unit.path.rpartition("/")[0]
    for stat in files:
        name = stat.path.removeprefix(f"{folder}/") if folder else stat.path
        yield FileRow(name=name, size=stat.size, modified_us=stat.modified_us, storage=unit.storage, path=stat.path)


def _document(facts: FileFacts, entry: EntryFacts) -> bytes:
    document = {
        "entry": entry_to_dict(entry),
        "problems": [{"path": p.path, "what": p.what} for p in facts.problems],
        "references": [{"kind": r.kind, "file": r.file, "inner": r.inner, "path": r.path} for r in facts.references],
        "format": facts.format.value,
        "counts": facts.counts,
        "detail": facts.detail,
    }
    return zlib.compress(orjson.dumps(document), 3)


def _outcome(
    unit: ClaimedUnit,
    stat: FileStat,
    facts: FileFacts,
    *,
    state: UnitState,
    bare: bool,
    needs: tuple[str, ...] = (),
    datasets: tuple[NewDataset, ...] = (),
    part_of: int | None = None,
    absorbs: tuple[int, ...] = (),
) -> UnitOutcome:
    reason = "; ".join(p.what for p in facts.problems[:3]) if facts.state in (ReadState.FAILED, ReadState.PARTLY) else None
    held = next((d.place.quarantine for d in datasets if d.place.quarantine), None)
    current = ClaimedUnit(
        id=unit.id, storage=unit.storage, path=unit.path, size=stat.size, modified_us=stat.modified_us, attempts=unit.attempts
    )
    return UnitOutcome(
        unit=current,
        state=state,
        read_state=facts.state.value,
        format=facts.format.value,
        bare=bare,
        reason=reason or held,
        advice=facts.advice,
        needs=needs,
        datasets=datasets,
        part_of=part_of,
        absorbs=absorbs,
    )

"""Every field of every real file against the table that was transcribed by hand (tests/shared_data/expected)."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panmesh.adapters.hdf5 import SandboxedReader
from panmesh.ingest.facts import EntryFacts, FileFacts, Instant
from panmesh.ingest.reader import ReadRequest
from panmesh.kernel.clock import iso
from tests.shared_data.profiles import profile_of

pytestmark = pytest.mark.shared_data
EXPECTED = Path(__file__).parent / "expected"
TABLES = sorted(EXPECTED.glob("*.toml"))
_TEXTS = ("title", "instrument", "facility", "proposal", "visit", "collection", "definition", "program")
_ABSENT = (*_TEXTS, "start", "end", "sample", "people")


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedReader]:
    made = SandboxedReader()
    yield made
    made.close()


@pytest.mark.parametrize("table", TABLES, ids=lambda p: p.stem)
def test_every_field_of_every_file_is_right(
    table: Path, reader: SandboxedReader, shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    document = tomllib.loads(table.read_text("utf-8"))
    faults: list[str] = []
    recall: dict[str, tuple[int, int]] = {}
    for name in {**document, **document.get("file", {})}:
        if name == "file":
            continue
        path = shared_data / "nexus" / name
        facts = reader.read(ReadRequest(path=path, folder=path.parent, profile=profile_of(table.stem)))
        faults += [f"{name}: {fault}" for fault in _file(facts, document.get("file", {}).get(name, {}))]
        runs = document.get(name, [])
        if runs and [e.entry or "" for e in facts.entries] != [r["entry"] for r in runs]:
            faults.append(f"{name}: entries {[e.entry for e in facts.entries]} ≠ {[r['entry'] for r in runs]}")
            continue
        for run, entry in zip(runs, facts.entries, strict=False):
            wrong = list(_entry(entry, run))
            faults += [f"{name} {run['entry']}: {fault}" for fault in wrong]
            _count(recall, run, wrong)
    record_property("recall", recall)
    assert not faults, "\n".join(["", *faults])


def _count(recall: dict[str, tuple[int, int]], run: dict[str, Any], faults: list[str]) -> None:
    """field → (right, expected), summed up; printed at the end of the run."""
    for field in (*_ABSENT, "technique", "plot"):
        if field in run:
            right, expected = recall.get(field, (0, 0))
            recall[field] = right + (not any(f.startswith(field) for f in faults)), expected + 1
    right, expected = recall.get("quantities", (0, 0))
    wanted = [q["path"] for q in run.get("quantities", [])]
    recall["quantities"] = right + sum(not any(p in f for f in faults) for p in wanted), expected + len(wanted)


def _file(facts: FileFacts, expected: dict[str, Any]) -> Iterator[str]:
    if "format" in expected and facts.format.value != expected["format"]:
        yield f"format {facts.format.value} ≠ {expected['format']}"
    if "state" in expected and facts.state.value != expected["state"]:
        yield f"state {facts.state.value} ≠ {expected['state']} ({[p.what for p in facts.problems[:2]]})"
    if "references" in expected:
        found = {(r.kind, r.file) for r in facts.references}
        wanted = {(r["kind"], r["file"]) for r in expected["references"]}
        if found != wanted:
            yield f"references {sorted(found)} ≠ {sorted(wanted)}"


def _entry(entry: EntryFacts, run: dict[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        if name in run:
            found = getattr(entry, name)
            if found is None or found.value != " ".join(run[name]["value"].split()):
                yield f"{name} {found.value if found else None!r} ≠ {run[name]['value']!r} at {run[name]['path']}"
    for name in ("start", "end"):
        if name in run:
            yield from _instant(name, getattr(entry, name), run[name])
    if "sample" in run:
        yield from _sample(entry, run["sample"])
    if "people" in run:
        found_people = sorted(_sha(p.name) for p in entry.people)
        wanted_people = sorted({p["sha"] for p in run["people"]})
        if found_people != wanted_people:
            yield f"people: {len(found_people)} found, {len(wanted_people)} expected, {len(set(found_people) & set(wanted_people))} alike"
    if "technique" in run:
        pids = {t.pid for t in entry.techniques}
        wanted_pids = {
            run["technique"],
            *(
                [run["technique_narrower"]]
                if isinstance(run.get("technique_narrower"), str)
                else run.get("technique_narrower", [])
            ),
        }
        if not pids & wanted_pids:
            yield f"technique {pids} ≠ {wanted_pids}"
    if "plot" in run:
        plot = entry.plot
        signals = {run["plot"]["signal"], run["plot"].get("target", run["plot"]["signal"])}
        if plot is None or plot.signal not in signals:
            yield f"plot {plot.signal if plot else None} ≠ {signals}"
    by_path = {q.path: q for q in entry.quantities}
    for wanted in run.get("quantities", []):
        yield from _quantity(by_path.get(wanted["path"]), wanted)
    for name in run.get("not_in_file", []):
        if name in _ABSENT and getattr(entry, name):
            found = getattr(entry, name)
            where = found[0].path if isinstance(found, tuple) else found.path
            yield f"{name} is not in the file, but found at {where}"
    for one in run.get("placeholders", []):
        for name in ("title", "proposal", "visit"):
            found = getattr(entry, name)
            if found is not None and found.path == one["path"]:
                yield f"the placeholder {one['value']!r} became the {name}"


def _instant(name: str, found: Instant | None, wanted: dict[str, Any]) -> Iterator[str]:
    if found is None:
        yield f"{name} not found ≠ {wanted['raw']!r} at {wanted['path']}"
        return
    if not _same_instant(iso(found.us) or "", wanted["utc"]):
        yield f"{name} {iso(found.us)} ({found.raw}) ≠ {wanted['utc']} at {wanted['path']}"
    elif wanted["utc"] and found.basis.value != wanted["basis"]:
        yield f"{name} basis {found.basis.value} ≠ {wanted['basis']}"


def _same_instant(one: str, other: str) -> bool:
    from datetime import datetime

    if not one or not other:
        return one == other
    return datetime.fromisoformat(one) == datetime.fromisoformat(other)


def _sample(entry: EntryFacts, wanted: dict[str, Any]) -> Iterator[str]:
    if entry.sample is None:
        yield f"sample not found ≠ {wanted}"
        return
    for name in ("name", "identifier", "formula", "description"):
        if name in wanted and getattr(entry.sample, name) != " ".join(wanted[name].split()):
            yield f"sample {name} {getattr(entry.sample, name)!r} ≠ {wanted[name]!r}"


def _quantity(found: Any, wanted: dict[str, Any]) -> Iterator[str]:
    if found is None:
        yield f"quantity {wanted['path']} not found"
        return
    if (found.unit or "") != wanted.get("unit", ""):
        yield f"unit of {wanted['path']}: {found.unit!r} ≠ {wanted.get('unit')!r}"
    for name, expected in (("value", wanted.get("value")), ("minimum", wanted.get("min")), ("maximum", wanted.get("max"))):
        if expected is None:
            continue
        value = getattr(found, name)
        if value is None and name in ("minimum", "maximum"):
            value = found.value
        if not isinstance(value, int | float) or abs(value - expected) > 1e-5 * max(1e-12, abs(expected)):
            yield f"{name} of {wanted['path']}: {value} ≠ {expected}"
    if "canonical" in wanted and found.canonical != wanted["canonical"]:
        yield f"canonical of {wanted['path']}: {found.canonical} ≠ {wanted['canonical']}"


def _sha(name: str) -> str:
    return hashlib.sha256(" ".join(name.split()).casefold().encode()).hexdigest()[:16]

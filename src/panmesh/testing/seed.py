"""A large made-up catalogue, written in blocks: the same one for the same number, on both databases, continued where it was stopped."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, func, select

from panmesh.access.terms import AccessClass, opens_at
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.revisions import forget_changes
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.kernel import techniques
from panmesh.kernel.clock import DAY_US, from_us
from panmesh.kernel.errors import Conflict
from panmesh.kernel.pid import mint, version_pid
from panmesh.kernel.text import fold
from panmesh.kernel.units import known
from panmesh.testing.seed_plan import SeedPlan
from panmesh.testing.seed_words import QUANTITIES, USUAL, Numbers, person, technique_pids, vocabulary, zipf

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]

# Big tables, whose indexes are made at the end, when they are filled from nothing.
_LATE = (t.parameter, t.dataset, t.dataset_technique, t.dataset_person, t.sample, t.relation)
_COUNTED = (
    t.instrument, t.account, t.team, t.terms, t.proposal, t.investigation, t.document, t.sample, t.dataset, t.dataset_version, t.parameter, t.relation
)  # fmt: skip
_FORMATS = ("hdf5", "hdf5", "hdf5", "hdf5", "hdf5", "hdf5", "hdf5", "tiff", "cbf", "spec")
_SIZES = 4_096  # different manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What is kept beside the catalogue, so that a stopped seed goes on as the same one."""

    datasets: int
    parameters: int
    seed: int
    until_us: int
    base: int  # ids of all tables begin above
    alone: bool  # nothing else was there, so that indexes may wait


class Seed:
    def __init__(self, database: Database, plan: SeedPlan, keep: Path, *, facility: str, existing: bool = False) -> None:
        """`keep`: a small file beside the catalogue. `existing`: also into a catalogue that has runs already.

        Raises Conflict where there are runs that no seed made, or another seed has begun.
        """
        self._db, self.plan = database, plan
        with database.read() as c:
            runs = int(c.execute(select(func.count()).select_from(t.dataset)).scalar_one())
            base = max(int(c.execute(select(func.coalesce(func.max(one.c.id), 0))).scalar_one()) for one in _COUNTED)
            self._facility = c.execute(
                select(t.facility.c.id, t.facility.c.time_zone).where(t.facility.c.facility_key == facility)
            ).one()
        before = _State(**json.loads(keep.read_text("utf-8"))) if keep.exists() else None
        if before is None and runs and not existing:
            raise Conflict(f"This catalogue has {runs} runs that are not made up. Seed an empty one, or say --into-existing.")
        asked = {"datasets": plan.datasets, "parameters": plan.parameters, "seed": plan.seed, "until_us": plan.until_us}
        if before is not None and asdict(before) | asked != asdict(before):
            raise Conflict(
                f"Another seed was begun here: {before.datasets} runs, {before.parameters} parameters, number {before.seed}. Go on with these."
            )
        state = before or _State(**asked, base=base, alone=runs == 0)
        keep.write_text(json.dumps(asdict(state)), "utf-8")
        self._base = state.base
        self._alone = state.alone
        self._ground = _Ground(plan, state.base, self._facility.id, self._facility.time_zone)

    @property
    def done(self) -> int:
        """Runs that are there already."""
        with self._db.read() as c:
            newest = c.execute(
                select(func.max(t.dataset.c.id)).where(t.dataset.c.id <= self._base + self.plan.datasets)
            ).scalar_one()
        return max(0, (newest or 0) - self._base)

    def run(self, told: Callable[[int], object] = lambda _: None) -> None:
        """`told` hears of runs as they are committed."""
        with self._db.write() as c:
            _manners(self._db, c)
            if c.execute(select(t.instrument.c.id).where(t.instrument.c.id == self._base + 1)).first() is None:
                self._ground.base_rows(self._writer(c))
            if self._alone:
                _indexes(c, False)
        done = self.done
        first = self.plan.visits.first
        for number, (begin, end) in enumerate(self.plan.blocks()):
            if int(first[end]) <= done and end < len(first) - 1 or done >= self.plan.datasets:
                continue
            with self._db.write() as c:
                _manners(self._db, c)
                write = self._writer(c)
                for table, rows in self._ground.block(number, begin, end).items():
                    write(t.metadata.tables[table], rows)
            told(int(first[end] - first[begin]))
        with self._db.write() as c:
            _manners(self._db, c)
            _indexes(c, True)
            self._settle(c)
        forget_changes(self._db)
        self._analyse()

    def _writer(self, c: Connection) -> Callable[[Table, list[Row]], None]:
        return (lambda table, rows: _insert(c, table, rows)) if self._db.sqlite else (lambda table, rows: _copy(c, table, rows))

    def _settle(self, c: Connection) -> None:
        if self._db.sqlite:
            return
        for table in (*_COUNTED, t.change):
            key = "sequence" if table is t.change else "id"
            c.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key}'), (SELECT max({key}) FROM {table.name}) + 1)"
            )

    def _analyse(self) -> None:
        """As upkeep leaves what has been there for a minute."""
        with self._db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.exec_driver_sql("ANALYZE" if self._db.sqlite else "VACUUM ANALYZE")


class _Ground:
    """Rows of the plan, by their tables. Names of columns are in `_COLUMNS`."""

    def __init__(self, plan: SeedPlan, base: int, facility_id: int, zone: str) -> None:
        self._plan, self._base, self._facility, self._zone = plan, base, facility_id, zone

    def base_rows(self, write: Callable[[Table, list[Row]], None]) -> None:
        """Instruments, people, teams and proposals."""
        b, plan = self._base, self._plan
        rng = np.random.default_rng([plan.seed, 1])
        words = vocabulary()
        instruments = [
            (b + i, f"pm-seed{b}i{i}", self._facility, f"s{b + i:02d}", f"Instrument S{b + i:02d}", "[]", True)
            for i in range(1, plan.instruments + 1)
        ]
        write(t.instrument, instruments)
        write(t.pid, [(row[1], "instrument", row[1], None, "native") for row in instruments])
        for first in range(0, plan.people, 50_000):
            people = range(first + 1, min(first + 50_000, plan.people) + 1)
            write(t.account, [(b + i, f"seed{b + i}", person(i), plan.until_us, False, False, False) for i in people])
        write(t.team, [(b + p, f"seeded team {b + p}") for p in range(1, plan.proposals + 1)])
        sizes = rng.integers(3, 9, plan.proposals)
        chosen = (plan.people * rng.random(int(sizes.sum())) ** 2).astype(np.int64)
        members: list[Row] = []
        at = 0
        for p, size in enumerate(sizes, 1):
            for place, one in enumerate(dict.fromkeys(chosen[at : at + size])):
                members.append((b + p, b + 1 + int(one), "member" if place else "pi", "schedule"))
            at += int(size)
        write(t.team_member, members)
        titles = zipf(rng, len(words), plan.proposals * 4).reshape(-1, 4)
        proposals = []
        for p in range(1, plan.proposals + 1):
            number = f"se{b + p:06d}"
            title = " ".join(words[w] for w in titles[p - 1]).capitalize()
            proposals.append((b + p, f"pm-seed{b}p{p}", self._facility, number, number, title, "user", "1", b + p))
        write(t.proposal, proposals)
        write(t.pid, [(row[1], "proposal", row[1], None, "native") for row in proposals])

    def block(self, number: int, begin: int, end: int) -> Rows:
        """Visits from `begin` to before `end` with all their runs."""
        rng = np.random.default_rng([self._plan.seed, 2, number])
        rows: Rows = {name: [] for name in _COLUMNS}
        self._visits(rng, rows, begin, end)
        self._runs(rng, random.Random(f"{self._plan.seed}/{self._base}/{number}"), rows, begin, end)
        return rows

    def _visits(self, rng: np.random.Generator, rows: Rows, begin: int, end: int) -> None:
        b, v, words = self._base, self._plan.visits, vocabulary()
        titles = zipf(rng, len(words), (end - begin) * 3).reshape(-1, 3)
        for i in range(begin, end):
            number, proposal, instrument = b + i + 1, b + int(v.proposal[i]) + 1, b + int(v.instrument[i]) + 1
            starts, ends = int(v.starts_us[i]), int(v.ends_us[i])
            access = (AccessClass.PUBLIC, AccessClass.PROPRIETARY, AccessClass.INTERNAL, AccessClass.OPEN)[int(v.access[i])]
            fate = int(v.fate[i])
            later = ends + 30 * DAY_US
            opens = opens_at(ends_us=ends, embargo_years=3, zone=self._zone) if access is AccessClass.PUBLIC else None
            rows["terms"].append(
                (number, access.value, proposal, instrument, "1", False, False, starts, ends, opens, *(later if fate == f else None for f in (1, 2, 3)),
                 "legal" if fate == 1 else None)
            )  # fmt: skip
            pid, visit = f"pm-seed{b}v{i + 1}", self._visit_id(i)
            title = " ".join(words[w] for w in titles[i - begin]).capitalize()
            rows["investigation"].append(
                (number, pid, self._facility, proposal, instrument, number, f"seed|{number}", visit, title, "user", starts, ends)
            )
            rows["document"].append(
                (number, pid, self._facility, number, title, starts, ends, number, "native", "proposal", fold(title), "[]")
            )
            rows["pid"].append((pid, "investigation", pid, None, "native"))

    def _visit_id(self, visit: int) -> str:
        return f"se{self._base + int(self._plan.visits.proposal[visit]) + 1:06d}-{visit + 1}"

    def _runs(self, rng: np.random.Generator, chance: random.Random, rows: Rows, begin: int, end: int) -> None:
        plan, b, v, words = self._plan, self._base, self._plan.visits, vocabulary()
        first, last = int(v.first[begin]), int(v.first[end])
        count = last - first
        visits = np.repeat(np.arange(begin, end), v.size[begin:end])
        within = np.arange(first, last) - v.first[visits]
        said = zipf(rng, len(words), count * 3).reshape(-1, 3)
        sample_words = zipf(rng, len(words), count * 2).reshape(-1, 2)
        span = (v.ends_us[visits] - v.starts_us[visits]) / np.maximum(1, v.size[visits])
        starts = (v.starts_us[visits] + within * span).astype(np.int64)
        lengths = (np.minimum(span, 6e9) * rng.random(count)).astype(np.int64)
        technique, second, other = zipf(rng, 10, count, 1.2), rng.random(count) < 0.15, zipf(rng, len(technique_pids()), count)
        size = rng.integers(0, _SIZES, count)
        processed = (rng.random(count) < 0.1) & (within > 0)
        format_, state = rng.integers(0, len(_FORMATS), count), rng.random(count)
        whom = (plan.people * rng.random(count) ** 2).astype(np.int64)
        held = self._values(rng, rows, b + first, count)
        places = technique_pids()
        mine = {i: plan.instrument_techniques(i) for i in range(plan.instruments)}
        names: dict[int, str] = {}
        for i in range(count):
            n, visit = first + i + 1, int(visits[i])
            number, place = b + n, int(v.instrument[visit])
            sample = b + int(v.first[visit]) + 1 + int(within[i]) // 8 * 8  # eight runs of one sample
            if sample == number:
                name = " ".join(words[w] for w in sample_words[i])
                names[sample] = name
                pid = f"pm-seed{b}s{n}"
                rows["sample"].append((sample, pid, self._facility, f"seed|{sample}", name, fold(name)))
                rows["pid"].append((pid, "sample", pid, None, "native"))
            own = mine[place]
            found = [own[technique[i] % len(own)]]
            if second[i] and places[other[i]] != found[0]:
                found.append(places[other[i]])
            rows["dataset_technique"] += [(number, p) for p in found]
            visit_id = self._visit_id(visit)
            title = f"{' '.join(words[w] for w in said[i])} {n}"
            labels = " ".join(techniques.label(p) or "" for p in found)
            core = fold(f"{title} s{b + place + 1:02d} {visit_id.partition('-')[0]} {visit_id} {labels}")
            who = person(int(whom[i]) + 1)
            path = f"{from_us(int(starts[i])).year}/{visit_id}/run{n}.nxs"
            full = fold(f"{core} {names[sample]} {who} {held[i]} run{n}.nxs")
            pid = mint(chance.randbytes)
            total = _size(int(size[i]))
            start = int(starts[i])
            made = start + int(lengths[i])
            rows["dataset"].append(
                (number, pid, pid.encode(), self._facility, b + place + 1, b + visit + 1, b + visit + 1, sample, "native",
                 "processed" if processed[i] else "raw", "seed", path, "/entry", str(n), title, fold(title), start, made, core, full,
                 "read" if state[i] < 0.97 else "partly-read", _FORMATS[format_[i]], False, False, number, 1, 1, total, made, made, 1)
            )  # fmt: skip
            rows["dataset_version"].append(
                (number, version_pid(pid, 1), number, 1, False, _manifest(int(size[i])), b"", 1, total, "done", made)
            )
            rows["pid"].append((pid, "dataset", pid, None, "native"))
            rows["pid"].append((version_pid(pid, 1), "version", pid, 1, "native"))
            rows["file_names"].append((number, f"run{n}.nxs"))
            rows["dataset_person"].append((number, 0, who, fold(who), "experimenter"))
            rows["change"].append((made, "dataset", pid, "created"))
            if processed[i]:
                rows["relation"].append((number, number, number - 1, "seed"))

    def _values(self, rng: np.random.Generator, rows: Rows, before: int, count: int) -> list[str]:
        """Parameters of all runs of a block; the names of each run's. The usual ones first, then others by how usual they are."""
        wanted = min(self._plan.parameters, len(QUANTITIES))
        usual = min(USUAL, wanted)
        chosen = np.tile(np.arange(len(QUANTITIES)), (count, 1))
        keys = rng.random((count, len(QUANTITIES) - usual)) * (np.arange(len(QUANTITIES) - usual) + 3.0)
        chosen[:, usual:wanted] = usual + np.argsort(keys, axis=1)[:, : wanted - usual]
        held: list[list[str]] = [[] for _ in range(count)]
        out = rows["parameter"]
        number = before * wanted
        for q, one in enumerate(QUANTITIES):
            having = np.flatnonzero((chosen[:, :wanted] == q).any(axis=1))
            if not len(having):
                continue
            unit = known(one.unit)
            value, width = _drawn(rng, one.low, one.high, one.decades, len(having)), rng.random(len(having))
            scanned = rng.random(len(having)) < one.scanned
            words = one.name.replace("_", " ")
            for place, n in enumerate(having.tolist()):
                low = float(value[place])
                held[n].append(words)
                number += 1
                base = low * unit.factor + unit.offset
                if scanned[place]:
                    high = low + float(width[place]) * (one.high - low)
                    out.append(
                        (
                            number,
                            before + n + 1,
                            one.name,
                            one.name,
                            one.unit,
                            None,
                            low,
                            high,
                            unit.dimension,
                            base,
                            high * unit.factor + unit.offset,
                        )
                    )
                else:
                    out.append(
                        (number, before + n + 1, one.name, one.name, one.unit, low, None, None, unit.dimension, base, base)
                    )
        return [" ".join(names) for names in held]


def _drawn(rng: np.random.Generator, low: float, high: float, decades: bool, count: int) -> Numbers:
    """With six digits, as instruments write."""
    if decades:
        drawn = 10 ** rng.uniform(np.log10(low), np.log10(high), count)
    else:
        drawn = rng.uniform(low, high, count)
    scale = 10.0 ** (5 - np.floor(np.log10(np.maximum(np.abs(drawn), 1e-300))))
    return np.clip(np.round(drawn * scale) / scale, low, high)


_manifests: dict[int, tuple[int, bytes]] = {}


def _sized(place: int) -> tuple[int, bytes]:
    if place not in _manifests:
        size = int(10 ** (5 + 6 * place / _SIZES))  # 100 kB to 100 GB
        file = FileRow(name="run.nxs", size=size, modified_us=0, storage="seed", path="run.nxs")
        _manifests[place] = size, ManifestRef(file_count=1, total_bytes=size, inline=pack([file])).to_bytes()
    return _manifests[place]


def _size(place: int) -> int:
    return _sized(place)[0]


def _manifest(place: int) -> bytes:
    return _sized(place)[1]


# --- writing ----------------------------------------------------------------------------------------------------------

# In the order in which one refers to another.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "instrument": ("id", "pid", "facility_id", "instrument_key", "name", "aliases_json", "scheduled"),
    "account": ("id", "login", "name", "created_us", "admin", "steward", "disabled"),
    "team": ("id", "name"),
    "team_member": ("team_id", "account_id", "role", "source"),
    "proposal": ("id", "pid", "facility_id", "number", "number_folded", "title", "kind", "policy_version", "team_id"),
    "terms": (
        "id", "access", "team_id", "instrument_id", "policy_version", "core_from_proposal", "results_shared", "starts_us", "ends_us", "opens_us", "held_us",
        "withdrawn_us", "deleted_us", "hold",
    ),
    "investigation": (
        "id", "pid", "facility_id", "proposal_id", "instrument_id", "terms_id", "natural_key", "visit_id", "title", "kind", "starts_us", "ends_us",
    ),
    "document": (
        "id", "pid", "facility_id", "terms_id", "title", "starts_us", "ends_us", "investigation_id", "origin", "type", "title_folded", "keywords_json",
    ),
    "sample": ("id", "pid", "facility_id", "natural_key", "name", "name_folded"),
    "dataset": (
        "id", "pid", "identity", "facility_id", "instrument_id", "investigation_id", "terms_id", "sample_id", "origin", "kind", "storage", "path", "entry", "run",
        "title", "title_folded", "start_us", "end_us", "core_text", "full_text", "read_state", "format", "growing", "has_plot", "version_id", "version",
        "file_count", "total_bytes", "created_us", "updated_us", "revision",
    ),
    "dataset_version": (
        "id", "pid", "dataset_id", "number", "open", "manifest", "content_key", "file_count", "total_bytes", "digest_state", "created_us",
    ),
    "pid": ("pid", "kind", "concept", "version", "origin"),
    "file_names": ("dataset_id", "names"),
    "parameter": ("id", "dataset_id", "name", "label", "unit", "value", "minimum", "maximum", "dimension", "low", "high"),
    "dataset_technique": ("dataset_id", "technique_pid"),
    "dataset_person": ("dataset_id", "position", "name", "name_folded", "role"),
    "relation": ("id", "derived_id", "source_id", "software"),
    "change": ("at_us", "kind", "pid", "what"),
}  # fmt: skip


def _insert(c: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Without SQLAlchemy between, which would look at each value of each row."""
    if not rows:
        return
    columns = _COLUMNS[table.name]
    driver: Any = c.connection.driver_connection
    statement = (
        f'INSERT INTO "{table.name}" ({", ".join(f"{name!r}" for name in columns)}) VALUES ({", ".join("?" * len(columns))})'
    )
    driver.executemany(statement.replace("'", '"'), rows)


def _copy(c: Connection, table: Table, rows: Iterable[Row]) -> None:
    columns = ", ".join(f'"{name}"' for name in _COLUMNS[table.name])
    driver: Any = c.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _manners(database: Database, c: Connection) -> None:
    """For one who writes alone and would begin again after a power cut."""
    if database.sqlite:
        c.exec_driver_sql("PRAGMA cache_size = -1000000")
        return
    c.exec_driver_sql("SET LOCAL synchronous_commit = off")
    c.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    if c.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").scalar_one():
        c.exec_driver_sql(
            "SET LOCAL session_replication_role = replica"
        )  # references are right by making; checking each takes as long as writing


def _indexes(c: Connection, there: bool) -> None:
    for table in _LATE:
        for one in sorted(table.indexes, key=lambda index: str(index.name)):
            if there:
                one.create(c, checkfirst=True)
            else:
                one.drop(c, checkfirst=True)

"""A catalogue of many datasets in the shape of a facility's: ten instruments, a visit for each hundred runs, an embargo on the newest third."""

from __future__ import annotations

import random

from sqlalchemy import Connection

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.kernel.clock import DAY_US, system_clock
from panmesh.kernel.pid import Pid, mint, version_pid
from panmesh.kernel.techniques import PREFIX
from panmesh.kernel.units import to_base

INSTRUMENTS = 10
PER_VISIT = 100
_TECHNIQUES = [PREFIX + n for n in ("PaNET01188", "PaNET01124", "PaNET01207", "PaNET01113", "PaNET01203")]
_WORDS = [
    "ceria",
    "zirconia",
    "silica",
    "perovskite",
    "lysozyme",
    "graphene",
    "steel",
    "catalyst",
    "battery",
    "cathode",
    "anode",
    "film",
    "powder",
    "crystal",
    "operando",
]


def fill(database: Database, datasets: int, seed: int = 1) -> dict[str, list[str]]:
    """Into an empty database. Returns pids: {"open": [...], "hidden": [...]}; hidden ones are under way or proprietary for strangers."""
    migrate(database)
    rng = random.Random(seed)
    now = system_clock()
    pids: dict[str, list[str]] = {"open": [], "hidden": []}
    with database.write() as connection:
        _base(connection)
        visits = max(1, datasets // PER_VISIT)
        _visits(connection, visits, now)
        file = FileRow(name="run.nxs", size=1000, modified_us=now, storage="runs", path="2026/run.nxs")
        manifest = ManifestRef(file_count=1, total_bytes=1000, inline=pack([file])).to_bytes()
        for first in range(0, datasets, 10_000):
            _block(connection, rng, first, min(10_000, datasets - first), visits, now, manifest, pids)
        if not database.sqlite:
            for table in (
                "account",
                "document",
                "instrument",
                "terms",
                "investigation",
                "proposal",
                "sample",
                "dataset",
                "dataset_version",
                "parameter",
            ):
                connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 10000000)")
    if not database.sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum leaves what has been there for a minute
    return pids


def _base(c: Connection) -> None:
    c.execute(t.facility.insert(), {"id": 1, "facility_key": "local", "name": "Facility", "time_zone": "UTC"})
    c.execute(t.team.insert(), [{"id": i, "name": f"team{i}"} for i in range(1, 101)])
    c.execute(t.account.insert(), [{"id": i, "login": f"u{i}", "name": f"User {i}", "created_us": 0} for i in range(1, 301)])
    c.execute(
        t.team_member.insert(),
        [{"team_id": (i - 1) % 100 + 1, "account_id": i, "role": "pi" if i <= 100 else "member"} for i in range(1, 301)],
    )
    c.execute(
        t.instrument.insert(),
        [
            {"id": i, "pid": f"pm-i{i}", "facility_id": 1, "instrument_key": f"b{i:02d}", "name": f"Beamline {i}", "aliases_json": "[]", "scheduled": True}
            for i in range(1, INSTRUMENTS + 1)
        ],
    )  # fmt: skip


def _visits(c: Connection, visits: int, now: int) -> None:
    proposals, terms, investigations = [], [], []
    for v in range(1, visits + 1):
        ends = now - (visits - v) * 6 * 365 * DAY_US // visits - (0 if v % 50 else -DAY_US)
        proposals.append({"id": v, "pid": f"pm-p{v}", "facility_id": 1, "number": f"cm{v}", "number_folded": f"cm{v}", "kind": "user", "policy_version": "1"})  # fmt: skip
        terms.append(
            {"id": v, "access": "proprietary" if v % 20 == 0 else "public", "team_id": v % 100 + 1, "instrument_id": v % INSTRUMENTS + 1, "policy_version": "1",
             "starts_us": ends - 3 * DAY_US, "ends_us": ends, "opens_us": ends + 3 * 365 * DAY_US}
        )  # fmt: skip
        investigations.append(
            {"id": v, "pid": f"pm-v{v}", "facility_id": 1, "proposal_id": v, "instrument_id": v % INSTRUMENTS + 1, "terms_id": v, "natural_key": f"v{v}",
             "visit_id": f"cm{v}-1", "title": f"Visit {v}", "kind": "user", "starts_us": ends - 3 * DAY_US, "ends_us": ends}
        )  # fmt: skip
    documents = [
        {k: i[k] for k in ("pid", "facility_id", "terms_id", "title", "starts_us", "ends_us")}
        | {"id": i["id"], "investigation_id": i["id"], "origin": "native", "type": "proposal", "title_folded": i["title"].lower(), "keywords_json": "[]"}
        for i in investigations
    ]  # fmt: skip
    for table, rows in ((t.proposal, proposals), (t.terms, terms), (t.investigation, investigations), (t.document, documents)):
        c.execute(table.insert(), rows)


def _block(
    c: Connection, rng: random.Random, first: int, count: int, visits: int, now: int, manifest: bytes, pids: dict[str, list[str]]
) -> None:
    samples, datasets, versions, names, parameters, techniques, files = [], [], [], [], [], [], []
    for n in range(first + 1, first + count + 1):
        v = min(visits, (n - 1) // PER_VISIT + 1)
        pid: Pid = mint(rng.randbytes)
        words = " ".join(rng.choices(_WORDS, k=3))
        start = now - (visits - v) * 6 * 365 * DAY_US // visits - 2 * DAY_US + n % PER_VISIT * 60_000_000
        if v % 20 == 0:
            pids["hidden"].append(pid)
        elif v < visits // 3:
            pids["open"].append(pid)
        if n % 10 == 1:
            samples.append(
                {"id": n, "pid": f"pm-s{n}", "facility_id": 1, "natural_key": str(n), "name": words, "name_folded": words}
            )
        datasets.append(
            {"id": n, "pid": pid, "identity": pid.encode(), "facility_id": 1, "instrument_id": v % INSTRUMENTS + 1, "investigation_id": v, "terms_id": v,
             "sample_id": (n - 1) // 10 * 10 + 1, "origin": "native", "kind": "raw", "title": f"{words} {n}", "title_folded": f"{words} {n}", "start_us": start,
             "end_us": start + 50_000_000, "core_text": f" cm{v} cm{v}-1 b{v % INSTRUMENTS + 1:02d} ", "full_text": f" {words} {n} cm{v} ", "read_state": "read",
             "version_id": n, "version": 1, "file_count": 1, "total_bytes": n * 1000, "created_us": start, "updated_us": start, "storage": "runs", "path": f"{n}.nxs"}
        )  # fmt: skip
        versions.append(
            {"id": n, "pid": version_pid(pid, 1), "dataset_id": n, "number": 1, "manifest": manifest, "content_key": b"", "file_count": 1, "total_bytes": n * 1000,
             "digest_state": "done", "created_us": start}
        )  # fmt: skip
        names.append({"pid": pid, "kind": "dataset", "concept": pid, "version": None, "origin": "native"})
        energy = 5_000 + 20_000 * rng.random()
        for name, unit, value in (
            ("incident_energy", "eV", energy),
            ("temperature", "K", 4 + 296 * rng.random()),
            ("count_time", "s", 10 * rng.random()),
            ("detector_distance", "mm", 100 + 900 * rng.random()),
            ("beam_current", "mA", 300 * rng.random()),
        ):
            low, dimension = to_base(value, unit) or (None, None)
            parameters.append({"dataset_id": n, "name": name, "label": name, "unit": unit, "value": value, "dimension": dimension, "low": low, "high": low})  # fmt: skip
        files.append({"dataset_id": n, "names": "run.nxs"})
        techniques.append({"dataset_id": n, "technique_pid": _TECHNIQUES[n % len(_TECHNIQUES)]})
    for table, rows in (
        (t.sample, samples), (t.dataset, datasets), (t.dataset_version, versions), (t.pid, names), (t.parameter, parameters), (t.dataset_technique, techniques),
        (t.file_names, files),
    ):  # fmt: skip
        c.execute(table.insert(), rows)

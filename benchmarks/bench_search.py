"""Search in a large catalogue, on SQLite and PostgreSQL, for a stranger, a team member and an admin: medians of each kind of question.

python benchmarks/bench_search.py [--datasets 100000] [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from large_catalogue import fill

from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.query import And, Compare, DatasetQuery, Field, Op, QuantityRange, Sort, SortKey, Words
from panmesh.kernel.clock import system_clock
from panmesh.kernel.techniques import PREFIX
from panmesh.testing.postgres import ThrowawayPostgres, new_database

NEWEST = Sort(SortKey.START, descending=True)
WHERE = {
    "newest 20": None,
    "one word": Words(("zirconia",)),
    "a rare word": Words(("99",)),
    "a quantity in keV": QuantityRange("incident_energy", 10.0, 10.5, "keV"),
    "instrument": Compare(Field.INSTRUMENT, Op.EQUAL, "b03"),
    "technique": Compare(Field.TECHNIQUE, Op.EQUAL, PREFIX + "PaNET01188"),
    "word and quantity": And((Words(("ceria",)), QuantityRange("temperature", 10.0, 20.0, "K"))),
}
VIEWERS = {
    "stranger": ANONYMOUS,
    "member": Viewer(user_id=1, login="m", teams={7: TeamRole.MEMBER}),
    "admin": Viewer(user_id=2, login="a", admin=True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    server = ThrowawayPostgres()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for url in (f"sqlite:///{folder}/c.db", new_database(server.start())):
                database = Database(url)
                fill(database, options.datasets)
                print(f"\n{database.engine.dialect.name}, {options.datasets} datasets; medians of {options.rounds} in ms")
                measure(SqlReads(database, ParquetManifests(Path(folder) / "m")), options.rounds)
                database.dispose()
    finally:
        server.stop()


def measure(reads: SqlReads, rounds: int) -> None:
    now = system_clock()
    print(f"{'':24}" + "".join(f"{name:>12}" for name in VIEWERS))
    for name, where in WHERE.items():
        query = DatasetQuery(where=where, sort=NEWEST, limit=20)
        row(name, [lambda v=v, query=query: reads.search(v, query, now) for v in VIEWERS.values()], rounds)
    row(
        "facet of instruments",
        [lambda v=v: reads.facet(v, DatasetQuery(), Field.INSTRUMENT, now) for v in VIEWERS.values()],
        rounds,
    )
    row(
        "facet of techniques",
        [lambda v=v: reads.facet(v, DatasetQuery(), Field.TECHNIQUE, now) for v in VIEWERS.values()],
        rounds,
    )
    row("names of quantities", [lambda v=v: reads.quantities(v, now) for v in VIEWERS.values()], rounds)
    row("list of instruments", [lambda v=v: reads.instruments(v, now) for v in VIEWERS.values()], rounds)


def row(name, calls, rounds: int) -> None:  # type: ignore[no-untyped-def]
    medians = []
    for call in calls:
        call()
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        medians.append(statistics.median(times) * 1000)
    print(f"{name:24}" + "".join(f"{m:12.1f}" for m in medians))


if __name__ == "__main__":
    main()

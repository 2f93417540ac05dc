"""Search in a large catalogue, by SQL alone and by the index, side by side, for a stranger, a team member and an admin: medians.

    python benchmarks/bench_search.py [--datasets 100000] [--rounds 9] [--database sqlite:////a/large.db]

The figures are of the service, without HTTP. With `--database` one that is there already is asked.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from large_catalogue import fill

from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.sql.index.building import build
from panmesh.adapters.sql.index.reads import IndexedReads
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
    parser.add_argument("--database", help="one that is filled already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.database:
            compare(Database(options.database), Path(folder), options.rounds)
            return
        server = ThrowawayPostgres()
        try:
            for url in (f"sqlite:///{folder}/c.db", new_database(server.start())):
                database = Database(url)
                fill(database, options.datasets)
                compare(database, Path(folder) / database.engine.dialect.name, options.rounds)
                database.dispose()
        finally:
            server.stop()


def compare(database: Database, folder: Path, rounds: int) -> None:
    manifests = ParquetManifests(folder / "manifests")
    started = time.perf_counter()
    build(database, folder / "index")
    size = sum(file.stat().st_size for file in (folder / "index").rglob("*") if file.is_file())
    print(f"{database.engine.dialect.name}: index made in {time.perf_counter() - started:.0f} s, {size / 1e6:.0f} MB")
    ways: dict[str, SqlReads] = {
        "SQL": SqlReads(database, manifests),
        "index": IndexedReads(database, manifests, folder / "index", SqlGraph(database, manifests).horizon, least=0),
    }
    now = system_clock()
    print(
        f"medians of {rounds} in ms, of the slowest in brackets\n{'':24}"
        + "".join(f"{v + ', ' + w:>26}" for v in VIEWERS for w in ways)
    )
    for name, where in WHERE.items():
        query = DatasetQuery(where=where, sort=NEWEST, limit=20)
        row(name, lambda reads, viewer, query=query: reads.search(viewer, query, now), ways, rounds)  # type: ignore[misc]
    for field in (Field.INSTRUMENT, Field.TECHNIQUE, Field.STATE, Field.SAMPLE, Field.PROPOSAL):
        row(
            f"facet {field.value}",
            lambda reads, viewer, field=field: reads.facet(viewer, DatasetQuery(), field, now),
            ways,
            rounds,
        )  # type: ignore[misc]
    row("names of quantities", lambda reads, viewer: reads.quantities(viewer, now), ways, rounds)


def row(name: str, call: Callable[[SqlReads, Viewer], object], ways: dict[str, SqlReads], rounds: int) -> None:
    cells = []
    for viewer in VIEWERS.values():
        for reads in ways.values():
            call(reads, viewer)
            times = []
            for _ in range(rounds):
                started = time.perf_counter()
                call(reads, viewer)
                times.append(time.perf_counter() - started)
                if sum(times) > 6:
                    break
            cells.append(f"{statistics.median(times) * 1000:.1f} ({max(times) * 1000:.0f})")
    print(f"{name:24}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()

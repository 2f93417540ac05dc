"""Pages for harvesters at any depth of a large catalogue: `python benchmarks/bench_harvest.py [DATASETS] [URL]` (SQLite without a URL)."""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.large_catalogue import fill
from sqlalchemy import select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.harvest_tables import harvest_listing, harvest_set
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.publication.harvesting import EVERYTHING, TURTLE, Place, Walk

BAR = 0.1  # seconds a page


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/panmesh.db"
        database = Database(url)
        started = time.perf_counter()
        fill(database, many)
        database.dispose()
        print(f"{many:,} datasets made in {time.perf_counter() - started:.0f} s")
        environment = {"PANMESH_DATABASE__URL": url, "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org"}
        app = Composition(load(data=Path(folder), environment=environment))
        started = time.perf_counter()
        app.harvest_upkeep.renew()
        print(f"lists made in {time.perf_counter() - started:.0f} s")
        slow = _measure(app)
        app.close()
    sys.exit(f"slower than {BAR * 1000:.0f} ms: {', '.join(slow)}" if slow else 0)


def _measure(app: Composition) -> list[str]:
    slow = []
    for name in (EVERYTHING, "access:open", "instrument:b03", "technique:PaNET01188", "type:session"):
        for depth in (0.0, 0.5, 0.99):
            walk = _at(app, name, depth)
            if walk is None:
                print(f"{name}: empty")
                continue
            slow += _said(f"ListIdentifiers {name} {depth:.0%}", partial(app.harvest.page, walk))
    walk = _at(app, EVERYTHING, 0.5)
    assert walk is not None
    items = app.harvest.page(walk).items
    started = time.perf_counter()
    fresh = app.harvest.written("oai_datacite", items)
    print(f"{len(fresh)} records written anew in {(time.perf_counter() - started) * 1000:.0f} ms (done ahead)")
    live = [item for item in items if not item.deleted]
    both = {prefix: dict(app.harvest.written(prefix, live)) for prefix in ("oai_datacite", TURTLE)}
    app.harvest_texts.keep(live, both)

    def records() -> None:
        app.harvest.written("oai_datacite", app.harvest.page(walk).items)

    slow += _said("ListRecords of 100 written ahead", records)
    slow += _said("DCAT page of 100 written ahead", lambda: app.harvest.written(TURTLE, items))
    slow += _said("changes, 500 at the end", lambda: app.harvest.changes(walk.after, 500))
    part = list(app.harvest.parts())[-2:][0]
    slow += _said("sitemap page of 1,000", lambda: gzip.compress(repr(app.harvest.listed(part)).encode(), 3))
    slow += _said("sitemap index", app.harvest.parts)
    return slow


def _said(name: str, ask: Callable[[], Any]) -> list[str]:
    times = []
    for _ in range(7):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    middle = statistics.median(times)
    print(f"{name}: {middle * 1000:.1f} ms (slowest {max(times) * 1000:.1f})", flush=True)
    return [name] if middle > BAR else []


def _at(app: Composition, name: str, depth: float) -> Walk | None:
    c = harvest_listing.c
    with app.database.read() as connection:
        number = connection.execute(select(harvest_set.c.id).where(harvest_set.c.spec == name)).scalar()
        rows = connection.execute(select(c.stamp_s, c.item_id).where(c.set_id == number).order_by(c.stamp_s, c.item_id)).all()
    if not rows:
        return None
    place = rows[int(len(rows) * depth)]
    return Walk(set=name, after=Place(stamp_s=place.stamp_s, item_id=place.item_id) if depth else None)


if __name__ == "__main__":
    main()

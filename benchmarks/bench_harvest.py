"""Pages for harvesters at any depth and in every kind of set, and what it takes to keep their lists.

    python benchmarks/bench_harvest.py --datasets 1000000
    python benchmarks/bench_harvest.py --database postgresql+psycopg://… --data FOLDER

The first makes a catalogue for it in SQLite. The second takes one that is there and writes into it: its lists are renewed first. Each figure
is said twice, as it passed and as this process computed.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from large_catalogue import ask_for_catalogue, catalogue
from sqlalchemy import delete, func, select

from panmesh.adapters.sql.harvest_tables import harvest_listing, harvest_set, harvest_text
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.publication.harvesting import EVERYTHING, TURTLE, Place, Walk

BAR = 0.1  # seconds a page
WAITED = 0.3  # where its records are not written ahead
FORM = "oai_datacite"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    ask_for_catalogue(parser, 1_000_000)
    parser.add_argument("--as-it-is", action="store_true", help="its lists are there already, and are not renewed first")
    given = parser.parse_args()
    with catalogue(given) as (url, data):
        environment = {"PANMESH_DATABASE__URL": url, "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org"}
        app = Composition(load(data=data, environment=environment))
        if not given.as_it_is:
            _keep(app)
        slow = _measure(app)
        app.close()
    sys.exit(f"slower than they may be: {', '.join(slow)}" if slow else 0)


def _keep(app: Composition) -> None:
    """Once, then again as after a night in which nothing changed."""
    for what in ("lists made, or what they missed", "everything looked at again"):
        began, computed = time.perf_counter(), time.process_time()
        longest, at = 0.0, time.perf_counter()

        def next_piece() -> bool:
            nonlocal longest, at
            longest, at = max(longest, time.perf_counter() - at), time.perf_counter()
            return True

        changed = app.harvest_upkeep.renew(next_piece)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        passed, computed = time.perf_counter() - began, time.process_time() - computed
        print(
            f"{what}: {passed:.0f} s, computed {computed:.0f} s, {changed:,} places; longest piece {longest:.2f} s; at most {most:.0f} MB",
            flush=True,
        )
        app.harvest_upkeep.sweep()


def _measure(app: Composition) -> list[str]:
    slow = []
    for name, size in _sets(app):
        for depth in (0.0, 0.5, 0.99):
            slow += _said(
                f"ListIdentifiers {name} ({size:,}) {depth:.0%}", partial(app.harvest.page, _at(app, name, size, depth))
            )
    for name, size in _sets(app)[:1]:
        for depth in (0.0, 0.5, 0.99):
            slow += _records(app, f"{name} {depth:.0%}", _at(app, name, size, depth))
    parts = list(app.harvest.parts())
    for part in (parts[0], parts[len(parts) // 2], parts[-2:][0]):
        slow += _said(
            f"sitemap of 1,000, number {part}", lambda part=part: gzip.compress(repr(app.harvest.listed(part)).encode(), 3)
        )
    slow += _said("sitemap index", app.harvest.parts)
    slow += _said("ListSets", app.harvest.sets)
    return slow


def _records(app: Composition, where: str, walk: Walk) -> list[str]:
    items = app.harvest.page(walk).items
    forget = delete(harvest_text).where(harvest_text.c.item_id.in_([item.id for item in items]))
    with app.database.write() as connection:
        connection.execute(forget)
    slow = _said(
        f"ListRecords {where}, not written ahead", lambda: app.harvest.written(FORM, app.harvest.page(walk).items), WAITED
    )
    began = time.process_time()
    app.harvest.keep(items)
    print(f"{len(items)} records of {where} written ahead: computed {1000 * (time.process_time() - began):.0f} ms")

    def records() -> None:
        app.harvest.written(FORM, app.harvest.page(walk).items)

    slow += _said(f"ListRecords {where}", records)
    slow += _said(f"DCAT {where}", lambda: app.harvest.written(TURTLE, app.harvest.changes(walk.after, 100)[0]))
    return slow + _said(f"500 changes {where}", lambda: app.harvest.changes(walk.after, 500))


def _sets(app: Composition) -> list[tuple[str, int]]:
    """Everything, and of each kind of set the largest and the smallest."""
    many = func.count().label("many")
    query = select(harvest_set.c.spec, many).join(harvest_listing, harvest_listing.c.set_id == harvest_set.c.id)
    with app.database.read() as connection:
        rows = connection.execute(query.group_by(harvest_set.c.spec).order_by(many.desc())).all()
    found = {row.spec: int(row.many) for row in rows if row.spec == EVERYTHING}
    kinds: dict[str, list[Any]] = {}
    for row in rows:
        kinds.setdefault(row.spec.partition(":")[0], []).append(row)
    for those in kinds.values():
        found |= {row.spec: int(row.many) for row in (those[0], those[-1])}
    return list(found.items())


def _said(name: str, ask: Callable[[], Any], bar: float = BAR) -> list[str]:
    times, computed = [], []
    for _ in range(7):
        began, at = time.perf_counter(), time.process_time()
        ask()
        times.append(time.perf_counter() - began)
        computed.append(time.process_time() - at)
    middle = statistics.median(times)
    own = statistics.median(computed)
    print(f"{name}: {middle * 1000:.1f} ms (slowest {max(times) * 1000:.1f}), computed {own * 1000:.1f}", flush=True)
    return [name] if middle > bar else []


def _at(app: Composition, name: str, size: int, depth: float) -> Walk:
    c = harvest_listing.c
    number = select(harvest_set.c.id).where(harvest_set.c.spec == name).scalar_subquery()
    query = (
        select(c.stamp_s, c.item_id).where(c.set_id == number).order_by(c.stamp_s, c.item_id).offset(int(size * depth)).limit(1)
    )
    with app.database.read() as connection:
        place = connection.execute(query).one()
    return Walk(set=name, after=Place(stamp_s=place.stamp_s, item_id=place.item_id) if depth else None)


if __name__ == "__main__":
    main()

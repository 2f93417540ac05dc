"""Scores of metadata in a large catalogue: the first look at every run, one a night later, and what the pages ask of them.

    python benchmarks/bench_scores.py [--datasets 100000]
    python benchmarks/bench_scores.py --database URL --data FOLDER

It writes into that catalogue: take a copy. Each figure is said twice, as it passed and as this process computed.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from large_catalogue import ask_for_catalogue, catalogue
from sqlalchemy import func, select

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.fair_tables import fair_run
from panmesh.app.compose import Composition
from panmesh.app.settings import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    ask_for_catalogue(parser, 100_000)
    parser.add_argument("--pieces", type=int, help="no more than so many of the first look")
    given = parser.parse_args()
    with catalogue(given) as (url, data):
        measure(url, data, given.pieces)


def measure(url: str, data: Path, pieces: int | None) -> None:
    environment = {"PANMESH_DATABASE__URL": url, "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org"}
    app = Composition(load(data=data, environment=environment))
    scores, now_us = app.fair_scores, app.clock()
    said("the feed followed", lambda: scores.follow(now_us))
    look(app, "first look", pieces)
    if not pieces:
        look(app, "a night later", None)
    said("sums of the month", lambda: scores.keep_month(now_us))
    with app.database.read() as connection:
        busiest = connection.execute(
            select(fair_run.c.instrument_id).group_by(fair_run.c.instrument_id).order_by(func.count().desc())
        ).scalar()
    steward = Viewer(user_id=1, steward=True)
    for _ in range(3):
        said("quality of all", lambda: scores.quality(None, now_us))
        said("quality of an instrument", lambda: scores.quality(busiest, now_us))
        said("instruments side by side", scores.instruments)
        said("runs that lack a point", lambda: scores.lacking(steward, None, 3, now_us, offset=0, limit=25))
    app.close()


def look(app: Composition, what: str, most: int | None) -> None:
    began, computed, longest, pieces = time.perf_counter(), time.process_time(), 0.0, 0
    here: int | None = 0
    while here is not None and (most is None or pieces < most):
        at = time.perf_counter()
        here = app.fair_scores.sweep(app.clock(), here)
        longest, pieces = max(longest, time.perf_counter() - at), pieces + 1
    passed, computed = time.perf_counter() - began, time.process_time() - computed
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {pieces:,} pieces in {passed:.1f} s, computed {computed:.1f} s; longest {longest:.2f} s; at most {most_mb:.0f} MB",
        flush=True,
    )


def said(what: str, ask: Callable[[], Any]) -> None:
    began, computed = time.perf_counter(), time.process_time()
    ask()
    print(
        f"{what}: {1000 * (time.perf_counter() - began):.0f} ms, computed {1000 * (time.process_time() - computed):.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

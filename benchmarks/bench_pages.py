"""Pages of the portal over a large catalogue, each right after something was committed: as a stranger, as somebody in 5,000 teams, as staff.

    python benchmarks/bench_pages.py [--datasets 100000] [--rounds 7] [--database URL --data FOLDER]

Bar: 100 ms of the server's time in the median. A catalogue that is there is written into: take a copy.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import httpx
from bench_search_http import commit_once, people, serving
from large_catalogue import ask_for_catalogue, catalogue
from sqlalchemy import func, select

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask_for_catalogue(parser, 100_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with catalogue(given) as (url, folder):
        database = Database(url)
        pages = pages_of(database)
        viewers = people(url)
        print(
            f"{url.partition(':')[0]}: median ms of {given.rounds}, each after a commit\n{'':30}"
            + "".join(f"{v:>14}" for v in viewers)
        )
        with serving(url, folder) as base:
            for name, path in pages.items():
                cells = [measured(base, headers, path, database, given.rounds) for headers in viewers.values()]
                print(f"{name:30}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
        database.dispose()


def pages_of(database: Database) -> dict[str, str]:
    """Of things in the middle of the catalogue, and of the visit with most runs."""
    d, v = t.dataset.c, t.investigation.c
    with database.read() as c:
        run = c.execute(
            select(d.investigation_id, d.instrument_id).where(d.id == select(func.max(d.id) / 2).scalar_subquery())
        ).one()
        most = select(d.investigation_id).group_by(d.investigation_id).order_by(func.count().desc()).limit(1).scalar_subquery()
        visit, largest = (c.execute(select(v.pid).where(v.id == number)).scalar_one() for number in (run.investigation_id, most))
        of_visit = select(v.proposal_id).where(v.id == run.investigation_id).scalar_subquery()
        proposal = c.execute(select(t.proposal.c.pid).where(t.proposal.c.id == of_visit)).scalar_one()
        instrument = c.execute(select(t.instrument.c.pid).where(t.instrument.c.id == run.instrument_id)).scalar_one()
        free = select(d.pid).join(t.terms, t.terms.c.id == d.terms_id).where(t.terms.c.access == "open").limit(1)
        known = c.execute(free).scalar() or c.execute(select(d.pid).order_by(d.id).limit(1)).scalar_one()
    return {
        "first page": "/",
        "search for a person": "/?person=smith",
        "instruments": "/instruments",
        "an instrument": f"/instruments/{instrument}",
        "its usage": f"/instruments/{instrument}/usage",
        "visits": "/investigations",
        "a visit": f"/investigations/{visit}",
        "the largest visit": f"/investigations/{largest}",
        "a proposal": f"/proposals/{proposal}",
        "a run": f"/datasets/{known}",
        "a feed": "/feed?q=copper",
        "ingest (staff)": "/ingest",
        "quarantine (staff)": "/quarantine",
    }


def measured(base: str, headers: dict[str, str], path: str, database: Database, rounds: int) -> str:
    times = []
    with httpx.Client(base_url=base, headers=headers, timeout=300, trust_env=False) as client:
        for number in range(rounds + 1):
            commit_once(database, number)
            started = time.perf_counter()
            answer = client.get(path)
            times.append((time.perf_counter() - started) * 1000)
            if answer.status_code != 200:
                return "–"  # a stranger is sent to sign in
    return f"{median(times[1:]):.0f}"


if __name__ == "__main__":
    main()

"""What a stranger's searches cost while ever more of the catalogue is hidden from them: nothing more, or it would tell of what is hidden.

    python benchmarks/bench_hidden_share.py [--datasets 100000] [--rounds 40]
    python benchmarks/bench_hidden_share.py --database URL --data FOLDER

The first makes a catalogue for it in SQLite. The second takes one that `panmesh seed` made, **a copy**: the access of its visits is changed. The
same catalogue, the same questions; of its visits all are open, then half, a tenth, a hundredth.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from bench_search_http import ASKS, measure, serving
from large_catalogue import ask_for_catalogue, catalogue
from sqlalchemy import case, literal, update

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate

OPEN = (1000, 500, 100, 10)  # of each thousand visits
ASKED = ("typical, relevance", "typical, newest", "two words", "all facets", "search page", "Search API join")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask_for_catalogue(parser, 100_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with catalogue(options) as (url, data):
        print(f"median (99 %) in ms of {options.rounds}\n{'open visits':22}" + "".join(f"{name:>20}" for name in ASKED))
        for share in OPEN:
            hide(url, share)
            cells = asked(url, data, options.rounds)
            print(f"{share / 10:>6.0f} %               " + "".join(f"{cell:>20}" for cell in cells), flush=True)


def hide(url: str, share: int) -> None:
    """The others are somebody's for ever. Spread over the catalogue by their numbers."""
    database, c = Database(url), t.terms.c
    migrate(database)
    with database.write() as connection:
        opened = c.id * 7919 % 1000 < share
        connection.execute(
            update(t.terms).values(
                access=case((opened, "open"), else_="proprietary"), declassified_us=literal(None), held_us=literal(None)
            )
        )
    database.dispose()


def asked(url: str, data: Path, rounds: int) -> list[str]:
    with serving(url, data) as base:
        questions = {name: [ASKS[name](random.Random(f"{name}{n}")) for n in range(rounds + 5)] for name in ASKED}
        return [measure(base, {}, paths) for paths in questions.values()]


if __name__ == "__main__":
    main()

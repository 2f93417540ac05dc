"""Searches over HTTP in a large catalogue: as a stranger, as somebody in 5,000 teams, as staff; every question another one.

    python benchmarks/bench_search_http.py [--datasets 100000] [--rounds 100] [--only sqlite] [--database URL --data FOLDER] [--commits 5]

Typical: a technique with its narrower ones, a range with a unit, and a word. Bars at 1,000,000 datasets with 10,000,000 parameters: median at
most 20 ms, 99 % at most 100 ms; a plain list of 20 at most 3 ms; exact facets at most 200 ms; Search API joins at most 20 ms in the median.
With `--database` and `--data` a catalogue is asked that `panmesh seed` has made there. With `--commits` something is written so many times a
second meanwhile, as a facility does that measures: not the runs that are found, but what makes everything that is kept look again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
from bench_panosc import BASELINE, _port, _wait, wrk
from large_catalogue import WORDS, fill
from sqlalchemy import select

from panmesh.access.accounts import AccountService
from panmesh.access.viewer import Scope
from panmesh.adapters.identity.passwords import Argon2Passwords
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.accounts import SqlAccounts
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.index.building import build
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.revisions import forget_changes
from panmesh.kernel.clock import system_clock
from panmesh.kernel.techniques import PREFIX
from panmesh.testing.postgres import ThrowawayPostgres, new_database

TEAMS = 5_000
TECHNIQUES = ("PaNET01188", "PaNET01124", "PaNET01207", "PaNET01012", "PaNET01022", "PaNET01113")
Ask = Callable[[random.Random], str]


def _energy(rng: random.Random, width: float = 1.0) -> tuple[float, float]:
    low = 4.5 + 24 * rng.random()
    return round(low, 4), round(low + width, 4)


def _typical(rng: random.Random, sort: str) -> str:
    low, high = _energy(rng, 4)
    pairs = {
        "text": rng.choice(WORDS),
        "technique": rng.choice(TECHNIQUES),
        "quantity": f"incident_energy:{low}..{high} keV",
        "sort": sort,
    }
    return "/api/v1/datasets?" + urlencode(pairs)


def _join(rng: random.Random) -> str:
    low, high = _energy(rng, 2)
    where = {"and": [{"name": "incident_energy"}, {"value": {"between": [low, high]}}, {"unit": "keV"}]}
    technique = {"pid": PREFIX + rng.choice(TECHNIQUES)}
    include = [{"relation": "parameters", "scope": {"where": where}}, {"relation": "techniques", "scope": {"where": technique}}]
    return "/api/Datasets?filter=" + quote(json.dumps({"include": include, "limit": 20}))


ASKS: dict[str, Ask] = {
    "typical, relevance": lambda rng: _typical(rng, "relevance"),
    "typical, newest": lambda rng: _typical(rng, "-start"),
    "two words": lambda rng: "/api/v1/datasets?" + urlencode({"text": " ".join(rng.sample(WORDS, 2))}),
    "range alone": lambda rng: "/api/v1/datasets?" + urlencode({"quantity": "temperature:{}..{} K".format(*_energy(rng, 3))}),
    "list, another page": lambda rng: f"/api/v1/datasets?limit=20&offset={rng.randrange(1000)}",
    "all facets": lambda rng: "/api/v1/datasets?" + urlencode(
        {"text": rng.choice(WORDS), "limit": 0, "facets": "facility,instrument,technique,state,kind,proposal,sample,format", "from": f"20{rng.randrange(18, 26)}"}
    ),
    "quantities typed": lambda rng: "/api/v1/quantities/spread?" + urlencode({"name": rng.choice(("t", "te", "en", "pres", "s")), "text": rng.choice(WORDS)}),
    "search page": lambda rng: "/?" + urlencode({"q": " ".join(rng.sample(WORDS, 2))}),
    "Search API join": _join,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datasets", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--database")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--commits", type=float, default=0)
    options = parser.parse_args()
    if options.database:
        one(options.database, options.data, options)
        return
    server, started = ThrowawayPostgres(), False
    try:
        for kind in [options.only] if options.only else ["sqlite", "postgresql"]:
            with tempfile.TemporaryDirectory() as folder:
                started = started or kind == "postgresql"
                url = f"sqlite:///{folder}/c.db" if kind == "sqlite" else new_database(server.start())
                database = Database(url)
                fill(database, options.datasets)
                build(database, Path(folder) / "index")
                database.dispose()
                one(url, Path(folder), options)
    finally:
        if started:
            server.stop()


def one(url: str, data: Path, options: argparse.Namespace) -> None:
    viewers = people(url)
    with serving(url, data) as base:
        if options.commits:
            threading.Thread(target=commit, args=(url, options.commits), daemon=True).start()
        print(
            f"\n{url.partition(':')[0]}: median (99 %) in ms of {options.rounds}\n{'':22}"
            + "".join(f"{name:>20}" for name in viewers)
        )
        for name, ask in ASKS.items():
            cells = []
            for headers in viewers.values():
                cells.append(measure(base, headers, [ask(random.Random(f"{name}{n}")) for n in range(options.rounds + 5)]))
            print(f"{name:22}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
        plain_list(base, data, options)


@contextmanager
def serving(url: str, data: Path) -> Iterator[str]:
    """The address of one web process on this catalogue."""
    port = _port()
    environment = {**os.environ, "PANMESH_DATABASE__URL": url, "PANMESH_INGEST__SANDBOX": "off"}
    command = [sys.executable, "-m", "panmesh", "serve", "--no-ingest", "--port", str(port), "--data", str(data)]
    with open(data / "log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base + "/api/")
        yield base
    finally:
        process.terminate()
        process.wait()


def commit(url: str, rate: float) -> None:
    database, number = Database(url), 0
    while True:
        number += 1
        commit_once(database, number)
        time.sleep(1 / rate)


def commit_once(database: Database, number: int) -> None:
    """A look of staff into the audit log."""
    with database.write() as c:
        c.execute(t.audit.insert(), {"at_us": number, "actor": "bench", "action": "read", "pid": "pm-bench"})


def people(url: str) -> dict[str, dict[str, str]]:
    """Headers of each."""
    database = Database(url)
    migrate(database)
    accounts = AccountService(SqlAccounts(database), Argon2Passwords(), system_clock, address_key=b"x" * 32)
    found: dict[str, dict[str, str]] = {"stranger": {}}
    with database.read() as c:
        there = set(c.execute(select(t.account.c.login).where(t.account.c.login.in_(("bench-many", "bench-staff")))).scalars())
        teams = list(c.execute(select(t.team.c.id).order_by(t.team.c.id.desc()).limit(TEAMS)).scalars())
    for login, label, admin in (("bench-many", f"{len(teams)} teams", False), ("bench-staff", "staff", True)):
        if login not in there:
            accounts.create(login=login, name=login, password=None, admin=admin)
            if not admin:
                with database.write() as c:
                    number = c.execute(select(t.account.c.id).where(t.account.c.login == login)).scalar_one()
                    c.execute(
                        t.team_member.insert(), [{"team_id": team, "account_id": number, "role": "member"} for team in teams]
                    )
        secret, _ = accounts.make_token(accounts.viewer(login), "bench", frozenset({Scope.READ}))
        found[label] = {"Authorization": f"Bearer {secret}"}
    forget_changes(database)
    database.dispose()
    return found


def measure(base: str, headers: dict[str, str], paths: list[str]) -> str:
    times = []
    with httpx.Client(base_url=base, headers=headers, timeout=120, trust_env=False) as client:
        for number, path in enumerate(paths):
            started = time.perf_counter()
            answer = client.get(path)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.text[:300]}")
            if number >= 5:
                times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return f"{times[len(times) // 2]:.1f} ({times[min(len(times) - 1, int(len(times) * 0.99))]:.0f})"


def plain_list(base: str, folder: Path, options: argparse.Namespace) -> None:
    """A list of 20 of nobody in particular, beside a Starlette route that sends the same bytes."""
    path = "/api/v1/datasets?limit=20"
    body = httpx.get(base + path, trust_env=False).content
    one_client = measure(base, {}, [path] * (options.rounds + 5))
    rate = wrk(base, [path], options.seconds, folder)
    (folder / "body").write_bytes(body)
    port = _port()
    server = subprocess.Popen([sys.executable, "-c", BASELINE, str(folder / "body"), str(port)])
    try:
        _wait(f"http://127.0.0.1:{port}/")
        plain = wrk(f"http://127.0.0.1:{port}", [path], options.seconds, folder)
    finally:
        server.terminate()
        server.wait()
    print(
        f"plain list of 20: {one_client} ms at one client; 16 clients {rate:.0f}/s, the Starlette route {plain:.0f}/s: {rate / plain:.2f}"
    )


if __name__ == "__main__":
    main()

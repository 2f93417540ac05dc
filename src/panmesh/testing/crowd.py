"""Many people at once at a running panmesh: each looks, thinks, looks again; some take pieces of arrays. Only at this machine's own address."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import httpx
import psutil

IDLE = 2.0  # seconds after which a connection is not used again: servers close idle ones, and browsers ask again then
LONGEST = 60.0  # seconds that anybody waits for an answer


@dataclass(kw_only=True)
class Crowd:
    url: str
    looks: Sequence[str]  # addresses of pages and questions
    slices: Sequence[str]  # addresses of pieces of arrays
    users: int = 200
    think: float = 5.0  # seconds on average between an answer and the next question
    share: float = 0.1  # of questions that are for slices
    seed: int = 1
    seconds_of: dict[str, list[float]] = field(default_factory=lambda: {"look": [], "slice": []})
    wrong: list[str] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Raises ValueError for another machine: this is no tool to try the patience of others."""
        if urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError(f"{self.url} is not on this machine")
        asyncio.run(self._all(seconds))

    async def _all(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=self.users, max_keepalive_connections=self.users, keepalive_expiry=IDLE)
        async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=LONGEST, trust_env=False) as client:
            await asyncio.gather(
                *(self._one(client, random.Random(self.seed * 100_003 + number), end) for number in range(self.users))
            )

    async def _one(self, client: httpx.AsyncClient, chance: random.Random, end: float) -> None:
        await asyncio.sleep(chance.uniform(0, 2 * self.think))
        while time.monotonic() < end:
            kind, among = ("slice", self.slices) if chance.random() < self.share and self.slices else ("look", self.looks)
            address = chance.choice(among)
            started = time.perf_counter()
            try:
                answer = await client.get(address)
                if answer.status_code != 200:
                    self.wrong.append(f"{address}: {answer.status_code}")
            except httpx.HTTPError as error:
                self.wrong.append(f"{address}: {type(error).__name__}")
            self.seconds_of[kind].append(time.perf_counter() - started)
            await asyncio.sleep(chance.uniform(0.5, 1.5) * self.think)

    def quantile(self, share: float, kind: str | None = None) -> float:
        found = sorted(s for name, some in self.seconds_of.items() if kind in (None, name) for s in some)
        return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


@dataclass
class Memory:
    """Of a process with all that it started, in bytes, sample by sample."""

    pid: int
    samples: list[int] = field(default_factory=list)

    def sample(self) -> None:
        try:
            whole = psutil.Process(self.pid)
            self.samples.append(sum(_own(one) for one in (whole, *whole.children(recursive=True))))
        except psutil.NoSuchProcess:
            return

    def growth(self) -> float:
        """The median of the last third over that of the middle third: the first is warming up."""
        third = len(self.samples) // 3
        if third == 0:
            return 1.0
        return statistics.median(self.samples[-third:]) / statistics.median(self.samples[third : 2 * third])

    def tenths(self) -> list[float]:
        """The median of each tenth of the time."""
        ends = [len(self.samples) * tenth // 10 for tenth in range(11)]
        return [statistics.median(self.samples[begin:end]) for begin, end in pairwise(ends) if end > begin]


def _own(process: psutil.Process) -> int:
    """Without what it shares with others (files that are mapped, the program itself)."""
    try:
        found: int = process.memory_full_info().uss
        return found
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0

"""The plan of a made-up catalogue: proposals, visits and their terms, from a number alone; runs are divided among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from panmesh.kernel.clock import DAY_US
from panmesh.testing.seed_words import Places, technique_pids, zipf

INSTRUMENTS = 40
YEARS = 8
RUNS_PER_PROPOSAL = 33
MOST_IN_BLOCK = 10_000  # runs that are written in one transaction, unless one visit has more


@dataclass(frozen=True, kw_only=True)
class SeedPlan:
    datasets: int
    parameters: int  # of each
    seed: int
    until_us: int  # the newest visits are around it

    @property
    def proposals(self) -> int:
        return max(1, round(self.datasets / RUNS_PER_PROPOSAL))

    @property
    def people(self) -> int:
        return self.proposals * 3 // 2 + 10

    @property
    def instruments(self) -> int:
        return INSTRUMENTS

    def instrument_techniques(self, instrument: int) -> tuple[str, ...]:
        """What instrument number 0, 1 … does: all techniques are done somewhere."""
        return technique_pids()[instrument::INSTRUMENTS]

    @cached_property
    def visits(self) -> Visits:
        rng = np.random.default_rng([self.seed, 0])
        proposals = self.proposals
        of_proposal = np.repeat(np.arange(proposals), rng.choice([1, 2, 3], proposals, p=[0.6, 0.3, 0.1]))
        count = len(of_proposal)
        age = YEARS * (1 - np.sqrt(np.sort(rng.random(count))))  # in years, the oldest first, more of them every year
        age[age < 0.01] -= 0.02  # a few are under way, or to come
        shares = rng.lognormal(0, 1.1, count)
        sizes = np.floor(shares / shares.sum() * self.datasets).astype(np.int64)
        rest = self.datasets - int(sizes.sum())
        sizes += rest // count
        sizes[rng.permutation(count)[: rest % count]] += 1
        nights = rng.integers(1, 6, count)
        ends = self.until_us - (age * 365.25 * DAY_US).astype(np.int64)
        access = rng.choice(4, count, p=[0.90, 0.05, 0.02, 0.03])  # public after an embargo, proprietary, internal, open
        fate = rng.choice(4, count, p=[0.991, 0.004, 0.003, 0.002])  # as usual, held, withdrawn, deleted
        instrument = zipf(rng, INSTRUMENTS, proposals, 0.6)[of_proposal]
        order = np.argsort(ends, kind="stable")
        return Visits(
            proposal=of_proposal,
            instrument=instrument,
            starts_us=ends[order] - nights * DAY_US,
            ends_us=ends[order],
            size=sizes,
            first=np.concatenate([[0], np.cumsum(sizes)]),
            access=access,
            fate=fate,
        )

    def blocks(self) -> list[tuple[int, int]]:
        """Visits from … to, such that what is written at once is not too much. The last run of each block ends a visit."""
        found, begin = [], 0
        first = self.visits.first
        while begin < len(first) - 1:
            end = max(begin + 1, int(np.searchsorted(first, first[begin] + MOST_IN_BLOCK, "right")) - 1)
            found.append((begin, end))
            begin = end
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """A column for each fact. Runs of visit i are numbered from `first[i]` to `first[i + 1]`."""

    proposal: Places
    instrument: Places
    starts_us: Places
    ends_us: Places
    size: Places
    first: Places
    access: Places
    fate: Places

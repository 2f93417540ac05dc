"""Many readers at once: each gets a turn, whoever asks the most waits the longest, and nobody waits without end."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from panmesh.http.fair_queue import FairQueue
from panmesh.kernel.errors import Unavailable


def test_one_who_asks_a_hundred_times_does_not_keep_others_waiting() -> None:
    served: list[str] = []

    async def ask(queue: FairQueue, who: str) -> None:
        async with queue.turn(who):
            served.append(who)
            await asyncio.sleep(0.001)

    async def main() -> None:
        queue = FairQueue(2, each=1, waiting=200, patience=5)
        greedy = [asyncio.create_task(ask(queue, "greedy")) for _ in range(100)]
        await asyncio.sleep(0)
        others = [asyncio.create_task(ask(queue, name)) for name in ("a", "b") for _ in range(5)]
        await asyncio.gather(*greedy, *others)

    asyncio.run(main())
    assert Counter(served) == {"greedy": 100, "a": 5, "b": 5}
    assert Counter(served[:24])["a"] == 5
    assert Counter(served[:24])["b"] == 5


def test_no_more_run_at_once_than_there_are_slots_and_no_more_of_one_asker_than_each() -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def ask(queue: FairQueue, who: str) -> None:
        async with queue.turn(who):
            running.update([who, "all"])
            for name in (who, "all"):
                most[name] = max(most[name], running[name])
            await asyncio.sleep(0.001)
            running.subtract([who, "all"])

    async def main() -> None:
        queue = FairQueue(3, each=2, waiting=100, patience=5)
        await asyncio.gather(*(ask(queue, who) for who in "abc" for _ in range(20)))

    asyncio.run(main())
    assert most["all"] == 3
    assert max(most[who] for who in "abc") == 2


def test_whoever_waits_too_long_or_asks_too_often_is_told_when_to_come_back_and_others_go_on() -> None:
    async def main() -> None:
        queue = FairQueue(1, each=1, waiting=2, patience=0.05)
        async with queue.turn("first"):
            waiting = [asyncio.create_task(queue.turn("second").__aenter__()) for _ in range(3)]
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(one, Unavailable) and one.retry_after for one in results)
            gone = asyncio.create_task(queue.turn("third").__aenter__())
            await asyncio.sleep(0)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        async with asyncio.timeout(1), queue.turn("fourth"):
            pass

    asyncio.run(main())

"""Threads of a web process: few that make answers, more that wait.

One interpreter makes answers one after the other anyhow; the more threads want it, the longer each waits for it after every row that it reads. With
200 people 40 threads took 70 ms of processor time for a request, 4 took 40. What waits for a disk, or for the
process that reads a file, waits in threads of its own, so that no page stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

MAKE = 4  # answers at once
WAIT = 16

T = TypeVar("T")
Args = TypeVarTuple("Args")
_waiting: RunVar[CapacityLimiter] = RunVar("panmesh_waiting")


def few() -> None:
    """For what is not said to wait, in this event loop."""
    to_thread.current_default_thread_limiter().total_tokens = MAKE


async def waiting(call: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """In a thread of those that wait."""
    limiter = _waiting.get(None)
    if limiter is None:
        limiter = CapacityLimiter(WAIT)
        _waiting.set(limiter)
    return await to_thread.run_sync(call, *args, limiter=limiter)

"""How long to wait after what passes by itself, and when to give up. No clock: whoever asks does the waiting."""

from __future__ import annotations

import random
from collections.abc import Callable

from panmesh.kernel.errors import PanmeshError, TooMany, Unavailable

ATTEMPTS = 10  # a minute in all: a server that is started anew first lets go on what it has begun
LONGEST = 300.0  # seconds: a server that says a longer Retry-After is believed, not waited for


class Patience:
    def __init__(self, attempts: int = ATTEMPTS, chance: Callable[[], float] = random.random) -> None:
        self._left = self._attempts = attempts
        self._chance = chance

    def pause(self, error: PanmeshError) -> float:
        """Seconds until the next attempt: what the server said, or twice as long each time. Raises the error itself when waiting does
        not help: it is none that passes, or the attempts are used up."""
        asked = getattr(error, "retry_after", None) or 0
        self._left -= 1
        if not isinstance(error, TooMany | Unavailable) or self._left <= 0 or asked > LONGEST:
            raise error
        back_off = 0.5 * 2.0 ** (self._attempts - self._left - 1)
        return max(float(asked), min(10.0, back_off) * (0.5 + self._chance()))

    def progressed(self) -> None:
        self._left = self._attempts

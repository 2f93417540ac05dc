"""What DataCite says of our DOIs, compared with what we say: what differs is named, and mended by sending ours again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from panmesh.kernel.clock import DAY_US, Clock
from panmesh.publication.doi_sending import DoiSender
from panmesh.publication.dois import FOR_EVER, Doi, DoiState, Outbox, Registered, Registry, RegistryFailed

PAGE = 100
MOST_ASKED = 20  # by themselves, of a page
Essence = Callable[
    [Mapping[str, Any]], Mapping[str, Any]
]  # of attributes: what means the same in whatever form DataCite gives it


class DoiComparing:
    """Each DOI once a day, the one that waited longest first, as many as there is time for."""

    def __init__(self, outbox: Outbox, sender: DoiSender, registry: Registry, essence: Essence, clock: Clock) -> None:
        self._outbox, self._sender, self._registry = outbox, sender, registry
        self._essence, self._clock = essence, clock

    def compare_some(self, limit: int, before_us: int | None = None) -> tuple[int, int]:
        """How many were compared, and of how many something differed. Raises RegistryFailed where DataCite cannot be asked."""
        before_us = self._clock() - DAY_US if before_us is None else before_us
        if self._outbox.paused(self._clock()):
            return 0, 0
        rows = self._outbox.unchecked(before_us, limit)
        try:
            pages = [self._page(rows[begin : begin + PAGE]) for begin in range(0, len(rows), PAGE)]
        except RegistryFailed as error:
            self._outbox.rest(error.detail, self._clock(), error.retry_after)
            raise
        return sum(map(len, pages)), sum(map(sum, pages))

    def _page(self, rows: Sequence[Doi]) -> list[bool]:
        """Of those that were compared, whether each differed. What the list has otherwise is asked for by itself, a few at a time:
        the others keep their turn."""
        listed = self._registry.listed([str(row.name) for row in rows])
        compared, asked = [], 0
        for row in rows:
            told = self._sender.look(row)[1]
            found = listed.get(str(row.name))
            differences = self._differences(row, found, told)
            if differences:
                if asked == MOST_ASKED:
                    continue
                asked += 1
                found = self._registry.look(str(row.name))
                differences = self._differences(row, found, told)
            state = found.state if found is not None else DoiState.NONE
            finding = f"At DataCite {'; '.join(differences)}. Ours was sent again." if differences else None
            self._outbox.checked(row, state=state, again=bool(differences), finding=finding, now_us=self._clock())
            compared.append(bool(differences))
        return compared

    def _differences(self, row: Doi, found: Registered | None, told: Mapping[str, Any]) -> list[str]:
        if found is None:
            return ["it did not exist any more"]
        differences = []
        if found.state is not row.confirmed:
            differences.append(f"it was {found.state.value} instead of {row.confirmed.value}")
        if found.url != told.get("url"):
            differences.append(f"it led to {found.url}")
        if row.confirmed in FOR_EVER and "titles" in told:
            ours, theirs = self._essence(told), self._essence(found.attributes)
            names = [name for name in ours if ours[name] != theirs.get(name)]
            differences += [f"the {name} differed" for name in names]
        return differences

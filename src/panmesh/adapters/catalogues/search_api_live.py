"""A live provider of the Search API, walked page by page; where we are is kept on disk, so that a walk that was killed goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson

from panmesh.catalogue.importing import Batch
from panmesh.kernel.errors import PeerFailed
from panmesh.wire.panosc_import import ENTITIES, SearchApiReader

PAGE = 500  # records
LARGEST = 64 << 20  # bytes of one page; a larger one is asked for in smaller pieces
TRIES = 8
LONGEST_WAIT = 60.0  # seconds
_AGAIN = (408, 425, 429, 500, 502, 503, 504)

_RELATIONS: dict[str, list[Any]] = {
    "instruments": [],
    "datasets": [{"relation": name} for name in ("instrument", "techniques", "samples", "parameters", "files")],
    "documents": [
        {"relation": "members", "scope": {"include": [{"relation": "person"}, {"relation": "affiliation"}]}},
        {"relation": "parameters"},
        {"relation": "datasets", "scope": {"fields": ["pid"]}},
    ],
}


class LiveSearchApi:
    """`place`: the folder in which the state of unfinished walks is kept."""

    def __init__(
        self,
        url: str,
        place: Path,
        *,
        client: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        page: int = PAGE,
    ) -> None:
        self._url = url.rstrip("/")
        self._state = place / f"{sha256(self._url.encode()).hexdigest()[:16]}.json"
        self._client = client or httpx.Client(timeout=60.0, follow_redirects=True)
        self._sleep = sleep
        self._page = page
        self._next: str | None = None  # where the page after the last one begins, as the provider says
        self.left_out: list[str] = []  # relations that the provider does not serve

    def total(self) -> int | None:
        """Records that it says it has; None: it does not say."""
        try:
            return sum(int(self._get(f"{entity}/count", None)["count"]) for entity in ENTITIES)
        except (PeerFailed, KeyError, TypeError, ValueError):
            return None

    def batches(self, *, keep: bool = True) -> Iterator[Batch]:
        """Pages in the order of pids. `keep`: remember the place after each that is stored."""
        reader = SearchApiReader()
        at = self._place()
        for entity in ENTITIES[ENTITIES.index(at[0]) :]:
            skip, cursor = (at[1], at[2]) if entity == at[0] else (0, None)
            for count, page, after in self._pages(entity, skip, cursor):
                skip += count
                records = [record for raw in page for record in reader.read(entity, raw)]
                yield Batch(records=records, stored=self._keeper(entity, skip, after) if keep else None)
        if keep:
            self._state.unlink(missing_ok=True)

    def close(self) -> None:
        self._client.close()

    # --- pages --------------------------------------------------------------------------------------------------------

    def _pages(self, entity: str, skip: int, cursor: str | None) -> Iterator[tuple[int, list[Any], str | None]]:
        """(number of records, the records, the cursor of what follows). Where a provider gives cursors, pages stay right while
        records come and go, and the last page costs what the first does; else we skip."""
        include = self._include(entity)
        limit = self._page
        before: str | None = None
        while True:
            asked = {"order": "pid ASC", "limit": limit, "skip": 0 if cursor else skip, "include": include}
            try:
                page = self._get(entity, asked, cursor=cursor)
            except _TooMuch as error:
                if limit == 1:
                    detail = f"one record of {entity} of {self._url} has more than {LARGEST >> 20} MiB."
                    raise PeerFailed(detail, self._url) from error
                limit = max(1, limit // 4)
                continue
            if not isinstance(page, list):
                raise PeerFailed(f"{self._url}/{entity} answered with something that is no list.", self._url)
            if not page:
                return
            first = str(page[0].get("pid")) if isinstance(page[0], dict) else ""
            if first == before:
                raise PeerFailed(f"{self._url}/{entity} gives the same page again: it does not heed 'skip'.", self._url)
            before = first
            followed, cursor = cursor is not None, self._next
            yield len(page), page, cursor
            if followed and cursor is None:
                return
            skip += len(page)

    def _include(self, entity: str) -> list[Any]:
        """Those relations that this provider serves: one that it refuses is asked for no more, and reported."""
        found = []
        for one in _RELATIONS[entity]:
            try:
                self._get(entity, {"limit": 1, "include": [one]}, tries=3)
                found.append(one)
            except PeerFailed:
                self.left_out.append(f"{entity}: {one['relation']}")
        return found

    def _get(self, path: str, asked: dict[str, Any] | None, tries: int = TRIES, cursor: str | None = None) -> Any:
        params = {} if asked is None else {"filter": json.dumps(asked)}
        params |= {"cursor": cursor} if cursor else {}
        said, wait = "no answer", 0.0
        for attempt in range(tries):
            if attempt:
                self._sleep(min(LONGEST_WAIT, max(wait, 0.5 * 2**attempt)))
            wait = 0.0
            try:
                status, headers, body = self._fetch(f"{self._url}/{path.capitalize()}", params)
            except httpx.TimeoutException as error:
                if asked is not None and asked.get("limit", 1) > 1:
                    raise _TooMuch from error  # a page of a million nested records takes its time: smaller ones do not
                said = type(error).__name__
                continue
            except httpx.TransportError as error:
                said = type(error).__name__
                continue
            if status == 200:
                self._next = _cursor(headers.get("link"))
                return self._parsed(path, body)
            said = f"status {status}"
            if status not in _AGAIN:
                break
            wait = _seconds(headers.get("retry-after"))
        raise PeerFailed(f"{self._url}/{path} could not be read ({said}). Start again: it goes on where it stopped.", self._url)

    def _fetch(self, url: str, params: dict[str, str]) -> tuple[int, httpx.Headers, bytes]:
        with self._client.stream("GET", url, params=params, headers={"accept": "application/json"}) as answer:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise _TooMuch
            return answer.status_code, answer.headers, bytes(body)

    def _parsed(self, path: str, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except ValueError:
            pass
        try:  # lone surrogates and NaN, which one parser takes and the other does not
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise PeerFailed(f"{self._url}/{path} answered with something that is no JSON.", self._url) from error

    # --- the place ----------------------------------------------------------------------------------------------------

    def _place(self) -> tuple[str, int, str | None]:
        try:
            said = json.loads(self._state.read_text("utf-8"))
            if said["entity"] in ENTITIES and int(said["skip"]) >= 0:
                return said["entity"], int(said["skip"]), said.get("cursor")
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        return ENTITIES[0], 0, None

    def _keeper(self, entity: str, skip: int, cursor: str | None) -> Callable[[], None]:
        def keep() -> None:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._state.with_suffix(".tmp")
            temporary.write_text(json.dumps({"url": self._url, "entity": entity, "skip": skip, "cursor": cursor}), "utf-8")
            os.replace(temporary, self._state)

        return keep


class _TooMuch(Exception):
    pass


def _cursor(link: str | None) -> str | None:
    """Of `<…?cursor=X>; rel="next"`."""
    for part in (link or "").split(","):
        address, _, rel = part.partition(">")
        if 'rel="next"' in rel:
            return next(iter(parse_qs(urlsplit(address.strip(" <")).query).get("cursor", [])), None)
    return None


def _seconds(said: str | None) -> float:
    try:
        return max(0.0, float(said or 0))
    except ValueError:
        return 0.0

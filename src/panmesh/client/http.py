"""Requests over the line, synchronously: the one module of the client that knows an HTTP library, and loads it when it is used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from panmesh.client.asking import Request, error_of
from panmesh.client.patience import Patience
from panmesh.kernel.errors import Fault, Invalid, PanmeshError, PeerFailed

if TYPE_CHECKING:
    import httpx


class Http:
    """Raises the errors of `kernel.errors` with the server's own sentences. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid(
                f"{url!r} is no address of a facility; write 'https://data.example.org'.", (Fault("url", "no http(s) address"),)
            )
        self.url = url.rstrip("/")
        self._token = token
        self._transport = transport
        self.sleep = sleep
        self._client: httpx.Client | None = None
        self._answered = False
        self._lock = Lock()

    def json(self, ask: Request) -> Any:
        """What the server says; what passes by itself (broken lines, 429, 5xx) is asked again, if asking twice does no harm."""
        patience = Patience()
        while True:
            try:
                with self.answer(ask) as answer:
                    return _parsed(answer.read(), self.url)
            except PanmeshError as error:
                if not ask.repeatable or not self._answered:  # never answered: an address to mend, not a server to wait for
                    raise
                self.sleep(patience.pause(error))

    @contextmanager
    def answer(self, ask: Request, *, also: tuple[int, ...] = ()) -> Iterator[httpx.Response]:
        """Asked once; the body is not read yet. A status of 400 and above is an error, except those that are answers `also`. A line that breaks, also while it is read, is PeerFailed."""
        import httpx

        client = self._opened()
        try:
            with client.stream(
                ask.method, ask.path, params=dict(ask.query) or None, headers=dict(ask.headers), json=ask.body
            ) as answer:
                self._answered = True
                if answer.status_code >= 400 and answer.status_code not in also:
                    raise error_of(answer.status_code, answer.headers, answer.read(), self.url)
                yield answer
        except httpx.ConnectError as error:
            raise PeerFailed(f"{self.url} cannot be reached ({error}). Is the address right?", self.url) from error
        except httpx.TransportError as error:
            raise PeerFailed(f"The line to {self.url} broke ({str(error) or type(error).__name__}).", self.url) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
                self._client = httpx.Client(
                    base_url=self.url + "/api/v1",
                    headers=headers,
                    timeout=httpx.Timeout(60, connect=10),
                    transport=self._transport,
                    follow_redirects=True,
                )
            return self._client


def _parsed(body: bytes, peer: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Invalid(f"{peer} answered something that is no JSON: is this the address of a panmesh facility?") from error

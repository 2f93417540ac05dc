"""A listener of the event stream, as a pipeline would be: reads Server-Sent Events from a served application."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class Heard:
    id: str
    type: str
    body: dict[str, Any]


class Listener:
    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._heard: queue.Queue[Heard | None] = queue.Queue()
        self.last_id = ""
        self.begun = threading.Event()  # the server knows where this listener stands
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self, seconds: float = 10) -> Heard:
        """Raises queue.Empty when nothing comes; AssertionError when the stream ends."""
        found = self._heard.get(timeout=seconds)
        assert found is not None, "the stream ended"
        return found

    def until_end(self, seconds: float = 30) -> list[Heard]:
        found = []
        while (one := self._heard.get(timeout=seconds)) is not None:
            found.append(one)
        return found

    def silent(self, seconds: float) -> bool:
        try:
            self._heard.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def _read(self) -> None:
        block: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                if line:
                    name, _, value = line.partition(":")
                    block[name] = value.strip()
                    continue
                self.last_id = block.get("id", self.last_id)
                if "data" in block:
                    self._heard.put(Heard(block.get("id", ""), block["event"], json.loads(block["data"])))
                block = {}
                self.begun.set()
        except (httpx.HTTPError, httpx.StreamError, RuntimeError):
            pass
        self._heard.put(None)


@contextmanager
def listening(url: str, *, headers: dict[str, str] | None = None, **query: Any) -> Iterator[Listener]:
    asked = {"Accept": "text/event-stream", **(headers or {})}
    timeout = httpx.Timeout(10, read=None)
    with (
        httpx.Client(timeout=timeout) as client,
        client.stream("GET", f"{url}/api/v1/events", params=query, headers=asked) as response,
    ):
        assert response.status_code == 200, response.read()
        listener = Listener(response)
        assert listener.begun.wait(10)
        try:
            yield listener
        finally:
            response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)

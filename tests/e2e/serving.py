"""An application on a port of this machine; and a line to it that breaks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


class BreakingLine:
    """Passes bytes on to a server. While `breaks` is above 0, an answer is cut after `after` bytes, as often as that."""

    def __init__(self, url: str, *, after: int, breaks: int) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._after = after
        self.breaks = breaks
        self.broken = 0
        self.asked: list[str] = []  # heads of requests
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> BreakingLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            threading.Thread(target=self._there, args=(near, far), daemon=True).start()
            threading.Thread(target=self._back, args=(near, far), daemon=True).start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        try:
            while piece := near.recv(65536):
                self.asked.append(piece.decode("latin-1"))
                far.sendall(piece)
        except OSError:
            pass
        finally:
            _shut(far)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        try:
            while piece := far.recv(16384):
                if self.breaks and passed + len(piece) > self._after:
                    near.sendall(piece[: self._after - passed])
                    self.breaks -= 1
                    self.broken += 1
                    return
                near.sendall(piece)
                passed += len(piece)
        except OSError:
            pass
        finally:
            _shut(near)
            _shut(far)


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()

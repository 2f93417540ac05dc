"""One word of a server for a few milliseconds, unless we know better."""

from __future__ import annotations

import asyncio

import pytest

from panmesh.http.shared import Recent


class Server:
    def __init__(self) -> None:
        self.asked = 0
        self.change = object()
        self.down = False

    def ask(self) -> int:
        if self.down:
            raise ConnectionError
        self.asked += 1
        return self.asked

    def last(self) -> object:
        return self.change


def test_asked_again_after_its_time_and_not_before() -> None:
    async def story() -> None:
        server = Server()
        recent = Recent(server.ask, server.last, 0.3)
        assert [await recent.get() for _ in range(5)] == [1] * 5
        await asyncio.sleep(0.31)
        assert await recent.get() == 2

    asyncio.run(story())


def test_our_own_change_is_known_at_once() -> None:
    async def story() -> None:
        server = Server()
        recent = Recent(server.ask, server.last, 60)
        assert await recent.get() == 1
        server.change = object()
        assert await recent.get() == 2

    asyncio.run(story())


def test_renewed_ahead_of_its_time_while_it_is_wanted() -> None:
    async def story() -> None:
        server = Server()
        recent = Recent(server.ask, server.last, 3)
        assert await recent.get() == 1
        await asyncio.sleep(1.05)
        assert await recent.get() == 1
        await asyncio.sleep(0.3)
        assert await recent.get() == 2

    asyncio.run(story())


def test_a_server_that_is_gone_is_told_to_who_asks() -> None:
    async def story() -> None:
        server = Server()
        recent = Recent(server.ask, server.last, 0.05)
        await recent.get()
        server.down = True
        await asyncio.sleep(0.06)
        with pytest.raises(ConnectionError):
            await recent.get()

    asyncio.run(story())

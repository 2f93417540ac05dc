"""What is only read is read of one state of the database, by whatever services a route asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute


def read_one_state(api: FastAPI, one_state: Callable[[], AbstractContextManager[None]]) -> None:
    """For all routes that are added from now on and take no request that changes anything."""

    class Route(APIRoute):
        def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: Any = None, **other: Any) -> None:
            if set(methods or ("GET",)) <= {"GET", "HEAD"} and not asyncio.iscoroutinefunction(endpoint):
                endpoint = _within(endpoint, one_state)
            super().__init__(path, endpoint, methods=methods, **other)

    api.router.route_class = Route


def _within(endpoint: Callable[..., Any], one_state: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    @wraps(endpoint)
    def looked_up(*args: Any, **named: Any) -> Any:
        with one_state():
            return endpoint(*args, **named)

    return looked_up

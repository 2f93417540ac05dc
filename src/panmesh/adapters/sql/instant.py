"""The instant that statements are asked at: said when they are answered, so that a statement is written once for all instants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import BigInteger, bindparam

_NOW: ContextVar[int] = ContextVar("now_us")
NOW: Any = bindparam("now_us", type_=BigInteger, callable_=_NOW.get)  # outside of `at` nothing is answered


@contextmanager
def at(now_us: int) -> Iterator[None]:
    """The instant of all statements within: what depends on nothing else is made once for all questions, which takes longer than
    to answer many of them."""
    token = _NOW.set(now_us)
    try:
        yield
    finally:
        _NOW.reset(token)

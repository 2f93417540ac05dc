"""A bar with rate and time left: on a terminal and in a notebook, none in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Any

Progress = Callable[[int], object]  # told of bytes; negative: they have to come again


@contextmanager
def bar(total: int, wanted: bool | Progress, what: str = "") -> Iterator[Progress]:
    """One bar for all that happens at once, told by several threads."""
    if callable(wanted):
        yield wanted
        return
    if not wanted:
        yield lambda _: None
        return
    tqdm, where = _kind()
    lock = Lock()
    with tqdm(total=total, unit="B", unit_scale=True, desc=what or None, **where) as shown:

        def told(count: int) -> Any:
            with lock:
                return shown.update(count)

        yield told


def _kind() -> tuple[Any, dict[str, Any]]:
    """tqdm's bar of widgets where a notebook has widgets, its bar of text in other notebooks and on terminals."""
    in_notebook = "ipykernel" in sys.modules
    if in_notebook and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        return widget, {}
    from tqdm import tqdm

    return tqdm, {"file": sys.stderr, "disable": False if in_notebook else None}

"""Options that operator commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tqdm import tqdm

    from panmesh.app.compose import Composition


def facility(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data and --config."""
    command = click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file (TOML).")(
        command
    )
    help_ = "Data directory.  [default: ./panmesh-data]"
    return click.option("--data", type=click.Path(path_type=Path, file_okay=False), help=help_)(command)


def compose(data: Path | None, config: Path | None) -> Composition:
    from panmesh.app.compose import Composition
    from panmesh.app.settings import load

    data = data or (Path(os.environ["PANMESH_DATA"]) if "PANMESH_DATA" in os.environ and config is None else None)
    return Composition(load(data=data, config=config))


@contextmanager
def opened(data: Path | None, config: Path | None) -> Iterator[Composition]:
    """Closed at the end, however it ends."""
    app = compose(data, config)
    try:
        yield app
    finally:
        app.close()


def bar(what: str, unit: str, total: int | None = None, *, of: Any = None, begun: int = 0, scaled: bool = False) -> tqdm[Any]:
    """How far long work is, with its rate and the time left, on a terminal; nothing where the output is kept. `of`: what to go through."""
    from tqdm import tqdm

    return tqdm(of, what, total, unit=f" {unit}", initial=begun, unit_scale=scaled, disable=None, file=sys.stderr)


def reached(shown: tqdm[Any]) -> Callable[[int, int | None], None]:
    """For work that says how much is done, and of how much."""

    def told(done: int, total: int | None) -> None:
        shown.total = total
        shown.update(done - shown.n)

    return told

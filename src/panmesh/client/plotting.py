"""Lines and images: drawn with matplotlib where it is installed, else as the facility draws them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panmesh.client import inside
from panmesh.client.inside import Info, Place
from panmesh.client.nxdata import Field, Plottable, find, plottable
from panmesh.client.picking import Span, Spans, pick

if TYPE_CHECKING:
    from panmesh.client.http import Http

FINE = 1500  # points along a side: more than a screen shows


class Picture:
    """What a notebook shows where matplotlib is not installed."""

    def __init__(self, png: bytes, caption: str) -> None:
        self.png = png
        self.caption = caption

    def save(self, path: str | Path) -> None:
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        shown = f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        said = escape(self.caption)
        return f'<figure style="margin:0"><img src="{shown}" alt="{said}" style="max-width:100%"><figcaption>{said}</figcaption></figure>'

    def __repr__(self) -> str:
        return f"<picture of {self.caption}>"


def plot(http: Http, place: Place, path: str, *, key: Any = None, ax: Any = None, log: bool = False) -> Any:
    """The signal of an NXdata group over its axes; of more than two dimensions the middle frame, or what `key` selects."""
    what = http.run(plottable(place, http.run(find(place, path))))
    return _draw(http, place, what.signal, what, key, ax, log)


def plot_array(http: Http, place: Place, info: Info, key: Any, *, ax: Any = None, log: bool = False) -> Any:
    told = http.run(inside.attributes(place, info.path)) if info.attributes else {}
    return _draw(http, place, Field(info, told), None, key, ax, log)


def _draw(http: Http, place: Place, signal: Field, what: Plottable | None, key: Any, ax: Any, log: bool) -> Any:
    shape = signal.info.shape or ()
    spans = pick(_middle(shape) if key is None else key, shape)
    shown = [dim for dim, span in enumerate(spans) if not span.single]
    if not 1 <= len(shown) <= 2:
        raise ValueError(
            f"a plot is of one line or one image; this selects {len(shown)} dimensions of {shape}: plot(key=(0, ...))"
        )
    spans = tuple(_coarse(span) for span in spans)
    caption = " · ".join(part for part in (what.title if what else None, signal.label, _frame(spans)) if part)
    if ax is None and find_spec("matplotlib") is None:
        return Picture(http.run(inside.picture(place, signal.info.path, spans, log="true" if log else None)), caption)
    values = http.run(inside.read(place, signal.info, spans))
    along = [_along(http, place, what, dim, spans[dim]) for dim in shown]
    return _with_matplotlib(ax, values, along, signal.label, caption, log)


def _with_matplotlib(ax: Any, values: Any, along: Sequence[tuple[Any, str]], label: str, caption: str, log: bool) -> Any:
    import numpy as np

    if ax is None:
        from importlib import import_module

        ax = import_module("matplotlib.pyplot").subplots()[1]
    if values.ndim == 1:
        ax.plot(along[0][0], values)
        ax.set_ylabel(label)
        if log:
            ax.set_yscale("log")
    else:
        shown = np.log10(np.where(values > 0, values, np.nan)) if log else values
        finite = shown[np.isfinite(shown)]
        low, high = np.percentile(finite, (1, 99)) if finite.size else (0, 1)
        drawn = ax.pcolormesh(along[1][0], along[0][0], shown, vmin=low, vmax=high, cmap="viridis", shading="nearest")
        ax.figure.colorbar(drawn, ax=ax, label=f"log10 of {label}" if log else label)
        ax.set_ylabel(along[0][1])
    ax.set_xlabel(along[-1][1])
    ax.set_title(caption)
    return ax


def _along(http: Http, place: Place, what: Plottable | None, dim: int, span: Span) -> tuple[Any, str]:
    """The values along one side, and their label."""
    import numpy as np

    if what is not None:
        name = what.dims[dim]
        if name in what.axes:
            one = what.axes[name][0]
            return http.run(inside.read(place, one.info, (span,))), one.label
    return np.arange(span.start, span.start + span.count * span.step, span.step), f"dimension {dim}" if what else "index"


def _middle(shape: Sequence[int]) -> tuple[Any, ...]:
    return (*(length // 2 for length in shape[:-2]), ...)


def _coarse(span: Span) -> Span:
    """Every n-th of what nobody could see the whole of."""
    if span.count <= FINE:
        return span
    every = -(-span.count // FINE)
    return Span(span.start, -(-span.count // every), span.step * every)


def _frame(spans: Spans) -> str:
    singles = [str(span.start) for span in spans if span.single]
    return f"[{', '.join(singles)}]" if singles else ""

"""One line or one image as a PNG, for pages and programs that want no numbers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from panmesh.adapters.hdf5.selection import BadSelection
from panmesh.ingest.plot import VIRIDIS

MOST_PIXELS = 2000  # wide and high
_VIRIDIS = np.array(VIRIDIS, dtype=np.float32)
_NOTHING = 255  # the colour of what is no number: none
_PLACES = np.linspace(0, 8, _NOTHING)
_PALETTE = [
    *np.stack([np.interp(_PLACES, range(9), _VIRIDIS[:, i]) for i in range(3)], axis=1).astype(int).ravel().tolist(),
    0,
    0,
    0,
]
_INK = (10, 88, 166, 255)


def png(values: Any, wanted: dict[str, Any]) -> bytes:
    """First row at the top, as in the array. Raises BadSelection."""
    values = np.squeeze(values)
    if values.size == 1:
        raise BadSelection("a single number is no picture: ask for json or csv")
    if values.size == 0 or values.ndim not in (1, 2):
        has = values.ndim if values.size else "no numbers"
        raise BadSelection(f"a picture has one or two dimensions, and this has {has}: select one frame, such as selection=0")
    width = max(16, min(MOST_PIXELS, int(wanted["width"])))
    picture = _line(values, width, wanted) if values.ndim == 1 else _image(values, width, wanted)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=2, **({"transparency": _NOTHING} if picture.mode == "P" else {}))
    return buffer.getvalue()


def _image(values: Any, width: int, wanted: dict[str, Any]) -> Any:
    small = _thinned(values, width).astype(np.float32)
    shown, low, high = _scaled(small, wanted)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.clip((shown - low) / (high - low), 0, 1) * (_NOTHING - 1)
    picture = Image.fromarray(np.where(np.isfinite(steps), steps, _NOTHING).astype(np.uint8))
    picture.putpalette(_PALETTE)
    height = max(1, min(MOST_PIXELS, round(width * values.shape[0] / values.shape[1])))
    return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.NEAREST)


def _thinned(values: Any, width: int) -> Any:
    """No more points than pixels: the brightest of each block, so that no reflection is lost."""
    step = max(1, values.shape[1] // width, values.shape[0] // MOST_PIXELS)
    if step == 1:
        return values
    rows, columns = values.shape[0] // step or 1, values.shape[1] // step or 1
    block = values[: rows * step, : columns * step]
    if block.shape != (rows * step, columns * step):
        return values[::step, ::step]
    return np.fmax.reduce(np.fmax.reduce(block.reshape(rows, step, columns, step), axis=3), axis=1)


def _scaled(values: Any, wanted: dict[str, Any]) -> tuple[Any, float, float]:
    if wanted["log"]:
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.log10(np.where(values > 0, values, np.nan))
    good = values[np.isfinite(values)]
    low, high = (float(np.percentile(good, 1)), float(np.percentile(good, 99))) if good.size else (0.0, 1.0)
    given = [None if one is None else _log(one) if wanted["log"] else float(one) for one in (wanted["low"], wanted["high"])]
    low, high = (low if given[0] is None else given[0]), (high if given[1] is None else given[1])
    return values, low, high if high > low else low + 1


def _log(value: float) -> float | None:
    return float(np.log10(value)) if value > 0 else None


def _line(values: Any, width: int, wanted: dict[str, Any]) -> Any:
    height = max(16, width // 2)
    shown, low, high = _scaled(values.astype(np.float64), {**wanted, "low": None, "high": None})
    good = shown[np.isfinite(shown)]
    if good.size:
        low, high = float(good.min()), float(good.max())
    for name, end in (("low", 0), ("high", 1)):
        if wanted[name] is not None:
            low, high = (float(wanted[name]), high) if end == 0 else (low, float(wanted[name]))
    high = high if high > low else low + 1
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    x = np.linspace(1, width - 2, shown.size) if shown.size > 1 else np.array([width / 2])
    y = np.clip((high - shown) / (high - low), -1, 2) * (height - 4) + 2
    for part in np.split(np.arange(shown.size), np.flatnonzero(~np.isfinite(shown))):
        points = [(float(x[i]), float(y[i])) for i in _few(part[np.isfinite(shown[part])], y, width)]
        if len(points) > 1:
            pen.line(points, fill=_INK, width=2)
        elif points:
            pen.ellipse([points[0][0] - 2, points[0][1] - 2, points[0][0] + 2, points[0][1] + 2], fill=_INK)
    return picture


def _few(part: Any, y: Any, width: int) -> Any:
    """Lowest and highest of each pixel's column, so that no peak is lost."""
    if part.size <= 4 * width:
        return part
    picked: list[int] = []
    for piece in np.array_split(part, width):
        picked += sorted({int(piece[np.argmin(y[piece])]), int(piece[np.argmax(y[piece])])})
    return picked


def warm() -> None:
    """Loads what Pillow and NumPy load at the first use, which the sandbox would forbid."""
    wanted = {"width": 32, "low": None, "high": None, "log": True}
    png(np.arange(4096.0).reshape(64, 64), wanted)
    png(np.arange(4096.0), wanted)

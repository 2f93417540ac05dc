"""The default plot's numbers, inside the sandbox: a frame of a large stack costs about a frame, never the stack."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5s, h5t

from panmesh.adapters.hdf5.inside import Found, Inside, NotThere, Outside, Unknown, open_dataset
from panmesh.adapters.hdf5.reading import why_not_open
from panmesh.adapters.hdf5.thinning import brightest, extremes
from panmesh.adapters.hdf5.walk import ROOT_ERRORS, missing_filters
from panmesh.ingest.plot import Axis, PlotData, Series, shown_dimensions
from panmesh.ingest.reader import ReadLimits

MAX_POINTS = 2000  # of a line
MAX_SIDE = 400  # of an image
MAX_READ = 64 << 20  # bytes that a preview may hold
MAX_FRAME_BYTES = 256 << 20  # of the frame that is thinned out while it is read
MAX_BAND = 4 << 20  # numbers of such a frame that are in memory at once
NO_COUNT = float(2**32 - 1)  # what detectors that count in 32 bits write for pixels that do not count
MAX_CHUNK = 128 << 20  # bytes: a frame of 18 megapixels is one chunk
CACHE = 8 << 20  # bytes of decoded chunks: each is read once
MAX_SERIES = 1 << 20  # numbers of one series
SERIES_POINTS = 240  # that are kept of one


class NotDrawable(OSError):
    """The signal is not there, not numeric, or too large to be read safely."""


def warm() -> None:
    """NumPy loads some of its modules at the first use, which the sandbox would forbid."""
    few = np.array([1.0, np.nan, 2.0])
    np.percentile(few[np.isfinite(few)], 1), np.nanargmin(few), np.nanargmax(few)
    extremes(few, 2), brightest(few.reshape(1, 3), 2, 2)


def read_preview(
    path: str, plot: dict[str, Any], limits: ReadLimits, companions: Sequence[str] = (), frame: int | None = None
) -> PlotData:
    """`companions`: the other files of the dataset, the only ones that a link may lead into. `frame`: which one of a stack, from 0;
    None: that in the middle."""
    try:
        inside = Inside(path, Beside(companions))
    except OSError as error:
        why = why_not_open(str(error), os.path.getsize(path))
        raise NotDrawable(why[0].lower() + why[1:].rstrip(".")) from error
    try:
        return _draw(inside, plot, frame, limits)
    except NotDrawable:
        raise
    except ROOT_ERRORS as error:
        raise NotDrawable(f"its numbers cannot be read: {_why(inside, plot, str(error))}") from error


def read_series(path: str, wanted: Sequence[str], limits: ReadLimits, companions: Sequence[str] = ()) -> list[Series]:
    """How each of the wanted arrays went on, in few points; those that cannot be read are left out."""
    inside = Inside(path, Beside(companions))
    found = []
    for name in wanted:
        try:
            found.append(_series(inside, name, limits))
        except (NotDrawable, *ROOT_ERRORS):
            continue
    return found


class Beside(Mapping[tuple[str, str], str | None]):
    """The other files of the dataset, by the name written in one of them or, when that is a path of the facility, beside it."""

    def __init__(self, companions: Sequence[str]) -> None:
        self._companions = {os.path.realpath(path) for path in companions}

    def __getitem__(self, key: tuple[str, str]) -> str | None:
        home, name = os.path.dirname(key[0]), key[1]
        beside = (os.path.join(home, os.path.basename(name)),) if os.path.isabs(name) else ()
        places = (os.path.realpath(place) for place in (os.path.join(home, name), *beside))
        return next((place for place in places if place in self._companions), None)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _draw(inside: Inside, plot: dict[str, Any], frame: int | None, limits: ReadLimits) -> PlotData:
    signal = _open(inside, plot["signal"], limits)
    shape = tuple(int(n) for n in signal.shape)
    if not shape or 0 in shape:
        raise NotDrawable("the signal is empty")
    shown = shown_dimensions(shape, plot.get("interpretation"))
    start = _start(shape, shown, frame)
    step = [max(1, -(-n // MAX_SIDE)) if i in shown and len(shown) > 1 else 1 for i, n in enumerate(shape)]
    count = [-(-n // s) if i in shown else 1 for i, (n, s) in enumerate(zip(shape, step, strict=True))]
    size = math.prod(shape[i] for i in shown) * int(signal.get_type().get_size())
    if size > MAX_FRAME_BYTES or math.prod(count) * 8 > MAX_READ:
        raise NotDrawable("one frame is larger than a preview may read")
    axes = [_axis(inside, plot, i, shape, limits) for i in shown[:2]]
    errors = None
    if len(shown) == 1:
        data = _read(signal, start, count).reshape(-1)
        errors = _errors(inside, plot, shape, (start, count), limits)
        data, errors, axes = _thin_line(data, errors, axes[0])
    else:
        data = _frame(signal, start, shown, step) if len(shown) == 2 else _colours(signal, start, shown, step)
        axes = [_thin_axis(axis, step[i], shape[i]) for axis, i in zip(axes, shown[:2], strict=True)]
    low, high = _range(data) if data.ndim < 3 else _lightness(signal, data)
    rest = [_place(_axis(inside, plot, i, shape, limits), start[i], n) for i, n in enumerate(shape) if i not in shown and n > 1]
    return PlotData(
        kind=("line", "image", "colours")[data.ndim - 1],
        shape=shape,
        frame=" · ".join(rest) or None,
        rows=1 if data.ndim == 1 else int(data.shape[0]),
        columns=int(data.shape[min(1, data.ndim - 1)]),
        values=_plain(data),
        low=low,
        high=high,
        label=_text(signal, b"long_name") or plot["signal"].rsplit("/", 1)[-1],
        units=plot.get("units"),
        errors=_plain(errors) if errors is not None else (),
        axes=tuple(axes),
        title=plot.get("title"),
    )


def _colours(signal: Any, start: list[int], shown: Sequence[int], step: Sequence[int]) -> Any:
    """Each of the colours of an image, one after the other: the last dimension is that of the colours."""
    planes = []
    for colour in range(int(signal.shape[shown[2]])):
        begin = [colour if i == shown[2] else first for i, first in enumerate(start)]
        planes.append(_frame(signal, begin, shown[:2], step, thinned=lambda band, rows, columns: band[::rows, ::columns]))
    return np.stack(planes, axis=-1)


def _lightness(signal: Any, data: Any) -> tuple[float | None, float | None]:
    """What is dark and what is light: of bytes all that they can say, of fractions 0 and 1, else up to the lightest."""
    good = data[np.isfinite(data)]
    if not good.size:
        return None, None
    most = float(good.max())
    return 0.0, 255.0 if signal.dtype == np.uint8 else 1.0 if signal.dtype.kind == "f" and most <= 1 else most


def _frame(
    signal: Any, start: list[int], shown: Sequence[int], step: Sequence[int], thinned: Callable[[Any, int, int], Any] = brightest
) -> Any:
    """The image, its brightest pixels where it is thinned out unless it is said otherwise, read in bands: a frame of many pixels is never in memory as a whole."""
    rows, columns = (int(signal.shape[i]) for i in shown)
    each = step[shown[0]] * max(1, MAX_BAND // (columns * step[shown[0]]))
    bands = []
    for first in range(0, rows, each):
        begin, count = list(start), [1] * len(start)
        begin[shown[0]], count[shown[0]], count[shown[1]] = first, min(each, rows - first), columns
        band = _read(signal, begin, count).reshape(count[shown[0]], columns)
        if signal.dtype.kind == "u":
            band[band == NO_COUNT] = np.nan
        bands.append(thinned(band, step[shown[0]], step[shown[1]]))
    return np.concatenate(bands)


def _range(data: Any) -> tuple[float | None, float | None]:
    """Of the colours: without the hundredth that is darkest and brightest, unless nothing is left between them."""
    good = data[np.isfinite(data)]
    if not good.size:
        return None, None
    low, high = float(np.percentile(good, 1)), float(np.percentile(good, 99))
    return (low, high) if high > low else (float(good.min()), float(good.max()))


def _errors(
    inside: Inside, plot: dict[str, Any], shape: tuple[int, ...], part: tuple[list[int], list[int]], limits: ReadLimits
) -> Any:
    """Of the same part as the signal's numbers; None where there are none that can be read: the line is drawn without them."""
    path = plot.get("errors")
    if not path:
        return None
    try:
        dataset = _open(inside, path, limits)
        return _read(dataset, *part).reshape(-1) if tuple(dataset.shape) == shape else None
    except ROOT_ERRORS:
        return None


def _start(shape: tuple[int, ...], shown: Sequence[int], frame: int | None) -> list[int]:
    """Where in the whole array the frame begins; one that is asked for beyond the end is the last."""
    start = [0 if i in shown else n // 2 for i, n in enumerate(shape)]
    if frame is None:
        return start
    rest = [i for i, n in enumerate(shape) if i not in shown and n > 1]
    left = max(0, min(frame, math.prod(shape[i] for i in rest) - 1))
    for i in reversed(rest):
        left, start[i] = divmod(left, shape[i])
    return start


def _place(axis: Axis, at: int, count: int) -> str:
    known = [v for v in axis.values if v is not None]
    value = axis.values[at] if len(axis.values) == count else None
    if value is None:
        return f"{at + 1} of {count}"
    span = max(known) - min(known)
    shown = round(value / span, 5) * span if span > 0 else value  # dust near zero is no position
    return f"{at + 1} of {count} ({axis.label} {shown:.5g}{f' {axis.units}' if axis.units else ''})"


def _series(inside: Inside, path: str, limits: ReadLimits) -> Series:
    dataset = _open(inside, path, limits)
    shape = [int(n) for n in dataset.shape]
    if not 1 < math.prod(shape) <= MAX_SERIES:
        raise NotDrawable("it is no series")
    values = _read(dataset, [0] * len(shape), shape).reshape(-1)
    if values.size > SERIES_POINTS:
        values = values[extremes(values, SERIES_POINTS)]
    return Series(path=path, values=_plain(values))


def _found(inside: Inside, path: str) -> Found:
    try:
        return inside.find(path)
    except (NotThere, Outside, Unknown) as error:
        raise NotDrawable(str(error)) from error


def _open(inside: Inside, path: str, limits: ReadLimits) -> Any:
    found = _found(inside, path)
    dataset = found.id
    if not isinstance(dataset, h5d.DatasetID):
        raise NotDrawable(f"{path} is not a dataset")
    if dataset.get_type().get_class() not in (h5t.INTEGER, h5t.FLOAT):
        raise NotDrawable(f"{path} holds no numbers")
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    try:
        virtual = inside.sources(found, properties) if layout == h5d.VIRTUAL else None
        raw = inside.raw(found, properties)
    except (NotThere, Outside, Unknown) as error:
        raise NotDrawable(str(error)) from error
    chunk = 0
    if layout == h5d.CHUNKED:
        chunk = int(dataset.get_type().get_size()) * math.prod(int(n) for n in properties.get_chunk())
        if chunk > max(limits.chunk_bytes, MAX_CHUNK):
            raise NotDrawable(f"the chunks of {path} are too large to be read safely")
    return open_dataset(found, cache=max(CACHE, chunk), virtual=virtual, raw=raw)


def _why(inside: Inside, plot: dict[str, Any], error: str) -> str:
    try:
        return missing_filters(inside.find(plot["signal"]).id) or error[:300]
    except (NotThere, Outside, Unknown, *ROOT_ERRORS):
        return error[:300]


def _read(dataset: Any, start: list[int], count: list[int], step: list[int] | None = None) -> Any:
    space = dataset.get_space()
    space.select_hyperslab(tuple(start), tuple(count), tuple(step or [1] * len(count)))
    array = np.empty(tuple(count), dtype=np.float64)
    dataset.read(h5s.create_simple(tuple(count)), space, array)
    return array


def _axis(inside: Inside, plot: dict[str, Any], dimension: int, shape: tuple[int, ...], limits: ReadLimits) -> Axis:
    paths = plot.get("axes") or []
    path = (
        paths[dimension]
        if len(paths) == len(shape)
        else (paths[-1] if len(paths) == 1 and sum(n > 1 for n in shape) == 1 else "")
    )
    if not path:
        return Axis(label="", units=None, values=())
    label = path.rsplit("/", 1)[-1]
    try:
        dataset = _open(inside, path, limits)
        label = _text(dataset, b"long_name") or label
        if math.prod(int(n) for n in dataset.shape) not in (shape[dimension], shape[dimension] + 1):
            return Axis(label=label, units=None, values=())  # a bomb, or an axis of something else
        values = _read(dataset, [0] * len(dataset.shape), [int(n) for n in dataset.shape]).reshape(-1)
    except (OSError, KeyError, ValueError, RuntimeError):
        return Axis(label=label, units=None, values=())  # the plot is drawn against the index instead
    if values.size == shape[dimension] + 1:
        values = (values[1:] + values[:-1]) / 2  # bin edges
    if values.size != shape[dimension]:
        return Axis(label=label, units=None, values=())
    return Axis(label=label, units=_text(dataset, b"units") or _text(dataset, b"unit"), values=tuple(values))


def _text(dataset: Any, name: bytes) -> str | None:
    """Of an attribute."""
    if not h5a.exists(dataset, name):
        return None
    attribute = h5a.open(dataset, name)
    if attribute.get_type().get_class() != h5t.STRING:
        return None
    array = np.empty(attribute.shape, dtype=attribute.dtype)
    attribute.read(array)
    value = array.reshape(-1)[0] if array.size else ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip("\x00 ") or None


def _thin_line(data: Any, errors: Any, axis: Axis) -> tuple[Any, Any, list[Axis]]:
    """Minimum and maximum of each bin, so that no peak is lost."""
    n = data.size
    x = np.asarray(axis.values, dtype=np.float64) if axis.values else np.arange(n, dtype=np.float64)
    if n > MAX_POINTS:
        picks = extremes(data, MAX_POINTS)
        data, x, errors = data[picks], x[picks], errors[picks] if errors is not None else None
    return data, errors, [Axis(label=axis.label, units=axis.units, values=_plain(x))]


def _thin_axis(axis: Axis, step: int, count: int) -> Axis:
    values = _plain(np.asarray(axis.values, dtype=np.float64)[::step])
    return Axis(label=axis.label, units=axis.units, values=values, count=count)


def _plain(array: Any) -> tuple[float | None, ...]:
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    good = np.isfinite(flat)
    if good.all():
        return tuple(flat.tolist())
    return tuple(v if known else None for v, known in zip(flat.tolist(), good.tolist(), strict=True))

"""The default plot's numbers, inside the sandbox: a frame of a large stack costs about a frame, never the stack."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5s, h5t

from panmesh.adapters.hdf5.walk import ROOT_ERRORS, missing_filters, open_file
from panmesh.ingest.plot import Axis, PlotData
from panmesh.ingest.reader import ReadLimits

MAX_POINTS = 2000  # of a line
MAX_SIDE = 400  # of an image
MAX_READ = 64 << 20  # bytes that a preview may hold
MAX_FRAME_BYTES = 256 << 20  # of the frame that is thinned out while it is read
MAX_CHUNK = 128 << 20  # bytes: a frame of 18 megapixels is one chunk


class NotDrawable(OSError):
    """The signal is not there, not numeric, or too large to be read safely."""


def warm() -> None:
    """NumPy loads some of its modules at the first use, which the sandbox would forbid."""
    few = np.array([1.0, np.nan, 2.0])
    np.percentile(few[np.isfinite(few)], 1), np.nanargmin(few), np.nanargmax(few)
    np.linspace(0, 2, 2).astype(int)


def read_preview(path: str, plot: dict[str, Any], limits: ReadLimits, companions: Sequence[str] = ()) -> PlotData:
    """`companions`: the other files of the dataset, the only ones that a link may lead into."""
    _companions.clear()
    _opened.clear()
    _companions.update(companions)
    file, _ = open_file(path)
    try:
        return _draw(file, plot, limits)
    except NotDrawable:
        raise
    except ROOT_ERRORS as error:
        raise NotDrawable(f"its numbers cannot be read: {_why(file, plot, str(error))}") from error
    finally:
        file.close()


def _draw(file: Any, plot: dict[str, Any], limits: ReadLimits) -> PlotData:
    signal = _open(file, plot["signal"], limits)
    shape = tuple(int(n) for n in signal.shape)
    if not shape or 0 in shape:
        raise NotDrawable("the signal is empty")
    long = [i for i, n in enumerate(shape) if n > 1] or [len(shape) - 1]
    shown = long[-2:] if len(long) >= 2 else long[-1:]
    start = [n // 2 if i not in shown else 0 for i, n in enumerate(shape)]
    step = [max(1, -(-n // MAX_SIDE)) if i in shown and len(shown) == 2 else 1 for i, n in enumerate(shape)]
    count = [-(-n // s) if i in shown else 1 for i, (n, s) in enumerate(zip(shape, step, strict=True))]
    frame = math.prod(shape[i] for i in shown) * int(signal.get_type().get_size())
    if frame > MAX_FRAME_BYTES or math.prod(count) * 8 > MAX_READ:
        raise NotDrawable("one frame is larger than a preview may read")
    data = _read(signal, start, count, step).reshape([count[i] for i in shown])
    axes = [_axis(file, plot, i, shape, limits) for i in shown]
    if data.ndim == 1:
        data, axes = _thin_line(data, axes[0])
    else:
        axes = [_thin_axis(axis, step[i]) for axis, i in zip(axes, shown, strict=True)]
    good = data[np.isfinite(data)]
    low, high = (float(np.percentile(good, 1)), float(np.percentile(good, 99))) if good.size else (None, None)
    rest = [f"{n // 2 + 1} of {n}" for i, n in enumerate(shape) if i not in shown and n > 1]
    return PlotData(
        kind="line" if data.ndim == 1 else "image",
        shape=shape,
        frame=" · ".join(rest) or None,
        rows=1 if data.ndim == 1 else int(data.shape[0]),
        columns=int(data.shape[-1]),
        values=_plain(data),
        low=low,
        high=high,
        label=plot["signal"].rsplit("/", 1)[-1],
        units=plot.get("units"),
        axes=tuple(axes),
        title=plot.get("title"),
    )


def _open(file: Any, path: str, limits: ReadLimits) -> Any:
    dataset = _inside(file, path)
    if not isinstance(dataset, h5d.DatasetID):
        raise NotDrawable(f"{path} is not a dataset")
    if dataset.get_type().get_class() not in (h5t.INTEGER, h5t.FLOAT):
        raise NotDrawable(f"{path} holds no numbers")
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.VIRTUAL:
        _check_virtual(file, path, properties, limits)
    elif properties.get_external_count():
        raise NotDrawable(f"the numbers of {path} lie in other files")
    if layout == h5d.CHUNKED:
        size = int(dataset.get_type().get_size()) * math.prod(int(n) for n in properties.get_chunk())
        if size > max(limits.chunk_bytes, MAX_CHUNK):
            raise NotDrawable(f"the chunks of {path} are too large to be read safely")
    return dataset


def _check_virtual(file: Any, path: str, properties: Any, limits: ReadLimits) -> None:
    """Every source is a plain dataset of the same dataset's files: one that is virtual itself may be a circle, which kills the library,
    and one that is missing would read as a flat image."""
    sources = {
        (properties.get_virtual_filename(i), properties.get_virtual_dsetname(i))
        for i in range(min(properties.get_virtual_count(), 2000))
    }
    before = len(_opened)
    for name, inner in sorted(sources):
        home = file if name == "." else _companion(file, os.fsencode(name))
        source = _inside(home, inner)
        if not isinstance(source, h5d.DatasetID) or source.get_create_plist().get_layout() == h5d.VIRTUAL:
            raise NotDrawable(f"the numbers of {path} lie in other files that are virtual themselves")
        _open(home, inner, limits)
    while len(_opened) > before:
        _opened.pop().close()  # the library opens them itself, in its own way, and takes fill values where it cannot


def _why(file: Any, plot: dict[str, Any], error: str) -> str:
    try:
        return missing_filters(_inside(file, plot["signal"])) or error[:300]
    except ROOT_ERRORS:
        return error[:300]


def _inside(file: Any, path: str, hops: int = 0) -> Any:
    """The object at an absolute path, link by link. A link to another file is followed only into the dataset's own files."""
    names = [name.encode("utf-8") for name in path.split("/") if name]
    if not names:
        raise NotDrawable("the signal is not named")
    place = h5g.open(file, b"/")
    for i, name in enumerate(names):
        if not isinstance(place, h5g.GroupID) or name not in place:
            raise NotDrawable(f"{path} is not there")
        kind = place.links.get_info(name).type
        if kind == h5l.TYPE_EXTERNAL and hops < 4:
            other, inner = place.links.get_val(name)
            rest = b"/".join([inner.strip(b"/"), *names[i + 1 :]])
            return _inside(_companion(file, other), "/" + rest.decode("utf-8", "replace"), hops + 1)
        if kind != h5l.TYPE_HARD:
            raise NotDrawable(f"{path} leads through a link to another place")
        place = h5o.open(place, name)
    return place


def _companion(file: Any, written: bytes) -> Any:
    """Another file of the same dataset, by the name written in this one or, when that is a path of the facility, beside it."""
    home = os.path.dirname(os.fsdecode(file.name))
    name = os.fsdecode(written)
    for path in (os.path.join(home, name), *((os.path.join(home, os.path.basename(name)),) if os.path.isabs(name) else ())):
        if os.path.realpath(path) in _companions:
            _opened.append(open_file(os.path.realpath(path))[0])  # closing it would close what was found in it
            return _opened[-1]
    raise NotDrawable(f"it lies in another file that is not part of this dataset ({name[:100]}): the link is not followed")


_companions: set[str] = set()  # of the one plot that this process is made for
_opened: list[Any] = []


def _read(dataset: Any, start: list[int], count: list[int], step: list[int] | None = None) -> Any:
    space = dataset.get_space()
    space.select_hyperslab(tuple(start), tuple(count), tuple(step or [1] * len(count)))
    array = np.empty(tuple(count), dtype=np.float64)
    dataset.read(h5s.create_simple(tuple(count)), space, array)
    return array


def _axis(file: Any, plot: dict[str, Any], dimension: int, shape: tuple[int, ...], limits: ReadLimits) -> Axis:
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
        dataset = _open(file, path, limits)
        if math.prod(int(n) for n in dataset.shape) not in (shape[dimension], shape[dimension] + 1):
            return Axis(label=label, units=None, values=())  # a bomb, or an axis of something else
        values = _read(dataset, [0] * len(dataset.shape), [int(n) for n in dataset.shape]).reshape(-1)
    except (OSError, KeyError, ValueError, RuntimeError):
        return Axis(label=label, units=None, values=())  # the plot is drawn against the index instead
    if values.size == shape[dimension] + 1:
        values = (values[1:] + values[:-1]) / 2  # bin edges
    if values.size != shape[dimension]:
        return Axis(label=label, units=None, values=())
    return Axis(label=label, units=_units_of(dataset), values=tuple(values))


def _units_of(dataset: Any) -> str | None:
    from h5py import h5a

    if not h5a.exists(dataset, b"units"):
        return None
    attribute = h5a.open(dataset, b"units")
    if attribute.get_type().get_class() != h5t.STRING:
        return None
    array = np.empty(attribute.shape, dtype=attribute.dtype)
    attribute.read(array)
    value = array.reshape(-1)[0] if array.size else ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip("\x00 ") or None


def _thin_line(data: Any, axis: Axis) -> tuple[Any, list[Axis]]:
    """Minimum and maximum of each bin, so that no peak is lost."""
    n = data.size
    x = np.asarray(axis.values, dtype=np.float64) if axis.values else np.arange(n, dtype=np.float64)
    if n > MAX_POINTS:
        edges = np.linspace(0, n, MAX_POINTS // 2 + 1).astype(int)
        picks: list[int] = []
        for a, b in itertools.pairwise(edges):
            part = data[a:b]
            if not np.isfinite(part).any():
                continue
            picks += sorted({int(a + np.nanargmin(part)), int(a + np.nanargmax(part))})
        data, x = data[picks], x[picks]
    return data, [Axis(label=axis.label, units=axis.units, values=_plain(x))]


def _thin_axis(axis: Axis, step: int) -> Axis:
    return Axis(label=axis.label, units=axis.units, values=_plain(np.asarray(axis.values, dtype=np.float64)[::step]))


def _plain(array: Any) -> tuple[float | None, ...]:
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    good = np.isfinite(flat)
    if good.all():
        return tuple(flat.tolist())
    return tuple(v if known else None for v, known in zip(flat.tolist(), good.tolist(), strict=True))

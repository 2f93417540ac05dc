"""An NXdata group as xarray sees it: named dimensions, coordinates with units, numbers that come when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from panmesh.client.flow import Together
from panmesh.client.inside import AT_ONCE, Info, Place, read
from panmesh.client.nxdata import Field, find, plottable
from panmesh.client.picking import pick
from panmesh.client.science import library

if TYPE_CHECKING:
    import xarray

    from panmesh.client.flow import Flow
    from panmesh.client.http import Http
    from panmesh.client.lazily import Array


NEAR = 1 << 20  # elements: coordinates up to here come at once


def to_xarray(http: Http, place: Place, path: str, array_of: Callable[[Info], Array]) -> xarray.Dataset:
    """`array_of`: that reads pieces when they are used. Raises ModuleNotFoundError with what to type, NoSuchPath."""
    library("xarray", "to_xarray()")
    what = http.run(plottable(place, http.run(find(place, path))))
    values = http.run(_near(place, [one for one, _ in what.axes.values()]))
    import xarray

    coords: dict[str, Any] = {}
    for name, (one, along) in what.axes.items():
        dims = tuple(what.dims[dim] for dim in along)
        if along and one.info.shape != tuple((what.signal.info.shape or ())[dim] for dim in along):
            dims = (f"{name}_edges",)
        coords[name] = xarray.Variable(dims, values.get(name, _lazily(array_of(one.info))), _attributes(one))
    variables = {what.signal.info.name: what.signal, **what.others}
    if what.errors is not None:
        variables[f"{what.signal.info.name}_errors"] = what.errors
    data = {
        name: xarray.Variable(what.dims, _lazily(array_of(one.info)), _attributes(one))
        for name, one in variables.items()
        if one.info.shape == what.signal.info.shape
    }
    about = {"signal": what.signal.info.name, "path": what.group, "pid": place.pid} | (
        {"title": what.title} if what.title else {}
    )
    return xarray.Dataset(data, coords, about)


def _near(place: Place, fields: list[Field]) -> Flow[dict[str, Any]]:
    small = [one.info for one in fields if _size(one.info) <= NEAR]
    values = yield Together([read(place, info, pick(..., info.shape or ())) for info in small], AT_ONCE)
    return {info.name: value for info, value in zip(small, values, strict=True)}


def _size(info: Info) -> int:
    size = 1
    for count in info.shape or ():
        size *= count
    return size


def _attributes(one: Field) -> Mapping[str, Any]:
    return {name: one.attributes[name] for name in ("units", "long_name") if one.attributes.get(name)}


def _lazily(array: Array) -> Any:
    """What xarray asks for slices of."""
    from xarray.core import indexing

    from panmesh.client.lazily import Lazy

    return indexing.LazilyIndexedArray(Lazy(array))

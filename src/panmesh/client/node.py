"""Groups and arrays in the files of a run, read as somebody looks: `run["/entry/data/data"][0]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from panmesh.client import display, inside
from panmesh.client.inside import Info, Place, absolute
from panmesh.client.picking import counts, pick
from panmesh.client.progress import Progress, bar
from panmesh.client.tree import MOST, Tree

if TYPE_CHECKING:
    import xarray

    from panmesh.client.http import Http

LARGE = 64 << 20  # bytes: from here on a read shows how far it is


class Attributes(Mapping[str, Any]):
    """As in JSON: numbers, texts, lists of them. Asked for together, when the first is looked at."""

    def __init__(self, http: Http, place: Place, info: Info) -> None:
        self._http, self._place, self._info = http, place, info
        self._values: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._info.attributes)

    def __len__(self) -> int:
        return len(self._info.attributes)

    def __contains__(self, name: object) -> bool:
        return name in self._info.attributes

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._info.attributes)

    def __repr__(self) -> str:
        return "\n".join(f"{name:24} {value}" for name, value in self._all().items()) or "no attributes"

    def _repr_html_(self) -> str:
        return display.facts({name: str(value) for name, value in self._all().items()}) if len(self) else "no attributes"

    def _all(self) -> dict[str, Any]:
        if self._values is None:
            has = bool(self._info.attributes)
            self._values = self._http.run(inside.attributes(self._place, self._info.path)) if has else {}
        return self._values


class Node:
    def __init__(self, http: Http, place: Place, info: Info) -> None:
        self._http, self._place, self._info = http, place, info
        self.path = info.path
        self.name = info.name
        self.attrs = Attributes(http, place, info)

    def _repr_html_(self) -> str:
        return display.heading(self.path) + display.note(self._info.brief()) + self.attrs._repr_html_()


class Group(Node, Mapping[str, "Group | Array"]):
    """By name or path: `group["data/data"]`."""

    def __getitem__(self, name: str) -> Group | Array:
        """Raises NoSuchPath, which is a KeyError too, with names that are alike."""
        path = absolute(name, self.path)
        known = next((child for child in self._info.children if child.path == path and child.kind == "dataset"), None)
        return node(self._http, self._place, known or self._http.run(inside.look(self._place, path)))

    def __iter__(self) -> Iterator[str]:
        return (child.name for child in self._info.children)

    def __len__(self) -> int:
        return len(self._info.children) + self._info.omitted

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return any(child.name == name for child in self._info.children) or self.get(name) is not None

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def tree(self, depth: int = 6) -> Tree:
        return Tree(self._http.run(inside.describe(self._place, self.path, depth, MOST)))

    def plot(self, **how: Any) -> Any:
        """Of an NXdata group, or of the default one below: a line or an image, with its axes."""
        from panmesh.client.plotting import plot

        return plot(self._http, self._place, self.path, **how)

    def to_xarray(self) -> xarray.Dataset:
        """Of an NXdata group, or of the default one below."""
        from panmesh.client.labelled import to_xarray

        return to_xarray(self._http, self._place, self.path, lambda info: Array(self._http, self._place, info))

    def __repr__(self) -> str:
        return "\n".join(
            [f"<group {self.path}>", *(f"  {child.name}  {child.brief()}".rstrip() for child in self._info.children)]
        )

    def _repr_html_(self) -> str:
        rows = [(child.name, child.kind, child.brief()) for child in self._info.children]
        return super()._repr_html_() + (display.table(("name", "kind", ""), rows) if rows else "")


class Array(Node):
    """Indexed as in NumPy by whole numbers, slices and '...'; only what is asked for comes over the line, with its type as stored."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self._info.shape or ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        import math

        return math.prod(self.shape) if self._info.shape is not None else 0

    @property
    def nbytes(self) -> int:
        return self.size * self._info.itemsize

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self._info.chunks

    @property
    def dtype(self) -> Any:
        """Of NumPy; object for texts of any length."""
        return inside.dtype_of(self._info)

    @property
    def units(self) -> str | None:
        said = self.attrs.get("units")
        return str(said) if said is not None else None

    def __getitem__(self, key: Any) -> Any:
        return self.read(key)

    def read(self, key: Any = ..., *, progress: bool | Progress | None = None) -> Any:
        """As `array[key]`. `progress`: a bar, or a function that is told of bytes; by itself for more than 64 MB. Raises IndexError."""
        spans = pick(key, self.shape)
        size = self._info.itemsize
        for count in counts(spans):
            size *= count
        with bar(size, size > LARGE if progress is None else progress, self.name) as told:
            return self._http.run(inside.read(self._place, self._info, spans, told))

    def stats(self, key: Any = ...) -> dict[str, float]:
        """min, max, mean, std … of the finite numbers, computed by the facility."""
        return self._http.run(inside.statistics(self._place, self.path, pick(key, self.shape)))

    def plot(self, key: Any = None, **how: Any) -> Any:
        """Of one line or one image; without a `key` of the middle frame."""
        from panmesh.client.plotting import plot_array

        return plot_array(self._http, self._place, self._info, key, **how)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        if copy is False:
            raise ValueError("an array that is not here cannot be had without a copy")
        return np.asarray(self.read(), dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self.path} is one value and has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        raise ValueError(f"is {self.path} true? Read it: array[...]")

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError(f"{self.path} is one value")
        return (self[number] for number in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"<array {self.path}  {self._info.brief()}>"


def node(http: Http, place: Place, info: Info) -> Group | Array:
    return Array(http, place, info) if info.kind == "dataset" else Group(http, place, info)


def root(http: Http, place: Place) -> Group:
    found = node(http, place, http.run(inside.look(place, "/")))
    assert isinstance(found, Group)
    return found

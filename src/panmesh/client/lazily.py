"""An array over the line as xarray takes it: loaded only where xarray is, and by name, so that dask can send it to other processes."""

from __future__ import annotations

from typing import Any, Protocol

from xarray.backends import BackendArray
from xarray.core import indexing


class Array(Protocol):
    """Whose numbers come when they are used."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def read(self, key: Any) -> Any: ...


class Lazy(BackendArray):  # type: ignore[misc]
    def __init__(self, array: Array) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._array.read)

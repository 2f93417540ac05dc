"""Groups and arrays in the files of a run, for programs that await."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from panmesh.client import inside
from panmesh.client.inside import Info, Place, absolute
from panmesh.client.picking import counts, pick
from panmesh.client.progress import Progress, bar

if TYPE_CHECKING:
    from panmesh.client.async_http import AsyncHttp


class AsyncPath:
    """A path that nobody has looked at yet: awaited it is the group or array; indexed and awaited, the numbers."""

    def __init__(self, http: AsyncHttp, place: Place, path: str) -> None:
        self._http, self._place, self._path = http, place, path

    def __await__(self) -> Generator[Any, None, AsyncGroup | AsyncArray]:
        return self._look().__await__()

    async def __getitem__(self, key: Any) -> Any:
        found = await self
        if isinstance(found, AsyncGroup):
            raise TypeError(f"{self._path} is a group: name what is in it, run['{self._path}/…']")
        return await found.read(key)

    async def _look(self) -> AsyncGroup | AsyncArray:
        info = await self._http.run(inside.look(self._place, self._path))
        return (AsyncArray if info.kind == "dataset" else AsyncGroup)(self._http, self._place, info)


class AsyncNode:
    def __init__(self, http: AsyncHttp, place: Place, info: Info) -> None:
        self._http, self._place, self._info = http, place, info
        self.path = info.path
        self.name = info.name

    async def attrs(self) -> dict[str, Any]:
        return await self._http.run(inside.attributes(self._place, self.path)) if self._info.attributes else {}


class AsyncGroup(AsyncNode):
    def __getitem__(self, name: str) -> AsyncPath:
        return AsyncPath(self._http, self._place, absolute(name, self.path))

    def keys(self) -> list[str]:
        return [child.name for child in self._info.children]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __repr__(self) -> str:
        return f"<group {self.path}>"


class AsyncArray(AsyncNode):
    @property
    def shape(self) -> tuple[int, ...]:
        return self._info.shape or ()

    @property
    def dtype(self) -> Any:
        return inside.dtype_of(self._info)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self._info.chunks

    async def units(self) -> str | None:
        said = (await self.attrs()).get("units")
        return None if said is None else str(said)

    async def __getitem__(self, key: Any) -> Any:
        return await self.read(key)

    async def read(self, key: Any = ..., *, progress: bool | Progress = False) -> Any:
        """As the waiting client's."""
        spans = pick(key, self.shape)
        size = self._info.itemsize
        for count in counts(spans):
            size *= count
        with bar(size, progress, self.name) as told:
            return await self._http.run(inside.read(self._place, self._info, spans, told), aside=True)

    async def stats(self, key: Any = ...) -> dict[str, float]:
        return await self._http.run(inside.statistics(self._place, self.path, pick(key, self.shape)))

    def __repr__(self) -> str:
        return f"<array {self.path}  {self._info.brief()}>"

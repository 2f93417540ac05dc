"""A facility's catalogue for programs that await: the names of the waiting client, the same flows.

async with panmesh.client.connect_async("https://data.example.org") as client:
    async for run in client.datasets.search("CeO2"):
        frame = await run["/entry/data/data"][0]
        await run.files.download("home")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from panmesh.client import asking, inside, values
from panmesh.client.async_http import AsyncHttp
from panmesh.client.async_node import AsyncGroup, AsyncPath
from panmesh.client.conditions import When, conditions, of_visits, plain, registering
from panmesh.client.facets import FACETS, Facets
from panmesh.client.files import PAGE, every_file, take_home
from panmesh.client.flow import said
from panmesh.client.inside import NoSuchPath, Place, absolute
from panmesh.client.progress import Progress
from panmesh.client.remote_file import part
from panmesh.client.run import Run
from panmesh.client.run_frame import frame_of_runs
from panmesh.client.taken import Taken
from panmesh.client.tree import MOST, Tree
from panmesh.client.values import Explanation, File, Instrument, Me, Person, Pushed, QuantityName, Relation, Technique, Visit

T = TypeVar("T")
Ask = Callable[[int, int], Awaitable[tuple[list[T], int]]]


class AsyncPaged(Generic[T]):
    """`async for`, page by page; `await x.first(20)`, `await x[3]`, `await x.total()`."""

    what: ClassVar[str] = "items"

    def __init__(self, ask: Ask[T], page: int = 100) -> None:
        self._ask = ask
        self._page_size = page

    async def total(self) -> int:
        return (await self._ask(0, 0))[1]

    async def first(self, count: int) -> list[T]:
        return (await self._ask(0, count))[0]

    async def pages(self) -> AsyncIterator[list[T]]:
        offset = 0
        while True:
            these, total = await self._ask(offset, self._page_size)
            if these:
                yield these
            offset += self._page_size
            if not these or offset >= total:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for one in page:
                yield one

    async def _at(self, index: int) -> T:
        at = index + await self.total() if index < 0 else index
        these, total = await self._ask(at, 1) if at >= 0 else ([], await self.total())
        if not these:
            raise IndexError(f"there are {total} {self.what}; there is no number {index}")
        return these[0]


class AsyncClient:
    """Raises the errors of `panmesh.kernel.errors`, with the server's own sentences."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http
        self.datasets = AsyncDatasets(http)

    @property
    def visits(self) -> AsyncVisits:
        """The latest first."""
        return AsyncVisits(self._http)

    async def instruments(self) -> list[Instrument]:
        return await self._http.run(said(asking.INSTRUMENTS, values.every(values.instrument)))

    async def quantities(self) -> list[QuantityName]:
        return await self._http.run(said(asking.QUANTITIES, values.every(values.quantity_name)))

    async def techniques(self, text: str = "", limit: int = 20) -> list[Technique]:
        return await self._http.run(said(asking.techniques(text, limit), values.every(values.technique)))

    async def whoami(self) -> Me:
        return await self._http.run(said(asking.ME, values.me))

    async def register_derived(
        self, title: str, *, sources: Iterable[str | Run], files: Sequence[str], **more: Any
    ) -> AsyncDataset:
        """As the waiting client's."""
        return await self.datasets[await self._http.run(said(registering(title, sources, files, **more), _pid))]

    async def ingest(self, path: str) -> Pushed:
        return await self._http.run(said(asking.ingest(path), values.pushed))

    async def close(self) -> None:
        await self._http.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<panmesh at {self._http.url}>"


class AsyncDatasets:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def search(
        self,
        text: str = "",
        *,
        since: When | None = None,
        until: When | None = None,
        sort: str | None = None,
        **asked: Any,
    ) -> AsyncResults:
        """As the waiting client's; asks when it is looked at."""
        named, quantities = plain(asked)
        return AsyncResults(self._http, conditions(text, since, until, sort, named, quantities))

    async def count(self, text: str = "", **asked: Any) -> int:
        return await self.search(text, **asked).total()

    async def __getitem__(self, pid: str) -> AsyncDataset:
        """Awaited; raises NotFound."""
        return AsyncDataset(self._http, await self._http.run(said(asking.dataset(pid), dict)), whole=True)


class AsyncResults(AsyncPaged["AsyncDataset"]):
    what: ClassVar[str] = "runs"

    def __init__(self, http: AsyncHttp, asked: Mapping[str, Any]) -> None:
        super().__init__(self._some)
        self._http = http
        self._asked = asked

    async def __getitem__(self, index: int) -> AsyncDataset:
        return await self._at(index)

    async def facets(self, *names: str) -> Facets:
        return await self._http.run(said(asking.search(self._asked, 0, 0, names or FACETS), Facets.of))

    async def to_pandas(self, parameters: str | Sequence[str] | None = None) -> Any:
        return frame_of_runs([one async for one in self], parameters)

    async def _some(self, offset: int, limit: int) -> tuple[list[AsyncDataset], int]:
        return await self._http.run(said(asking.search(self._asked, offset, limit), values.page(self._one)))

    def _one(self, told: Mapping[str, Any]) -> AsyncDataset:
        return AsyncDataset(self._http, told)


class AsyncVisits(AsyncPaged[Visit]):
    what: ClassVar[str] = "visits"

    def __init__(self, http: AsyncHttp, asked: Mapping[str, Any] | None = None) -> None:
        super().__init__(self._some)
        self._http = http
        self._asked = asked or {}

    def search(self, text: str = "", *, instrument: Any = None, proposal: Any = None, mine: bool = False) -> AsyncVisits:
        return AsyncVisits(self._http, of_visits(text, instrument, proposal, mine))

    async def __getitem__(self, index: int | str) -> Visit:
        if isinstance(index, str):
            return await self._http.run(said(asking.visit(index), values.visit))
        return await self._at(index)

    async def _some(self, offset: int, limit: int) -> tuple[list[Visit], int]:
        return await self._http.run(said(asking.visits(self._asked, offset, limit), values.page(values.visit)))


class AsyncDataset(Run):
    def __init__(self, http: AsyncHttp, told: Mapping[str, Any], *, whole: bool = False) -> None:
        super().__init__(told)
        self._http = http
        self._whole = whole
        self.files = AsyncFiles(http, self.pid)

    async def record(self) -> Mapping[str, Any]:
        if not self._whole:
            self._said, self._whole = await self._http.run(said(asking.dataset(self.pid), dict)), True
        return self._said

    async def people(self) -> tuple[Person, ...]:
        return tuple(values.person(one) for one in (await self.record())["people"])

    async def relations(self) -> tuple[Relation, ...]:
        return tuple(values.relation(one) for one in (await self.record())["relations"])

    async def explain(self) -> Explanation:
        return await self._http.run(said(asking.explanation(self.pid), values.explanation))

    def __getitem__(self, path: str) -> AsyncPath:
        """`await run["/entry/data/data"]` is the array or group, `await run["/entry/data/data"][0]` what is in it."""
        return AsyncPath(self._http, Place(self.pid), absolute(path))

    async def hdf5(self, file: str | None = None) -> AsyncGroup:
        found = await AsyncPath(self._http, Place(self.pid, file), "/")
        assert isinstance(found, AsyncGroup)
        return found

    async def contains(self, path: str) -> bool:
        try:
            await self[path]
        except NoSuchPath:
            return False
        return True

    async def tree(self, path: str = "/", *, depth: int = 6) -> Tree:
        return Tree(await self._http.run(inside.describe(Place(self.pid), absolute(path), depth, MOST)))


class AsyncFiles(AsyncPaged[File]):
    what: ClassVar[str] = "files"

    def __init__(self, http: AsyncHttp, pid: str) -> None:
        super().__init__(self._some, PAGE)
        self._http = http
        self._pid = pid

    async def glob(self, pattern: str) -> list[File]:
        return [file for file in await self._http.run(every_file(self._pid)) if fnmatchcase(file.name, pattern)]

    async def download(
        self, folder: str | Path, *, only: str | Iterable[str | File] = "*", progress: bool | Progress = True, workers: int = 4
    ) -> Taken:
        """As the waiting client's. Cancelled, it leaves what has come so far to go on with; `progress` is told from other threads."""
        flow = take_home(self._pid, self._http.url, Path(folder), only, progress, workers)
        return await self._http.run(flow, aside=True)

    async def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from `start` to before `end`. Raises NotFound, Embargoed …"""
        until = (await self._http.run(part(self._pid, name, 0, 1)))[2] if end is None else end
        return (await self._http.run(part(self._pid, name, start, until)))[0] if until > start else b""

    async def _some(self, offset: int, limit: int) -> tuple[list[File], int]:
        return await self._http.run(said(asking.files(self._pid, offset, limit), values.page(values.file)))


def _pid(told: Mapping[str, Any]) -> str:
    return str(told["pid"])

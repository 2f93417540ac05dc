"""One run, asked about as somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from panmesh.client import asking, inside, values
from panmesh.client.files import Files
from panmesh.client.flow import said
from panmesh.client.inside import NoSuchPath, Place, absolute
from panmesh.client.node import Array, Group, node, root
from panmesh.client.run import Run
from panmesh.client.tree import MOST, Tree
from panmesh.client.values import Explanation, Person, Relation

if TYPE_CHECKING:
    import xarray

    from panmesh.client.http import Http
    from panmesh.client.remote_file import RemoteFile


class Dataset(Run):
    """What a list does not tell of a run is asked for when it is looked at."""

    def __init__(self, http: Http, told: Mapping[str, Any], *, whole: bool = False) -> None:
        super().__init__(told)
        self._http = http
        self._whole = whole
        self.files = Files(http, self.pid)

    @property
    def record(self) -> Mapping[str, Any]:
        """All that the server says, as it says it: values with their sources, facts of the file, problems."""
        if not self._whole:
            self._said, self._whole = self._http.run(said(asking.dataset(self.pid), dict)), True
        return self._said

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(values.person(one) for one in self.record["people"])

    @property
    def relations(self) -> tuple[Relation, ...]:
        return tuple(values.relation(one) for one in self.record["relations"])

    @property
    def version(self) -> int:
        return int(self.record["version"])

    @property
    def versions(self) -> int:
        """How many there are."""
        return int(self.record["versions"])

    @property
    def version_pid(self) -> str:
        """Of this version alone, for ever; `pid` leads to the newest."""
        return str(self.record["version_pid"])

    def explain(self) -> Explanation:
        """Why you may, or may not, read the data; whom to ask."""
        return self._http.run(said(asking.explanation(self.pid), values.explanation))

    def hdf5(self, file: str | None = None) -> Group:
        """The root of an HDF5 file of this run; None: of that which it was read from. What is in it is read by and by, over the line."""
        return root(self._http, Place(self.pid, file))

    def __getitem__(self, path: str) -> Group | Array:
        """What has this path in the file that the run was read from: `run["/entry/data/data"][0]`. Raises NoSuchPath, a KeyError."""
        if not isinstance(path, str):
            raise TypeError(f"a run is asked for by a path in its file: run['/entry/data/data']; got {path!r}")
        place = Place(self.pid)
        return node(self._http, place, self._http.run(inside.look(place, absolute(path))))

    def __contains__(self, path: object) -> bool:
        try:
            return isinstance(path, str) and self[path] is not None
        except NoSuchPath:
            return False

    def keys(self) -> list[str]:
        """At the root of its file."""
        return list(self.hdf5())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def _ipython_key_completions_(self) -> list[str]:
        return self._http.run(inside.paths(Place(self.pid)))

    def tree(self, path: str = "/", *, depth: int = 6) -> Tree:
        """What is in the file that it was read from."""
        return Tree(self._http.run(inside.describe(Place(self.pid), absolute(path), depth, MOST)))

    def plot(self, path: str | None = None, **how: Any) -> Any:
        """Its default plot, or that of a path: with matplotlib its Axes, else a picture that the facility draws."""
        found = self[path] if path is not None else self.hdf5()
        return found.plot(**how)

    def to_xarray(self, path: str = "/") -> xarray.Dataset:
        """The default NXdata with its axes, errors, units and names; the numbers of large arrays come when they are used."""
        found = self[path]
        if isinstance(found, Array):
            raise TypeError(f"{path} is an array; to_xarray takes the NXdata group that it is in, or nothing")
        return found.to_xarray()

    def open(self, name: str) -> RemoteFile:
        """A file where it is: `h5py.File(run.open("scan_1.nxs"))`."""
        return self.files.open(name)

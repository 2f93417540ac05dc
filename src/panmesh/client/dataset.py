"""One run, asked about as somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from panmesh.client import asking, values
from panmesh.client.files import Files
from panmesh.client.flow import said
from panmesh.client.run import Run
from panmesh.client.values import Explanation, Person, Relation

if TYPE_CHECKING:
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

    def open(self, name: str) -> RemoteFile:
        """A file where it is: `h5py.File(run.open("scan_1.nxs"))`."""
        return self.files.open(name)

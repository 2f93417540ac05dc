"""One run, and its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from panmesh.client import asking, values
from panmesh.client.files import Files
from panmesh.client.paged import pandas, table
from panmesh.client.values import Access, Explanation, Named, Person, Quantity, Relation, Sample

if TYPE_CHECKING:
    from panmesh.client.http import Http
    from panmesh.client.remote_file import RemoteFile


class Parameters(Mapping[str, Quantity]):
    """By name. A name that was not found may be spelt otherwise: `client.quantities()` has those that exist."""

    def __init__(self, quantities: tuple[Quantity, ...]) -> None:
        self._by_name = {one.name: one for one in quantities}

    def __getitem__(self, name: str) -> Quantity:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return "\n".join(f"{name:24} {one}" for name, one in self._by_name.items()) or "no parameters"

    def _repr_html_(self) -> str:
        return table(("parameter", "value"), [(name, str(one)) for name, one in self._by_name.items()])

    def to_pandas(self) -> Any:
        """A data frame with a row for each: name (index), value, unit, minimum, maximum."""
        rows = [(one.name, one.value, one.unit, one.minimum, one.maximum) for one in self._by_name.values()]
        return pandas().DataFrame(rows, columns=["name", "value", "unit", "minimum", "maximum"]).set_index("name")


class Dataset:
    """What a list does not tell of a run is asked for when it is looked at."""

    def __init__(self, http: Http, said: Mapping[str, Any], *, whole: bool = False) -> None:
        self._http = http
        self._said = said
        self._whole = whole
        self.pid: str = said["pid"]
        self.title: str | None = said["title"]
        self.kind: str = said["kind"]
        self.start = values.moment(said["start"])
        self.end = values.moment(said["end"])
        self.facility: str | None = said["facility_name"]
        self.instrument: Named | None = values.named(said["instrument"])
        self.visit: Named | None = values.named(said["investigation"])
        self.proposal: str | None = said["proposal"]
        self.run: str | None = said["run"]
        self.sample: Sample | None = values.sample(said["sample"])
        self.techniques: tuple[Named, ...] = tuple(Named(one["pid"], one["name"]) for one in said["techniques"])
        self.access: Access = values.access(said["access"])
        self.parameters = Parameters(tuple(values.quantity(one) for one in said["parameters"]))
        self.file_count: int | None = said["file_count"]
        self.total_bytes: int | None = said["total_bytes"]
        self.files = Files(http, self.pid)

    @property
    def summary(self) -> Mapping[str, Any]:
        """What the server said so far, as it said it."""
        return self._said

    @property
    def record(self) -> Mapping[str, Any]:
        """All that the server says, as it says it: values with their sources, facts of the file, problems."""
        if not self._whole:
            self._said, self._whole = self._http.json(asking.dataset(self.pid)), True
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
        return values.explanation(self._http.json(asking.explanation(self.pid)))

    def open(self, name: str) -> RemoteFile:
        """A file where it is: `h5py.File(run.open("scan_1.nxs"))`."""
        return self.files.open(name)

    def row(self) -> tuple[str, ...]:
        start = f"{self.start:%Y-%m-%d %H:%M}" if self.start else ""
        return self.pid, start, self.access.state, str(self.instrument or ""), self.title or self.run or ""

    def __repr__(self) -> str:
        return f"<run {self.pid} {self.title or ''} ({self.access})>"

    def _repr_html_(self) -> str:
        said = {
            "run": self.pid,
            "title": self.title,
            "start": self.start,
            "end": self.end,
            "access": self.access,
            "instrument": self.instrument,
            "sample": self.sample,
            "technique": ", ".join(map(str, self.techniques)),
            "files": self.file_count,
            "bytes": self.total_bytes,
            **self.parameters,
        }
        return table(("", ""), [(name, str(value)) for name, value in said.items() if value not in (None, "")])

"""A facility's catalogue for scripts and notebooks.

import panmesh.client

with panmesh.client.connect("https://data.example.org") as client:
    for run in client.datasets.search("CeO2", incident_energy=("10 keV", "20 keV")):
        print(run.pid, run.title, run.parameters["temperature"])
        run.files.download("home")
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from panmesh.client import asking, values
from panmesh.client.conditions import When, conditions, when
from panmesh.client.dataset import Dataset
from panmesh.client.paged import Paged, pandas
from panmesh.client.values import Instrument, Me, Pushed, QuantityName, Visit

if TYPE_CHECKING:
    from panmesh.client.http import Http


def connect(url: str | None = None, token: str | None = None) -> Client:
    """`url` and `token`, or what PANMESH_URL and PANMESH_TOKEN say. Without a token you see what is open. Asks nothing yet."""
    from panmesh.client.http import Http

    return Client(Http(url or os.environ.get("PANMESH_URL", "http://127.0.0.1:8000"), token or os.environ.get("PANMESH_TOKEN")))


class Client:
    """Raises the errors of `panmesh.kernel.errors`, with the server's own sentences."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.datasets = Datasets(http)

    @property
    def instruments(self) -> list[Instrument]:
        return [values.instrument(one) for one in self._http.json(asking.Request(path="/instruments"))]

    @property
    def visits(self) -> Visits:
        """The latest first."""
        return Visits(self._http)

    def quantities(self) -> list[QuantityName]:
        """Those that a search takes, of the runs that you may read."""
        said = self._http.json(asking.Request(path="/quantities"))
        return [QuantityName(one["value"], one["label"], one["count"]) for one in said]

    def whoami(self) -> Me:
        said = self._http.json(asking.Request(path="/me"))
        return Me(said["login"], said["name"], said["signed_in"], said["staff"], frozenset(said["scopes"]))

    def register_derived(
        self,
        title: str,
        *,
        sources: Iterable[str | Dataset],
        files: Sequence[str],
        software: str,
        software_version: str | None = None,
        parameters: Mapping[str, str | float | bool | None] | None = None,
        finished: datetime | None = None,
    ) -> Dataset:
        """Results of processing, linked to the runs that they were made from, under their terms. `files` are paths that the facility sees."""
        pids = [one.pid if isinstance(one, Dataset) else one for one in sources]
        ask = asking.derived(title, pids, files, software, software_version, parameters, when("finished", finished))
        return self.datasets[self._http.json(ask)["pid"]]

    def ingest(self, path: str) -> Pushed:
        """Have the facility read a file or folder now: absolute there, or 'storage:path'."""
        said = self._http.json(asking.Request(method="POST", path="/ingest", body={"path": path}))
        return Pushed(said["storage"], said["path"], said["accepted"], tuple(said["pids"]))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<panmesh at {self._http.url}>"


class Datasets:
    def __init__(self, http: Http) -> None:
        self._http = http

    def search(
        self,
        text: str = "",
        *,
        since: When | None = None,
        until: When | None = None,
        sort: str | None = None,
        technique: Any = None,
        instrument: Any = None,
        facility: Any = None,
        proposal: Any = None,
        visit: Any = None,
        sample: Any = None,
        person: Any = None,
        series: Any = None,
        state: Any = None,
        kind: Any = None,
        quantity: Any = None,
        **quantities: Any,
    ) -> Results:
        """Runs, newest first, or by `sort` (start, created, title, bytes, sample; "-" before it: descending). `technique` includes all narrower
        ones. A condition takes a value or several, which are alternatives; an Instrument, Visit or Sample is a value too.

        Any other name is a quantity: `temperature=("80 K", "300 K")`, `incident_energy="12.4 keV"`; one end may be None, and the unit is
        yours. `quantity` takes the API's own words, "temperature:80..300 K"."""
        plain = {"technique": technique, "instrument": instrument, "facility": facility, "proposal": proposal, "visit": visit}
        plain |= {"sample": sample, "person": person, "series": series, "state": state, "kind": kind, "quantity": quantity}
        return Results(self._http, conditions(text, since, until, sort, plain, quantities))

    def __getitem__(self, pid: str) -> Dataset:
        """Raises NotFound for what is not there, or what you may not know of."""
        return Dataset(self._http, self._http.json(asking.dataset(pid)), whole=True)


class Results(Paged[Dataset]):
    """What a search found."""

    what: ClassVar[str] = "runs"
    head: ClassVar[tuple[str, ...]] = ("run", "start", "access", "instrument", "title")

    def __init__(self, http: Http, asked: Mapping[str, Any]) -> None:
        super().__init__(self._some)
        self._http = http
        self._asked = asked

    def row(self, one: Dataset) -> tuple[str, ...]:
        return one.row()

    def to_pandas(self) -> Any:
        """A data frame with a row for each run (pid is the index), and a column for each parameter in each unit, "temperature [K]"."""
        frame = pandas().DataFrame([_cells(one) for one in self])
        return frame.set_index("pid") if len(frame) else frame

    def _some(self, offset: int, limit: int) -> tuple[list[Dataset], int]:
        said = self._http.json(asking.search(self._asked, offset, limit))
        return [Dataset(self._http, one) for one in said["items"]], said["total"]


class Visits(Paged[Visit]):
    what: ClassVar[str] = "visits"
    head: ClassVar[tuple[str, ...]] = ("visit", "number", "start", "access", "instrument", "title")

    def __init__(self, http: Http) -> None:
        super().__init__(self._some)
        self._http = http

    def __getitem__(self, index: Any) -> Any:
        """By number; by pid, raising NotFound."""
        if isinstance(index, str):
            return values.visit(self._http.json(asking.visit(index)))
        return super().__getitem__(index)

    def row(self, one: Visit) -> tuple[str, ...]:
        start = f"{one.start:%Y-%m-%d}" if one.start else ""
        return one.pid, one.visit_id, start, one.access.state, str(one.instrument or ""), one.title or ""

    def _some(self, offset: int, limit: int) -> tuple[list[Visit], int]:
        said = self._http.json(asking.visits(offset, limit))
        return [values.visit(one) for one in said["items"]], said["total"]


def _cells(run: Dataset) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "pid": run.pid,
        "title": run.title,
        "start": run.start,
        "end": run.end,
        "access": run.access.state,
        "instrument": run.instrument and run.instrument.name,
        "proposal": run.proposal,
        "sample": run.sample and run.sample.name,
        "techniques": ", ".join(map(str, run.techniques)),
        "bytes": run.total_bytes,
    }
    return cells | {f"{one.name} [{one.unit}]" if one.unit else one.name: one.value for one in run.parameters.values()}

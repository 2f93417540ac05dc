"""A facility's catalogue for scripts and notebooks.

import panmesh.client

with panmesh.client.connect("https://data.example.org") as client:
    for run in client.datasets.search("CeO2", incident_energy=("10 keV", "20 keV")):
        print(run.pid, run.title, run.parameters["temperature"])
        run.files.download("home")
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from panmesh.client import asking, display, values
from panmesh.client.conditions import When, conditions, of_visits, registering
from panmesh.client.dataset import Dataset
from panmesh.client.facets import FACETS, Facets
from panmesh.client.flow import said
from panmesh.client.paged import Paged
from panmesh.client.run_frame import frame_of_runs
from panmesh.client.values import Instrument, Me, Pushed, QuantityName, Technique, Visit

if TYPE_CHECKING:
    from panmesh.client.async_client import AsyncClient
    from panmesh.client.http import Http


def connect(url: str | None = None, token: str | None = None) -> Client:
    """`url` and `token`, or what PANMESH_URL and PANMESH_TOKEN say. Without a token you see what is open. Asks nothing yet."""
    from panmesh.client.http import Http

    return Client(Http(*_where(url, token)))


def connect_async(url: str | None = None, token: str | None = None) -> AsyncClient:
    """As `connect`, for `async with`: the same names, awaited."""
    from panmesh.client.async_client import AsyncClient
    from panmesh.client.async_http import AsyncHttp

    return AsyncClient(AsyncHttp(*_where(url, token)))


def _where(url: str | None, token: str | None) -> tuple[str, str | None]:
    return url or os.environ.get("PANMESH_URL", "http://127.0.0.1:8000"), token or os.environ.get("PANMESH_TOKEN")


class Client:
    """Raises the errors of `panmesh.kernel.errors`, with the server's own sentences."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.datasets = Datasets(http)

    @property
    def instruments(self) -> list[Instrument]:
        return self._http.run(said(asking.INSTRUMENTS, values.every(values.instrument)))

    @property
    def visits(self) -> Visits:
        """The latest first."""
        return Visits(self._http)

    def quantities(self) -> list[QuantityName]:
        """Those that a search takes, of the runs that you may read."""
        return self._http.run(said(asking.QUANTITIES, values.every(values.quantity_name)))

    def techniques(self, text: str = "", limit: int = 20) -> list[Technique]:
        """Of PaNET: those whose name or synonym fits best, for `search(technique=…)`."""
        return self._http.run(said(asking.techniques(text, limit), values.every(values.technique)))

    def whoami(self) -> Me:
        return self._http.run(said(asking.ME, values.me))

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
        ask = registering(
            title,
            sources,
            files,
            software=software,
            software_version=software_version,
            parameters=parameters,
            finished=finished,
        )
        return self.datasets[self._http.run(said(ask, _pid))]

    def ingest(self, path: str) -> Pushed:
        """Have the facility read a file or folder now: absolute there, or 'storage:path'."""
        return self._http.run(said(asking.ingest(path), values.pushed))

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
        mine: bool = False,
        quantity: Any = None,
        **quantities: Any,
    ) -> Results:
        """Runs, newest first, with `text` what fits it best first, or by `sort` (relevance, start, created, title, bytes, sample; "-" before
        it: descending). `technique` includes all narrower ones. A condition takes a value or several, which are alternatives; an Instrument, Visit or Sample is a value too.
        `mine`: of visits in whose team you are, or that you were let into.

        Any other name is a quantity: `temperature=("80 K", "300 K")`, `incident_energy="12.4 keV"`; one end may be None, and the unit is
        yours. `quantity` takes the API's own words, "temperature:80..300 K"."""
        plain = {"technique": technique, "instrument": instrument, "facility": facility, "proposal": proposal, "visit": visit}
        plain |= {"sample": sample, "person": person, "series": series, "state": state, "kind": kind, "mine": mine or None}
        plain["quantity"] = quantity
        return Results(self._http, conditions(text, since, until, sort, plain, quantities))

    def count(self, text: str = "", **asked: Any) -> int:
        """How many runs a search finds, without any of them."""
        return self.search(text, **asked).total

    def __getitem__(self, pid: str) -> Dataset:
        """Raises NotFound for what is not there, or what you may not know of."""
        return Dataset(self._http, self._http.run(said(asking.dataset(pid), dict)), whole=True)


class Results(Paged[Dataset]):
    """What a search found."""

    what: ClassVar[str] = "runs"
    head: ClassVar[tuple[str, ...]] = ("run", "start", "access", "instrument", "title")

    def __init__(self, http: Http, asked: Mapping[str, Any]) -> None:
        super().__init__(self._some)
        self._http = http
        self._asked = asked

    @property
    def total(self) -> int:
        """Asked for without any of the runs, if none was looked at."""
        if self._total is None:
            _, self._total = self._some(0, 0)
        return self._total

    def facets(self, *names: str) -> Facets:
        """What the runs that were found have, with how many have it; of technique, instrument, state … or of those named."""
        return self._http.run(said(asking.search(self._asked, 0, 0, names or FACETS), Facets.of))

    def row(self, one: Dataset) -> tuple[str, ...]:
        return one.row()

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), *self._unheard_of()])

    def _repr_html_(self) -> str:
        return super()._repr_html_() + "".join(display.note(said) for said in self._unheard_of())

    def _unheard_of(self) -> list[str]:
        """Why nothing may have been found: quantities that no run here has."""
        asked = [str(one).partition(":")[0] for one in self._asked.get("quantity", ())] if len(self) == 0 else []
        known = (
            {one.name for one in self._http.run(said(asking.QUANTITIES, values.every(values.quantity_name)))} if asked else set()
        )
        return [f"No run that you may read has {name!r}{_near(name, known)}" for name in asked if name not in known]

    def to_pandas(self, parameters: str | Sequence[str] | None = None) -> Any:
        """A data frame with a row for each run (pid is the index), and a column for each parameter in each unit, "temperature [K]", or for
        the chosen `parameters` only. A scanned one has its ends in "temperature min [K]" and "temperature max [K]"."""
        return frame_of_runs(self, parameters)

    def _some(self, offset: int, limit: int) -> tuple[list[Dataset], int]:
        return self._http.run(said(asking.search(self._asked, offset, limit), values.page(self._one)))

    def _one(self, told: Mapping[str, Any]) -> Dataset:
        return Dataset(self._http, told)


class Visits(Paged[Visit]):
    what: ClassVar[str] = "visits"
    head: ClassVar[tuple[str, ...]] = ("visit", "number", "start", "access", "instrument", "title")

    def __init__(self, http: Http, asked: Mapping[str, Any] | None = None) -> None:
        super().__init__(self._some)
        self._http = http
        self._asked = asked or {}

    def search(self, text: str = "", *, instrument: Any = None, proposal: Any = None, mine: bool = False) -> Visits:
        """Those that fit: `text` in title, number, proposal or instrument, each word; `mine`: of your teams, or that you were let in to."""
        return Visits(self._http, of_visits(text, instrument, proposal, mine))

    def __getitem__(self, index: Any) -> Any:
        """By number; by pid, raising NotFound."""
        if isinstance(index, str):
            return self._http.run(said(asking.visit(index), values.visit))
        return super().__getitem__(index)

    def row(self, one: Visit) -> tuple[str, ...]:
        start = f"{one.start:%Y-%m-%d}" if one.start else ""
        return one.pid, one.visit_id, start, one.access.state, str(one.instrument or ""), one.title or ""

    def _some(self, offset: int, limit: int) -> tuple[list[Visit], int]:
        return self._http.run(said(asking.visits(self._asked, offset, limit), values.page(values.visit)))


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.7)
    return f"; did you mean {near[0]!r}?" if near else "."


def _pid(told: Mapping[str, Any]) -> str:
    return str(told["pid"])

"""A facility's catalogue for scripts and notebooks: search, one run, its files, taken home.

import panmesh.client

with panmesh.client.connect("https://data.example.org") as facility:
    for run in facility.datasets.search("CeO2", incident_energy=("10 keV", "20 keV")):
        print(run.pid, run.title, run.parameters["temperature"])
        run.files.download("home")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from panmesh.client.http import Client as Http

PAGE = 200  # runs asked for at once
_PLAIN = ("technique", "instrument", "facility", "proposal", "visit", "sample", "person", "state", "kind")


def connect(url: str | None = None, token: str | None = None) -> Facility:
    """`url` and `token`, or what PANMESH_URL and PANMESH_TOKEN say. Without a token you see what is open."""
    from panmesh.client.http import Client as Http

    return Facility(Http(url or os.environ.get("PANMESH_URL", "http://127.0.0.1:8000"), token or os.environ.get("PANMESH_TOKEN")))


class Facility:
    """Raises the errors of `panmesh.kernel.errors`, with the server's own sentences."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.datasets = Datasets(http)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Facility:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Datasets:
    def __init__(self, http: Http) -> None:
        self._http = http

    def search(self, text: str = "", *, since: str | None = None, until: str | None = None, **conditions: Any) -> Results:
        """Runs, newest first. `technique` (with all narrower ones), `instrument`, `sample`, `proposal`, `visit`, `person`, `state`: a value or
        several. Any other name is a quantity: `temperature=("80 K", "300 K")`, `incident_energy="12.4 keV"`; one end may be None."""
        asked: dict[str, Any] = {"text": text, "from": since, "to": until}
        asked |= {name: conditions.pop(name) for name in _PLAIN if name in conditions}
        asked["quantity"] = [_quantity(name, said) for name, said in conditions.items()]
        return Results(self._http, {name: value for name, value in asked.items() if value})

    def __getitem__(self, pid: str) -> Dataset:
        """Raises NotFound for what is not there, or what you may not know of."""
        return Dataset(self._http, self._http.get(pid), whole=True)


class Results(Sequence["Dataset"]):
    """What a search found: asked for page by page as you look."""

    def __init__(self, http: Http, asked: Mapping[str, Any]) -> None:
        self._http = http
        self._asked = asked
        self._pages: dict[int, list[Dataset]] = {}
        self._total: int | None = None

    @property
    def total(self) -> int:
        if self._total is None:
            self._page(0)
        return self._total or 0

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> Dataset: ...
    @overload
    def __getitem__(self, index: slice) -> list[Dataset]: ...
    def __getitem__(self, index: int | slice) -> Dataset | list[Dataset]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        page = self._page(at // PAGE) if at >= 0 else []
        if not 0 <= at % PAGE < len(page):
            raise IndexError(f"there are {self.total} runs")
        return page[at % PAGE]

    def __iter__(self) -> Iterator[Dataset]:
        number = 0
        while page := self._page(number):
            yield from page
            number += 1

    def __repr__(self) -> str:
        return f"<{self.total} runs>"

    def _repr_html_(self) -> str:
        rows = "".join(d._row() for d in self[:20])
        more = f"<p>{self.total - 20} more</p>" if self.total > 20 else ""
        return (
            f"<p>{self.total} runs</p><table><tr><th>run</th><th>start</th><th>title</th><th>access</th></tr>{rows}</table>{more}"
        )

    def _page(self, number: int) -> list[Dataset]:
        if number not in self._pages:
            found = self._http.search(**self._asked, offset=number * PAGE, limit=PAGE)
            self._total = int(found["total"])
            self._pages[number] = [Dataset(self._http, one) for one in found["items"]]
        return self._pages[number]


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` None: it was scanned from `minimum` to `maximum`."""

    name: str
    value: float | str | None
    unit: str | None
    minimum: float | None = None
    maximum: float | None = None

    def __str__(self) -> str:
        said = str(self.value) if self.value is not None else f"{self.minimum} … {self.maximum}"
        return f"{said} {self.unit}" if self.unit else said


class Dataset:
    """One run. What only the whole record has is asked for when it is looked at."""

    def __init__(self, http: Http, record: Mapping[str, Any], *, whole: bool = False) -> None:
        self._http = http
        self._record = record
        self._whole = whole
        self.pid: str = record["pid"]
        self.title: str | None = record["title"]
        self.start = _moment(record["start"])
        self.end = _moment(record["end"])
        self.instrument: str | None = (record["instrument"] or {}).get("name")
        self.sample: str | None = (record["sample"] or {}).get("name")
        self.techniques: tuple[str, ...] = tuple(one["name"] for one in record["techniques"])
        self.access: str = record["access"]["state"]
        self.opens: str | None = record["access"]["opens"]
        self.total_bytes: int | None = record["total_bytes"]

    @property
    def parameters(self) -> Mapping[str, Quantity]:
        return {
            p["name"]: Quantity(p["name"], p["value"], p["unit"], p["minimum"], p["maximum"]) for p in self._record["parameters"]
        }

    @property
    def files(self) -> Files:
        return Files(self._http, self.pid)

    @property
    def record(self) -> Mapping[str, Any]:
        """All that the server says, as it says it: people, values with their sources, relations, versions."""
        if not self._whole:
            self._record, self._whole = self._http.get(self.pid), True
        return self._record

    def __repr__(self) -> str:
        return f"<run {self.pid} {self.title or ''} ({self.access})>"

    def _row(self) -> str:
        start = f"{self.start:%Y-%m-%d %H:%M}" if self.start else ""
        cells = (f"<code>{escape(self.pid)}</code>", start, escape(self.title or ""), self.access)
        return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


@dataclass(frozen=True, slots=True)
class File:
    name: str
    size: int  # bytes
    sha256: str | None  # None: not known yet
    state: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a download did. `compared`: files whose SHA-256 is that of the catalogue; of the others only the size is known to be right."""

    folder: Path
    files: tuple[Path, ...]
    compared: int


class Files:
    """Of one run: asked for page by page."""

    def __init__(self, http: Http, pid: str) -> None:
        self._http = http
        self._pid = pid

    def __iter__(self) -> Iterator[File]:
        for one in self._http.files(self._pid):
            yield File(one["name"], one["size"], one["sha256"], one["state"])

    def download(self, folder: str | Path, *, only: str = "*", progress: bool = True) -> Taken:
        """Takes the files whose name fits `only` into the folder. Again after a break: goes on where it stopped, skips what is there and right.
        Raises PeerFailed when bytes arrived that are not those of the catalogue (the file is not kept), Embargoed when they may not be read yet."""
        wanted = [one for one in self._http.files(self._pid) if fnmatch(one["name"], only)]
        target, compared, taken = Path(folder), 0, []
        with _bar(sum(one["size"] for one in wanted), progress) as bar:
            for one in wanted:
                path, checked = self._http.download(self._pid, one, target, bar.update)
                taken.append(path)
                compared += checked
        return Taken(target, tuple(taken), compared)


def _bar(total: int, wanted: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="B", unit_scale=True, disable=None if wanted else True, file=sys.stderr)


def _quantity(name: str, said: Any) -> str:
    """`name:low..high unit`: both ends in one unit, which the second may leave to the first."""
    if not isinstance(said, tuple | list):
        return f"{name}:{said}"
    if len(said) != 2:
        raise ValueError(f"{name} is a value or two ends, such as ('10 keV', '20 keV'); got {said!r}")
    low, high = ((None, "") if end is None else _split(end) for end in said)
    units = {unit for number, unit in (low, high) if number is not None and unit}
    if len(units) > 1:
        raise ValueError(f"both ends of {name} have one unit; got {' and '.join(sorted(units))}")
    return f"{name}:{low[0] or ''}..{high[0] or ''} {next(iter(units), '')}".strip()


def _split(end: Any) -> tuple[str, str]:
    number, _, unit = str(end).strip().partition(" ")
    return number, unit.strip()


def _moment(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)

"""What is known of one run without asking again, and how it is shown: the same for whoever waits and whoever awaits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from panmesh.client import display, values
from panmesh.client.science import frame_of_parameters
from panmesh.client.values import Access, Named, Quantity, Sample


class Parameters(Mapping[str, Quantity]):
    """By name. A name that was not found may be spelt otherwise: `client.quantities()` has those that exist."""

    def __init__(self, quantities: tuple[Quantity, ...]) -> None:
        self._by_name = {one.name: one for one in quantities}

    def __getitem__(self, name: str) -> Quantity:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"this run has no parameter {name!r}; it has {', '.join(self._by_name) or 'none'}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._by_name)

    def __repr__(self) -> str:
        return "\n".join(f"{name:24} {one}" for name, one in self._by_name.items()) or "no parameters"

    def _repr_html_(self) -> str:
        if not self._by_name:
            return display.note("no parameters")
        rows = [(name, _without_unit(one), one.unit or "") for name, one in self._by_name.items()]
        return display.table(("parameter", "value", "unit"), rows, right=(1,))

    def to_pandas(self) -> Any:
        """A data frame with a row for each: name (index), value, unit, minimum, maximum."""
        return frame_of_parameters(self._by_name.values())


class Run:
    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said
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

    @property
    def summary(self) -> Mapping[str, Any]:
        """What the server said so far, as it said it."""
        return self._said

    def row(self) -> tuple[str, ...]:
        start = f"{self.start:%Y-%m-%d %H:%M}" if self.start else ""
        return self.pid, start, self.access.state, str(self.instrument or ""), self.title or self.run or ""

    def __repr__(self) -> str:
        return f"<run {self.pid} {self.title or ''} ({self.access})>"

    def _repr_html_(self) -> str:
        said = {
            "run": self.pid,
            "start": f"{self.start:%Y-%m-%d %H:%M:%S %Z}" if self.start else "",
            "end": f"{self.end:%Y-%m-%d %H:%M:%S %Z}" if self.end else "",
            "access": str(self.access),
            "facility": self.facility or "",
            "instrument": str(self.instrument or ""),
            "proposal": self.proposal or "",
            "sample": str(self.sample or ""),
            "technique": ", ".join(map(str, self.techniques)),
            "files": "" if self.file_count is None else f"{self.file_count:,}, {display.size(self.total_bytes)}",
        }
        shown = display.heading(self.title or self.run or self.pid) + display.facts({k: v for k, v in said.items() if v})
        return shown + (self.parameters._repr_html_() if self.parameters else "")


def _without_unit(one: Quantity) -> str:
    return str(Quantity(one.name, one.value, None, one.minimum, one.maximum))

"""The runs of one visit as a table whose columns the reader chooses: what varies over the visit, and what each run says. Values alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from panmesh.catalogue.comparing import Cell, cell_in
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import Condition
from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import is_plain
from panmesh.kernel.units import convert, same_dimension

MOST_COLUMNS = 12
SHOWN_AT_FIRST = 4  # quantities
LONGEST = 80  # characters of a name, and of a unit
_ALIKE = 1e-6  # relative: what prints alike is no difference


class Fact(StrEnum):
    """Columns besides quantities. A quantity of the same name stands behind."""

    START = "start"
    LASTED = "lasted"
    SAMPLE = "sample"
    TECHNIQUE = "technique"
    RUN = "run"  # the acquisition's own number
    FILES = "files"
    BYTES = "bytes"
    FLAG = "flag"


FACTS = tuple(fact.value for fact in Fact)
AT_FIRST = (Fact.START.value, Fact.SAMPLE.value)
SORTED_BY = (*(fact.value for fact in Fact if fact is not Fact.TECHNIQUE), "title")  # besides quantities


@dataclass(frozen=True, slots=True)
class Column:
    name: str  # of a fact or a quantity
    unit: str | None = None  # that the reader wants; None: as most runs say it

    def __str__(self) -> str:
        return f"{self.name}:{self.unit}" if self.unit else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the runs of a visit say of one quantity in one unit."""

    name: str
    unit: str | None
    dimension: str | None  # None: a unit that is not known, or a text
    runs: int
    low: float | None  # in this unit
    high: float | None
    first_text: str | None = None
    last_text: str | None = None
    scanned: int = 0  # runs in which it went from one value to another


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Over all runs of a visit whose quantities one viewer may read."""

    name: str
    unit: str | None  # that most runs have
    dimension: str | None
    runs: int  # that say it
    low: float | None  # in this unit; None: texts alone
    high: float | None
    text: str | None  # that all have alike; None: there is none, or several
    varies: bool
    scanned: bool  # in some run

    @property
    def textual(self) -> bool:
        return self.low is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    where: Condition | None = None
    sort: str = Fact.START.value  # one of SORTED_BY, or the name of a quantity
    descending: bool = False
    offset: int = 0
    limit: int = 50


def quantities(said: Iterable[Said]) -> tuple[Quantity, ...]:
    """By name. Of units that cannot be converted into one another, the range is that of the most frequent one."""
    by_name: dict[str, list[Said]] = {}
    for one in said:
        by_name.setdefault(one.name, []).append(one)
    return tuple(_quantity(name, found) for name, found in sorted(by_name.items()))


def _quantity(name: str, found: Sequence[Said]) -> Quantity:
    main = min(found, key=lambda one: (-one.runs, one.unit is None, one.unit or ""))
    ends = [end for one in found if one.low is not None and one.high is not None for end in _ends(one, main)]
    texts = {text for one in found for text in (one.first_text, one.last_text) if text is not None}
    low, high = min(ends, default=None), max(ends, default=None)
    spread = low is not None and high is not None and not math.isclose(low, high, rel_tol=_ALIKE)
    unlike = any(one is not main and not _fits(one, main) for one in found)
    return Quantity(
        name=name,
        unit=main.unit,
        dimension=main.dimension,
        runs=sum(one.runs for one in found),
        low=low,
        high=high,
        text=next(iter(texts)) if len(texts) == 1 else None,
        varies=spread or len(texts) > 1 or unlike or (bool(texts) and bool(ends)),
        scanned=any(one.scanned for one in found),
    )


def _fits(one: Said, main: Said) -> bool:
    return one.unit == main.unit or same_dimension(one.unit, main.unit)


def _ends(one: Said, main: Said) -> tuple[float, ...]:
    assert one.low is not None
    assert one.high is not None
    if one.unit == main.unit:
        return one.low, one.high
    if not _fits(one, main):
        return ()
    return convert(one.low, one.unit, main.unit), convert(one.high, one.unit, main.unit)


def columns_of(texts: Iterable[str]) -> tuple[Column, ...]:
    """`name` or `name:unit`, as an address writes them. Raises Invalid."""
    found: dict[str, Column] = {}
    for text in texts:
        name, _, unit = text.strip().partition(":")
        name, unit = name.strip(), unit.strip()
        if not name:
            continue
        if len(name) > LONGEST or len(unit) > LONGEST or not is_plain(name) or not is_plain(unit):
            raise Invalid("A column is named by a quantity, and a unit where another one is wanted: incident_energy:eV.")
        found.setdefault(name, Column(name, unit or None))
    if len(found) > MOST_COLUMNS:
        raise Invalid(f"A table has at most {MOST_COLUMNS} columns; {len(found)} are asked for. Leave some out.")
    return tuple(found.values())


def at_first(known: Sequence[Quantity], telling: Sequence[str]) -> tuple[Column, ...]:
    """Where nobody has chosen: the most telling of the quantities that vary."""
    varying = sorted(
        (one for one in known if one.varies),
        key=lambda one: (telling.index(one.name) if one.name in telling else len(telling), -one.runs, one.name),
    )
    names = [one.name for one in varying]
    if "incident_energy" in names and "incident_wavelength" in names:
        names.remove("incident_wavelength")  # says the same
    facts = AT_FIRST if known else (Fact.START.value, Fact.TECHNIQUE.value)
    return tuple(Column(name) for name in (*facts, *names[:SHOWN_AT_FIRST]))


def cells(run: DatasetSummary, columns: Sequence[Column], units: Mapping[str, str | None]) -> tuple[Cell | None, ...]:
    """What the run says in the columns that are quantities; None: nothing, or not to this viewer, or a column that is none.

    `units`: by quantity, that of its column.
    """
    by_name = {p.name: p for p in run.parameters}
    return tuple(
        cell_in(by_name[column.name], units[column.name]) if column.name in by_name and column.name in units else None
        for column in columns
    )


def units_of(columns: Sequence[Column], known: Sequence[Quantity]) -> dict[str, str | None]:
    """The unit of each column that is a quantity. Raises Invalid where the wanted one measures something else."""
    found: dict[str, str | None] = {}
    by_name = {one.name: one for one in known}
    for column in columns:
        one = by_name.get(column.name)
        if one is None or column.name in FACTS:
            continue
        if column.unit is not None and not same_dimension(column.unit, one.unit):
            raise Invalid(f"{column.name} is in {one.unit or 'no unit'} here, which cannot be written in {column.unit!r}.")
        found[column.name] = column.unit or one.unit
    return found

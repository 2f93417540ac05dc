"""One generation of the index: a folder of arrays, each row a dataset, the newest run first. Written once, whole or not at all, never changed."""

from __future__ import annotations

import json
import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from panmesh.adapters.sql.index.grams import PART, grams_of, places_of, places_of_short

FORMAT = 6
NOTHING = np.iinfo(np.int64).min  # of a number that is missing
COLUMNS = (
    "id",
    "terms",
    "instrument",
    "facility",
    "investigation",
    "sample",
    "kind",
    "start",
    "end",
    "created",
    "bytes",
    "files",
)
STEP = 512  # values of a quantity, of which it is known how far they reach
LAST = "\U0010ffff"  # sorts after all that is written
KEPT = 2  # generations: one that is read, one that is new

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Quantity:
    """All values of one name: those that are one number, then intervals, each sorted by their lower end, then those without one."""

    rows: Array  # int32
    low: Array  # float64, base units
    high: Array
    dimension: Array  # int16, code
    unit: Array  # int16, code; -1: none
    exact: int  # how many are one number
    known: int  # how many have a lower end
    single: bool  # no dataset has two
    alone: int  # the dimension of all values with a lower end, as a code; -1: there are several
    reach: Array  # float64, of the intervals: the highest upper end up to the end of each `STEP` of them

    @property
    def points(self) -> bool:
        """Whether there are no intervals."""
        return self.exact == self.known

    def between(self, low: float | None, high: float | None, dimension: int) -> Iterator[tuple[Array, Array]]:
        """Rows of the values of this dimension that reach into the range, and their lower ends: of numbers, then of intervals.
        None: no end."""
        numbers, intervals = self.low[: self.exact], self.low[self.exact : self.known]
        first = 0 if low is None else int(np.searchsorted(numbers, low, "left"))
        last = self.exact if high is None else int(np.searchsorted(numbers, high, "right"))
        yield self._of(slice(first, max(first, last)), None, dimension)
        last = len(intervals) if high is None else int(np.searchsorted(intervals, high, "right"))
        # No interval of the steps before reaches so far.
        first = 0 if low is None else min(int(np.searchsorted(self.reach, low, "left")) * STEP, last)
        yield self._of(slice(self.exact + first, self.exact + last), low, dimension)

    def _of(self, part: slice, reaching: float | None, dimension: int) -> tuple[Array, Array]:
        conditions = [] if self.alone == dimension else [self.dimension[part] == dimension]
        if reaching is not None:
            conditions.append(self.high[part] >= reaching)
        fits = np.logical_and.reduce(conditions) if conditions else slice(None)
        return self.rows[part][fits], self.low[part][fits]


def reach_of(high: Array) -> Array:
    """`Quantity.reach`, of upper ends of intervals in the order of the lower ones."""
    return np.asarray(np.maximum.accumulate(high)[STEP - 1 :: STEP])


@dataclass(frozen=True, slots=True)
class Texts:
    """Which rows have a token: of token i, `rows[starts[i]:starts[i + 1]]`."""

    starts: Array
    rows: Array

    def of(self, token: int) -> Array:
        return self.rows[self.starts[token] : self.starts[token + 1]]


@dataclass(slots=True)
class Generation:
    folder: Path
    sequence: int  # the newest change that it knows of
    mark: str  # of that change, so that the index of another database is recognised
    made: tuple[int, int]  # when, and as which file: two of the same change are told apart
    size: int
    words: Mapping[str, list[str]]  # vocabularies: kinds, techniques, units, dimensions, sample names, proposals
    names: list[str]  # of quantities
    _arrays: dict[str, Array] = field(default_factory=dict)
    _tokens: Any = None
    _letters: tuple[memoryview, Array] | None = None

    def array(self, name: str) -> Array:
        if name not in self._arrays:
            mapped = np.load(self.folder / f"{name}.npy", mmap_mode="r")
            self._arrays[name] = mapped.view(np.ndarray)  # plain ones are cut quicker
        return self._arrays[name]

    def quantity(self, name: str) -> Quantity | None:
        try:
            place = self.names.index(name)
        except ValueError:
            return None
        starts = self.array("quantity_starts")
        part = slice(int(starts[place]), int(starts[place + 1]))
        return Quantity(
            rows=self.array("quantity_rows")[part],
            low=self.array("quantity_low")[part],
            high=self.array("quantity_high")[part],
            dimension=self.array("quantity_dimension")[part],
            unit=self.array("quantity_unit")[part],
            exact=int(self.array("quantity_exact")[place]),
            known=int(self.array("quantity_known")[place]),
            single=bool(self.array("quantity_single")[place]),
            alone=int(self.array("quantity_alone")[place]),
            reach=self.array("quantity_reach")[slice(*self.array("quantity_steps")[place : place + 2].tolist())],
        )

    def tagged(self, code: int) -> Array:
        """Rows with the technique of this code."""
        starts = self.array("technique_starts")
        return self.array("technique_rows")[starts[code] : starts[code + 1]]

    def texts(self, which: str) -> Texts:
        return Texts(self.array(f"{which}_starts"), self.array(f"{which}_rows"))

    def tokens(self) -> Any:
        """All words of the catalogue's texts, as an Arrow array that is mapped too."""
        if self._tokens is None:
            import pyarrow as pa

            with pa.memory_map(str(self.folder / "tokens.arrow")) as file:
                self._tokens = pa.ipc.open_file(file).read_all().column(0).combine_chunks()
        return self._tokens

    def containing(self, word: str) -> Array:
        """Numbers of the tokens that have it as a part."""
        if self._letters is None:
            _, offsets, letters = self.tokens().buffers()
            ends = np.frombuffer(offsets, np.int64)[: len(self.tokens()) + 1]
            self._letters = memoryview(letters)[: ends[-1]], ends
        letters, ends = self._letters
        sought = word.encode()
        # Through all tokens as they lie behind each other; what begins in one and ends in the next is no part of either.
        starts = places_of(sought, letters, self.array("grams")) if len(sought) >= PART else places_of_short(sought, letters)
        tokens = np.searchsorted(ends, starts, "right") - 1
        return np.unique(tokens[starts + len(sought) <= ends[tokens + 1]])

    def beginning(self, word: str) -> range:
        """Numbers of the tokens that begin with it; the token itself, if there is one, is the first of them."""
        tokens = self.tokens()
        first = bisect_left(tokens, word, key=_text)
        return range(first, bisect_left(tokens, word + LAST, first, key=_text))

    def is_token(self, number: int, word: str) -> bool:
        return number < len(self.tokens()) and _text(self.tokens()[number]) == word


def _text(scalar: Any) -> str:
    return str(scalar.as_py())


def write_generation(
    root: Path,
    sequence: int,
    mark: str,
    arrays: Mapping[str, Array],
    tokens: list[str],
    meta: dict[str, Any],
    *,
    sync: bool = True,
) -> Path:
    """Whole or not at all: what a killed process leaves behind is swept away by the next."""
    import pyarrow as pa

    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f".{os.getpid()}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        for name, values in {**arrays, "grams": grams_of("".join(tokens).encode())}.items():
            with open(temporary / f"{name}.npy", "wb") as file:
                np.save(file, values)
                file.flush()
                if sync:
                    os.fsync(file.fileno())
        table = pa.table({"token": pa.array(tokens, pa.large_string())})
        with pa.OSFile(str(temporary / "tokens.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        said = {"format": FORMAT, "sequence": sequence, "mark": mark, **meta}
        (temporary / "meta.json").write_text(json.dumps(said), "utf-8")
        target = root / f"{sequence:016d}"
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in _folders(root)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)  # whoever has it mapped keeps it until they let go
    return target


def newest(root: Path) -> Generation | None:
    """None when there is none that can be read: it is then made anew, and SQL answers until then."""
    for folder in reversed(_folders(root)):
        try:
            meta = json.loads((folder / "meta.json").read_text("utf-8"))
            if meta["format"] != FORMAT:
                continue
            info = (folder / "meta.json").stat()
            made = info.st_mtime_ns, info.st_ino
            return Generation(folder, meta["sequence"], meta["mark"], made, meta["size"], meta["words"], meta["names"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.glob("[0-9]*") if p.is_dir()) if root.is_dir() else []

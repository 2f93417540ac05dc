"""A search as a value. Each condition names a field, and each field belongs to one artefact: that is how access is kept.

Conditions are combined by `And` and `Or` only. There is no general negation: a negated comparison is a comparison
(`NOT_EQUAL`), and on a field that the viewer may not read it is false like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from panmesh.access.artefact import Artefact


class Field(StrEnum):
    PID = "pid"
    KIND = "kind"  # raw, processed
    TITLE = "title"
    START = "start"  # instant
    END = "end"  # instant
    INSTRUMENT = "instrument"  # key of the instrument
    FACILITY = "facility"  # key of the facility
    TECHNIQUE = "technique"  # PaNET pid; a condition includes narrower techniques
    PROPOSAL = "proposal"  # number
    VISIT = "visit"  # pid of the investigation
    CREATED = "created"  # instant at which panmesh first had it
    CORE_TEXT = "core_text"
    STATE = "state"  # access state, computed
    MINE = "mine"  # "true": of a visit in whose team the viewer is, or that they were let into
    SAMPLE = "sample"  # name
    SAMPLE_PID = "sample_pid"
    PERSON = "person"  # name as written in the file
    DEFINITION = "definition"
    RUN = "run"  # the acquisition's own number
    SERIES = "series"  # scan series that the instrument's rule puts it into
    FULL_TEXT = "full_text"  # sample, people, quantities' names, description, besides the core
    FORMAT = "format"  # of the file: hdf5, tiff …
    READ_STATE = "read_state"  # read, partly-read, stored, failed
    FILE_COUNT = "file_count"
    BYTES = "bytes"
    PATH = "path"  # of the primary file
    FLAG = "flag"  # good, doubtful, bad: what people say of it in the logbook
    TAG = "tag"


ARTEFACT_OF: Mapping[Field, Artefact] = (
    dict.fromkeys(
        (
            Field.PID, Field.KIND, Field.TITLE, Field.START, Field.END, Field.INSTRUMENT, Field.FACILITY,
            Field.TECHNIQUE, Field.PROPOSAL, Field.VISIT, Field.CREATED, Field.CORE_TEXT, Field.STATE,
            Field.MINE,
        ),
        Artefact.CORE_METADATA,
    )
    | dict.fromkeys(
        (
            Field.SAMPLE, Field.SAMPLE_PID, Field.PERSON, Field.DEFINITION, Field.RUN, Field.SERIES, Field.FULL_TEXT,
            Field.READ_STATE, Field.FORMAT, Field.FILE_COUNT, Field.BYTES, Field.PATH,
        ),
        Artefact.FULL_METADATA,
    )
    | dict.fromkeys((Field.FLAG, Field.TAG), Artefact.LOGBOOK)
)  # fmt: skip

# Quantities (parameters) as a whole belong to the full metadata.
PARAMETER_ARTEFACT = Artefact.FULL_METADATA


class Op(StrEnum):
    EQUAL = "eq"
    NOT_EQUAL = "neq"
    LESS = "lt"
    AT_MOST = "lte"
    MORE = "gt"
    AT_LEAST = "gte"
    CONTAINS = "contains"  # text, case folded
    NOT_CONTAINS = "ncontains"


@dataclass(frozen=True, slots=True)
class Compare:
    """`field op value`; text compares case-folded; a missing value satisfies nothing, not even NOT_EQUAL."""

    field: Field
    op: Op
    value: str | int


@dataclass(frozen=True, slots=True)
class OneOf:
    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Every word occurs (as part of a word, case folded, accents kept) in the core text, or in the full text where that may be read."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuantityRange:
    """Some value of the quantity lies within [low, high], ends included, in any unit of the same dimension.

    A scanned quantity (minimum … maximum) matches when its interval meets [low, high]. `unit` None: compare the
    numbers as they are written, whatever their unit.
    """

    name: str  # canonical name
    low: float | None
    high: float | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition = Compare | OneOf | Words | QuantityRange | And | Or


class SortKey(StrEnum):
    START = "start"
    CREATED = "created"
    TITLE = "title"
    BYTES = "bytes"
    SAMPLE = "sample"
    RELEVANCE = "relevance"  # how well it fits the words: the best first, whatever the direction; then the newest run


SORT_FIELD: Mapping[SortKey, Field] = {
    SortKey.START: Field.START,
    SortKey.CREATED: Field.CREATED,
    SortKey.TITLE: Field.TITLE,
    SortKey.BYTES: Field.BYTES,
    SortKey.SAMPLE: Field.SAMPLE,
}  # of RELEVANCE: see catalogue.relevance


@dataclass(frozen=True, slots=True)
class Sort:
    """A value that is missing, or that the viewer may not read, sorts last in both directions; ties by dataset id, newest first."""

    key: SortKey = SortKey.START
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetQuery:
    where: Condition | None = None
    sort: Sort = Sort()
    offset: int = 0
    limit: int = 20


FACET_FIELDS = (
    Field.FACILITY,
    Field.INSTRUMENT,
    Field.TECHNIQUE,
    Field.STATE,
    Field.KIND,
    Field.PROPOSAL,
    Field.SAMPLE,
    Field.FORMAT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitQuery:
    """Which visits: each condition holds."""

    words: str = ""  # each somewhere in its name, number or proposal, or in the name of its instrument
    mine: bool = False  # of the viewer's teams, or that they were let in to
    instrument: str | None = None  # its pid or key
    proposal: str | None = None  # its pid or number


EVERY_VISIT = VisitQuery()

"""A query's conditions over the index's columns: which rows fit, as a mask. Names are looked up in SQL, as the conditions in SQL do it.

Each condition carries the predicate of its own artefact (law 1): what a viewer may not read is false in every condition.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, func, select

from panmesh.access.artefact import Artefact
from panmesh.adapters.sql.conditions import Compiler, plain_value, quantity_ends
from panmesh.adapters.sql.dialects import joined_numbers
from panmesh.adapters.sql.graph.named import Sought, Span, Wanted
from panmesh.adapters.sql.graph.quantities import NEUTRONS
from panmesh.adapters.sql.graph.terms_of_art import Term
from panmesh.adapters.sql.index.generation import NOTHING, Array, Generation, Quantity
from panmesh.adapters.sql.tables import dataset, terms
from panmesh.catalogue.query import (
    ARTEFACT_OF,
    PARAMETER_ARTEFACT,
    And,
    Compare,
    Condition,
    Field,
    OneOf,
    Op,
    Or,
    QuantityRange,
    Words,
)
from panmesh.catalogue.relevance import TEXT_WORD, TITLE_START, TITLE_WORD, ranked_words
from panmesh.kernel import techniques
from panmesh.kernel.text import fold, storable

_NUMBERS = {Field.START: "start", Field.END: "end", Field.CREATED: "created", Field.BYTES: "bytes", Field.FILE_COUNT: "files"}
_COLUMN_OF = {
    Field.INSTRUMENT: "instrument",
    Field.FACILITY: "facility",
    Field.SAMPLE: "sample",
    Field.SAMPLE_PID: "sample",
    Field.VISIT: "investigation",
    Field.PROPOSAL: "investigation",
}
_CODED = (Field.KIND, Field.FORMAT)
_OF_SQL = (
    Field.PERSON,
    Field.FLAG,
    Field.TAG,
)  # of which the index has nothing: people and notes change often, and few ask for them
FITTING = 16  # conditions of one viewer whose rows are kept
QUANTITIES = "quantities"  # as a key of these: those that a viewer may read, counted
STATES = "states"
T = TypeVar("T")
REMEMBERED = (
    192  # of words, which everybody asks: the tokens that have each, and their rows in both texts; and rows of techniques
)


class NotIndexed(Exception):
    """The index has no column for it: SQL answers."""


def check_indexed(condition: Condition | None) -> None:
    """Raises NotIndexed."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check_indexed(part)
        case QuantityRange(unit=None):
            raise NotIndexed
        case Words(words):
            if any(len(fold(word).split()) > 1 for word in words):
                raise NotIndexed
        case Compare(field=field, op=op):
            texts = field in _COLUMN_OF or field in (Field.STATE, Field.MINE, *_CODED, *_OF_SQL)
            if field is Field.PID:
                texts = op is Op.EQUAL
            if not (field in _NUMBERS or texts or (field is Field.TECHNIQUE and op is Op.EQUAL)):
                raise NotIndexed
            if field in _CODED and op not in (Op.EQUAL, Op.NOT_EQUAL):
                raise NotIndexed
        case OneOf(field=field):
            if field not in _COLUMN_OF and field not in (Field.STATE, Field.MINE, Field.TECHNIQUE, Field.PID, *_CODED, *_OF_SQL):
                raise NotIndexed


class Fitting:
    """Rows that fitted what one viewer asked, one bit each: a page asks for its runs, facets, years and techniques by the same conditions."""

    def __init__(self, kept: Mapping[Hashable, Any] | None = None, *, most: int = FITTING) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict(kept or ())
        self._most = most
        self._lock = threading.Lock()

    def rows(self, generation: Generation, asked: Hashable, find: Callable[[], Array]) -> Array:
        """The caller's own, to change."""
        packed = self.once(generation, asked, lambda: np.packbits(find()))
        return np.unpackbits(packed, count=generation.size).view(np.bool_)

    def once(self, generation: Generation, asked: Hashable, find: Callable[[], T]) -> T:
        """Found once; nobody changes it."""
        key = generation.folder, generation.made, asked
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]  # type: ignore[no-any-return]
        found = find()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found

    def lasting(self, *also: Hashable) -> Fitting:
        """What is said by the index and the viewer's rights alone, and so outlives a commit that left these as they are; and `also`."""
        with self._lock:
            return Fitting({key: found for key, found in self._kept.items() if key[2] in also or _lasts(key[2])})  # type: ignore[index]


def _lasts(asked: Any) -> bool:
    """Names of instruments, visits, samples, states and own techniques are looked up in SQL."""
    match asked:
        case And(parts) | Or(parts):
            return all(_lasts(part) for part in parts)
        case Compare(field=field):
            return field in _NUMBERS
        case Artefact() | Words() | QuantityRange():
            return True
    return bool(asked == QUANTITIES)


class Matcher:
    """For one viewer at one instant, within one transaction. `rights`: artefact → whether each of the terms lets them read it."""

    def __init__(
        self,
        generation: Generation,
        connection: Connection,
        compiler: Compiler,
        rights: dict[Artefact, Array],
        words: Fitting,
        fitting: Fitting,
        own_terms: Mapping[str, Term],
    ) -> None:
        """`own_terms`: techniques that other catalogues brought."""
        self.fitting = fitting
        self._own_terms = own_terms
        self._g = generation
        self._c = connection
        self.compiler = compiler
        self._rights = rights
        self._words = words
        self._may: dict[Artefact, Array] = {}

    def may(self, artefact: Artefact) -> Array:
        if artefact not in self._may:
            self._may[artefact] = self.fitting.rows(self._g, artefact, lambda: self._rights[artefact][self._g.array("terms")])
        return self._may[artefact]

    def where(self, condition: Condition | None) -> Array:
        core = self.may(Artefact.CORE_METADATA)
        return core.copy() if condition is None else self.fitting.rows(self._g, condition, lambda: core & self._mask(condition))

    def candidates(self, wanted: Wanted) -> tuple[Array, Array]:
        """Rows that satisfy all of it, as a mask of the caller's own; and the few where only SQL can say, because a value is a text or in
        a unit that we do not know."""
        sure = self.fitting.rows(self._g, (wanted, "sure"), lambda: self._all(wanted, doubtful=False))
        if not any(len(rows) for one in wanted.quantities for rows in self._unknown(one)):
            return sure, np.empty(0, np.int64)
        possible = self.fitting.rows(self._g, (wanted, "possible"), lambda: self._all(wanted, doubtful=True))
        return sure, np.flatnonzero(possible & ~sure)

    def _all(self, wanted: Wanted, *, doubtful: bool) -> Array:
        found = self.may(Artefact.CORE_METADATA).copy()
        for meant in wanted.tags:
            found &= self._tagged(meant)
        if wanted.quantities:
            found &= self.may(PARAMETER_ARTEFACT)
        for one in wanted.quantities:
            found &= self._within(one, doubtful=doubtful)
        return found

    def _tagged(self, meant: frozenset[str]) -> Array:
        """What the index says by itself: found once for all viewers."""
        return self._words.rows(self._g, meant, lambda: self._with_techniques(meant))

    def _with_techniques(self, meant: frozenset[str]) -> Array:
        found = np.zeros(self._g.size, np.bool_)
        for code, pid in enumerate(self._g.words["technique"]):
            if pid in meant:
                found[self._g.tagged(code)] = True
        return found

    def _within(self, sought: Sought, *, doubtful: bool) -> Array:
        """Rows with a value in a span, and where wanted those whose value may be."""
        found = np.zeros(self._g.size, np.bool_)
        for span in sought.spans:
            for name in span.names:
                values = self._g.quantity(name)
                for rows in self._in_span(values, span) if values is not None else ():
                    found[rows] = True
        for rows in self._unknown(sought) if doubtful else ():
            found[rows] = True
        return found

    def _in_span(self, values: Quantity, span: Span) -> Iterator[Array]:
        dimensions = self._g.words["dimension"]
        if span.dimension in dimensions:
            for rows, lows in values.between(span.low, span.high, dimensions.index(span.dimension)):
                yield rows[(lows > 0) & ~self._of_neutrons()[rows]] if span.photons else rows

    def _unknown(self, sought: Sought) -> Iterator[Array]:
        """Rows of values without a number in base units."""
        units, dimensions = self._g.words["unit"], self._g.words["dimension"]
        asked = [dimensions.index(span.dimension) for span in sought.spans if span.dimension in dimensions]
        for name in sought.names:
            values = self._g.quantity(name)
            if values is None or values.known == len(values.rows):
                continue
            unit, dimension = values.unit[values.known :], values.dimension[values.known :]
            fits = np.isin(dimension, asked)
            if sought.unit in units:
                fits |= unit == units.index(sought.unit)
            yield values.rows[values.known :][fits]

    def _of_neutrons(self) -> Array:
        """Rows of datasets measured with neutrons, whose energy and wavelength do not follow from each other as those of photons do."""
        return self.fitting.rows(self._g, "of neutrons", lambda: self._of_techniques((NEUTRONS,)))

    def relevance(self, condition: Condition | None) -> Array:
        """Points of each row, as `catalogue.relevance` says it. Only of those that fit they mean anything."""
        g, full = self._g, self.may(Artefact.FULL_METADATA)
        found = np.zeros(g.size, np.uint16)
        core, all_, titles = g.texts("core"), g.texts("full"), g.texts("title")
        for word in map(storable, ranked_words(condition)):
            points = np.zeros(g.size, np.uint8)
            begin = g.beginning(word)
            whole = begin[0] if begin and g.is_token(begin[0], word) else None
            if whole is not None:
                rows = all_.of(whole)
                points[rows[full[rows]]] = TEXT_WORD
                points[core.of(whole)] = TEXT_WORD
            if begin:
                points[titles.rows[titles.starts[begin.start] : titles.starts[begin.stop]]] = TITLE_START
            if whole is not None:
                points[titles.of(whole)] = TITLE_WORD
            found += points
        return found

    def _mask(self, condition: Condition) -> Array:
        match condition:
            case And(parts):
                found = np.ones(self._g.size, np.bool_)
                for part in parts:
                    found &= self._mask(part)
                return found
            case Or(parts):
                found = np.zeros(self._g.size, np.bool_)
                for part in parts:
                    found |= self._mask(part)
                return found
            case Words():
                return self._texts(condition)
            case QuantityRange():
                return self._range(condition) & self.may(PARAMETER_ARTEFACT)
        if condition.field in _OF_SQL:
            return self.fitting.rows(self._g, ("of SQL", condition), lambda: self._of_sql(condition))
        artefact = ARTEFACT_OF[condition.field]
        said = self._compare(condition) if isinstance(condition, Compare) else self._one_of(condition)
        return said if artefact is Artefact.CORE_METADATA else said & self.may(artefact)

    def _texts(self, condition: Words) -> Array:
        words = sorted({storable(fold(word)) for word in condition.words if fold(word)})
        core = np.ones(self._g.size, np.bool_)
        full = self.may(Artefact.FULL_METADATA).copy()
        for word in words:
            core &= self._with_word("core", word)
            full &= self._with_word("full", word)
        return core | full

    def _with_word(self, which: str, word: str) -> Array:
        g = self._g

        def found() -> Array:
            return _with_tokens(g, which, self._words.once(g, word, lambda: g.containing(word)))

        return self._words.rows(g, (which, word), found)

    def _range(self, condition: QuantityRange) -> Array:
        dimension, low, high = quantity_ends(condition)
        found = np.zeros(self._g.size, np.bool_)
        values = self._g.quantity(storable(condition.name))
        if values is None or dimension not in self._g.words["dimension"]:
            return found
        for rows, _ in values.between(low, high, self._g.words["dimension"].index(dimension)):
            found[rows] = True
        return found

    def _compare(self, condition: Compare) -> Array:
        field, op, value = condition.field, condition.op, condition.value
        if field in _NUMBERS:
            if not isinstance(value, int):
                raise NotIndexed
            return np.asarray(_compared(self._g.array(_NUMBERS[field]), op, value))
        if field is Field.TECHNIQUE:
            return self._of_techniques((str(value),))
        if field is Field.PID:
            return self._of_pids((str(value),))
        if field in _CODED:
            same = self._of_codes(field, (str(value),))
            return same if op is Op.EQUAL else ~same & (self._g.array(field.value) >= 0)
        if field is Field.STATE:
            return self._of_terms(self.compiler.states(op, str(value)))
        if field is Field.MINE:
            return self._of_terms(self.compiler.mine(op, (str(value),)))
        return self._of_ids(field, self.compiler.owners(field, op, str(value)))

    def _one_of(self, condition: OneOf) -> Array:
        field, values = condition.field, condition.values
        if field is Field.TECHNIQUE:
            return self._of_techniques(values)
        if field in _CODED:
            return self._of_codes(field, values)
        if field is Field.PID:
            return self._of_pids(values)
        if field is Field.STATE:
            return self._of_terms(self.compiler.states_among(values))
        if field is Field.MINE:
            return self._of_terms(self.compiler.mine(Op.EQUAL, values))
        return self._of_ids(field, self.compiler.owners_among(field, values))

    def _of_codes(self, field: Field, values: tuple[str, ...]) -> Array:
        known = self._g.words[field.value]
        codes = [known.index(plain) for v in values if (plain := plain_value(field, v)) in known]
        return np.isin(self._g.array(field.value), codes)

    def _of_sql(self, condition: Compare | OneOf) -> Array:
        """What the index has no column for is asked of SQL, under the same policy, once for all that a page shows."""
        return self._with_numbers(_numbers(self._c, select(dataset.c.id).where(self.compiler.where(condition))))

    def _of_pids(self, values: tuple[str, ...]) -> Array:
        pids = sorted({plain_value(Field.PID, value) for value in values})
        return self._with_numbers(_numbers(self._c, select(dataset.c.id).where(dataset.c.pid.in_(pids))))

    def _with_numbers(self, ids: Array) -> Array:
        row_of = self._g.array("row_of_id")
        rows = row_of[ids[ids < len(row_of)]]
        found = np.zeros(self._g.size, np.bool_)
        found[rows[rows >= 0]] = True
        return found

    def _of_terms(self, query: Any) -> Array:
        return self._lookup("terms", query)

    def _of_ids(self, field: Field, query: Any) -> Array:
        return self._lookup(_COLUMN_OF[field], query)

    def _lookup(self, column: str, query: Any) -> Array:
        """Rows whose owner is one of those that the query finds; nobody's are none of them."""
        of = self._g.array(column)
        ids = _numbers(self._c, query)
        fits = np.zeros(max(int(of.max()) if len(of) else 0, int(ids.max()) if len(ids) else 0) + 1, np.bool_)
        fits[ids] = True
        fits[0] = False
        return np.asarray(fits[of])

    def _of_techniques(self, values: tuple[str, ...]) -> Array:
        wanted = {storable(pid) for value in values for pid in techniques.descendants(techniques.find(value) or value)}
        names = set(map(storable, values))
        own = {term.pid for term in self._own_terms.values() if term.panet_pid in wanted or term.name in names}
        return self._tagged(frozenset(wanted | own))


def rights_of(connection: Connection, compiler: Compiler, size: int) -> dict[Artefact, Array]:
    found = {}
    for artefact in (Artefact.CORE_METADATA, Artefact.FULL_METADATA):
        ids = _numbers(connection, compiler.readable(artefact))
        mask = np.zeros(max(size, int(ids.max()) + 1 if len(ids) else 0), np.bool_)
        mask[ids] = True
        found[artefact] = mask
    return found


def states_of(connection: Connection, compiler: Compiler, size: int) -> tuple[list[str], Array]:
    """The states that there are, and which of them each of the terms is in: a code by their id."""
    label = compiler.state_label()
    codes = np.zeros(size, np.int16)
    states = sorted(connection.execute(select(label).distinct()).scalars())
    for code, state in enumerate(states):
        ids = _numbers(connection, select(terms.c.id).where(label == state))
        codes[ids[ids < size]] = code
    return states, codes


def _numbers(connection: Connection, query: Any) -> Array:
    """The one column of many rows as one text: they are written and read far quicker than row by row."""
    ids = query.subquery().c[0]
    joined = connection.execute(select(joined_numbers(ids))).scalar_one()
    return np.fromstring(joined, np.int64, sep=",") if joined else np.empty(0, np.int64)


def most_terms(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(terms.c.id), 0))).scalar_one())


def _with_tokens(generation: Generation, which: str, tokens: Array) -> Array:
    texts = generation.texts(which)
    found = np.zeros(generation.size, np.bool_)
    for token in tokens if len(tokens) < 20_000 else ():
        found[texts.rows[texts.starts[token] : texts.starts[token + 1]]] = True
    if len(tokens) >= 20_000:
        wanted = np.zeros(len(texts.starts) - 1, np.bool_)
        wanted[tokens] = True
        found[texts.rows[np.repeat(wanted, np.diff(texts.starts))]] = True
    return found


def _compared(column: Array, op: Op, value: int) -> Any:
    there = column != NOTHING
    value = min(max(value, -(2**63 - 1)), 2**63 - 1)
    match op:
        case Op.EQUAL:
            return there & (column == value)
        case Op.NOT_EQUAL:
            return there & (column != value)
        case Op.LESS:
            return there & (column < value)
        case Op.AT_MOST:
            return there & (column <= value)
        case Op.MORE:
            return there & (column > value)
        case Op.AT_LEAST:
            return there & (column >= value)
    raise NotIndexed

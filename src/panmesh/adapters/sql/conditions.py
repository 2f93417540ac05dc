"""A query's conditions as SQL, each with the predicate of its own artefact: what a viewer may not read is false in every condition."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, not_, or_, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.dialects import ascii_lower as lower
from panmesh.adapters.sql.dialects import code_points, contains
from panmesh.adapters.sql.marked import marked
from panmesh.adapters.sql.permission import mine, names_seen, readable, readable_terms, state_label
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_person,
    dataset_technique,
    facility,
    instrument,
    investigation,
    parameter,
    proposal,
    sample,
    technique,
    terms,
)
from panmesh.catalogue.query import (
    ARTEFACT_OF,
    PARAMETER_ARTEFACT,
    SORT_FIELD,
    And,
    Compare,
    Condition,
    Field,
    OneOf,
    Op,
    Or,
    QuantityRange,
    Sort,
    SortKey,
    Words,
)
from panmesh.catalogue.relevance import TEXT_WORD, TITLE_START, TITLE_WORD, ranked_words
from panmesh.kernel import techniques
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import ascii_lower, fold, key_of, storable
from panmesh.kernel.units import UnknownUnit, known


class Compiler:
    """For one viewer at one instant; with `instant.NOW`, at the one at which it is asked, which is quicker to write.

    `few`: what is asked about is found by something narrower, as the runs of a visit are: then the policy looks at their terms, one by
    one, and not at those of the whole facility.
    """

    def __init__(self, viewer: Viewer, now_us: int, *, few: bool = False) -> None:
        self._viewer = viewer
        self._now_us = now_us
        self._few = few

    def may(self, artefact: Artefact) -> ColumnElement[bool]:
        """True on rows of `dataset` whose artefact the viewer may read."""
        if self._few:
            theirs = terms.c.id == dataset.c.terms_id
            return select(terms.c.id).where(theirs, readable(self._viewer, artefact, self._now_us)).correlate(dataset).exists()
        return dataset.c.terms_id.in_(readable_terms(self._viewer, artefact, self._now_us))

    def readable(self, artefact: Artefact) -> Select[tuple[int]]:
        """Ids of the terms under which the viewer may read the artefact."""
        return readable_terms(self._viewer, artefact, self._now_us)

    def states(self, op: Op, value: str) -> Select[tuple[int]]:
        """Ids of the terms whose state compares so."""
        return select(terms.c.id).where(_apply(op, self.state_label(), plain_value(Field.STATE, value)))

    def states_among(self, values: tuple[str, ...]) -> Select[tuple[int]]:
        return select(terms.c.id).where(self.state_label().in_(sorted({plain_value(Field.STATE, value) for value in values})))

    def mine(self, op: Op, values: tuple[str, ...]) -> Select[tuple[int]]:
        """Ids of the terms that are the viewer's own."""
        if op is not Op.EQUAL or set(values) != {"true"}:
            raise Invalid("'mine' is 'true', or is not said at all.", (Fault("mine", "is 'true' or is left out"),))
        return select(terms.c.id).where(mine(self._viewer))

    def owners(self, field: Field, op: Op, value: str) -> Select[tuple[int]]:
        """Ids of what datasets belong to (instruments, samples, visits …) and whose name compares so."""
        _, query, name = _BY_ID[field]
        return query.where(_apply(op, name, plain_value(field, value)))

    def owners_among(self, field: Field, values: tuple[str, ...]) -> Select[tuple[int]]:
        _, query, name = _BY_ID[field]
        return query.where(name.in_(sorted({plain_value(field, value) for value in values})))

    def where(self, condition: Condition | None) -> ColumnElement[bool]:
        """Rows that the viewer may know of and that satisfy the condition."""
        core = self.may(Artefact.CORE_METADATA)
        return core if condition is None else and_(core, self._condition(condition))

    def order(self, sort: Sort, condition: Condition | None = None) -> list[ColumnElement[Any]]:
        """`condition`: whose words rank, where the order is by relevance."""
        if sort.key is SortKey.RELEVANCE:
            return [self.relevance(condition).desc(), dataset.c.start_us.desc().nulls_last(), dataset.c.id.desc()]
        value = _SORT_COLUMN[sort.key]
        artefact = ARTEFACT_OF[SORT_FIELD[sort.key]]
        if artefact is not Artefact.CORE_METADATA and not self._viewer.operator:
            value = case((self.may(artefact), value), else_=None)
        if sort.key in (SortKey.TITLE, SortKey.SAMPLE):
            value = code_points(value)
        way = value.desc().nulls_last() if sort.descending else value.asc().nulls_last()
        return [way, dataset.c.id.desc()]

    def relevance(self, condition: Condition | None) -> ColumnElement[int]:
        """As `catalogue.relevance` says it."""
        title = literal(" ") + func.coalesce(dataset.c.title_folded, "")
        core = literal(" ") + dataset.c.core_text + literal(" ")
        full = literal(" ") + dataset.c.full_text + literal(" ")
        may = self.may(Artefact.FULL_METADATA)
        found: ColumnElement[int] = literal(0)
        for word in map(storable, ranked_words(condition)):
            whole = or_(contains(core, f" {word} "), and_(may, contains(full, f" {word} ")))
            steps = [
                (contains(title + literal(" "), f" {word} "), TITLE_WORD),
                (contains(title, f" {word}"), TITLE_START),
                (whole, TEXT_WORD),
            ]
            found = found + case(*steps, else_=0)
        return found

    def state_label(self) -> ColumnElement[str]:
        """The access state of `terms` as text."""
        return state_label(self._now_us)

    def _condition(self, condition: Condition) -> ColumnElement[bool]:
        if isinstance(condition, And):
            return and_(true(), *(self._condition(part) for part in condition.parts))
        if isinstance(condition, Or):
            return or_(false(), *(self._condition(part) for part in condition.parts))
        if isinstance(condition, Words):
            return self._words(condition)
        if isinstance(condition, QuantityRange):
            return and_(self.may(PARAMETER_ARTEFACT), _quantity(condition))
        artefact = ARTEFACT_OF[condition.field]
        said = self._compare(condition) if isinstance(condition, Compare) else self._one_of(condition)
        return said if artefact is Artefact.CORE_METADATA else and_(self.may(artefact), said)

    def _words(self, condition: Words) -> ColumnElement[bool]:
        words = sorted({storable(fold(word)) for word in condition.words if fold(word)})
        core = and_(true(), *(contains(dataset.c.core_text, word) for word in words))
        full = and_(self.may(Artefact.FULL_METADATA), *(contains(dataset.c.full_text, word) for word in words))
        return or_(core, full)

    def _compare(self, condition: Compare) -> ColumnElement[bool]:
        field, op, value = condition.field, condition.op, condition.value
        if field in _MANY:
            return self._many(field, op, (str(value),))
        if field is Field.STATE:
            return dataset.c.terms_id.in_(self.states(op, str(value)))
        if field is Field.MINE:
            return dataset.c.terms_id.in_(self.mine(op, (str(value),)))
        if field in _NUMBERS:
            if not isinstance(value, int):
                raise Invalid(f"{field.value} is compared with a whole number, not with {value!r}.")
            return _apply(op, _COLUMN[field], min(max(value, -_LARGEST), _LARGEST))
        if field in _ONE and op is Op.EQUAL:
            return _is_one(field, self.owners(field, op, str(value)))
        if field in _BY_ID:
            return _BY_ID[field][0].in_(self.owners(field, op, str(value)))  # type: ignore[no-any-return]
        return _apply(op, _COLUMN[field], plain_value(field, str(value)))

    def _one_of(self, condition: OneOf) -> ColumnElement[bool]:
        field, values = condition.field, condition.values
        if field in _NUMBERS:
            raise Invalid(f"{field.value} is compared with a whole number, not with one of several texts.")
        if field in _MANY:
            return self._many(field, Op.EQUAL, values)
        if field is Field.MINE:
            return dataset.c.terms_id.in_(self.mine(Op.EQUAL, values))
        plain = sorted({plain_value(field, value) for value in values})
        if field is Field.STATE:
            return dataset.c.terms_id.in_(self.states_among(values))
        if field in _ONE and len(plain) == 1:
            return _is_one(field, self.owners_among(field, values))
        if field in _BY_ID:
            return _BY_ID[field][0].in_(self.owners_among(field, values))  # type: ignore[no-any-return]
        return _COLUMN[field].in_(plain)  # type: ignore[no-any-return]

    def _many(self, field: Field, op: Op, values: tuple[str, ...]) -> ColumnElement[bool]:
        """Fields with several values: some value equals or contains it; the negated forms mean that none does and there is one."""
        if op not in (Op.EQUAL, Op.NOT_EQUAL, Op.CONTAINS, Op.NOT_CONTAINS):
            raise Invalid(f"{field.value} has no order: use 'eq' or 'contains'.")
        if field in (Field.FLAG, Field.TAG):
            return marked(field, op, values)
        if field is Field.TECHNIQUE:
            wanted = {narrower for value in values for narrower in techniques.descendants(techniques.find(value) or value)}
            of = dataset_technique
            pids = sorted(storable(pid) for pid in wanted)
            own = select(technique.c.pid).where(
                or_(technique.c.panet_pid.in_(pids), technique.c.name.in_(list(map(storable, values))))
            )
            test: ColumnElement[bool] = or_(of.c.technique_pid.in_(pids), of.c.technique_pid.in_(own))
        else:
            names = sorted({storable(fold(value)) for value in values})
            column = dataset_person.c.name_folded
            within = op in (Op.CONTAINS, Op.NOT_CONTAINS)
            of = dataset_person
            test = or_(false(), *(contains(column, n) for n in names)) if within else column.in_(names)
            test = and_(test, self.named())
        inner = select(of.c.dataset_id).where(test)
        if op in (Op.NOT_EQUAL, Op.NOT_CONTAINS):
            return and_(dataset.c.id.in_(select(of.c.dataset_id)), dataset.c.id.not_in(inner))
        return dataset.c.id.in_(inner)

    def named(self) -> ColumnElement[bool]:
        """Rows of `dataset_person` whose name the viewer sees: nobody is found by a name that is withheld from them."""
        seen = select(dataset.c.id).join(terms, terms.c.id == dataset.c.terms_id).where(names_seen(self._viewer))
        return or_(dataset_person.c.withheld.is_(False), dataset_person.c.dataset_id.in_(seen))


def plain_value(field: Field, value: str) -> str:
    """The value as its column is written."""
    if field is Field.PROPOSAL:
        return storable(key_of(value))
    if field in _EXACT:
        return storable(value)
    return storable(ascii_lower(value) if field in _MACHINE_NAMES else fold(value))


def quantity_ends(condition: QuantityRange) -> tuple[str, float | None, float | None]:
    """(dimension, low, high) in base units, with slack: the last digit of a conversion never decides. Raises Invalid."""
    _check_ends(condition)
    try:
        scale = known(condition.unit)
    except UnknownUnit as error:
        raise Invalid(f"{error}.", (Fault("quantity", str(error)),)) from error
    low = None if condition.low is None else condition.low * scale.factor + scale.offset
    high = None if condition.high is None else condition.high * scale.factor + scale.offset
    slack = 1e-9
    low = low if low is None or math.isinf(low) else low - abs(low) * slack
    high = high if high is None or math.isinf(high) else high + abs(high) * slack
    return scale.dimension, low, high


def _check_ends(condition: QuantityRange) -> None:
    if any(end is not None and math.isnan(end) for end in (condition.low, condition.high)):
        raise Invalid(f"the ends of a range of {condition.name} are numbers; got 'nan'.")


def _quantity(condition: QuantityRange) -> ColumnElement[bool]:
    p = parameter.c
    _check_ends(condition)
    if condition.unit is None:
        low: Any = func.coalesce(p.value, p.minimum)
        high: Any = func.coalesce(p.value, p.maximum)
        tests: list[ColumnElement[bool]] = [low.is_not(None)]
        wanted_low, wanted_high = condition.low, condition.high
    else:
        dimension, wanted_low, wanted_high = quantity_ends(condition)
        low, high = p.low, p.high
        tests = [p.dimension == dimension, low.is_not(None)]
    if wanted_low is not None:
        tests.append(high >= wanted_low)
    if wanted_high is not None:
        tests.append(low <= wanted_high)
    # Not EXISTS: SQLite would look through all values of that name again for each dataset.
    return dataset.c.id.in_(select(p.dataset_id).where(p.name == storable(condition.name), *tests))


def _is_one(field: Field, owner: Select[tuple[int]]) -> ColumnElement[bool]:
    """Of what has one pid: not IN, for which SQLite looks through all datasets in the order of their starts."""
    return _BY_ID[field][0] == owner.scalar_subquery()  # type: ignore[no-any-return]


def _apply(op: Op, column: Any, value: str | int) -> ColumnElement[bool]:
    """A missing value satisfies nothing: NULL compares to unknown, which no condition takes for true."""
    if isinstance(value, int) and op in (Op.CONTAINS, Op.NOT_CONTAINS):
        raise Invalid("'contains' is for text.")
    ordered = column if isinstance(value, int) else code_points(column)
    match op:
        case Op.EQUAL:
            return column == value  # type: ignore[no-any-return]
        case Op.NOT_EQUAL:
            return column != value  # type: ignore[no-any-return]
        case Op.LESS:
            return ordered < value
        case Op.AT_MOST:
            return ordered <= value
        case Op.MORE:
            return ordered > value
        case Op.AT_LEAST:
            return ordered >= value
        case Op.CONTAINS:
            return contains(column, value)
        case Op.NOT_CONTAINS:
            return not_(contains(column, value))


_MANY = (Field.TECHNIQUE, Field.PERSON, Field.FLAG, Field.TAG)
_ONE = (Field.VISIT, Field.SAMPLE_PID)
_LARGEST = 2**63 - 1  # what a column holds
_EXACT = (Field.PID, Field.KIND, Field.STATE, Field.READ_STATE, Field.FORMAT, Field.SAMPLE_PID, Field.VISIT)
_MACHINE_NAMES = (Field.DEFINITION, Field.RUN, Field.SERIES, Field.PATH)  # compared without regard to the case of A-Z
_NUMBERS = (Field.START, Field.END, Field.CREATED, Field.FILE_COUNT, Field.BYTES)
_COLUMN: dict[Field, Any] = {
    Field.PID: dataset.c.pid,
    Field.TITLE: dataset.c.title_folded,
    Field.KIND: dataset.c.kind,
    Field.START: dataset.c.start_us,
    Field.END: dataset.c.end_us,
    Field.CREATED: dataset.c.created_us,
    Field.FILE_COUNT: dataset.c.file_count,
    Field.BYTES: dataset.c.total_bytes,
    Field.DEFINITION: lower(dataset.c.definition),
    Field.RUN: lower(dataset.c.run),
    Field.SERIES: lower(dataset.c.series),
    Field.READ_STATE: dataset.c.read_state,
    Field.FORMAT: dataset.c.format,
    Field.PATH: lower(dataset.c.path),
    Field.CORE_TEXT: dataset.c.core_text,
    Field.FULL_TEXT: dataset.c.full_text,
}
_BY_ID: dict[Field, tuple[Any, Select[Any], Any]] = {
    Field.INSTRUMENT: (dataset.c.instrument_id, select(instrument.c.id), func.lower(instrument.c.instrument_key)),
    Field.FACILITY: (dataset.c.facility_id, select(facility.c.id), func.lower(facility.c.facility_key)),
    Field.SAMPLE: (dataset.c.sample_id, select(sample.c.id), sample.c.name_folded),
    Field.SAMPLE_PID: (dataset.c.sample_id, select(sample.c.id), sample.c.pid),
    Field.VISIT: (dataset.c.investigation_id, select(investigation.c.id), investigation.c.pid),
    Field.PROPOSAL: (
        dataset.c.investigation_id,
        select(investigation.c.id).join(proposal, proposal.c.id == investigation.c.proposal_id),
        proposal.c.number_folded,
    ),
}
_SORT_COLUMN: dict[SortKey, Any] = {
    SortKey.START: dataset.c.start_us,
    SortKey.CREATED: dataset.c.created_us,
    SortKey.TITLE: dataset.c.title_folded,
    SortKey.BYTES: dataset.c.total_bytes,
    SortKey.SAMPLE: select(sample.c.name_folded).where(sample.c.id == dataset.c.sample_id).scalar_subquery(),
}

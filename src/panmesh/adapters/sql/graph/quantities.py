"""Conditions on parameters: name, value and unit are read together, so that keV finds eV, °C finds K, and nm finds what is kept in keV."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select, true

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.graph.named import Sought, Span
from panmesh.adapters.sql.graph.sources import Source
from panmesh.catalogue import quantity_names
from panmesh.catalogue.graph import NEGATIVE, All, AnyOf, GraphCondition, GraphOp, Test
from panmesh.kernel import techniques
from panmesh.kernel.text import storable
from panmesh.kernel.units import UnknownUnit, known

NEUTRONS = techniques.PREFIX + "PaNET00101"  # neutron probe
SLACK = 1e-9  # the last digit of a conversion never decides
_AMBIGUOUS = {"A": ("A", "ampere"), "C": ("degC", "coulomb"), "F": ("degF", "farad"), "S": ("siemens", "s"), "b": ("b", "bit")}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one branch of a condition says of a parameter besides its value."""

    names: tuple[str, ...] = ()  # by equality; none: any
    units: tuple[str, ...] = ()


def asked(condition: GraphCondition | None) -> list[Asked]:
    """One for each branch that fixes a unit: what answers are converted to."""
    if isinstance(condition, AnyOf):
        return [one for part in condition.parts for one in asked(part)]
    if isinstance(condition, All):
        here = _context(condition, Asked())
        inner = [one for part in condition.parts if not isinstance(part, Test) for one in asked(part)]
        merged = [Asked(one.names or here.names, one.units or here.units) for one in inner]
        return merged or ([here] if here.units or here.names else [])
    if isinstance(condition, Test):
        here = _context(All((condition,)), Asked())
        return [here] if here.units or here.names else []
    return []


class Quantities:
    def __init__(self, source: Source, plain: Any, *, walking: bool = False) -> None:
        """`plain(source, test)`: how a test on a text field is said. `walking`: asked of one row after another."""
        self._walking = walking
        self._source = source
        self._p = source.hidden
        self._plain = plain

    def where(self, condition: GraphCondition | None, context: Asked = Asked()) -> ColumnElement[bool]:
        if condition is None:
            return true()
        if isinstance(condition, All):
            here = _context(condition, context)
            return and_(true(), *(self.where(part, here) for part in condition.parts))
        if isinstance(condition, AnyOf):
            return or_(false(), *(self.where(part, context) for part in condition.parts))
        if not isinstance(condition, Test):
            return false()
        if condition.field == "name":
            return self._name(condition, _context(All((condition,)), context))
        if condition.field == "unit":
            return self._unit(condition, context)
        if condition.field == "value":
            return self._value(condition, context)
        return self._plain(self._source, condition)  # type: ignore[no-any-return]

    def ways(self, condition: GraphCondition | None) -> list[ColumnElement[bool]] | None:
        """The same condition as alternatives that an index answers each: for "this quantity, between these values, in that unit".

        None where the condition has another form. Scalars are found between the ends; what was scanned, and so has two
        ends of its own, by its upper one.
        """
        tests = flat(condition)
        if tests is None:
            return None
        context = _context(All(tests), Asked())
        values = [test for test in tests if test.field == "value"]
        others = [test for test in tests if test.field not in ("value", "name", "unit")]
        if not context.names or len(context.units) != 1 or not values or others or any(t.op not in _RANGES for t in values):
            return None
        if any((numbers := numbers_of(test)) is None or list(numbers) != sorted(numbers) for test in values):
            return None
        found: list[ColumnElement[bool]] = []
        column, p = self._source.columns["name"], self._p
        same = [same for name in context.names for same in quantity_names.same(name)]
        converse = [other for name in context.names for other in quantity_names.converse(name)]
        names = column.in_(same)
        found.append(and_(column.in_([*same, *converse]), p["low"].is_(None), self.where(condition)))
        for scale in scales(context.units[0]):
            low, high = _ends(values, scale)
            found += self._between(names, scale.dimension, low, high)
            turned = tuple(n for name in context.names for n in quantity_names.converse(name))
            other = _converse(scale.dimension)
            if turned and other and _positive(low, high):
                photons = and_(column.in_(turned), p["low"] > 0, self._photons(column))
                found += self._between(photons, other, *_turned_ends(low, high))
        return found

    def _between(self, names: Any, dimension: str, low: float | None, high: float | None) -> list[ColumnElement[bool]]:
        p = self._p
        here = and_(names, p["dimension"] == dimension)
        below = true() if high is None else p["low"] <= _up(high)
        if low is None:
            return [and_(here, p["low"].is_not(None), below)]
        begins = and_(here, p["low"] >= _down(low), below)
        reaches = and_(here, p["high"] > p["low"], p["low"] < _down(low), p["high"] >= _down(low))
        return [begins, reaches]

    def _name(self, test: Test, context: Asked) -> ColumnElement[bool]:
        """Under any name of the same quantity; under that of its converse where the unit says how to convert."""
        if test.op not in (GraphOp.EQ, GraphOp.INQ):
            return self._plain(self._source, test)  # type: ignore[no-any-return]
        wanted = test.value if isinstance(test.value, tuple) else (test.value,)
        column = self._source.columns["name"]
        names = [same for name in wanted for same in quantity_names.same(str(name))]
        found: ColumnElement[bool] = column.in_(names)
        others = {other for name in wanted for other in quantity_names.converse(str(name))} if context.units else None
        return or_(found, and_(column.in_(sorted(others)), self._photons(column))) if others else found

    def _photons(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        if "dataset_id" not in self._p:
            return column.in_(quantity_names.PHOTON)
        if self._walking:
            tagged: ColumnElement[bool] = of_neutrons().where(t.dataset_technique.c.dataset_id == self._p["dataset_id"]).exists()
            return not_(tagged)
        return not_(self._p["dataset_id"].in_(of_neutrons()))

    def _unit(self, test: Test, context: Asked) -> ColumnElement[bool]:
        column = self._source.columns["unit"]
        if test.op not in (GraphOp.EQ, GraphOp.INQ):
            return self._plain(self._source, test)  # type: ignore[no-any-return]
        units = {storable(str(unit)) for unit in (test.value if isinstance(test.value, tuple) else (test.value,))}
        dimensions = {one for unit in units if unit for one in self._dimensions(unit, context)}
        blank = or_(column.is_(None), column == "") if "" in units else false()
        return or_(blank, column.in_(sorted(units)), self._p["dimension"].in_(sorted(dimensions)))

    def _dimensions(self, unit: str, context: Asked) -> list[str]:
        found = [scale.dimension for scale in scales(unit)]
        if any(quantity_names.converse(name) for name in context.names):
            found += [other for one in found for other in (_converse(one),) if other]
        return found

    def _value(self, test: Test, context: Asked) -> ColumnElement[bool]:
        numbers = numbers_of(test)
        text = self._text(test)
        if numbers is None:
            differs = test.op in NEGATIVE and test.op not in _TEXTUAL
            return (
                or_(text, self._p["low"].is_not(None), self._p["value"].is_not(None)) if differs else text
            )  # no number is a text
        if test.op in NEGATIVE and not context.units and not any(isinstance(v, str) for v in _values(test)):
            text = self._p["text"].is_not(None)  # and no text is a number
            return or_(self._raw(test, numbers, context), text)
        branches = [self._raw(test, numbers, context)]
        for unit in context.units:
            for scale in scales(unit):
                branches.append(self._in_base(test, numbers, scale, context))
        found = or_(*branches)
        return or_(found, text) if all(isinstance(v, str) for v in _values(test)) else found

    def _text(self, test: Test) -> ColumnElement[bool]:
        values = [v for v in _values(test) if isinstance(v, str)]
        if not values:
            return false()
        as_text = Source(
            self._source.entity, self._source.from_, {"value": self._p["text"]}, self._p, self._source.visible, None, {}
        )
        return self._plain(as_text, test)  # type: ignore[no-any-return]

    def _raw(self, test: Test, numbers: tuple[float, ...], context: Asked) -> ColumnElement[bool]:
        """As written: without a unit asked for, or where the unit is written the same, or is not known to us."""
        p = self._p
        low, high = func.coalesce(p["value"], p["minimum"]), func.coalesce(p["value"], p["maximum"])
        said = meets(test.op, low, high, numbers)
        if not context.units:
            return said
        unit = self._source.columns["unit"]
        written = [or_(unit.is_(None), unit == "") if not one else unit == one for one in context.units]
        return and_(p["dimension"].is_(None), or_(*written), said)

    def _in_base(self, test: Test, numbers: tuple[float, ...], scale: Any, context: Asked) -> ColumnElement[bool]:
        p = self._p
        base = tuple(number * scale.factor + scale.offset for number in numbers)
        found = and_(p["dimension"] == scale.dimension, meets(test.op, p["low"], p["high"], base))
        other = _converse(scale.dimension)
        names = tuple(n for name in context.names for n in quantity_names.converse(name))
        if other and names and all(number > 0 for number in base):
            turned = tuple(quantity_names.HC / number for number in base)
            op = _TURNED.get(test.op, test.op)
            turned = turned[::-1] if op is GraphOp.BETWEEN else turned
            column = self._source.columns["name"]
            ends = and_(p["low"] > 0, meets(op, p["low"], p["high"], turned))
            found = or_(found, and_(p["dimension"] == other, column.in_(names), self._photons(column), ends))
        return found


def sought(condition: GraphCondition | None) -> Sought | None:
    """Where values lie that satisfy it; None where the condition has another form."""
    tests = flat(condition)
    if tests is None:
        return None
    context = _context(All(tests), Asked())
    values = [test for test in tests if test.field == "value"]
    others = [test for test in tests if test.field not in ("value", "name", "unit")]
    if not context.names or len(context.units) != 1 or not values or others or any(t.op not in _RANGES for t in values):
        return None
    if len(tests) != len(values) + 2:  # one name, one unit
        return None
    if any((numbers := numbers_of(test)) is None or list(numbers) != sorted(numbers) for test in values):
        return None
    names = frozenset(same for name in context.names for same in quantity_names.same(name))
    turned = frozenset(n for name in context.names for n in quantity_names.converse(name))
    found = []
    for scale in scales(context.units[0]):
        low, high = _ends(values, scale)
        found.append(Span(names, scale.dimension, *_widened(low, high)))
        other = _converse(scale.dimension)
        if turned and other and _positive(low, high):
            found.append(Span(turned, other, *_widened(*_turned_ends(low, high)), photons=True))
    return Sought(tuple(found), context.units[0])


def _positive(low: float | None, high: float | None) -> bool:
    return (low is None or low > 0) and (high is None or high > 0)


def _turned_ends(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """Of the wavelengths of energies between these, or of the energies of wavelengths."""
    return (None if high is None else quantity_names.HC / high), (None if low is None else quantity_names.HC / low)


def _widened(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None if low is None else _down(low)), (None if high is None else _up(high))


def flat(condition: GraphCondition | None) -> tuple[Test, ...] | None:
    """The tests of a condition that only AND-s; None for any other."""
    if isinstance(condition, Test):
        return (condition,)
    if not isinstance(condition, All):
        return None
    found: list[Test] = []
    for part in condition.parts:
        inner = flat(part)
        if inner is None:
            return None
        found += inner
    return tuple(found)


def _ends(values: list[Test], scale: Any) -> tuple[float | None, float | None]:
    """The narrowest [low, high] in base units; ends are widened by the last digits, open ends are narrowed by them."""
    lows: list[float] = []
    highs: list[float] = []
    for test in values:
        numbers = [number * scale.factor + scale.offset for number in numbers_of(test) or ()]
        if test.op in (GraphOp.BETWEEN, GraphOp.EQ):
            lows.append(numbers[0])
            highs.append(numbers[-1])
        elif test.op in (GraphOp.GTE, GraphOp.GT):
            lows.append(numbers[0] if test.op is GraphOp.GTE else _up(_up(numbers[0])))
        else:
            highs.append(numbers[0] if test.op is GraphOp.LTE else _down(_down(numbers[0])))
    return (max(lows) if lows else None), (min(highs) if highs else None)


def meets(op: GraphOp, low: Any, high: Any, numbers: tuple[float, ...]) -> ColumnElement[bool]:
    """Some value of [low, high] satisfies the comparison."""
    if op in NEGATIVE:
        return and_(low.is_not(None), not_(and_(low == high, meets(NEGATIVE[op], low, high, numbers))))
    match op:
        case GraphOp.EQ | GraphOp.INQ:
            return or_(false(), *(and_(low <= _up(n), high >= _down(n)) for n in numbers))
        case GraphOp.BETWEEN if numbers[0] <= numbers[1]:
            return and_(high >= _down(numbers[0]), low <= _up(numbers[1]))
        case GraphOp.LT:
            return low <= _down(numbers[0])  # type: ignore[no-any-return]
        case GraphOp.LTE:
            return low <= _up(numbers[0])  # type: ignore[no-any-return]
        case GraphOp.GT:
            return high >= _up(numbers[0])  # type: ignore[no-any-return]
        case GraphOp.GTE:
            return high >= _down(numbers[0])  # type: ignore[no-any-return]
    return false()


def scales(unit: str) -> list[Any]:
    """What a symbol may mean: instruments write A for ångström, others for ampere."""
    found = []
    for symbol in _AMBIGUOUS.get(unit, (unit,)):
        try:
            scale = known(symbol)
        except UnknownUnit:
            continue
        if scale not in found:
            found.append(scale)
    return found


def numbers_of(test: Test) -> tuple[float, ...] | None:
    """The values as numbers, numeric text too (as portals send bounds); None when one is none."""
    found: list[float] = []
    for value in _values(test):
        if isinstance(value, bool):
            return None
        try:
            found.append(float(value))
        except (TypeError, ValueError, OverflowError):
            return None
        if math.isnan(found[-1]):
            return None
    return tuple(found) if found and test.op not in _TEXTUAL else None


def convert(value: float, unit: str | None, dimension: str | None, wanted: tuple[str, ...]) -> tuple[float, str] | None:
    """(value, symbol) in the first wanted unit that fits, also from energy to wavelength and back; None: as it is."""
    here = [s for s in scales(unit or "") if s.dimension == dimension]
    if not here:
        return None
    base = value * here[0].factor + here[0].offset
    for symbol in wanted:
        if symbol == unit:
            return value, symbol
        for there in scales(symbol):
            if there.dimension == dimension:
                same = (there.factor, there.offset) == (here[0].factor, here[0].offset)
                return (value if same else _neat((base - there.offset) / there.factor)), symbol
            if _converse(there.dimension) == dimension and base > 0:
                return _neat((quantity_names.HC / base - there.offset) / there.factor), symbol
    return None


def _neat(value: float) -> float:
    """Without the dust of the last bits: 12.000000000000002 is 12."""
    return float(f"{value:.15g}")


def _context(condition: All, context: Asked) -> Asked:
    names, units = context.names, context.units
    for part in condition.parts:
        if isinstance(part, Test) and part.op in (GraphOp.EQ, GraphOp.INQ):
            values = tuple(str(v) for v in (part.value if isinstance(part.value, tuple) else (part.value,)))
            if part.field == "name":
                names = values
            elif part.field == "unit":
                units = values
        elif isinstance(part, All):
            inner = _context(part, Asked(names, units))
            names, units = inner.names, inner.units
    return Asked(names, units)


def _values(test: Test) -> tuple[Any, ...]:
    return test.value if isinstance(test.value, tuple) else (test.value,)


def _up(number: float) -> float:
    return number if math.isinf(number) else number + abs(number) * SLACK


def _down(number: float) -> float:
    return number if math.isinf(number) else number - abs(number) * SLACK


_RANGES = (GraphOp.BETWEEN, GraphOp.EQ, GraphOp.LT, GraphOp.LTE, GraphOp.GT, GraphOp.GTE)
_TEXTUAL = (GraphOp.LIKE, GraphOp.NLIKE, GraphOp.ILIKE, GraphOp.NILIKE, GraphOp.REGEXP)
_TURNED = {GraphOp.LT: GraphOp.GT, GraphOp.GT: GraphOp.LT, GraphOp.LTE: GraphOp.GTE, GraphOp.GTE: GraphOp.LTE}


@cache
def of_neutrons() -> Any:
    """Datasets measured with neutrons: there, energy goes with the inverse square of the wavelength."""
    tags = sorted(techniques.descendants(NEUTRONS))
    own = select(t.technique.c.pid).where(t.technique.c.panet_pid.in_(tags))
    tag = t.dataset_technique.c.technique_pid
    return select(t.dataset_technique.c.dataset_id).where(or_(tag.in_(tags), tag.in_(own)))


@cache
def _converse(dimension: str) -> str | None:
    length, energy = known("m").dimension, known("J").dimension
    return {length: energy, energy: length}.get(dimension)

"""Quantities and their units, as instruments write them; conversion through pint, remembered for each symbol."""

from __future__ import annotations

import math
import re
import tokenize
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

# What files write → what pint understands. Compared after stripping; case matters in units, so variants are spelled out.
ALIASES = {
    "": "", "1": "", "unitless": "", "none": "", "None": "", "dimensionless": "", "NX_DIMENSIONLESS": "", "n/a": "",
    "arbitrary": "", "arbitrary units": "", "a.u.": "", "au": "", "arb. units": "", "fraction": "", "ratio": "", "steps": "", "step": "",
    "counts": "count", "count": "count", "cts": "count", "Counts": "count", "Count": "count", "photons": "count", "neutrons": "count", "event": "count",
    "events": "count", "pulses": "count", "cps": "count/second", "counts/s": "count/second", "count/s": "count/second",
    "deg": "degree", "Deg": "degree", "degrees": "degree", "Degrees": "degree", "DEG": "degree", "°": "degree", "NX_ANGLE": "degree",
    "degC": "degC", "deg C": "degC", "deg. C": "degC", "°C": "degC", "C": "degC", "celsius": "degC", "Celsius": "degC", "degree_Celsius": "degC",
    "degF": "degF", "°F": "degF", "F": "degF", "K": "kelvin", "Kelvin": "kelvin", "kelvin": "kelvin", "kelvins": "kelvin", "deg K": "kelvin",
    "NX_TEMPERATURE": "kelvin", "mK": "millikelvin",
    "Å": "angstrom", "\u00c5": "angstrom", "A": "angstrom", "Ang": "angstrom", "Angstrom": "angstrom", "Angstroms": "angstrom", "angstroms": "angstrom",
    "angstrom": "angstrom", "ANGSTROM": "angstrom", "NX_WAVELENGTH": "angstrom", "\u212b": "angstrom", "A\u030a": "angstrom", "AA": "angstrom",
    "1/A": "1/angstrom", "1/Å": "1/angstrom", "A^-1": "1/angstrom", "Å^-1": "1/angstrom", "A-1": "1/angstrom", "Å⁻¹": "1/angstrom", "1/angstrom": "1/angstrom",
    "1/Angstrom": "1/angstrom", "1/ang": "1/angstrom", "invA": "1/angstrom", "inverse angstrom": "1/angstrom", "1/nm": "1/nanometer", "nm^-1": "1/nanometer",
    "1/cm": "1/centimeter", "cm^-1": "1/centimeter", "Thz": "terahertz",
    "um": "micrometer", "µm": "micrometer", "μm": "micrometer", "micron": "micrometer", "microns": "micrometer", "mm": "millimeter", "metre": "meter",
    "metres": "meter", "meters": "meter", "NX_LENGTH": "meter", "M": "meter", "MM": "millimeter",
    "usec": "microsecond", "us": "microsecond", "µs": "microsecond", "μs": "microsecond", "microseconds": "microsecond", "sec": "second", "secs": "second",
    "seconds": "second", "Seconds": "second", "S": "second", "s": "second", "NX_TIME": "second", "msec": "millisecond", "nsec": "nanosecond", "min": "minute",
    "mins": "minute", "hours": "hour", "hrs": "hour", "10^-7 s": "0.1 microsecond",
    "ev": "electron_volt", "EV": "electron_volt", "kev": "kiloelectron_volt", "KeV": "kiloelectron_volt", "Kev": "kiloelectron_volt", "KEV": "kiloelectron_volt",
    "mev": "millielectron_volt", "gev": "gigaelectron_volt", "GEV": "gigaelectron_volt", "NX_ENERGY": "electron_volt",
    "mbar": "millibar", "mBar": "millibar", "bar": "bar", "Bar": "bar", "torr": "torr", "Torr": "torr", "hPa": "hectopascal", "psi": "psi",
    # Of the flux density, not of the Gaussian system, in which they measure something else than tesla; Oe as people use it, in vacuum.
    "gauss": "0.0001 tesla", "Gauss": "0.0001 tesla", "G": "0.0001 tesla", "kG": "0.1 tesla", "kGauss": "0.1 tesla", "mG": "0.0000001 tesla",
    "Oe": "0.0001 tesla", "kOe": "0.1 tesla", "oersted": "0.0001 tesla", "Oersted": "0.0001 tesla", "Tesla": "tesla", "tesla": "tesla",
    "amps": "ampere", "Amps": "ampere", "amp": "ampere", "Amp": "ampere", "ampere": "ampere", "uA": "microampere", "µA": "microampere", "mA": "milliampere",
    "uAh": "microampere * hour", "µAh": "microampere * hour", "uA.hour": "microampere * hour", "uAmp hour": "microampere * hour", "uamp.hour": "microampere * hour",
    "volts": "volt", "Volts": "volt", "watts": "watt", "Watts": "watt", "%": "percent", "percent": "percent",
    "Ohm": "ohm", "Ohms": "ohm", "ohms": "ohm", "Ω": "ohm", "\u2126": "ohm", "kOhm": "kiloohm", "MOhm": "megaohm", "bits": "bit", "bytes": "byte",
    "rpm": "revolutions_per_minute", "Hertz": "hertz", "hz": "hertz", "HZ": "hertz", "khz": "kilohertz", "Mhz": "megahertz",
    "ml/min": "milliliter/minute", "l/min": "liter/minute", "mrad": "milliradian", "urad": "microradian", "µrad": "microradian", "radians": "radian",
}  # fmt: skip

# A symbol from a file is a stranger's text: only these signs, no long numbers and no towers of powers reach pint's parser.
_HARMLESS = re.compile(r"[A-Za-zÅµμ°%Ωα-ω/*^().·⁻¹²³\s_+\-0-9\u212b\u2126\u030a]*")
_TOWER = re.compile(r"\d{5,}|__|((\*\*|\^).*){4,}|(\*\*|\^)\s*\(?\s*-?\d{3,}")
_POWER = re.compile(r"(?<=[A-Za-zÅµ])\s*(\^|\*\*)?\s*(-\d+)")


class UnknownUnit(ValueError):
    def __init__(self, unit: str) -> None:
        super().__init__(f"the unit {unit!r} is not known; write it as in 'keV', 'angstrom', '1/nm', 'degC', 'mbar'")
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Quantity:
    value: float
    unit: str | None  # symbol as in the file; None: dimensionless


@dataclass(frozen=True, slots=True)
class _Scale:
    factor: float  # base = value * factor + offset
    offset: float
    dimension: str


def to_base(value: float | None, unit: str | None) -> tuple[float, str] | None:
    """(value in base units, dimension) or None when the unit is not known or the value is not a finite number.

    Angles and counts are dimensions of their own here: 5 degrees never match 5 counts.
    """
    if value is None or not math.isfinite(value):
        return None
    scale = _scale(unit or "")
    if scale is None:
        return None
    base = value * scale.factor + scale.offset
    return (base, scale.dimension) if math.isfinite(base) else None


def convert(value: float, unit: str | None, wanted: str | None) -> float:
    """Raises UnknownUnit, or ValueError when the dimensions differ."""
    here, there = known(unit), known(wanted)
    if here.dimension != there.dimension:
        raise ValueError(f"{unit!r} and {wanted!r} measure different things")
    if here == there:
        return value
    return (value * here.factor + here.offset - there.offset) / there.factor


def known(unit: str | None) -> _Scale:
    """Raises UnknownUnit."""
    scale = _scale(unit or "")
    if scale is None:
        raise UnknownUnit(unit or "")
    return scale


def same_dimension(one: str | None, other: str | None) -> bool:
    a, b = _scale(one or ""), _scale(other or "")
    return a is not None and b is not None and a.dimension == b.dimension


COMMON = tuple(
    [
        "eV",
        "keV",
        "meV",
        "MeV",
        "GeV",
        "J",
        "m",
        "mm",
        "um",
        "nm",
        "pm",
        "cm",
        "km",
        "angstrom",
        "s",
        "ms",
        "us",
        "ns",
        "ps",
        "fs",
        "min",
        "h",
        "K",
        "mK",
        "degC",
        "T",
        "mT",
        "G",
        "A",
        "mA",
        "uA",
        "nA",
        "V",
        "mV",
        "kV",
        "W",
        "mW",
        "Pa",
        "kPa",
        "MPa",
        "hPa",
        "bar",
        "mbar",
        "deg",
        "rad",
        "mrad",
        "urad",
        "Hz",
        "kHz",
        "MHz",
        "kg",
        "g",
        "mg",
        "m/s",
        "mm/s",
        "1/s",
        "1/m",
        "1/cm",
        "1/nm",
        "1/angstrom",
        "mm^2",
        "um^2",
        "m^2",
        "cm^-1",
        "s^-1",
        "ohm",
        "C",
        "F",
        "N",
        "kg/m^3",
        "g/cm^3",
        "mol",
        "l",
        "ml",
    ]
)


@cache
def alike(unit: str | None) -> tuple[str, ...]:
    """Common symbols that measure the same, each unit once; none for a number without a unit, or a count."""
    here = _scale(unit or "")
    if here is None or not (unit or "").strip():
        return ()
    found: dict[_Scale, str] = {}
    for symbol in COMMON:
        scale = _scale(symbol)
        if scale is not None and scale.dimension == here.dimension:
            found.setdefault(scale, symbol)
    return tuple(found.values())


def warm() -> None:
    """Learn the usual symbols now: in processes that are about to fork."""
    for unit in (*ALIASES, *COMMON):
        _scale(unit)


@cache
def _scale(unit: str) -> _Scale | None:
    text = unit.strip()
    if len(text) > 60 or not _HARMLESS.fullmatch(text) or _TOWER.search(text):
        return None
    text = ALIASES.get(text, text)
    if text == "":
        return _Scale(1.0, 0.0, "dimensionless")
    return _by_pint(text) or _by_pint(_POWER.sub(r"**\2", text.replace("Å", "angstrom").replace("·", "*")))


def _by_pint(text: str) -> _Scale | None:
    import pint

    registry = _registry()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = (
                registry.parse_expression(text)
                if any(c.isdigit() for c in text[:1])
                else registry.Quantity(1, registry.parse_units(text))
            )
            if not hasattr(parsed, "to_base_units"):
                return None
            units = parsed.units
            zero = registry.Quantity(0 * parsed.magnitude, units).to_base_units().magnitude
            one = registry.Quantity(1 * parsed.magnitude, units).to_base_units().magnitude
            dimension = _dimension(registry, units)
    except (
        pint.PintError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        ZeroDivisionError,
        OverflowError,
        AssertionError,
        SyntaxError,
    ):
        return None
    except (RecursionError, tokenize.TokenError, EOFError):
        return None
    zero, one = float(zero), float(one)
    if not (math.isfinite(zero) and math.isfinite(one)) or one == zero:
        return None
    return _Scale(one - zero, zero, dimension)


def _dimension(registry: Any, units: Any) -> str:
    dimension = str(units.dimensionality)
    if dimension == "dimensionless":
        names = set(units._units)
        if any("count" in name for name in names):
            return "count"
        if names & {"bit", "byte"} or any(name.endswith(("bit", "byte")) for name in names):
            return "information"
        if any("radian" in name or "degree" in name for name in names):
            return "angle"
    elif any("count" in name for name in units._units):
        return f"count * {dimension}"
    elif any(
        "radian" in name or "degree" in name and "celsius" not in name and "fahrenheit" not in name for name in units._units
    ):
        return f"angle * {dimension}" if "temperature" not in dimension else dimension
    return dimension


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None, autoconvert_offset_to_baseunit=True)

"""The default plot of a NeXus file, found and described: signal, axes, errors, by the conventions of today and of before 2014."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from panmesh.client.flow import Flow, Together
from panmesh.client.inside import AT_ONCE, Info, NoSuchPath, Place, absolute, attributes, look

MOST = 100  # members of a group that are looked at
_DEEP = 4  # file, entry, subentry, data


@dataclass(frozen=True, slots=True)
class Field:
    info: Info
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Angle [deg]"""
        name, units = self.attributes.get("long_name") or self.info.name, self.attributes.get("units")
        return f"{name} [{units}]" if units and str(units) not in str(name) else str(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plottable:
    group: str
    title: str | None
    signal: Field
    dims: tuple[str, ...]  # of the signal: the name of the axis along it, or dim_0 …
    axes: Mapping[str, tuple[Field, tuple[int, ...]]]  # with the dimensions of the signal that each is along
    errors: Field | None
    others: Mapping[str, Field]  # auxiliary signals


def find(place: Place, path: str) -> Flow[str]:
    """The NXdata group at a path, or the default one below. Raises NoSuchPath."""
    start = path
    for _ in range(_DEEP):
        info = yield from look(place, path)
        told = (yield from attributes(place, path)) if info.attributes else {}
        if _one(told.get("NX_class")) == "NXdata" or isinstance(_one(told.get("signal")), str):
            return path
        path = yield from _next(place, info, told)
        if not path:
            break
    raise NoSuchPath(
        f"{start} has no NXdata that could be drawn; name an array: run['/…'].plot(), run.tree() shows what there is."
    )


def plottable(place: Place, path: str) -> Flow[Plottable]:
    """Of an NXdata group. Raises NoSuchPath when it names no signal."""
    group = yield from look(place, path)
    told = (yield from attributes(place, path)) if group.attributes else {}
    members = [child for child in group.children if child.kind == "dataset"][:MOST]
    fields = yield from _fields(place, members)
    signal = _signal(path, told, fields)
    shape = signal.info.shape or ()
    along = _axes(told, signal, fields)
    named = _dims(along, shape)
    title = told.get("title")
    return Plottable(
        group=path,
        title=str(title) if isinstance(title, str) and title else None,
        signal=signal,
        dims=named,
        axes=along,
        errors=_errors(told, signal, fields),
        others={name: fields[name] for name in _names(told.get("auxiliary_signals")) if name in fields},
    )


def _next(place: Place, info: Info, told: Mapping[str, Any]) -> Flow[str]:
    """The way to the default plot; "": there is none."""
    groups = [child for child in info.children if child.kind == "group"][:MOST]
    default = _one(told.get("default"))
    if isinstance(default, str) and default.strip("/"):
        named = absolute(default, info.path)
        if any(named == one.path or named.startswith(one.path + "/") for one in groups):
            return named
    classed = [one for one in groups if "NX_class" in one.attributes]
    classes = yield Together([attributes(place, one.path) for one in classed], AT_ONCE)
    for wanted in ("NXdata", "NXentry", "NXsubentry"):
        for one, said in zip(classed, classes, strict=True):
            if _one(said.get("NX_class")) == wanted:
                return one.path
    return ""


def _fields(place: Place, members: list[Info]) -> Flow[dict[str, Field]]:
    telling = [one for one in members if one.attributes]
    told = yield Together([attributes(place, one.path) for one in telling], AT_ONCE)
    by_name = {one.name: Field(one) for one in members}
    return by_name | {one.name: Field(one, said) for one, said in zip(telling, told, strict=True)}


def _signal(path: str, told: Mapping[str, Any], fields: Mapping[str, Field]) -> Field:
    name = _one(told.get("signal"))
    if isinstance(name, str) and name in fields:
        return fields[name]
    for one in fields.values():
        if str(_one(one.attributes.get("signal"))) == "1":
            return one
    if isinstance(name, str):
        raise NoSuchPath(f"the signal of {path}, {name!r}, is not among the files of this run, or it is no array.")
    if "data" in fields:
        return fields["data"]
    raise NoSuchPath(f"{path} does not say which of its arrays is the signal; name one: run['{path}/…'].plot()")


def _axes(told: Mapping[str, Any], signal: Field, fields: Mapping[str, Field]) -> dict[str, tuple[Field, tuple[int, ...]]]:
    shape = signal.info.shape or ()
    names = _names(told.get("axes")) or _names(told.get(f"{signal.info.name}_axes")) or _names(signal.attributes.get("axes"))
    found: dict[str, tuple[Field, tuple[int, ...]]] = {}
    for place, name in enumerate(names):
        if name in fields and name != signal.info.name:
            along = _indices(told.get(f"{name}_indices"), place, fields[name])
            _keep(found, name, fields[name], along, shape)
    for name, one in fields.items():  # further coordinates, and the convention of single axes
        if name in found or name == signal.info.name:
            continue
        if f"{name}_indices" in told:
            _keep(found, name, one, _indices(told[f"{name}_indices"], 0, one), shape)
        elif (number := str(_one(one.attributes.get("axis", "")))).isdigit() and not names:
            _keep(found, name, one, (_fitting(one, int(number) - 1, shape),), shape)
    return found


def _keep(
    found: dict[str, tuple[Field, tuple[int, ...]]], name: str, one: Field, along: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    """What does not fit the signal is no axis of it; one more than there are bins is: their edges."""
    own = one.info.shape or ()
    if not own and len(along) == 1:  # one value for all
        found[name] = (one, ())
    elif len(own) == len(along) and all(0 <= dim < len(shape) for dim in along):
        edges = len(own) == 1 and own[0] == shape[along[0]] + 1
        if edges or all(length == shape[dim] for length, dim in zip(own, along, strict=True)):
            found[name] = (one, along)


def _dims(axes: Mapping[str, tuple[Field, tuple[int, ...]]], shape: tuple[int, ...]) -> tuple[str, ...]:
    names = [f"dim_{number}" for number in range(len(shape))]
    for name, (one, along) in axes.items():
        if len(along) == 1 and (one.info.shape or ()) == (shape[along[0]],) and names[along[0]] == f"dim_{along[0]}":
            names[along[0]] = name
    return tuple(names)


def _fitting(one: Field, dimension: int, shape: tuple[int, ...]) -> int:
    """The dimension that it names; where it has another length and fits one other alone, that one."""
    length = one.info.shape[0] if one.info.shape else 0
    fits = [dim for dim, n in enumerate(shape) if n > 1 and length in (n, n + 1)]
    return fits[0] if len(fits) == 1 and dimension not in fits else dimension


def _errors(told: Mapping[str, Any], signal: Field, fields: Mapping[str, Field]) -> Field | None:
    """By today's convention, by that of canSAS, or by their name."""
    named = [signal.attributes.get(key) for key in ("uncertainties", "uncertainty")]
    named += [told.get(f"{signal.info.name}_{key}") for key in ("uncertainties", "uncertainty")]
    for name in (*map(_one, named), f"{signal.info.name}_errors", f"{signal.info.name}_error", "errors"):
        if isinstance(name, str) and name in fields and fields[name].info.shape == signal.info.shape:
            return fields[name]
    return None


def _indices(told: Any, default: int, one: Field) -> tuple[int, ...]:
    if isinstance(told, list):
        return tuple(int(dim) for dim in told)
    if isinstance(told, int | float) or isinstance(told, str) and told.isdecimal():
        return (int(told),)
    return tuple(range(default, default + max(1, len(one.info.shape or ()))))


def _one(told: Any) -> Any:
    """What is written as a list of one is that one."""
    return told[0] if isinstance(told, list) and len(told) == 1 else told


def _names(told: Any) -> list[str]:
    """A list of names, or several in one text: "y:x", "[y,x]"."""
    if isinstance(told, str):
        return [name.strip() for name in re.split(r"[:,]", told.strip("[] "))]
    return [str(name) for name in told] if isinstance(told, list) else []

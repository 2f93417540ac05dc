"""The runs of a visit over time, by technique and flag, and how its data grew: one SVG in the page, as wide as there is room.

It is for the eye and the mouse; `rows` says the same as a table, for the keyboard and for those who listen.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup, escape

from panmesh.catalogue.notes import Flag
from panmesh.catalogue.visiting import Bin, Moment, Timeline
from panmesh.http.encoded_slashes import segment
from panmesh.kernel.clock import iso
from panmesh.portal import words
from panmesh.portal.sentences import say
from panmesh.portal.time_axis import Tick, ticks

LANES = 5  # techniques with a colour of their own
LANE, LABEL, MARKS, GROWTH, AXIS = 22, 18, 18, 84, 38  # pixels
_SHAPES = {Flag.GOOD: "✓", Flag.DOUBTFUL: "?", Flag.BAD: "✕"}
OTHER = "other techniques"
NONE = "no technique said"
_LATEST = 253_402_300_799_000_000  # the end of year 9999: no date is later


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A piece of time with runs."""

    first_us: int
    last_us: int  # not included
    runs: int
    techniques: tuple[tuple[str, int], ...]
    grown: int  # bytes until its end
    query: str  # of the table of its runs


def rows(timeline: Timeline, names: Mapping[str, str]) -> tuple[Row, ...]:
    lanes = _lanes(timeline.bins)
    found: list[Row] = []
    grown = 0
    for number in sorted({one.number for one in timeline.bins}):
        here = [one for one in timeline.bins if one.number == number]
        grown += sum(one.size for one in here)
        first = timeline.first_us + number * timeline.width_us
        counts: dict[str, int] = {}
        for one in here:
            lane = _name(one.technique, lanes, names)
            counts[lane] = counts.get(lane, 0) + one.runs
        found.append(
            Row(
                first_us=first,
                last_us=first + timeline.width_us,
                runs=sum(one.runs for one in here),
                techniques=tuple(counts.items()),
                grown=grown,
                query=_within(first, first + timeline.width_us),
            )
        )
    return tuple(found)


def longest_break(timeline: Timeline) -> tuple[int, int] | None:
    """From when to when nothing was measured between two runs: the longest time, as far as pieces of time tell."""
    if timeline.moments:
        found, end = [], timeline.moments[0].start_us
        for one in timeline.moments:
            found.append((end, one.start_us))
            end = max(end, one.end_us or one.start_us)
    else:
        numbers = sorted({one.number for one in timeline.bins})
        found = [
            (timeline.first_us + (a + 1) * timeline.width_us, timeline.first_us + b * timeline.width_us)
            for a, b in itertools.pairwise(numbers)
        ]
    longest = max(found, key=lambda pair: pair[1] - pair[0], default=None)
    return longest if longest is not None and longest[1] > longest[0] else None


def draw(timeline: Timeline, names: Mapping[str, str], zone: str, runs: str, beam: tuple[int | None, int | None]) -> Markup:
    """`names`: of techniques by pid. `runs`: address of the runs, to which a time is added.
    `beam`: when the instrument was theirs."""
    if not timeline.span.timed:
        return Markup("")
    lanes = _lanes(timeline.bins)
    axis = _Axis(timeline)
    y = MARKS if timeline.flagged else 0
    parts = [_flags(timeline, axis, y)] if timeline.flagged else []
    for number, lane in enumerate(lanes):
        label = escape(_name(lane, lanes, names))
        parts.append(f'<text class="lane" x="0" y="{y + LABEL - 5}">{label}</text>')
        mine = _runs(timeline, lanes, lane, axis, y + LABEL, names, zone, runs)
        parts.append(f'<g class="t{number % (LANES + 1)}">{mine}</g>')
        y += LABEL + LANE
    high = y
    parts.append(_growth(timeline, y + LABEL))
    y += LABEL + GROWTH if timeline.span.readable else 0
    shade = _beam(beam, axis, y)
    marks = "".join(_tick(tick, axis, y) for tick in ticks(axis.first, axis.last, zone))
    whole = y + AXIS
    return Markup(
        f'<svg class="timeline" width="100%" height="{whole}" aria-hidden="true" focusable="false" data-lanes="{high}">'
        f"{shade}{marks}{''.join(parts)}</svg>"
    )


class _Axis:
    """Instants as per cent of the width."""

    def __init__(self, timeline: Timeline) -> None:
        last_bin = max((one.number for one in timeline.bins), default=0)
        self.first = timeline.first_us
        ends = (timeline.span.last_us or self.first, self.first + (last_bin + 1) * timeline.width_us)
        self.last = max(*ends, self.first + 1)

    def at(self, us: int) -> float:
        return round(100 * min(max((us - self.first) / (self.last - self.first), 0.0), 1.0), 3)


def _lanes(bins: Sequence[Bin]) -> list[str | None]:
    """Techniques by their number of runs; beyond `LANES`, the rest share one lane (`OTHER`)."""
    counts: dict[str | None, int] = {}
    for one in bins:
        counts[one.technique] = counts.get(one.technique, 0) + one.runs
    ordered = sorted(counts, key=lambda pid: (-counts[pid], pid or ""))
    return ordered if len(ordered) <= LANES else [*ordered[: LANES - 1], OTHER]


def _lane(technique: str | None, lanes: Sequence[str | None]) -> str | None:
    return technique if technique in lanes else OTHER


def _name(technique: str | None, lanes: Sequence[str | None], names: Mapping[str, str]) -> str:
    lane = _lane(technique, lanes)
    return say(NONE) if lane is None else names.get(lane, lane)


def _runs(
    timeline: Timeline,
    lanes: Sequence[str | None],
    lane: str | None,
    axis: _Axis,
    y: int,
    names: Mapping[str, str],
    zone: str,
    address: str,
) -> str:
    if timeline.moments:
        return "".join(_one(one, axis, y, zone) for one in timeline.moments if _lane(one.technique, lanes) == lane)
    counts: dict[int, int] = {}
    for one in timeline.bins:
        if _lane(one.technique, lanes) == lane:
            counts[one.number] = counts.get(one.number, 0) + one.runs
    most = max(counts.values(), default=1)
    return "".join(_piece(timeline, number, runs, most, axis, y, zone, address) for number, runs in sorted(counts.items()))


def _one(run: Moment, axis: _Axis, y: int, zone: str) -> str:
    x = axis.at(run.start_us)
    wide = max(axis.at(max(run.end_us or 0, run.start_us)) - x, 0.15)
    lasted = f", {words.duration(run.end_us - run.start_us)}" if run.end_us and run.end_us > run.start_us else ""
    said = escape(f"{run.title or run.pid}: {words.moment(run.start_us, zone)}{lasted}")
    return (
        f'<a href="/datasets/{segment(run.pid)}" tabindex="-1"><rect x="{min(x, 99.6)}%" y="{y}" width="{wide:.3f}%" height="{LANE - 6}">'
        f"<title>{said}</title></rect></a>"
    )


def _piece(timeline: Timeline, number: int, runs: int, most: int, axis: _Axis, y: int, zone: str, address: str) -> str:
    first = timeline.first_us + number * timeline.width_us
    tall = max(3.0, (LANE - 6) * runs / most)
    said = escape(f"{words.plural(runs, 'run')} in {words.duration(timeline.width_us)} from {words.moment(first, zone)}")
    wide = axis.at(first + timeline.width_us) - axis.at(first)
    path, _, place = address.partition("#")
    sign = "&" if "?" in path else "?"
    href = escape(f"{path}{sign}{_within(first, first + timeline.width_us)}{'#' if place else ''}{place}")
    return (
        f'<a href="{href}" rel="nofollow" tabindex="-1"><rect class="piece" x="{axis.at(first)}%" y="{y + LANE - 6 - tall:.1f}" '
        f'width="{wide:.3f}%" height="{tall:.1f}"><title>{said}</title></rect></a>'
    )


def _within(first_us: int, last_us: int) -> str:
    return urlencode({"from": iso(first_us) or "", "to": iso(min(last_us, _LATEST)) or ""})


def _flags(timeline: Timeline, axis: _Axis, y: int) -> str:
    shown = [one for one in timeline.flagged if one.start_us is not None][:500]
    return "".join(
        f'<a href="/datasets/{segment(one.pid)}" tabindex="-1"><text class="flag-{one.flag.value}" x="{axis.at(one.start_us or 0)}%" '
        f'y="{y - 4}" text-anchor="middle">{_SHAPES[one.flag]}<title>{escape(words.FLAGS[one.flag.value])}</title></text></a>'
        for one in shown
    )


def _growth(timeline: Timeline, y: int) -> str:
    """Bytes since the beginning, as steps of the pieces of time."""
    if not timeline.span.readable:
        return ""
    size = {n: sum(b.size for b in timeline.bins if b.number == n) for n in {b.number for b in timeline.bins}}
    whole = sum(size.values()) or 1
    last = max(size, default=0) + 1
    grown, points = 0, ["0,100"]
    for number in range(last):
        grown += size.get(number, 0)
        points.append(f"{100 * (number + 1) / last:.2f},{100 - 100 * grown / whole:.2f}")
    area = " ".join([*points, "100,100"])
    part = "" if timeline.span.readable == timeline.span.runs else f" of {words.plural(timeline.span.readable, 'run')}"
    return (
        f'<text class="lane" x="0" y="{y - 5}">data{part}, up to {escape(words.size(sum(size.values())))}</text>'
        f'<svg class="growth" x="0" y="{y}" width="100%" height="{GROWTH - 8}" viewBox="0 0 100 100" preserveAspectRatio="none">'
        f'<polygon points="{area}"/><polyline points="{" ".join(points)}"/></svg>'
    )


def _beam(beam: tuple[int | None, int | None], axis: _Axis, tall: int) -> str:
    first, last = beam
    if first is None or last is None:
        return ""
    x, end = axis.at(first), axis.at(last)
    return f'<rect class="beam" x="{x}%" y="0" width="{max(end - x, 0.0):.3f}%" height="{tall}"/>' if end > x else ""


def _tick(tick: Tick, axis: _Axis, y: int) -> str:
    x = axis.at(tick.us)
    anchor = "start" if x < 6 else "end" if x > 94 else "middle"
    day = f'<text class="day" x="{x}%" y="{y + 32}" text-anchor="{anchor}">{escape(tick.day)}</text>' if tick.day else ""
    return f'<line x1="{x}%" x2="{x}%" y1="0" y2="{y + 3}"/><text x="{x}%" y="{y + 17}" text-anchor="{anchor}">{escape(tick.text)}</text>{day}'

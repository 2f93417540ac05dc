"""FAIR scores in SQL: of each run as it is now, kept by the change feed; sums of the month, kept when it is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, or_, select, true, update

from panmesh.access.artefact import Artefact
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.fair_facts import Dois, facts_of_many, scored_rows
from panmesh.adapters.sql.fair_sums import SUMS, exchange
from panmesh.adapters.sql.fair_tables import fair_gap, fair_month, fair_round, fair_run, fair_sum
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.permission import readable, state_label
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import change, dataset, instrument, terms
from panmesh.catalogue.model import DatasetSummary, Origin
from panmesh.kernel.clock import facility_day, from_us
from panmesh.kernel.faults import reach
from panmesh.publication.fair import POINTS, Fairness, Letter, score
from panmesh.publication.fair_history import Lacking, OfInstrument, Quality, ScoredMonth, Scores

PIECE = 500  # runs scored in one transaction
TOLD = 2000  # changes looked at together
MONTHS = 24
_LETTERS = dict(zip(SUMS[2:], Letter, strict=True))


class SqlFairScores:
    """Implements `publication.fair_history.ScoreReads`, and keeps what it reads."""

    def __init__(self, database: Database, dois: Dois) -> None:
        self._db = database
        self._dois = dois
        self._feed = SqlFeed(database)

    # --- kept -------------------------------------------------------------------------------------------------------

    def follow(self, now_us: int) -> int:
        """Scores what changed since the last time, a piece of it; how many runs that were. Asked again while it is more than none."""
        upto = self._feed.head(now_us).sequence
        with self._db.read() as connection:
            state = connection.execute(select(fair_round)).first()
            if state is None or upto <= state.sequence:
                told: Sequence[Any] = ()
                ids: list[int] = []
            else:
                c = change.c
                query = select(c.sequence, c.kind, c.pid).where(c.sequence > state.sequence, c.sequence <= upto)
                told = connection.execute(query.order_by(c.sequence).limit(TOLD)).all()
                pids = sorted({row.pid for row in told if row.kind == "dataset"})
                ids = list(connection.execute(select(dataset.c.id).where(dataset.c.pid.in_(pids))).scalars()) if pids else []
        if state is None:
            self._begin(upto)
            return 0
        if told:
            self._score(ids, now_us, upto=told[-1].sequence)
        return len(told)

    def sweep(self, now_us: int, after: int = 0, limit: int = PIECE) -> int | None:
        """Scores runs that were never scored, or are not what was scored: also what no change tells of, as an embargo that ended. One
        piece of them, from the one with this number on; where the next begins, or None at the end."""
        f, d = fair_run.c, dataset.c
        other = or_(
            f.dataset_id.is_(None),
            f.revision != d.revision,
            f.version_id != func.coalesce(d.version_id, 0),
            f.terms_id != d.terms_id,
            f.state != state_label(now_us),
        )
        query = (
            select(d.id)
            .select_from(dataset)
            .join(terms, terms.c.id == d.terms_id)
            .outerjoin(fair_run, f.dataset_id == d.id)
            .where(d.id > after, d.origin != Origin.MIRRORED.value, terms.c.access != AccessClass.ASIDE.value, other)
        )
        with self._db.read() as connection:
            ids = list(connection.execute(query.order_by(d.id).limit(limit)).scalars())
        self._score(ids, now_us)
        return ids[-1] if len(ids) == limit else None

    def keep_month(self, now_us: int) -> None:
        """The sums as they are now, as those of this month. A month that is over stays as it is, also when the clock is set back."""
        month = from_us(now_us).strftime("%Y-%m")
        there = select(dataset.c.id).where(dataset.c.id == fair_run.c.dataset_id).exists()
        with self._db.read() as connection:
            absorbed = list(connection.execute(select(fair_run.c.dataset_id).where(~there).limit(TOLD)).scalars())  # by others
        if absorbed:
            self._score(absorbed, now_us)
        with self._db.write() as connection:
            self._db.lock(connection, "fair")
            if (newest := connection.execute(select(func.max(fair_month.c.month))).scalar()) is not None and month < newest:
                return
            rows = [
                {"month": month, "instrument_id": row.instrument_id, **{n: int(getattr(row, n)) for n in ("runs", *SUMS)}}
                for row in connection.execute(
                    select(fair_sum.c.instrument_id, *_sums()).group_by(fair_sum.c.instrument_id).having(_RUNS > 0)
                )
            ]
            whole: dict[str, Any] = {"month": month, "instrument_id": 0}
            whole |= {name: sum(row[name] for row in rows) for name in ("runs", *SUMS)}
            connection.execute(delete(fair_month).where(fair_month.c.month == month))
            if whole["runs"]:
                connection.execute(insert(fair_month), [whole, *(row for row in rows if row["instrument_id"] != 0)])
            reach("fair.month")

    def _begin(self, upto: int) -> None:
        with self._db.write() as connection:
            self._db.lock(connection, "fair")
            if connection.execute(select(fair_round)).first() is None:
                connection.execute(insert(fair_round).values(id=1, sequence=upto))

    def _score(self, ids: Sequence[int], now_us: int, upto: int | None = None) -> None:
        for begin in range(0, max(len(ids), 1), PIECE):
            some = ids[begin : begin + PIECE]
            found = self._scored(some, now_us)
            last = upto is not None and begin + PIECE >= len(ids)
            with self._db.write() as connection:
                if some:
                    self._db.lock(connection, "fair")
                    mine = fair_run.c.dataset_id.in_(some)
                    exchange(connection, connection.execute(select(fair_run).where(mine)).mappings().all(), found)
                    connection.execute(delete(fair_run).where(mine))
                insert_many(connection, fair_run, found)
                if last:
                    connection.execute(update(fair_round).values(sequence=upto))
                reach("fair.before-commit")
            reach("fair.scored")

    def _scored(self, ids: Sequence[int], now_us: int) -> list[dict[str, Any]]:
        if not ids:
            return []
        with self._db.read() as connection:
            rows = scored_rows(connection, ids, now_us)
        around = {pid for row in rows for pid in (row.pid, row.instrument_pid, row.sample_pid) if pid is not None}
        dois = self._dois(sorted(around)) if around else {}
        with self._db.read() as connection:
            facts = facts_of_many(connection, rows, dois)
        return [_row(row, score(facts[row.id])) for row in rows]

    # --- told -------------------------------------------------------------------------------------------------------

    def quality(self, instrument_id: int | None, now_us: int) -> Quality:
        s, g, m = fair_sum.c, fair_gap.c, fair_month.c
        of, lack_of = (
            (s.instrument_id == instrument_id, g.instrument_id == instrument_id)
            if instrument_id is not None
            else (true(), true())
        )
        lately = func.sum(case((g.month >= _months_ago(now_us, 1), g.runs), else_=0)).label("recent")
        gaps = select(g.point, func.sum(g.runs).label("runs"), lately).where(lack_of).group_by(g.point)
        months = select(s.month, *_sums()).where(of, s.month > _months_ago(now_us, MONTHS)).group_by(s.month).having(_RUNS > 0)
        with self._db.read() as connection:
            now = connection.execute(select(*_sums()).where(of)).one()
            held = connection.execute(
                select(m.month, m.runs, *(m[name] for name in SUMS))
                .where(m.instrument_id == (instrument_id or 0), m.month > _months_ago(now_us, MONTHS))
                .order_by(m.month)
            ).all()
            measured = connection.execute(months.order_by(s.month)).all()
            found = connection.execute(gaps.order_by(g.point)).all()
        lacking = [
            Lacking(point=POINTS[row.point], runs=int(row.runs), recent=int(row.recent))
            for row in found
            if row.point < len(POINTS)
        ]
        return Quality(
            now=_means(now) if now.runs else None,
            held=tuple(ScoredMonth(month=one.month, scores=_means(one)) for one in held),
            measured=tuple(ScoredMonth(month=one.month, scores=_means(one)) for one in measured),
            lacking=tuple(sorted((one for one in lacking if one.runs), key=lambda one: (-one.recent, -one.runs))),
        )

    def instruments(self) -> Sequence[OfInstrument]:
        query = (
            select(instrument.c.pid, instrument.c.name, *_sums())
            .join(instrument, instrument.c.id == fair_sum.c.instrument_id)
            .group_by(instrument.c.id, instrument.c.pid, instrument.c.name)
            .having(_RUNS > 0)
        )
        with self._db.read() as connection:
            found = [OfInstrument(pid=row.pid, name=row.name, scores=_means(row)) for row in connection.execute(query)]
        return sorted(found, key=lambda one: (one.scores.complete, one.name))

    def lacking(
        self, viewer: Viewer, instrument_id: int | None, point: int, now_us: int, *, offset: int, limit: int
    ) -> tuple[DatasetSummary, ...]:
        found: list[int] = []
        with self._db.read() as connection:
            for places in _places(_gaps(connection, instrument_id, point), offset + limit):
                wanted = _lacking(viewer, places, point, now_us, offset + limit - len(found))
                found += [row.id for row in connection.execute(wanted)]
                if len(found) >= offset + limit:
                    break
            return shown(connection, viewer, found[offset:], now_us)


def _gaps(connection: Connection, instrument_id: int | None, point: int) -> Sequence[Any]:
    """Instruments and months, the newest first, in which runs lack it, and how many do."""
    g = fair_gap.c
    query = select(g.instrument_id, g.month, g.runs).where(g.point == point, g.runs > 0)
    if instrument_id is not None:
        query = query.where(g.instrument_id == instrument_id)
    return connection.execute(query.order_by(g.month.desc())).all()


def _places(gaps: Sequence[Any], many: int) -> Iterator[list[tuple[int, str]]]:
    """Instruments and months, the newest first, in lists: whole months, in which at least so many runs lack it."""
    some: list[tuple[int, str]] = []
    runs = 0
    for month, those in groupby(gaps, lambda gap: str(gap.month)):
        for gap in those:
            some.append((gap.instrument_id, month))
            runs += gap.runs
        if runs >= many:
            yield some
            some, runs = [], 0
    if some:
        yield some


def _lacking(viewer: Viewer, places: Sequence[tuple[int, str]], point: int, now_us: int, limit: int) -> Select[tuple[int]]:
    d, f = dataset.c, fair_run.c
    by_month: dict[str, list[int]] = defaultdict(list)
    for instrument_id, month in places:
        by_month[month].append(instrument_id)
    here = (and_(f.month == month, f.instrument_id.in_(those)) for month, those in by_month.items())  # as the index is
    return (
        select(d.id)
        .select_from(fair_run)
        .join(dataset, d.id == f.dataset_id)
        .join(terms, terms.c.id == d.terms_id + 0)  # else SQLite goes from all terms to all of their runs
        .where(or_(*here), _without(point), readable(viewer, Artefact.FULL_METADATA, now_us))
        .order_by(f.month.desc(), func.coalesce(d.start_us, d.created_us).desc(), d.id.desc())
        .limit(limit)
    )


def _row(row: Any, fairness: Fairness) -> dict[str, Any]:
    missing = sum(1 << POINTS.index(point.name) for point in fairness.points if point.share < 1)
    at_us = row.start_us if row.start_us is not None else row.created_us
    return {
        "dataset_id": row.id,
        "instrument_id": row.instrument_id or 0,
        "month": facility_day(at_us, row.time_zone).strftime("%Y-%m"),
        "revision": row.revision,
        "version_id": row.version_id or 0,
        "terms_id": row.terms_id,
        "state": row.state,
        "assessed": fairness.percent,
        "complete": fairness.complete,
        **{name: fairness.of(letter) for name, letter in _LETTERS.items()},
        "missing": missing,
    }


def _without(point: int) -> ColumnElement[bool]:
    return fair_run.c.missing.bitwise_and(1 << point) != 0


_RUNS = func.sum(fair_sum.c.runs)


def _sums() -> list[Any]:
    return [func.sum(fair_sum.c[name]).label(name) for name in ("runs", *SUMS)]


def _means(row: Any) -> Scores:
    return Scores(runs=int(row.runs), **{name: float(getattr(row, name)) / int(row.runs) for name in SUMS})


def _months_ago(now_us: int, many: int) -> str:
    now = from_us(now_us)
    number = now.year * 12 + now.month - 1 - many
    return f"{number // 12:04d}-{number % 12 + 1:02d}"

"""How datasets stand before and after a correction, and what corrections there were: as far as one viewer may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from panmesh.access.artefact import Artefact
from panmesh.access.terms import AccessClass, Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.ledger import in_chunks
from panmesh.adapters.sql.permission import readable_terms, terms_of
from panmesh.adapters.sql.tables import (
    correction,
    correction_item,
    dataset,
    instrument,
    investigation,
    pid,
    proposal,
    sample,
    set_aside,
    terms,
)
from panmesh.catalogue.correction import (
    Correction,
    CorrectionState,
    DatasetChange,
    Discarded,
    Effect,
    ItemState,
    Refusal,
    Stand,
    What,
    stand,
)
from panmesh.catalogue.model import Page
from panmesh.catalogue.query import DatasetQuery
from panmesh.kernel.errors import NotFound
from panmesh.kernel.text import storable

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Standing:
    row: Any
    stand: Stand


class Views:
    def __init__(self, connection: Connection, viewer: Viewer, now_us: int) -> None:
        self._c = connection
        self._viewer = viewer
        self._now_us = now_us

    # --- before and after --------------------------------------------------------------------------------------------

    def stands(self, pids: Sequence[str]) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for chunk in in_chunks(list(pids)):
            rows = self._c.execute(_STANDS.where(dataset.c.pid.in_(chunk))).all()
            known = self._terms({row.terms_id for row in rows})
            found |= {row.pid: Standing(row, self._stand(row, known[row.terms_id])) for row in rows}
        return found

    def effects(self, pids: Sequence[str], target: Any, what: What) -> tuple[Effect, ...]:
        """Of all of them, by what they are under now; who sees them follows from the terms alone."""
        if what in (What.MERGE, What.SPLIT):
            return ()
        groups: dict[tuple[int, int | None], tuple[int, Standing]] = {}
        for chunk in in_chunks(list(pids)):
            for one in self.stands(chunk).values():
                key = (one.row.terms_id, one.row.investigation_id)
                groups[key] = (groups.get(key, (0, one))[0] + 1, one)
        after = self._after(target)
        return tuple(
            Effect(count=count, before=one.stand, after=after)
            for count, one in sorted(groups.values(), key=lambda pair: -pair[0])
        )

    def change(
        self, pid_: str, before: Standing | None, after: Standing | None, results: tuple[str, ...], *, new: bool
    ) -> DatasetChange | None:
        now = after or before
        if now is None:
            return None
        return DatasetChange(
            pid=pid_,
            title=now.row.title,
            path=now.row.path,
            before=(before or now).stand,
            after=now.stand,
            results=results,
            made=new,
        )

    def _after(self, target: Any) -> Stand:
        if target is None:
            aside = Terms(id=0, access=AccessClass.ASIDE)
            return stand(aside, self._now_us, visit=None, instrument=None, team=None, files=0, total_bytes=0, sample=None)
        query = (
            select(investigation.c.visit_id, instrument.c.name, proposal.c.number)
            .select_from(investigation)
            .outerjoin(instrument, instrument.c.id == investigation.c.instrument_id)
            .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
        )
        row = self._c.execute(query.where(investigation.c.id == target.id)).one()
        of = self._terms({target.terms_id})[target.terms_id]
        return stand(
            of, self._now_us, visit=row.visit_id, instrument=row.name, team=row.number, files=0, total_bytes=0, sample=None
        )

    def _stand(self, row: Any, of: Terms) -> Stand:
        return stand(
            of,
            self._now_us,
            visit=row.visit_id,
            instrument=row.instrument_title,
            team=row.number,
            files=row.file_count,
            total_bytes=row.total_bytes,
            sample=row.sample_name,
        )

    # --- what there was ----------------------------------------------------------------------------------------------

    def one(self, number: int) -> Correction:
        """Raises NotFound, also for those who may not know of it."""
        row = self._c.execute(self._corrections().where(correction.c.id == number)).first()
        if row is None:
            raise NotFound("There is no such correction, or you may not know of it.")
        return self._correction(row)

    def history(self, pid_: str | None, offset: int, limit: int) -> Page[Correction]:
        query = self._corrections()
        if pid_ is not None:
            concept = select(pid.c.concept).where(pid.c.pid == storable(pid_))
            mine = select(correction_item.c.correction_id).where(
                or_(correction_item.c.dataset_pid == storable(pid_), correction_item.c.dataset_pid.in_(concept))
            )
            query = query.where(correction.c.id.in_(mine))
        total = self._c.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = self._c.execute(query.order_by(correction.c.id.desc()).offset(offset).limit(limit)).all()
        return Page(items=tuple(self._correction(row) for row in rows), total=total, offset=offset, limit=limit)

    def discarded(self, offset: int, limit: int) -> Page[Discarded]:
        query = (
            select(
                dataset.c.pid,
                dataset.c.title,
                dataset.c.path,
                correction.c.id,
                correction.c.at_us,
                correction.c.actor,
                correction.c.reason,
            )
            .select_from(dataset)
            .join(set_aside, set_aside.c.dataset_id == dataset.c.id)
            .join(correction, correction.c.id == set_aside.c.correction_id)
            .where(set_aside.c.what == "discarded", set_aside.c.terms_id.in_(self._looked_after()))
        )
        total = self._c.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = self._c.execute(query.order_by(correction.c.id.desc(), dataset.c.id).offset(offset).limit(limit))
        items = tuple(
            Discarded(pid=r.pid, title=r.title, path=r.path, correction=r.id, at_us=r.at_us, by=r.actor, reason=r.reason)
            for r in rows
        )
        return Page(items=items, total=total, offset=offset, limit=limit)

    def chosen(self, query: DatasetQuery, *, waiting: bool, most: int) -> tuple[str, ...]:
        compiler = Compiler(self._viewer, self._now_us)
        found = select(dataset.c.pid).where(compiler.where(query.where), compiler.may(Artefact.FULL_METADATA))
        if waiting:
            found = found.where(dataset.c.quarantine.is_not(None))
        return tuple(self._c.execute(found.order_by(dataset.c.id).limit(most)).scalars())

    def _corrections(self) -> Select[Any]:
        """Those of which the viewer looks after every dataset that they concerned."""
        i = correction_item.c
        others = select(i.id).where(i.correction_id == correction.c.id, i.terms_id.not_in(self._looked_after()))
        return (
            select(correction, investigation.c.visit_id)
            .select_from(correction)
            .outerjoin(
                investigation,
                and_(
                    investigation.c.pid == correction.c.to_pid,
                    investigation.c.terms_id.in_(readable_terms(self._viewer, Artefact.CORE_METADATA, self._now_us)),
                ),
            )
            .where(~others.exists())
        )

    def _looked_after(self) -> Select[tuple[int]]:
        may: list[ColumnElement[bool]] = [terms.c.id.in_(readable_terms(self._viewer, Artefact.FULL_METADATA, self._now_us))]
        if not (self._viewer.operator or self._viewer.admin or self._viewer.steward):
            may.append(terms.c.instrument_id.in_(sorted(self._viewer.instruments)))
        return select(terms.c.id).where(*may)

    def _correction(self, row: Any) -> Correction:
        i = correction_item.c
        mine = i.correction_id == row.id
        done = self._c.execute(select(func.count()).select_from(correction_item).where(mine, i.state == ItemState.DONE.value))
        refused = self._c.execute(select(i.dataset_pid, i.note).where(mine, i.state == ItemState.REFUSED.value).limit(SHOWN))
        pids = self._c.execute(select(i.dataset_pid).where(mine).order_by(i.id).limit(SHOWN)).scalars()
        return Correction(
            id=row.id,
            at_us=row.at_us,
            by=row.actor,
            what=What(row.what),
            reason=row.reason,
            to=row.visit_id,
            to_pid=row.to_pid if row.what != What.MOVE.value or row.visit_id is not None else None,
            state=CorrectionState(row.state),
            total=row.total,
            done=min(done.scalar_one(), row.total),
            refused=tuple(Refusal(pid=r.dataset_pid, why=r.note or "") for r in refused),
            pids=tuple(pids),
            undone_us=row.undone_us,
            undone_by=row.undone_by,
        )

    def _terms(self, ids: set[int]) -> dict[int, Terms]:
        rows = self._c.execute(select(terms).where(terms.c.id.in_(sorted(ids)))).mappings()
        return {row["id"]: terms_of(row) for row in rows}


_STANDS = (
    select(
        dataset.c.id,
        dataset.c.pid,
        dataset.c.title,
        dataset.c.path,
        dataset.c.terms_id,
        dataset.c.investigation_id,
        dataset.c.file_count,
        dataset.c.total_bytes,
        investigation.c.visit_id,
        instrument.c.name.label("instrument_title"),
        proposal.c.number,
        sample.c.name.label("sample_name"),
    )
    .select_from(dataset)
    .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
    .outerjoin(instrument, instrument.c.id == dataset.c.instrument_id)
    .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
    .outerjoin(sample, sample.c.id == dataset.c.sample_id)
)

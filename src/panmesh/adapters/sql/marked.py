"""Runs by flag and tag, as conditions of a search. The caller adds the predicate of the LOGBOOK artefact."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, false, or_, select

from panmesh.adapters.sql.dialects import contains
from panmesh.adapters.sql.note_tables import mark, mark_tag
from panmesh.adapters.sql.tables import dataset, pid
from panmesh.catalogue.query import Field, Op
from panmesh.kernel.text import fold, storable


def marked(field: Field, op: Op, values: tuple[str, ...]) -> ColumnElement[bool]:
    """Rows of `dataset` with such a flag or tag; the negated forms mean that there is one and none is such."""
    plain = sorted({storable(fold(value)) for value in values})
    within = op in (Op.CONTAINS, Op.NOT_CONTAINS)
    column = mark.c.flag if field is Field.FLAG else mark_tag.c.tag_folded
    test = or_(false(), *(contains(column, value) for value in plain)) if within else column.in_(plain)
    if field is Field.FLAG:
        there, such = mark.c.flag.is_not(None), test
    else:
        there, such = mark.c.id.in_(select(mark_tag.c.mark_id)), mark.c.id.in_(select(mark_tag.c.mark_id).where(test))
    if op in (Op.NOT_EQUAL, Op.NOT_CONTAINS):
        return and_(_where(there), ~_where(such))
    return _where(such)


def _where(test: ColumnElement[bool]) -> ColumnElement[bool]:
    """Its own mark; of a run that has none, that of what was merged into it."""
    own = select(mark.c.about)
    present = select(pid.c.concept).join(mark, mark.c.about == pid.c.pid)
    current = or_(mark.c.about == pid.c.concept, pid.c.concept.not_in(own))
    return dataset.c.pid.in_(present.where(test, current))

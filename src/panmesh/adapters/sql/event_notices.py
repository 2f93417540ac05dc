"""Notices of what happened, written down in the transaction in which it did: a paper was linked to data, files went to the archive."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from panmesh.access.notices import NoticeKind
from panmesh.access.terms import State, Terms, state
from panmesh.adapters.sql.notices import contacts, keep_notices, notice_row, team_accounts, write_notices
from panmesh.adapters.sql.tables import terms

SETTLES_US = 3600 * 1_000_000  # files of one visit are moved one after the other: one mail, when most of them are there


def tell_of_papers(
    connection: Connection, papers: Sequence[str], *, release: str, under: Sequence[Terms], by: int | None, now_us: int
) -> None:
    """To the teams of the data, of each paper once for each of them; not to who linked it. `release`: concept pid. `under`: terms of its runs."""
    told: dict[int, int] = {} if by is None else {by: 0}
    rows = []
    for one in sorted(under, key=lambda held: (state(held, now_us) is not State.EMBARGOED, held.id)) if papers else ():
        for number in team_accounts(connection, one.team_id, now_us):
            if number not in told:
                told[number] = one.id
                rows += [
                    notice_row(NoticeKind.PAPER, f"release {release}", doi, number, due_us=now_us, terms_id=one.id)
                    for doi in papers
                ]
    keep_notices(connection, rows)


def tell_of_archive(connection: Connection, terms_id: int, archive: str, now_us: int) -> None:
    """To the team and to who looks after the instrument, of each visit once."""
    held = connection.execute(select(terms.c.team_id, terms.c.instrument_id).where(terms.c.id == terms_id)).one()
    to = {*team_accounts(connection, held.team_id, now_us), *contacts(connection, held.instrument_id)}
    write_notices(connection, NoticeKind.ARCHIVED, to, due_us=now_us + SETTLES_US, terms_id=terms_id, mark=archive)

"""Names withheld and shown again, in SQL: marked at once everywhere, texts for search in pieces."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, or_, select, update

from panmesh.access.names import Withheld, name_key, orcid_writings
from panmesh.access.personal import WithheldName
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.people_tables import withheld_name
from panmesh.adapters.sql.tables import account, dataset_person
from panmesh.adapters.sql.withheld_names import mark_names, renew_texts
from panmesh.kernel.errors import Conflict, Forbidden, NotFound


def withhold(
    c: Connection, viewer: Viewer, *, number: int | None, name: str | None, orcid: str | None, reason: str, now_us: int
) -> None:
    if number is not None and name is None:
        row = c.execute(select(account).where(account.c.id == number)).one()
        name, orcid = row.name, row.orcid
    key = name_key(name) if name else None
    w = withheld_name.c
    same = [w.ended_us.is_(None), w.name_key.is_(None) if key is None else w.name_key == key]
    same.append(w.orcid.is_(None) if orcid is None else w.orcid == orcid)
    if c.execute(select(w.id).where(*same)).first() is not None:
        raise Conflict("This name is withheld already.")
    values = {"account_id": number, "name": name, "name_key": key, "orcid": orcid, "since_us": now_us, "reason": reason}
    made = c.execute(withheld_name.insert().values(by_id=viewer.user_id, **values).returning(w.id)).scalar_one()
    mark_names(c, _concerned(key, orcid), now_us)
    renew_texts(c, now_us)
    write_audit(c, viewer, "name withheld", None, now_us, withheld=made)


def show_again(c: Connection, viewer: Viewer, number: int, now_us: int) -> None:
    row = c.execute(select(withheld_name).where(withheld_name.c.id == number)).first()
    office = viewer.operator or viewer.steward or viewer.admin
    mine = row is not None and viewer.user_id is not None and row.account_id == viewer.user_id
    if row is None or not (office or mine):
        raise NotFound()
    if row.account_id is not None and not mine and not viewer.operator:
        raise Forbidden("Its owner asked for this: only they show it again.")
    if row.ended_us is not None:
        raise Conflict("This name is shown again already.")
    c.execute(update(withheld_name).where(withheld_name.c.id == number).values(ended_us=now_us))
    mark_names(c, _concerned(row.name_key, row.orcid), now_us)
    renew_texts(c, now_us)
    write_audit(c, viewer, "name shown again", None, now_us, withheld=number)


def withheld_list(c: Connection, number: int | None) -> Sequence[WithheldName]:
    w = withheld_name.c
    query = select(withheld_name).where(w.ended_us.is_(None)).order_by(w.id.desc()).limit(1000)
    if number is not None:
        query = query.where(w.account_id == number)
    return [
        WithheldName(
            id=r.id,
            name=r.name,
            orcid=r.orcid,
            own=r.account_id is not None,
            since_us=r.since_us,
            reason=r.reason,
            places=_places(c, r.name_key, r.orcid),
        )
        for r in c.execute(query).all()
    ]


def _concerned(key: str | None, orcid: str | None) -> Withheld:
    return Withheld(frozenset({key} if key else ()), frozenset({orcid} if orcid else ()))


def _places(c: Connection, key: str | None, orcid: str | None) -> int:
    p = dataset_person.c
    concerned = _concerned(key, orcid)
    names = [n for n in c.execute(select(p.name_folded).where(p.withheld).distinct()).scalars() if concerned.holds(n, None)]
    ways = [p.name_folded.in_(names)] + ([p.orcid.in_(orcid_writings([orcid]))] if orcid else [])
    query = select(func.count(p.dataset_id.distinct())).where(p.withheld, or_(*ways))
    return int(c.execute(query).scalar_one())

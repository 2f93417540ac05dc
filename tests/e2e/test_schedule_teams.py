"""A schedule says who is in a team: whom it names no longer leaves with it, whom a person put in stays."""

from __future__ import annotations

from panmesh.access.viewer import OPERATOR, TeamRole
from panmesh.app.compose import Composition
from tests.conftest import MakeFacility

HEAD = "proposal,visit,instrument,start,end,pi,members\n"
FIRST = "CM1,CM1-1,i22,2026-03-02T08:00,2026-03-04T08:00,"
SECOND = "CM1,CM1-2,i22,2026-04-02T08:00,2026-04-04T08:00,"


def _load(app: Composition, *lines: str, dry_run: bool = False) -> list[str]:
    said = app.schedule.load(OPERATOR, HEAD + "\n".join(lines), dry_run=dry_run)
    return [f"{one.name}: {one.change}" for one in said if one.what == "team"]


def _team(app: Composition) -> dict[str, str]:
    """login → role, as somebody who signs in has it."""
    from sqlalchemy import select

    from panmesh.adapters.sql.tables import account, team_member

    with app.database.read() as connection:
        rows = connection.execute(
            select(account.c.login, team_member.c.role).join(team_member, team_member.c.account_id == account.c.id)
        )
        return {row.login: row.role for row in rows}


def test_who_is_no_longer_named_leaves_and_the_dry_run_says_so(make_facility: MakeFacility) -> None:
    app = make_facility()
    assert _load(app, FIRST + "ada,bea;cyd") == ["local:CM1: new"]
    assert _team(app) == {"ada": "pi", "bea": "member", "cyd": "member"}
    said = ["local:CM1 cyd: member → nobody"]
    assert _load(app, FIRST + "ada,bea", dry_run=True) == said
    assert len(_team(app)) == 3
    assert _load(app, FIRST + "ada,bea") == said
    assert _team(app) == {"ada": "pi", "bea": "member"}
    assert _load(app, FIRST + "bea,ada") == ["local:CM1 ada: pi → member", "local:CM1 bea: member → pi"]


def test_whoever_is_named_with_any_visit_of_the_proposal_is_in(make_facility: MakeFacility) -> None:
    app = make_facility()
    _load(app, FIRST + "ada,bea", SECOND + "ada,cyd")
    assert _team(app) == {"ada": "pi", "bea": "member", "cyd": "member"}
    assert _load(app, FIRST + "ada,bea", SECOND + "ada,cyd") == []
    _load(app, FIRST + "bea,", SECOND + "ada,bea")  # who leads one visit leads the proposal
    assert _team(app) == {"ada": "pi", "bea": "pi"}


def test_whom_a_person_put_in_stays_and_an_export_without_names_says_nothing(make_facility: MakeFacility) -> None:
    app = make_facility()
    _load(app, FIRST + "ada,bea")
    app.accounts.create(login="dan", name="Dan", password=None)
    app.accounts.set_member("local:CM1", "dan", TeamRole.MEMBER)
    assert _load(app, FIRST + ",") == []
    _load(app, FIRST + "ada,")
    assert _team(app) == {"ada": "pi", "dan": "member"}
    _load(app, FIRST + "ada,dan")  # from now on the schedule's
    _load(app, FIRST + "ada,")
    assert _team(app) == {"ada": "pi"}


def test_whom_a_person_took_out_stays_out_and_an_end_that_a_person_set_stays(make_facility: MakeFacility) -> None:
    app = make_facility()
    _load(app, FIRST + "ada,bea;cyd")
    numbers = {m.name: m.number for m in app.teams.team(OPERATOR, "CM1").members}
    app.teams.remove(OPERATOR, "CM1", numbers["bea"])
    app.teams.change(OPERATOR, "CM1", numbers["cyd"], TeamRole.GRANTEE, None)
    assert _load(app, FIRST + "ada,bea;cyd") == [f"local:CM1 {who}: stays as the team's leader said" for who in ("bea", "cyd")]
    assert _team(app) == {"ada": "pi", "cyd": "grantee"}
    app.teams.undo(OPERATOR, "CM1", app.teams.team(OPERATOR, "CM1").changes[-1].id)
    assert _load(app, FIRST + "ada,bea;cyd")[0].endswith("cyd: stays as the team's leader said")
    assert _team(app) == {"ada": "pi", "bea": "member", "cyd": "grantee"}


def test_where_the_facility_says_so_a_schedule_brings_back_whom_it_names(make_facility: MakeFacility) -> None:
    app = make_facility(PANMESH_TEAMS__REMOVED_MEMBERS="return-with-schedule")
    _load(app, FIRST + "ada,bea")
    app.teams.remove(OPERATOR, "CM1", next(m.number for m in app.teams.team(OPERATOR, "CM1").members if m.name == "bea"))
    assert _load(app, FIRST + "ada,bea") == ["local:CM1 bea: nobody → member"]

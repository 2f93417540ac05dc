"""What holds whoever writes: the audit log only grows; changed terms and memberships are noted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection


def create_triggers(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS audit_no_{action.lower()} BEFORE {action} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
            )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$"
    )
    connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_only_grows ON audit")
    connection.exec_driver_sql(
        "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"
    )


def create_seal_triggers(connection: Connection) -> None:
    """The same for the chain over it."""
    if connection.dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS audit_link_no_{action.lower()} BEFORE {action} ON audit_link "
                "BEGIN SELECT RAISE(ABORT, 'the seals of the audit log only grow'); END"
            )
        return
    connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_link_only_grows ON audit_link")
    connection.exec_driver_sql(
        "CREATE TRIGGER audit_link_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"
    )


def drop_seal_triggers(connection: Connection) -> None:
    names = (
        ("audit_link_no_update", "audit_link_no_delete") if connection.dialect.name == "sqlite" else ("audit_link_only_grows",)
    )
    for name in names:
        on = "" if connection.dialect.name == "sqlite" else " ON audit_link"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")


NOTED = {"terms": ("terms",), "belonging": ("team_member", "account_instrument", "terms_grant")}
_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def create_noting_triggers(connection: Connection, what: str, tables: Sequence[str]) -> None:
    """A row of `…_change` for each statement that changes one of these tables (SQLite: for each row). A step that makes such a table anew
    makes these anew."""
    if connection.dialect.name == "sqlite":
        for table in tables:
            for action in _ACTIONS:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER IF NOT EXISTS {table}_noted_{action.lower()} AFTER {action} ON {table} "
                    f"BEGIN INSERT INTO {what}_change (id) VALUES (NULL); END"
                )
        return
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION note_{what}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN INSERT INTO {what}_change DEFAULT VALUES; RETURN NULL; END $$"
    )
    for table in tables:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_noted ON {table}")
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_noted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION note_{what}()"
        )


def drop_noting_triggers(connection: Connection, tables: Sequence[str]) -> None:
    for table in tables:
        if connection.dialect.name == "sqlite":
            for action in _ACTIONS:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_noted_{action.lower()}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_noted ON {table}")

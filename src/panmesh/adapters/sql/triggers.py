"""What holds whoever writes: the audit log only grows; changed terms are noted."""

from __future__ import annotations

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


def create_terms_triggers(connection: Connection) -> None:
    """A row of `terms_change` for each statement (SQLite: for each row). A step that makes the table `terms` anew makes these anew."""
    if connection.dialect.name == "sqlite":
        for action in ("INSERT", "UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS terms_noted_{action.lower()} AFTER {action} ON terms "
                "BEGIN INSERT INTO terms_change (id) VALUES (NULL); END"
            )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION note_terms() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO terms_change DEFAULT VALUES; RETURN NULL; END $$"
    )
    connection.exec_driver_sql("DROP TRIGGER IF EXISTS terms_noted ON terms")
    connection.exec_driver_sql(
        "CREATE TRIGGER terms_noted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON terms "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_terms()"
    )


def drop_terms_triggers(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    for name in ("terms_noted_insert", "terms_noted_update", "terms_noted_delete") if sqlite else ("terms_noted",):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{'' if sqlite else ' ON terms'}")

"""The catalogue in SQL: SQLite embedded, PostgreSQL beyond; one schema, one history."""

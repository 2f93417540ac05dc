"""`catalogue.graph` in SQL: which rows an entity is, how a condition is said, how relations are followed."""

"""Other catalogues as sources of records: their exports on disk and their live services."""

"""DataCite's REST API."""

"""The Python client and what the command line's user commands stand on. Imports no server module."""

from panmesh.client.catalogue import Dataset, Datasets, Facility, File, Files, Quantity, Results, Taken, connect

__all__ = ["Dataset", "Datasets", "Facility", "File", "Files", "Quantity", "Results", "Taken", "connect"]

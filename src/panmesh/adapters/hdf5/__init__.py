"""Reading HDF5 files as strangers: a careful walk inside confined processes."""

from panmesh.adapters.hdf5.sandbox import SandboxedReader

__all__ = ["SandboxedReader"]

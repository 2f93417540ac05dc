"""What type a file is of, by its name and by what was found in the run: one rule for landing pages, plans and scores."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable

HDF5 = "application/x-hdf5"
UNKNOWN = "application/octet-stream"
# What is found when a run is read (`dataset.format`) → media type.
_FOUND = {
    "hdf5": HDF5,
    "hdf4": "application/x-hdf",
    "tiff": "image/tiff",
    "xml": "application/xml",
    "html": "text/html",
    "text": "text/plain",
    "csv": "text/csv",
    "zip": "application/zip",
    "gzip": "application/gzip",
}
_NAMED = {".nxs": HDF5, ".h5": HDF5, ".hdf5": HDF5, ".hdf": HDF5}
# Of these, what others can still read in many years, as assessors list them.
_LASTING = frozenset({"hdf5", "hdf4", "tiff", "xml", "html", "text", "csv"})


def media_type(name: str, found: str | None = None) -> str:
    """By the ending; where that tells nothing, or promises what is read here, by what was `found` when the run was read."""
    read = _NAMED.get(name[name.rfind(".") :].lower() if "." in name else "")
    other = None if read else mimetypes.guess_type(name)[0]
    return other or (_FOUND.get(found, UNKNOWN) if found else read or UNKNOWN)


def format_of(names: Iterable[str]) -> str | None:
    """Of a run that is not read here: the first of its files whose name tells."""
    by_type = {media: word for word, media in _FOUND.items()}
    return next((word for name in names if (word := by_type.get(media_type(name))) is not None), None)


def lasts(found: str | None) -> bool:
    """Whether the format is open or scientific, so that an assessor finds it in its lists."""
    return found in _LASTING

"""One rule for the type of a file: what pages tell an assessor is what our score counts."""

from __future__ import annotations

import pytest

from panmesh.catalogue.file_types import HDF5, UNKNOWN, format_of, lasts, media_type
from panmesh.ingest.facts import FileFormat
from panmesh.testing.fuji_checks import KNOWN_FORMATS


@pytest.mark.parametrize("found", FileFormat)
@pytest.mark.parametrize("name", ["run.nxs", "run", "run.0001"])
def test_what_was_found_in_a_run_is_what_pages_tell_and_scores_count(name: str, found: FileFormat) -> None:
    assert bool(KNOWN_FORMATS.match(media_type(name, found.value))) == lasts(found.value)


def test_names_tell_of_other_files_and_of_runs_that_are_not_read_here() -> None:
    assert media_type("frame.tif", "hdf5") == "image/tiff"
    assert media_type("run.H5") == HDF5
    assert media_type("run.spec2") == UNKNOWN
    assert format_of(["notes.xyzzy", "run.nxs", "frame.tif"]) == "hdf5"
    assert format_of(["notes.xyzzy"]) is None

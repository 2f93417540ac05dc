"""The numbers of a run's default plot, for whoever may read the full metadata and the data that it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetRecord
from panmesh.http.services import Services
from panmesh.ingest.facts import PlotFacts
from panmesh.ingest.facts_codec import from_plain
from panmesh.ingest.plot import PlotData
from panmesh.kernel.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """A default plot that the viewer may see, before it is read."""

    pid: str
    plot: PlotFacts
    file: Path
    place: str  # of the file in its storage
    etag: str  # another one whenever the plot may look different


def preview_of(s: Services, who: Viewer, record: DatasetRecord) -> Previewed:
    """Raises NotFound where there is no default plot, or not for this viewer; Embargoed and the like as `locate` does."""
    facts = (record.facts or {}).get("plot")
    if not facts:
        raise NotFound()
    pid = record.summary.pid
    location = s.search.locate(who, pid, (record.summary.path or "").rsplit("/", 1)[-1])
    return Previewed(
        pid=pid,
        plot=from_plain(PlotFacts, facts),
        file=s.storages.resolve(location.storage, location.path),
        place=location.path,
        etag=f'"{record.version_pid}-{record.revision}-{location.modified_us:x}"',
    )


def read_preview(s: Services, who: Viewer, one: Previewed) -> PlotData:
    companions = _companions(s, who, one) if one.plot.missing else ()
    return s.previews().preview(one.file, one.plot, companions)


def _companions(s: Services, who: Viewer, one: Previewed) -> list[Path]:
    """The other files of the dataset: the only ones that its master's links may lead into."""
    names = [file.name for file in s.search.files(who, one.pid, limit=500).items]
    found = [s.search.locate(who, one.pid, name) for name in names]
    return [s.storages.resolve(other.storage, other.path) for other in found if other.path != one.place]

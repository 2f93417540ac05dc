"""The numbers of a run's default plot, for whoever may read the full metadata and the data that it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetRecord
from panmesh.http.services import Services
from panmesh.ingest.facts import PlotFacts
from panmesh.ingest.facts_codec import from_plain
from panmesh.ingest.plot import PlotData, PlotRequest, Series
from panmesh.kernel.errors import NotFound, Unavailable
from panmesh.portal.recent import Recent

MOST_KEPT = 4000  # numbers of a plot that is remembered: curves, and small images
_Key = tuple[Path, str, int | None]
_PLOTS: Recent[_Key, PlotData] = Recent(300)  # asked after it is decided that they may be seen

DRAWN = 3  # counted up when drawings look different


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """The file that a run was read from, which the viewer may read."""

    pid: str
    file: Path
    place: str  # of the file in its storage
    etag: str  # another one whenever what is in it may look different
    state: str  # of its bytes
    missing: bool  # its plot lies in other files too


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed(Primary):
    """A default plot that the viewer may see, before it is read."""

    plot: PlotFacts
    content: str  # what its picture in a list is drawn from, and by which rules


def primary_of(s: Services, who: Viewer, record: DatasetRecord) -> Primary:
    """Raises NotFound where the full metadata are not for this viewer; Embargoed and the like as `locate` does."""
    if not record.facts:
        raise NotFound()
    pid = record.summary.pid
    location = s.search.locate(who, pid, (record.summary.path or "").rsplit("/", 1)[-1])
    return Primary(
        pid=pid,
        file=s.storages.resolve(location.storage, location.path),
        place=location.path,
        etag=f'"{record.version_pid}-{record.revision}-{location.modified_us:x}"',
        state=f"{record.version_pid} {location.modified_us:x} {location.size}",
        missing=bool((record.facts.get("plot") or {}).get("missing")),
    )


def preview_of(s: Services, who: Viewer, record: DatasetRecord) -> Previewed:
    """Raises NotFound where there is no default plot, or not for this viewer; Embargoed and the like as `locate` does."""
    facts = (record.facts or {}).get("plot")
    if not facts:
        raise NotFound()
    one = primary_of(s, who, record)
    return Previewed(
        pid=one.pid,
        file=one.file,
        place=one.place,
        etag=one.etag,
        state=one.state,
        missing=one.missing,
        plot=from_plain(PlotFacts, facts),
        content=f"{DRAWN} {one.state} {sorted(facts.items(), key=str)}",
    )


def read_series(s: Services, who: Viewer, one: Primary, paths: Sequence[str]) -> tuple[Series, ...]:
    """Those of them that can be read, in one pass."""
    return s.previews().series(one.file, paths, companions_of(s, who, one) if one.missing else ())


def read_preview(s: Services, who: Viewer, one: Previewed, frame: int | None = None) -> PlotData:
    """Raises Unavailable with the reason when it cannot be drawn."""
    [found] = read_previews(s, who, [one], frame)
    if isinstance(found, Unavailable):
        raise found
    return found


def read_previews(
    s: Services, who: Viewer, wanted: Sequence[Previewed], frame: int | None = None
) -> list[PlotData | Unavailable]:
    """All in one pass of the reader; those that were read before are remembered."""
    keys = [(one.file, one.etag, frame) for one in wanted]
    found: dict[_Key, PlotData | Unavailable] = {key: known for key in keys if (known := _PLOTS.get(key)) is not None}
    missing = {key: one for key, one in zip(keys, wanted, strict=True) if key not in found}
    requests = [
        PlotRequest(path=one.file, plot=one.plot, companions=companions_of(s, who, one) if one.missing else (), frame=frame)
        for one in missing.values()
    ]
    for key, plot in zip(missing, s.previews().previews(requests) if requests else (), strict=True):
        found[key] = plot
        if isinstance(plot, PlotData) and len(plot.values) <= MOST_KEPT:
            _PLOTS.keep(key, plot)
    return [found[key] for key in keys]


def companions_of(s: Services, who: Viewer, one: Primary) -> tuple[Path, ...]:
    """The other files of the dataset: the only ones that its master's links may lead into."""
    names = [file.name for file in s.search.files(who, one.pid, limit=500).items]
    found = [s.search.locate(who, one.pid, name) for name in names]
    return tuple(s.storages.resolve(other.storage, other.path) for other in found if other.path != one.place)

"""From a pid and a name to an open file, for every route that sends bytes."""

from __future__ import annotations

from dataclasses import replace

from panmesh.access.audit import is_staff_read
from panmesh.access.viewer import ALL_SCOPES, Scope, Viewer
from panmesh.http.files import FileAnswer
from panmesh.http.services import Services, offloaded
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, Unavailable


def open_download(services: Services, viewer: Viewer, pid: str, name: str, method: str = "GET") -> FileAnswer:
    """Raises NotFound, Embargoed, Forbidden; Unavailable when the catalogue has the file and the disk has not."""
    if Scope.DATA not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'data'.")
    location = services.search.locate(viewer, pid, name)
    try:
        handle = services.storages.open(location.storage, location.path)
    except Invalid as error:
        raise NotFound() from error
    except OSError as error:
        raise Unavailable(
            f"{name} is in the catalogue, but cannot be read on disk now ({error.strerror}). The staff see this too."
        ) from error
    if viewer.staff and method != "HEAD":
        note_staff_read(services, viewer, pid, name)
    return FileAnswer(
        handle,
        pid=pid,
        name=name,
        sha256=location.sha256,
        size=location.size,
        modified_us=location.modified_us,
        offload=offloaded(services, location),
    )


def note_staff_read(services: Services, viewer: Viewer, pid: str, name: str) -> None:
    """Writes it down when they read it by their office."""
    summary = services.search.get(replace(viewer, scopes=ALL_SCOPES), pid).summary
    if is_staff_read(viewer, summary.access.state, summary.access.readable, in_team=False):
        services.audit.record(viewer, "download", summary.pid, file=name)

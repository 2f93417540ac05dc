"""From a pid and a name to an open file, for every route that sends bytes."""

from __future__ import annotations

from panmesh.access.viewer import Scope, Viewer
from panmesh.http.files import FileAnswer
from panmesh.http.services import Services, offloaded
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, Unavailable


def open_download(services: Services, viewer: Viewer, pid: str, name: str) -> FileAnswer:
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
    return FileAnswer(
        handle,
        name=name,
        sha256=location.sha256,
        size=location.size,
        modified_us=location.modified_us,
        offload=offloaded(services, location),
    )

"""Use of the data, noted as its answer begins: a look at the address, and for few of them a line in memory."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

from panmesh.access.viewer import Viewer
from panmesh.http.encoded_slashes import decoded
from panmesh.publication.usage import Noted, Recorder, what

_FOLDERS = tuple(f"{at}/{of}/" for at in ("", "/api/v1") for of in ("datasets", "investigations", "releases")) + ("/api/h5/",)


class UseNotes:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(self, scope: Scope, status: int, answer: Iterable[tuple[bytes, bytes]]) -> None:
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(_FOLDERS) or status not in (200, 206):
            return
        who: Viewer = scope["panmesh.viewer"]
        found = what(path)
        if found is None or who.staff:
            return  # the house at work is no use of its data
        asked = dict(scope["headers"])
        if status == 206 and not asked.get(b"range", b"").startswith(b"bytes=0-"):
            return  # the first piece was counted
        action, pid = found
        self._recorder.note(
            Noted(
                at_us=self._recorder.now_us(),
                action=action,
                pid=decoded(pid),
                path=path,
                bytes=_length(answer),
                address=scope["client"][0] if scope.get("client") else "",
                agent=asked.get(b"user-agent", b"").decode("latin-1")[:500],
                account=who.user_id,
                browser=b"sec-fetch-mode" in asked,
            )
        )


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    text = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(text) if text.isdigit() else 0

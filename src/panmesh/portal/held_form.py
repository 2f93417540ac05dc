"""A form that came too late, when its session had ended or another had begun: what was written is held, to be sent once more.

It is shown to whoever sent it and to nobody else, and sends nothing by itself. A form of another site is never held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from panmesh.http.encoded_slashes import as_written
from panmesh.http.identity import cross_origin
from panmesh.kernel.errors import Forbidden

MOST = 1 << 20  # bytes: it comes back percent-encoded, and a request has at most 4 MiB
_OWN = ("csrf", "password", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldForm:
    address: str  # where it was sent to
    fields: tuple[tuple[str, str], ...]  # all but the token; in the order of the form
    files: bool  # whether some came with it: those have to be chosen again

    @property
    def written(self) -> list[str]:
        """What a person wrote, by its looks: words with spaces between them."""
        return [text for _, text in self.fields if " " in text.strip()]

    def packed(self) -> str:
        """For a hidden field of the form for signing in."""
        return orjson.dumps([self.address, self.files, self.fields]).decode()


class TooLate(Forbidden):
    """The form was of a session that is not the one of this request."""

    def __init__(self, form: HeldForm) -> None:
        super().__init__("The form is too old; go back, reload the page and send it again.")
        self.form = form


def held(request: Request, fields: Iterable[tuple[str, str]], *, files: bool) -> HeldForm | None:
    """The form of this request; None where it is too large, or where the browser does not say that a page of ours sent it."""
    said = "origin" in request.headers or "sec-fetch-site" in request.headers
    if not said or cross_origin(request.scope, request.headers):
        return None
    kept = tuple((name, value) for name, value in fields if name not in _OWN)
    form = HeldForm(address=as_written(request.url.path), fields=kept, files=files)
    return form if len(form.packed()) <= MOST else None


def unpacked(text: str) -> HeldForm | None:
    """What `packed` made. It comes from a browser: what is no such text holds nothing."""
    try:
        address, files, fields = orjson.loads(text)
        pairs = tuple((str(name), str(value)) for name, value in fields if name not in _OWN)
    except (ValueError, TypeError):
        return None
    if not _is_of_ours(address):
        return None
    return HeldForm(address=address, fields=pairs, files=bool(files))


def _is_of_ours(address: Any) -> bool:
    return isinstance(address, str) and address.startswith("/") and not address.startswith(("//", "/\\"))

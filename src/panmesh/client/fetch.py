"""One file on its way home: what to ask next, from what has come so far. No network, no disk, no clock."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from panmesh.client.patience import Patience
from panmesh.client.values import File
from panmesh.kernel.errors import PanmeshError, PeerFailed


class Fetch:
    """`have` bytes are here already, of the bytes that had this ETag. Ask with `headers`, tell `answered`, `wrote` and `broke`, until `complete`."""

    def __init__(
        self, file: File, peer: str, *, have: int = 0, etag: str | None = None, patience: Patience | None = None
    ) -> None:
        self._file = file
        self._peer = peer
        self._sha256 = file.sha256
        self.etag = f'"{file.sha256}"' if file.sha256 else etag
        # A part whose bytes nobody can name may be of other bytes; a whole one that nobody can compare too.
        usable = self.etag is not None and (have <= file.size if file.sha256 else have < file.size)
        self.have = have if usable else 0
        self.complete = self.have == file.size and file.sha256 is not None
        self._patience = patience or Patience()

    def headers(self) -> dict[str, str]:
        """Without If-Range a file that changed meanwhile would be sewn together from two."""
        return {"Range": f"bytes={self.have}-", "If-Range": self.etag or ""} if self.have else {}

    def answered(self, status: int, headers: Mapping[str, str]) -> int:
        """Where the bytes that follow belong: where we stopped, or at the beginning because the file is another now."""
        if status == 206 and not headers.get("Content-Range", "").startswith(f"bytes {self.have}-"):
            raise PeerFailed(f"{self._peer} sent other bytes of {self._file.name} than were asked for.", self._peer)
        self.have = self.have if status == 206 else 0
        self.etag = headers.get("ETag")
        self._sha256 = self._sha256 or _repr_digest(headers.get("Repr-Digest", ""))
        size = _whole_size(headers)
        if size is not None and size != self._file.size:
            raise Changed(self._file.name, self._file.size, size, self._peer)
        return self.have

    def wrote(self, count: int) -> None:
        self.have += count
        if self.have > self._file.size:
            raise Overfull(self._file.name, self._file.size, self._peer)
        self._patience.progressed()

    def ended(self) -> None:
        """The answer came to its end. Raises PeerFailed when that was too early."""
        self.complete = self.have == self._file.size
        if not self.complete:
            raise PeerFailed(f"{self._file.name} stopped at {self.have} of {self._file.size} bytes.", self._peer)

    def broke(self, error: PanmeshError) -> float:
        """Seconds until it is worth asking again; raises the error when it is not."""
        if self.etag is None:
            self.have = 0
        return self._patience.pause(error)

    def compare(self, sha256: str) -> bool:
        """False: there is no digest to compare with yet. Raises Damaged."""
        if self._sha256 is not None and self._sha256 != sha256:
            raise Damaged(self._file.name, self._sha256, sha256, self._peer)
        return self._sha256 is not None


class Damaged(PeerFailed):
    """Not kept."""

    def __init__(self, name: str, expected: str, found: str, peer: str) -> None:
        said = f"{name} arrived damaged, or was changed since it was catalogued: SHA-256 {found[:12]}…, the catalogue says {expected[:12]}…"
        super().__init__(said + " It was thrown away; download it again, and tell the facility if that is no help.", peer)
        self.name, self.expected, self.found = name, expected, found


class Changed(PeerFailed):
    def __init__(self, name: str, catalogued: int, now: int, peer: str) -> None:
        said = f"{name} has {now} bytes now, the catalogue says {catalogued}: it is being written. Download it again when the run is complete."
        super().__init__(said, peer)
        self.name, self.catalogued, self.now = name, catalogued, now


class Overfull(PeerFailed):
    def __init__(self, name: str, catalogued: int, peer: str) -> None:
        super().__init__(f"{peer} sends more of {name} than the {catalogued} bytes of the catalogue: it is not kept.", peer)


def _whole_size(headers: Mapping[str, str]) -> int | None:
    part = re.fullmatch(r"bytes \d+-\d+/(\d+)", headers.get("Content-Range", ""))
    said = part[1] if part else headers.get("Content-Length")
    return int(said) if said is not None and said.isdigit() else None


def _repr_digest(said: str) -> str | None:
    """SHA-256 of RFC 9530, section 3, as hexadecimal digits."""
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", said)
    try:
        return base64.b64decode(found[1], validate=True).hex() if found else None
    except binascii.Error:
        return None

"""Where somebody stands in the events, or in the list of what is public, sealed: what they cannot read tells nothing, not even how much happened that they may not know of."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

from panmesh.catalogue.events import Position
from panmesh.kernel.errors import Fault, Invalid
from panmesh.publication.harvesting import Place

_SHAPE = struct.Struct(">qqq")
_SALT = 12  # bytes of chance: the same place is written differently each time
_PROOF = 16
_NO_EVENT = 0  # instead of the number of an event
_BEGINNING = "This is no cursor of this list. Ask without one, to begin at the beginning."


class Cursors:
    def __init__(self, key: bytes) -> None:
        """`key`: of the facility, the same in all its processes."""
        self._key = key

    def seal(self, position: Position) -> str:
        plain = _SHAPE.pack(position.sequence, position.opened_us, position.opened_id)
        salt = secrets.token_bytes(_SALT)
        hidden = bytes(a ^ b for a, b in zip(plain, self._pad(salt), strict=True))
        return urlsafe_b64encode(salt + hidden + self._proof(salt, hidden)).decode("ascii").rstrip("=")

    def open(self, cursor: str) -> Position:
        """Raises Invalid for anything that was not sealed here."""
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError as error:
            raise _unknown() from error
        salt, hidden, proof = raw[:_SALT], raw[_SALT:-_PROOF], raw[-_PROOF:]
        if len(hidden) != _SHAPE.size or not hmac.compare_digest(proof, self._proof(salt, hidden)):
            raise _unknown()
        sequence, opened_us, opened_id = _SHAPE.unpack(bytes(a ^ b for a, b in zip(hidden, self._pad(salt), strict=True)))
        return Position(sequence=sequence, opened_us=opened_us, opened_id=opened_id)

    def seal_place(self, place: Place) -> str:
        return self.seal(Position(sequence=_NO_EVENT, opened_us=place.stamp_s, opened_id=place.item_id))

    def open_place(self, cursor: str) -> Place:
        """Raises Invalid also for a cursor of the events: it would lead behind the end of the list, and nothing would ever come."""
        try:
            position = self.open(cursor)
        except Invalid as error:
            raise _unknown(_BEGINNING) from error
        if position.sequence != _NO_EVENT:
            raise _unknown(_BEGINNING)
        return Place(stamp_s=position.opened_us, item_id=position.opened_id)

    def _pad(self, salt: bytes) -> bytes:
        return hashlib.blake2b(salt, digest_size=_SHAPE.size, key=self._key, person=b"events-hidden").digest()

    def _proof(self, salt: bytes, hidden: bytes) -> bytes:
        return hashlib.blake2b(salt + hidden, digest_size=_PROOF, key=self._key, person=b"events-proof").digest()


def _unknown(
    detail: str = "This is no cursor of this facility. Ask without one, to begin with what happens from now on.",
) -> Invalid:
    return Invalid(detail, (Fault("after", "was not given out here"),))

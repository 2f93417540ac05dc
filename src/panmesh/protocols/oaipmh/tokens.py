"""Where a harvest stands, sealed into its resumption token: nothing is kept here for it, and any process can go on with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import orjson

from panmesh.protocols.oaipmh.asked import Code, Refused, Verb
from panmesh.publication.harvesting import Place, Walk

LASTS_S = 6 * 86_400  # a day less than places are remembered
_SALT, _PROOF = 8, 12  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A harvest under way."""

    verb: Verb
    prefix: str
    walk: Walk


class Tokens:
    def __init__(self, key: bytes) -> None:
        """`key`: of the facility, the same in all its processes."""
        self._key = key

    def seal(self, going: Going) -> str:
        w = going.walk
        assert w.round is not None
        assert w.after is not None
        plain = [
            going.verb,
            going.prefix,
            w.set,
            w.from_s,
            w.until_s,
            w.round,
            w.began_s,
            w.after.stamp_s,
            w.after.item_id,
            w.given,
        ]
        salt = secrets.token_bytes(_SALT)
        hidden = self._veil(salt, orjson.dumps(plain))
        return urlsafe_b64encode(salt + self._proof(salt + hidden) + hidden).decode("ascii").rstrip("=")

    def open(self, token: str, verb: Verb, now_s: int) -> Going:
        """Raises Refused for what was not given out here, for this verb, in the last days."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError as error:
            raise _bad() from error
        salt, proof, hidden = raw[:_SALT], raw[_SALT : _SALT + _PROOF], raw[_SALT + _PROOF :]
        if not hmac.compare_digest(proof, self._proof(salt + hidden)):
            raise _bad()
        said, prefix, set_, from_s, until_s, round_, began_s, stamp_s, item_id, given = orjson.loads(self._veil(salt, hidden))
        if said != verb or now_s - began_s > LASTS_S:
            raise _bad()
        after = Place(stamp_s=stamp_s, item_id=item_id)
        walk = Walk(set=set_, from_s=from_s, until_s=until_s, round=round_, began_s=began_s, after=after, given=given)
        return Going(verb=verb, prefix=prefix, walk=walk)

    def _veil(self, salt: bytes, text: bytes) -> bytes:
        """There and back: numbers of items would tell how much is hidden."""
        pad = hashlib.shake_256(self._key + salt).digest(len(text))
        return bytes(a ^ b for a, b in zip(text, pad, strict=True))

    def _proof(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=_PROOF, key=self._key, person=b"oai-token").digest()


def _bad() -> Refused:
    return Refused(Code.BAD_TOKEN, "this is no resumptionToken of this list, or the harvest began too long ago; begin again.")

"""Addresses that are a right by themselves, each to one thing only: a feed to be read, a way out of mails, into a team."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum


class Purpose(StrEnum):
    FEED = "feed"
    UNSUBSCRIBE = "unsubscribe"
    INVITATION = "invitation"


class PrivateLinks:
    def __init__(self, key: bytes) -> None:
        """`key`: of the facility. Nothing about the addresses is kept: they end with the key of what they lead to."""
        self._key = key

    def token(self, purpose: Purpose, number: int, own_key: str) -> str:
        return f"{number}-{self._proof(purpose, number, own_key)}"

    def number(self, token: str) -> int | None:
        """Of what it claims to lead to; `proves` says whether it does."""
        text = token.partition("-")[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def proves(self, purpose: Purpose, token: str, number: int, own_key: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token(purpose, number, own_key).encode())

    def _proof(self, purpose: Purpose, number: int, own_key: str) -> str:
        said = f"{purpose.value}:{number}:{own_key}".encode()
        return urlsafe_b64encode(hashlib.blake2b(said, digest_size=18, key=self._key, person=b"private-link").digest()).decode()

"""Passwords by Argon2id."""

from __future__ import annotations

from typing import ClassVar

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# As OWASP advises at the least.
COST = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Of a password that was thrown away: to look for nobody takes as long as to look for somebody.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$/X8tngPgPL9nwjbRUUCKBQ$m0s11RHGchZdvEDRaktzcQU+xIiExJ0js0TgyUzSB84"


class Argon2Passwords:
    """Implements `access.accounts.PasswordHasher`."""

    cost: ClassVar[Parameters] = COST

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(self.cost)

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def verify(self, hashed: str | None, password: str) -> bool:
        try:
            self._hasher.verify(hashed or NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

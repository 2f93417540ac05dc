"""Passwords are kept as their Argon2id at the cost that OWASP advises, and whether there is an account takes no other time."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters

from panmesh.adapters.identity.passwords import COST, NOBODY, Argon2Passwords


def test_a_password_is_known_by_its_hash_at_full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Argon2Passwords, "cost", COST)
    passwords = Argon2Passwords()
    hashed = passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != passwords.hash("correct horse"), "each has its own salt"
    assert passwords.verify(hashed, "correct horse")
    assert not passwords.verify(hashed, "correct hors")
    assert not passwords.verify("no hash", "correct horse")


def test_nobody_has_a_password_and_costs_as_much_as_somebody() -> None:
    assert extract_parameters(NOBODY) == COST
    assert not Argon2Passwords().verify(None, "")
    assert not Argon2Passwords().verify(None, "correct horse")

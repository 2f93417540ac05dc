"""Local accounts, browser sessions and API tokens: who somebody is. What they may read is `access.policy`'s business."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.access.viewer import ALL_SCOPES, Scope, TeamRole, Viewer
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, TooMany, Unauthenticated

SESSION_US = 12 * 3600 * 1_000_000
ATTEMPT_WINDOW_US = 15 * 60 * 1_000_000
ATTEMPTS = 5  # failures of one login or address within the window
MIN_PASSWORD = 10
TOKEN_PREFIX = "pmt_"
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: int
    login: str
    name: str
    password_hash: str | None
    admin: bool
    steward: bool
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    id: int
    name: str
    scopes: frozenset[Scope]
    created_us: int
    expires_us: int | None
    last_used_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    secret: str  # goes into the cookie, never into the database
    csrf: str
    viewer: Viewer
    expires_us: int


class PasswordHasher(Protocol):
    def hash(self, password: str) -> str: ...
    def verify(self, hashed: str | None, password: str) -> bool:
        """Takes the same time for None (no such account) as for a wrong password."""
        ...


class IdentityProvider(Protocol):
    """The port for community identities (OIDC issuers, AARC entitlements): an outside identity to a local account."""

    def account_of(self, issuer: str, subject: str) -> Account | None: ...


class AccountStore(Protocol):
    def by_login(self, login: str) -> Account | None: ...
    def accounts(self) -> Sequence[Account]: ...
    def add(
        self, *, login: str, name: str, password_hash: str | None, admin: bool, steward: bool, now_us: int, actor: str
    ) -> int: ...
    def change(self, account_id: int, *, actor: str, now_us: int, **columns: object) -> None: ...
    def set_instruments(self, account_id: int, keys: Sequence[str], *, actor: str, now_us: int) -> None: ...
    def set_member(
        self, team: str, login: str, role: TeamRole | None, expires_us: int | None, *, actor: str, now_us: int
    ) -> None: ...
    def begin_attempt(self, buckets: Sequence[str], now_us: int, since_us: int, most: int) -> bool:
        """Count one attempt in each bucket; False, and nothing counted, when one of them has `most` already. In one step, so that
        attempts made side by side cannot all be the last one."""
        ...

    def good_attempt(self, buckets: Sequence[str], clear: str, now_us: int) -> None:
        """Take the attempt of `now_us` back from the buckets, and empty one of them."""
        ...

    def bad_attempt(self, login: str, address: str, now_us: int) -> None:
        """For the audit log."""
        ...

    def add_session(self, id_hash: bytes, account_id: int, csrf: str, now_us: int, expires_us: int) -> None: ...
    def session(self, id_hash: bytes, now_us: int, expires_us: int) -> tuple[Viewer, str] | None:
        """(viewer, csrf) of a live session of a live account; its end moves to `expires_us` when more than half has passed."""
        ...

    def end_session(self, id_hash: bytes) -> None: ...
    def add_token(
        self, account_id: int, name: str, token_hash: bytes, scopes: str, expires_us: int | None, now_us: int, actor: str
    ) -> int: ...
    def token(self, token_hash: bytes, now_us: int) -> Viewer | None: ...
    def tokens(self, account_id: int) -> Sequence[TokenInfo]: ...
    def revoke(self, account_id: int, token_id: int, now_us: int, actor: str) -> bool: ...
    def viewer(self, login: str, now_us: int) -> Viewer | None: ...
    def owner(self, account_id: int, now_us: int) -> tuple[Viewer, str | None] | None:
        """(who may read metadata with the rights of now, mail address) of an account that is not closed."""
        ...

    def set_email(self, account_id: int, email: str | None, *, actor: str, now_us: int) -> None: ...


class AccountService:
    def __init__(
        self,
        store: AccountStore,
        passwords: PasswordHasher,
        clock: Clock,
        secret: Callable[[int], str] = secrets.token_urlsafe,
        address_key: bytes = b"",
    ) -> None:
        """`address_key` keys the digests that addresses are kept as; all processes of a facility have the same."""
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._secret = secret
        self._address_key = address_key

    def create(
        self, *, login: str, name: str, password: str | None, admin: bool = False, steward: bool = False, actor: str = "operator"
    ) -> int:
        folded = check_login(login)
        if self._store.by_login(folded) is not None:
            raise Conflict(f"There is an account {folded!r} already.")
        hashed = self._passwords.hash(check_password(password)) if password is not None else None
        return self._store.add(
            login=folded,
            name=name.strip() or folded,
            password_hash=hashed,
            admin=admin,
            steward=steward,
            now_us=self._clock(),
            actor=actor,
        )

    def set_password(self, login: str, password: str, actor: str = "operator") -> None:
        account = self._account(login)
        self._store.change(
            account.id, actor=actor, now_us=self._clock(), password_hash=self._passwords.hash(check_password(password))
        )

    def set_disabled(self, login: str, disabled: bool, actor: str = "operator") -> None:
        self._store.change(self._account(login).id, actor=actor, now_us=self._clock(), disabled=disabled)

    def set_instruments(self, login: str, keys: Sequence[str], actor: str = "operator") -> None:
        self._store.set_instruments(self._account(login).id, keys, actor=actor, now_us=self._clock())

    def set_member(
        self, team: str, login: str, role: TeamRole | None, expires_us: int | None = None, actor: str = "operator"
    ) -> None:
        self._store.set_member(team, login, role, expires_us, actor=actor, now_us=self._clock())

    def accounts(self) -> Sequence[Account]:
        return self._store.accounts()

    def viewer(self, login: str) -> Viewer:
        found = self._store.viewer(login, self._clock())
        if found is None:
            raise NotFound(f"There is no account {login!r}.")
        return found

    def owner(self, account_id: int) -> Viewer | None:
        """For what goes on while nobody is signed in; None: the account is closed."""
        found = self._store.owner(account_id, self._clock())
        return None if found is None else found[0]

    def email(self, account_id: int) -> str | None:
        found = self._store.owner(account_id, self._clock())
        return None if found is None else found[1]

    def set_email(self, login: str, email: str | None, actor: str = "operator") -> None:
        """Where alerts go. Raises Invalid for what is no address."""
        if email is not None and not is_mail_address(email):
            raise Invalid(f"{email[:100]!r} is no mail address.", (Fault("/email", "is no mail address"),))
        self._store.set_email(self._account(login).id, email, actor=actor, now_us=self._clock())

    def sign_in(self, login: str, password: str, address: str) -> Session:
        """Raises Unauthenticated with one sentence for every cause, TooMany after five failures of a login or an address."""
        account = self._verified(login, password, address)
        return self._session(account)

    def _verified(self, login: str, password: str, address: str) -> Account:
        folded = login.strip().lower()[:64]
        now = self._clock()
        buckets = (f"login:{folded}", f"address:{self._hidden(address)}")
        if not self._store.begin_attempt(buckets, now, now - ATTEMPT_WINDOW_US, ATTEMPTS):
            raise TooMany("Too many failed attempts; wait a quarter of an hour, or ask the facility to set a new password.", 900)
        account = self._store.by_login(folded)
        usable = account is not None and not account.disabled
        good = self._passwords.verify(account.password_hash if account is not None and usable else None, password[:1024])
        if account is None or not usable or not good:
            self._store.bad_attempt(folded, buckets[1], now)
            raise Unauthenticated("The login or the password is wrong.")
        self._store.good_attempt(buckets, buckets[0], now)
        return account

    def _hidden(self, address: str) -> str:
        return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=12, key=self._address_key).hexdigest()

    def _session(self, account: Account) -> Session:
        now = self._clock()
        secret, csrf = self._secret(32), self._secret(24)
        self._store.add_session(digest(secret), account.id, csrf, now, now + SESSION_US)
        found = self._store.session(digest(secret), now, now + SESSION_US)
        if found is None:
            raise Unauthenticated("The account has just been closed.")
        return Session(secret=secret, csrf=csrf, viewer=found[0], expires_us=now + SESSION_US)

    def of_session(self, secret: str) -> tuple[Viewer, str] | None:
        now = self._clock()
        return self._store.session(digest(secret), now, now + SESSION_US)

    def still_signed_in(self, secret: str) -> Viewer:
        """Without making the session last longer. Raises Unauthenticated."""
        now = self._clock()
        found = self._store.session(digest(secret), now, now)
        if found is None:
            raise Unauthenticated("The session has ended; sign in again.")
        return found[0]

    def sign_out(self, secret: str) -> None:
        self._store.end_session(digest(secret))

    def of_token(self, token: str) -> Viewer:
        """Raises Unauthenticated for anything but a live token of a live account."""
        viewer = self._store.token(digest(token), self._clock()) if token.startswith(TOKEN_PREFIX) else None
        if viewer is None:
            raise Unauthenticated("The token is wrong, expired or revoked.")
        return viewer

    def make_token(self, viewer: Viewer, name: str, scopes: frozenset[Scope], days: int | None = 365) -> tuple[str, TokenInfo]:
        """(the secret, shown once; what is kept). A token never has more scopes than the one who makes it."""
        if viewer.user_id is None:
            raise Unauthenticated()
        if not scopes <= viewer.scopes:
            raise Forbidden("A token cannot have more scopes than you have yourself.")
        if not scopes:
            raise Invalid("A token needs at least one scope: " + ", ".join(sorted(ALL_SCOPES)) + ".")
        if days is not None and not 1 <= days <= 3650:
            raise Invalid("A token lives 1 to 3650 days.")
        secret = TOKEN_PREFIX + urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii").rstrip("=")
        now = self._clock()
        expires = None if days is None else now + days * 86_400_000_000
        number = self._store.add_token(
            viewer.user_id,
            name.strip()[:200] or "token",
            digest(secret),
            " ".join(sorted(scopes)),
            expires,
            now,
            viewer.login or "",
        )
        return secret, TokenInfo(id=number, name=name, scopes=scopes, created_us=now, expires_us=expires, last_used_us=None)

    def tokens(self, viewer: Viewer) -> Sequence[TokenInfo]:
        if viewer.user_id is None:
            raise Unauthenticated()
        return self._store.tokens(viewer.user_id)

    def revoke(self, viewer: Viewer, token_id: int) -> None:
        if viewer.user_id is None:
            raise Unauthenticated()
        if not self._store.revoke(viewer.user_id, token_id, self._clock(), viewer.login or ""):
            raise NotFound()

    def _account(self, login: str) -> Account:
        account = self._store.by_login(login.strip().lower())
        if account is None:
            raise NotFound(f"There is no account {login!r}.")
        return account


def digest(secret: str) -> bytes:
    """Secrets here have 256 bits of chance, so a fast digest is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def check_login(login: str) -> str:
    """As it is kept. Raises Invalid."""
    folded = login.strip().lower()
    if not _LOGIN.fullmatch(folded):
        detail = "A login has 1 to 64 of the signs a-z 0-9 . _ @ + - and begins with a letter or number."
        raise Invalid(detail, (Fault("/login", detail),))
    return folded


def is_mail_address(text: str) -> bool:
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def check_password(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        detail = f"A password has at least {MIN_PASSWORD} signs."
        raise Invalid(detail, (Fault("/password", detail),))
    if len(password) > 1024:
        raise Invalid("A password has at most 1024 signs.", (Fault("/password", "at most 1024 signs"),))
    return password

"""Who sent a message: JWTs checked with PyJWT (contract, section 1.4). Tokens are neither stored nor logged.

`exp` is compared with the message's timestamp when that is credible, so that a queue that waited does not
turn good commands into 401s; else with the database's now.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec

from worker.domain.callers import Caller

_CACHED_TOKENS = 10_000
_MAX_NAME_CHARACTERS = 200

# Instants are compared here, with the database's clock; the library would ask this machine's.
_OPTIONS: jwt.types.Options = {
    "require": ["exp", "sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A token's bearer. `user` is known when the signature holds, even if the token has expired since."""

    caller: Caller | None
    user: str | None


class _Claims(msgspec.Struct, frozen=True):
    caller: Caller
    not_before: datetime
    expires_at: datetime


_NOBODY = Verdict(caller=None, user=None)


class Keyring:
    """Verifies tokens signed with the shared secret (HS256), remembering the ones it has seen."""

    def __init__(self, secret: str, grace: timedelta) -> None:
        self._secret = secret
        self._grace = grace
        self._seen: OrderedDict[bytes, _Claims] = OrderedDict()

    def verify(self, token: str | None, sent_at: datetime | None, now: datetime) -> Verdict:
        """Say who bears the token; `caller` is None when the command has no valid one."""
        claims = self._claims(token) if token else None
        if claims is None:
            return _NOBODY
        is_credible = sent_at is not None and now - self._grace <= sent_at <= now
        compared_with = sent_at if is_credible and sent_at is not None else now
        is_valid = claims.not_before <= compared_with < claims.expires_at
        return Verdict(caller=claims.caller if is_valid else None, user=claims.caller.user)

    def _claims(self, token: str) -> _Claims | None:
        # Keyed by digest: no token stays in memory for longer than its message.
        digest = hashlib.sha256(token.encode()).digest()
        if digest in self._seen:
            self._seen.move_to_end(digest)
            return self._seen[digest]
        claims = self._decode(token)
        if claims is not None:
            self._seen[digest] = claims
            if len(self._seen) > _CACHED_TOKENS:
                self._seen.popitem(last=False)
        return claims

    def _decode(self, token: str) -> _Claims | None:
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                options=_OPTIONS,
            )
            not_before, expires_at = int(claims.get("nbf", 0)), int(claims["exp"])
            return _Claims(
                _caller(claims),
                datetime.fromtimestamp(not_before, UTC),
                datetime.fromtimestamp(expires_at, UTC),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError, RecursionError):
            return None


def _caller(claims: dict[str, Any]) -> Caller:
    roles = _names(claims.get("roles", ()))
    customer = claims.get("customer")
    if customer is not None:
        customer = _name(customer)
    anonymous = claims.get("anonymous", False)
    if not isinstance(anonymous, bool):
        raise TypeError("anonymous is a boolean")
    return Caller(
        user=_name(claims["sub"]),
        is_anonymous=anonymous,
        customer=customer,
        groups=_names(claims.get("groups", ())),
        is_service="service" in roles,
        is_operator="operator" in roles,
    )


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError("a list of names is expected")
    return tuple(_name(name) for name in value)


def _name(value: object) -> str:
    """Take a name that can be stored: text of 1 to 200 characters without NUL or half surrogates."""
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_NAME_CHARACTERS or "\0" in value:
        raise ValueError("a name is expected")
    value.encode()
    return value


def issue(secret: str, claims: dict[str, Any], now: datetime, lifetime: timedelta) -> str:
    """Sign a token for local use and tests."""
    return jwt.encode({**claims, "exp": int((now + lifetime).timestamp())}, secret, algorithm="HS256")

"""Who sent a message: JWTs checked with PyJWT (contract, section 1.4). Tokens are neither stored nor logged.

HS256 is checked with the shared secret alone, RS256 and ES256 with the key set alone: what a token says of
itself never makes a secret of a public key. Nothing else is accepted.
`exp` and `nbf` are compared with the message's timestamp when that is credible, so that a queue that waited
does not turn good commands into 401s; else with the database's now. A leeway allows for clocks that differ.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import msgspec

from worker.domain.callers import Caller

if TYPE_CHECKING:
    from worker.key_sets import KeySetFile

_SHARED = "HS256"
_CACHED_TOKENS = 10_000
_MAX_NAME_CHARACTERS = 200

# Instants are compared here, with the database's clock; the library would ask this machine's.
_OPTIONS: jwt.types.Options = {
    "require": ["exp", "sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
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
    """Verifies tokens, remembering the ones it has seen for as long as the keys stay the same.

    Of use to several threads at once: commands are handled in some of their own.
    """

    def __init__(
        self,
        *,
        secret: str | None,
        key_set: KeySetFile | None,
        audience: str | None,
        grace: timedelta,
        leeway: timedelta,
    ) -> None:
        """Hold what tokens are verified with; with an `audience`, a token must name it in `aud`."""
        self._secret = secret
        self._key_set = key_set
        self._audience = audience
        self._grace = grace
        self._leeway = leeway
        self._seen: OrderedDict[bytes, _Claims] = OrderedDict()

    def verify(self, token: str | None, sent_at: datetime | None, now: datetime) -> Verdict:
        """Say who bears the token; `caller` is None when the command has no valid one. Never raises.

        `sent_at` is believed from now back to the grace, both included. One in the future is not, not even by
        the leeway: now is the latest instant at which a message that is here can have been sent, so that a
        publisher whose clock is ahead, or rounds up to AMQP's whole seconds, is judged by now.
        The leeway counts once, for `exp` and `nbf`: valid while `nbf - leeway <= instant < exp + leeway`.
        """
        if self._key_set is not None and self._key_set.look(now):
            self._seen = OrderedDict()
        claims = self._claims(token) if token else None
        if claims is None:
            return _NOBODY
        is_credible = sent_at is not None and timedelta(0) <= now - sent_at <= self._grace
        compared_with = sent_at if is_credible and sent_at is not None else now
        # Differences, because an instant at the end of time plus a leeway is none.
        has_begun = claims.not_before - compared_with <= self._leeway
        has_ended = compared_with - claims.expires_at >= self._leeway
        is_valid = has_begun and not has_ended
        return Verdict(caller=claims.caller if is_valid else None, user=claims.caller.user)

    def _claims(self, token: str) -> _Claims | None:
        # Taken before the keys are: what another thread verifies with old ones is not remembered for the new.
        seen = self._seen
        # Keyed by digest: no token stays in memory for longer than its message.
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = seen.pop(digest, None) or self._decode(token)
        if claims is not None:
            seen[digest] = claims  # as the last to be forgotten
            if len(seen) > _CACHED_TOKENS:
                seen.popitem(last=False)
        return claims

    def _decode(self, token: str) -> _Claims | None:
        try:
            key, algorithm = self._key_for(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                options={**_OPTIONS, "verify_aud": self._audience is not None},
            )
            not_before, expires_at = int(claims.get("nbf", 0)), int(claims["exp"])
            return _Claims(
                _caller(claims),
                datetime.fromtimestamp(not_before, UTC),
                datetime.fromtimestamp(expires_at, UTC),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError, RecursionError):
            return None

    def _key_for(self, header: dict[str, Any]) -> tuple[str | jwt.PyJWK, str]:
        """Choose the key, and with it the algorithm: the header's word only picks among ours."""
        algorithm = header.get("alg")
        if algorithm == _SHARED and self._secret is not None:
            return self._secret, _SHARED
        key = self._key_set.fitting(algorithm, header.get("kid")) if self._key_set is not None else None
        if key is None:
            raise jwt.InvalidKeyError("no key of ours fits")
        return key, key.algorithm_name


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
    return jwt.encode({**claims, "exp": int((now + lifetime).timestamp())}, secret, algorithm=_SHARED)

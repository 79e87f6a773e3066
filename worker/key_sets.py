"""Public keys of those who sign tokens: a JSON Web Key Set in a file (RFC 7517), for RS256 and ES256.

Promises that a key serves the one algorithm of its kind, that keys of no use here (other kinds, too short,
for encryption) are passed over, and that a file that changes is read again: keys rotate without a restart.
A file that is broken at that moment leaves the keys as they are, with one warning. Key material is in no
message and no log; of a private key that got into the file only the public half is taken, with a warning.
"""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from worker import logs
from worker.settings import SettingsError

_LOOKED_AT_EVERY = timedelta(seconds=1)
_MAX_BYTES = 1024 * 1024  # a set has some kilobytes; whatever is larger is another file
_MIN_RSA_BITS = 2048  # RFC 7518, 3.3
_RSA, _EC = "RS256", "ES256"
_PUBLIC_MEMBERS = {_RSA: ("kty", "kid", "n", "e"), _EC: ("kty", "kid", "crv", "x", "y")}

log = logs.get(__name__)

_Stamp = tuple[int, int, int, int]
_Keys = tuple[jwt.PyJWK, ...]


class _BrokenError(Exception):
    """There is no key set to be read; the message says why in the words of a sentence's second half."""


class KeySetFile:
    """The keys of one file. What is asked for within one second is answered from memory."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises SettingsError when it is no key set or has no usable key."""
        self._path = path
        self._looked_at: datetime | None = None
        self._complaint: str | None = None
        try:
            self._stamp = _stamp(path)
            self._keys = _read(path)
        except _BrokenError as error:
            raise SettingsError(_sentence(path, str(error))) from None
        if not self._keys:
            raise SettingsError(_sentence(path, "holds no public key for RS256 (2048 bits or more) or ES256"))

    def look(self, now: datetime) -> bool:
        """Read the file again when it has changed, at most once a second; True when it was read."""
        if self._looked_at is not None and abs(now - self._looked_at) < _LOOKED_AT_EVERY:
            return False
        self._looked_at = now
        try:
            # Before reading: what is replaced in between is noticed by the next look.
            stamp = _stamp(self._path)
            keys = None if stamp == self._stamp else _read(self._path)
        except _BrokenError as error:
            self._complain(str(error))
            return False
        self._complaint = None
        if keys is None:
            return False
        self._stamp, self._keys = stamp, keys
        # A set without keys is no broken file: it says that nobody is trusted any more.
        say = log.info if keys else log.warning
        say("token_keys.read", file=str(self._path), usable=len(keys))
        return True

    def fitting(self, algorithm: object, kid: object) -> jwt.PyJWK | None:
        """Give the one key for this algorithm, by its id when one is named; None unless exactly one fits."""
        fitting = [
            key
            for key in self._keys
            if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _complain(self, why: str) -> None:
        if why != self._complaint:
            log.warning("token_keys.kept", file=str(self._path), why=why)
        self._complaint = why


def _sentence(path: Path, why: str) -> str:
    return f"BASKETRY_JWKS_FILE is wrong: {path} {why}."


def _stamp(path: Path) -> _Stamp:
    """Tell one state of a file from the next, cheaply; a link is followed to what it names."""
    try:
        found = path.stat()
    except OSError as error:
        raise _BrokenError(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise _BrokenError("is no file")
    if found.st_size > _MAX_BYTES:
        raise _BrokenError(f"has more than {_MAX_BYTES} bytes")
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _read(path: Path) -> _Keys:
    """Give the usable keys. Causes of errors are cut off: they may quote the key."""
    try:
        key_set = json.loads(path.read_bytes())
    except OSError as error:
        raise _BrokenError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _BrokenError("is not JSON") from None
    members = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(members, list):
        raise _BrokenError('is no JSON Web Key Set: it has no list "keys"')
    members = [member for member in members if isinstance(member, dict)]
    if any("d" in member for member in members):
        log.warning("token_keys.private", file=str(path))  # whoever reads the file can sign
    found = (_key(member) for member in members)
    return tuple(key for key in found if key is not None)


def _key(member: dict[str, Any]) -> jwt.PyJWK | None:
    """Make a key of what is public in a member; None when it is of no use here (RFC 7517, 5: ignore it)."""
    algorithm = _algorithm(member)
    if algorithm is None:
        return None
    public = {name: member[name] for name in _PUBLIC_MEMBERS[algorithm] if name in member}
    try:
        key = jwt.PyJWK(public, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == _RSA and key.key.key_size < _MIN_RSA_BITS else key


def _algorithm(member: dict[str, Any]) -> str | None:
    """Say which of our algorithms a key is for; it may be marked for that one and for signatures alone."""
    match member.get("kty"), member.get("crv"):
        case "RSA", _:
            algorithm = _RSA
        case "EC", "P-256":
            algorithm = _EC
        case _:
            return None
    operations = member.get("key_ops", ["verify"])
    serves = (
        member.get("alg", algorithm) == algorithm
        and member.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(member.get("kid", ""), str)
    )
    return algorithm if serves else None

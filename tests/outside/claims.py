"""Tokens as another company's login would sign them: RFC 7515 by hand, without the library under test."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "a secret of the tests, long enough for HS256"
LOGGED_IN_FOR_SECONDS = 3600
_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def token(
    sub: object = "patricia",
    *,
    algorithm: str = "HS256",
    secret: str = SECRET,
    without: str = "",
    **claims: Any,
) -> str:
    """Sign a token; `without` names a claim to leave out, `algorithm="none"` leaves out the signature."""
    issued = {"sub": sub, "exp": int(time.time()) + LOGGED_IN_FOR_SECONDS, **claims}
    issued.pop(without, None)
    signed = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(issued)}"
    if algorithm not in _DIGESTS:
        return f"{signed}."
    signature = hmac.digest(secret.encode(), signed.encode(), _DIGESTS[algorithm])
    return f"{signed}.{_encoded(signature)}"


def bearer(sub: object = "patricia", **claims: Any) -> str:
    """Give the header `authorization` of a caller."""
    return f"Bearer {token(sub, **claims)}"


SERVICE = {"roles": ["service"]}
OPERATOR = {"roles": ["operator"]}


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

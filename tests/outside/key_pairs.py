"""Key pairs of another company's login: `cryptography` makes and uses them, RFC 7515 to 7518 by hand."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from outside.claims import LOGGED_IN_FOR_SECONDS

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Give the RSA key of this name; they take a moment to make."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def jwk(key: Private, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """Describe the public half (RFC 7518, 6); `more` adds members, or takes one away that is None."""
    public = key.public_key().public_numbers()
    described: dict[str, Any]
    if isinstance(public, rsa.RSAPublicNumbers):
        described = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
    else:
        size = (key.key_size + 7) // 8
        curve = {256: "P-256", 384: "P-384", 521: "P-521"}[key.key_size]
        described = {"kty": "EC", "crv": curve, "x": number(public.x, size), "y": number(public.y, size)}
    described |= {"kid": kid, **more}
    return {name: value for name, value in described.items() if value is not None}


def write(path: Path, *keys: object) -> Path:
    """Put a key set into its place in one step, as whoever rotates keys should."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return beside.replace(path)


def pem(key: Private) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def der(key: Private) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How to sign, apart from what a token's header says about it."""

    sign: Callable[[bytes], bytes]

    def token(self, algorithm: object, kid: object = None, header: Any = (), **claims: Any) -> str:
        said = {"typ": "JWT", "alg": algorithm, **({} if kid is None else {"kid": kid}), **dict(header)}
        issued = {"sub": "patricia", "exp": int(time.time()) + LOGGED_IN_FOR_SECONDS, **claims}
        text = ".".join(encoded(json.dumps(part).encode()) for part in (said, issued))
        return f"{text}.{encoded(self.sign(text.encode()))}"


def pkcs1(key: rsa.RSAPrivateKey, digest: type[hashes.HashAlgorithm] = hashes.SHA256) -> Signature:
    return Signature(sign=lambda text: key.sign(text, padding.PKCS1v15(), digest()))


def pss(key: rsa.RSAPrivateKey) -> Signature:
    how = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    return Signature(sign=lambda text: key.sign(text, how, hashes.SHA256()))


def ecdsa(key: ec.EllipticCurvePrivateKey) -> Signature:
    size = (key.key_size + 7) // 8

    def sign(text: bytes) -> bytes:
        pair: Iterable[int] = decode_dss_signature(ecdsa_der(key).sign(text))
        return b"".join(part.to_bytes(size, "big") for part in pair)

    return Signature(sign=sign)


def hs(secret: bytes | str, digest: Any = hashlib.sha256) -> Signature:
    """Sign with a secret, or with what a forger takes for one."""
    raw = secret.encode() if isinstance(secret, str) else secret
    return Signature(sign=lambda text: hmac.digest(raw, text, digest))


def ecdsa_der(key: ec.EllipticCurvePrivateKey) -> Signature:
    return Signature(sign=lambda text: key.sign(text, ec.ECDSA(hashes.SHA256())))


def number(value: int, size: int | None = None) -> str:
    """Write a number as RFC 7518 does: big-endian, base64url."""
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

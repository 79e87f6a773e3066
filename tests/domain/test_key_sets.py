"""Tokens signed with private keys: which key of a file verifies which token, and which does not."""

import hashlib
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from keyrings import EC, NOW, OTHER_RSA, RS256, RSA, SECRET, key_file, keyring
from outside.key_pairs import (
    Signature,
    der,
    ec_key,
    ecdsa,
    ecdsa_der,
    encoded,
    hs,
    jwk,
    number,
    pem,
    pkcs1,
    pss,
    rsa_key,
    write,
)
from structlog.testing import capture_logs

from worker.key_sets import KeySetFile
from worker.settings import SettingsError
from worker.tokens import Verdict

NOBODY = Verdict(caller=None, user=None)
OTHER_EC = ec_key("two")
ES256 = ecdsa(EC).token("ES256", "e")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return key_file(tmp_path)


def user(path: Path, token: str, **changed: Any) -> str | None:
    verdict = keyring(path, **changed).verify(token, None, NOW)
    assert (verdict.caller is None) is (verdict.user is None)
    return verdict.user


@pytest.mark.parametrize("token", [RS256, ES256], ids=["RS256", "ES256"])
@pytest.mark.parametrize("secret", [SECRET, None], ids=["beside a secret", "without a secret"])
def test_a_token_is_verified_with_the_key_of_its_id(path: Path, token: str, secret: str | None) -> None:
    assert user(path, token, secret=secret) == "patricia"


@pytest.mark.parametrize(
    "more",
    [
        {"use": "sig"},
        {"key_ops": ["verify"]},
        {"alg": "RS256"},
        {"x5t": "of no interest", "issuer": {"any": [1]}},
        {"d": "a private key's exponent, not looked at"},
    ],
    ids=str,
)
def test_a_key_may_say_what_it_is_for(path: Path, more: dict[str, Any]) -> None:
    assert user(write(path, jwk(RSA, "r", **more)), RS256) == "patricia"


@pytest.mark.parametrize(("token", "algorithm"), [(pkcs1(RSA).token, "RS256"), (ecdsa(EC).token, "ES256")])
def test_a_token_without_a_key_id_needs_one_key_alone_of_its_algorithm(
    path: Path, token: Any, algorithm: str
) -> None:
    assert user(path, token(algorithm)) == "patricia"
    assert user(write(path, jwk(RSA), jwk(EC)), token(algorithm)) == "patricia"
    two_of_each = [jwk(RSA, "r"), jwk(EC, "e"), jwk(OTHER_RSA, "s"), jwk(OTHER_EC, "f")]
    assert user(write(path, *two_of_each), token(algorithm)) is None


UNSIGNED = Signature(sign=lambda _text: b"")
REFUSED = {
    "alg none": UNSIGNED.token("none", "r"),
    "alg none with a signature": pkcs1(RSA).token("none", "r"),
    "no signature": UNSIGNED.token("RS256", "r"),
    "HS256 with the public key as PEM": hs(pem(RSA)).token("HS256", "r"),
    "HS256 with the public key as PEM, no newline": hs(pem(RSA).strip()).token("HS256"),
    "HS256 with the public key as DER": hs(der(RSA)).token("HS256", "r"),
    "HS256 with the public EC key as PEM": hs(pem(EC)).token("HS256", "e"),
    "HS256 with the JWK": hs(json.dumps(jwk(RSA, "r"))).token("HS256", "r"),
    "HS256 with the modulus": hs(jwk(RSA)["n"]).token("HS256", "r"),
    "HS256 with nothing": hs("").token("HS256"),
    "RS256 with the shared secret": hs(SECRET).token("RS256", "r"),
    "HS384": hs(SECRET, hashlib.sha384).token("HS384"),
    "HS512": hs(SECRET, hashlib.sha512).token("HS512"),
    "PS256": pss(RSA).token("PS256", "r"),
    "PS256 said to be RS256": pss(RSA).token("RS256", "r"),
    "RS384": pkcs1(RSA, hashes.SHA384).token("RS384", "r"),
    "RS512": pkcs1(RSA, hashes.SHA512).token("RS512", "r"),
    "RS512 said to be RS256": pkcs1(RSA, hashes.SHA512).token("RS256", "r"),
    "rs256": pkcs1(RSA).token("rs256", "r"),
    "ES384": ecdsa(EC).token("ES384", "e"),
    "EdDSA": ecdsa(EC).token("EdDSA", "e"),
    "a list of algorithms": pkcs1(RSA).token(["RS256"], "r"),
    "no algorithm": pkcs1(RSA).token(None, "r"),
    "a signature of ES256 as DER": ecdsa_der(EC).token("ES256", "e"),
    "an ES256 signature of zeros": Signature(sign=lambda _text: bytes(64)).token("ES256", "e"),
    "another RSA key": pkcs1(OTHER_RSA).token("RS256", "r"),
    "another EC key": ecdsa(OTHER_EC).token("ES256", "e"),
    "the id of a key of the other kind": pkcs1(RSA).token("RS256", "e"),
    "RS256 by an EC key": ecdsa(EC).token("RS256", "e"),
    "an unknown key id": pkcs1(RSA).token("RS256", "x"),
    "an empty key id": pkcs1(RSA).token("RS256", ""),
    "a key id that is a number": pkcs1(RSA).token("RS256", 1),
    "a key id that is null": pkcs1(RSA).token("RS256", header={"kid": None}),
    "a key of its own": pkcs1(OTHER_RSA).token("RS256", "x", {"jwk": jwk(OTHER_RSA, "x")}),
    "a key set of its own": pkcs1(OTHER_RSA).token("RS256", "r", {"jku": "https://elsewhere.example/keys"}),
    "a critical extension": pkcs1(RSA).token("RS256", "r", {"crit": ["exp"]}),
    "no subject": pkcs1(RSA).token("RS256", "r", sub=None),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("secret", [SECRET, None], ids=["beside a secret", "without a secret"])
def test_a_token_that_no_key_of_ours_has_signed_for_us_is_nobodys(
    path: Path, token: str, secret: str | None
) -> None:
    assert keyring(path, secret=secret).verify(token, None, NOW) == NOBODY


def test_the_secret_serves_beside_the_keys_and_not_without_being_set(path: Path) -> None:
    assert user(path, hs(SECRET).token("HS256")) == "patricia"
    assert user(path, hs(SECRET).token("HS256"), secret=None) is None


def test_a_token_of_a_key_needs_the_audience_and_expires_as_any_other(path: Path) -> None:
    token = partial(pkcs1(RSA).token, "RS256", "r")
    assert user(path, token(aud=["x", "basketry"]), audience="basketry") == "patricia"
    assert user(path, token(aud="shop"), audience="basketry") is None
    assert user(path, token(), audience="basketry") is None
    expired = keyring(path).verify(token(exp=int(NOW.timestamp()) - 60), None, NOW)
    assert expired == Verdict(caller=None, user="patricia")


SMALL = rsa_key("small", 1024)
P384 = ec_key("large", ec.SECP384R1)
USELESS: dict[str, tuple[object, str]] = {
    "for encryption": (jwk(RSA, "r", use="enc"), RS256),
    "for another use": (jwk(RSA, "r", use=7), RS256),
    "for signing alone": (jwk(RSA, "r", key_ops=["sign"]), RS256),
    "operations that are no list": (jwk(RSA, "r", key_ops="verify"), RS256),
    "for RS512": (jwk(RSA, "r", alg="RS512"), RS256),
    "for PS256": (jwk(RSA, "r", alg="PS256"), RS256),
    "for HS256": (jwk(RSA, "r", alg="HS256"), RS256),
    "for ES384": (jwk(EC, "e", alg="ES384"), ES256),
    "1024 bits": (jwk(SMALL, "r"), pkcs1(SMALL).token("RS256", "r")),
    "P-384": (jwk(P384, "e"), ecdsa(P384).token("ES256", "e")),
    "an oct key": ({"kty": "oct", "kid": "o", "k": encoded(b"s" * 32)}, hs("s" * 32).token("HS256", "o")),
    "an oct key for RS256": ({"kty": "oct", "kid": "r", "k": number(7), "alg": "RS256"}, RS256),
    "an unknown kind": (jwk(RSA, "r", kty="rsa"), RS256),
    "a kind that is a list": (jwk(RSA, "r", kty=["RSA"]), RS256),
    "no modulus": (jwk(RSA, "r", n=None), RS256),
    "a modulus that is a number": (jwk(RSA, "r", n=7), RS256),
    "a modulus that is no base64": (jwk(RSA, "r", n="ü"), RS256),
    "half a surrogate": (jwk(RSA, "r", n="\ud800"), RS256),
    "an exponent of 1": (jwk(RSA, "r", e=number(1)), RS256),
    "a point beside the curve": (jwk(EC, "e", y=number(5, 32)), ES256),
    "a short point": (jwk(EC, "e", x="AAAA"), ES256),
    "an id that is a number": (jwk(RSA, kid=7), pkcs1(RSA).token("RS256")),
    "no object": (["RSA"], RS256),
}


@pytest.mark.parametrize(("useless", "token"), USELESS.values(), ids=USELESS)
def test_a_key_of_no_use_is_passed_over(path: Path, useless: object, token: str) -> None:
    beside = write(path, useless, jwk(OTHER_RSA, "s"), jwk(OTHER_EC, "f"))
    assert user(beside, token, secret=None) is None
    assert user(beside, pkcs1(OTHER_RSA).token("RS256", "s")) == "patricia"
    with pytest.raises(SettingsError, match="holds no public key for RS256"):
        KeySetFile(write(path, useless))


def test_two_keys_of_one_id_and_algorithm_are_none(path: Path) -> None:
    assert user(write(path, jwk(RSA, "r"), jwk(OTHER_RSA, "r")), RS256) is None
    assert user(write(path, jwk(RSA, "r"), jwk(EC, "r")), RS256) == "patricia"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b'{"keys": [', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (pem(RSA), "is not JSON"),
        (b"[]", 'is no JSON Web Key Set: it has no list "keys"'),
        (b"{}", 'is no JSON Web Key Set: it has no list "keys"'),
        (b'{"keys": {}}', 'is no JSON Web Key Set: it has no list "keys"'),
        (json.dumps(jwk(RSA, "r")).encode(), 'is no JSON Web Key Set: it has no list "keys"'),
        (b'{"keys": []}', "holds no public key for RS256 (2048 bits or more) or ES256"),
        (b" " * 1024 * 1024 + b"{}", "has more than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_key_set_is_a_mistake_in_the_settings(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        KeySetFile(path)
    assert str(error.value) == f"BASKETRY_JWKS_FILE is wrong: {path} {why}."


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SettingsError, match="is no file"):
            KeySetFile(path)


def test_a_private_key_in_the_file_is_a_warning_that_does_not_show_it(path: Path) -> None:
    private = number(RSA.private_numbers().d)
    with capture_logs() as logged:
        held = KeySetFile(write(path, jwk(RSA, "r", d=private, p="p")))
    assert [(line["event"], line["log_level"]) for line in logged] == [("token_keys.private", "warning")]
    assert private not in repr(logged)
    key = held.fitting("RS256", "r")
    assert key is not None
    assert private not in repr([vars(key), vars(key.key) if hasattr(key.key, "__dict__") else None])
    assert not hasattr(key.key, "sign")


headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "ES256", "HS256", "none", "", None, 7, ["RS256"], {}]),
        "kid": st.sampled_from(["r", "e", "", "x", None, 7, ["r"], {}]),
        "crit": st.sampled_from([[], ["exp"], "exp", None, 7]),
        "b64": st.sampled_from([False, True, None, 0]),
        "typ": st.none() | st.text(max_size=5),
    },
)


@given(headers, st.binary(max_size=40), st.binary(max_size=300))
def test_no_header_no_payload_and_no_signature_raises(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], payload: bytes, signature: bytes
) -> None:
    path = key_file(tmp_path_factory.getbasetemp())
    token = ".".join(encoded(part) for part in (json.dumps(header).encode(), payload, signature))
    assert keyring(path).verify(token, None, NOW) == NOBODY


@given(st.text() | st.lists(st.binary().map(encoded)).map(".".join))
def test_no_text_raises(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = key_file(tmp_path_factory.getbasetemp())
    assert keyring(path).verify(text, None, NOW) == NOBODY

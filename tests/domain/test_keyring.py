"""Who sent a message: signatures, claims and instants of a token, against tokens signed by hand."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import tokens
from worker.domain.callers import Caller
from worker.tokens import Keyring, Verdict

SECRET = "the secret of these tests, 32 bytes and more"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRACE = timedelta(hours=24)
NOBODY = Verdict(caller=None, user=None)
FAR = int(NOW.timestamp()) + 10**6


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(payload: bytes, header: bytes = b'{"alg":"HS256","typ":"JWT"}', secret: str = SECRET) -> str:
    """Sign any bytes as RFC 7515 says (HMAC with SHA-256), whatever the header claims."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def token(**claims: Any) -> str:
    return signed(json.dumps({"sub": "patricia", "exp": FAR, **claims}).encode())


def keyring(**changed: Any) -> Keyring:
    held = {"secret": SECRET, "key_set": None, "audience": None, "grace": GRACE, "leeway": timedelta(0)}
    return Keyring(**{**held, **changed})


def verify(
    bearer: str | None, sent_at: datetime | None = None, now: datetime = NOW, **changed: Any
) -> Verdict:
    return keyring(**changed).verify(bearer, sent_at, now)


def at(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def test_the_claims_become_the_caller() -> None:
    verdict = verify(
        token(anonymous=True, customer="acme", groups=["a", "b"], roles=["service", "operator", "cook"])
    )
    assert verdict.user == "patricia"
    assert verdict.caller == Caller(
        user="patricia",
        is_anonymous=True,
        customer="acme",
        groups=("a", "b"),
        is_service=True,
        is_operator=True,
    )


def test_a_token_of_subject_and_expiry_alone_is_a_registered_user_without_roles() -> None:
    assert verify(token()).caller == Caller(user="patricia")


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_token_is_nobody(nothing: str | None) -> None:
    assert verify(nothing) == NOBODY


HOUR = 3600


@pytest.mark.parametrize(
    ("expires_before_now", "sent_at", "is_valid"),
    [
        pytest.param(-1, None, True, id="valid now"),
        pytest.param(0, None, False, id="expired at this very second"),
        pytest.param(HOUR, None, False, id="expired"),
        pytest.param(HOUR, at(hours=2), True, id="expired while it waited"),
        pytest.param(HOUR, at(hours=1), False, id="sent when it expired"),
        pytest.param(HOUR, at(minutes=30), False, id="sent after it had expired"),
        pytest.param(23 * HOUR, at(hours=24), True, id="waited exactly as long as the grace"),
        pytest.param(23 * HOUR, at(hours=24, seconds=1), False, id="waited longer than the grace"),
        pytest.param(HOUR, at(days=400), False, id="a timestamp of long ago"),
        pytest.param(-HOUR, at(days=400), True, id="a timestamp of long ago, a good token"),
        pytest.param(HOUR, at(hours=-1), False, id="a timestamp in the future"),
        pytest.param(-HOUR, at(hours=-2), True, id="a timestamp beyond the expiry, not believed"),
        pytest.param(HOUR, at(seconds=0), False, id="sent now"),
    ],
)
def test_the_expiry_is_compared_with_a_credible_timestamp_and_else_with_now(
    expires_before_now: int, sent_at: datetime | None, is_valid: bool
) -> None:
    verdict = verify(token(exp=int(NOW.timestamp()) - expires_before_now), sent_at)
    assert (verdict.caller is not None) is is_valid
    assert verdict.user == "patricia"  # a repeat of an expired token's command is still known


@pytest.mark.parametrize(
    ("not_before", "sent_at", "is_valid"),
    [
        (-HOUR, None, True),
        (0, None, True),
        (1, None, False),
        (-HOUR, at(hours=2), False),
        (-2 * HOUR, at(hours=1), True),
    ],
)
def test_a_token_is_not_valid_before_its_time(
    not_before: int, sent_at: datetime | None, is_valid: bool
) -> None:
    verdict = verify(token(nbf=int(NOW.timestamp()) + not_before), sent_at)
    assert (verdict.caller is not None) is is_valid


GOOD = json.dumps({"sub": "patricia", "exp": FAR}).encode()


def unsigned(header: bytes) -> str:
    return f"{part(header)}.{part(GOOD)}."


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(signed(GOOD, secret=SECRET[:-1]), id="another secret"),
        pytest.param(signed(GOOD)[:-3], id="a cut signature"),
        pytest.param(signed(GOOD).rpartition(".")[0] + ".", id="no signature"),
        pytest.param(signed(GOOD, b'{"alg":"none"}'), id="alg none with a signature"),
        pytest.param(unsigned(b'{"alg":"none"}'), id="alg none"),
        pytest.param(unsigned(b'{"alg":"NONE"}'), id="alg NONE"),
        pytest.param(signed(GOOD, b'{"alg":"RS256"}'), id="RS256"),
        pytest.param(signed(GOOD, b'{"alg":"ES256"}'), id="ES256"),
        pytest.param(signed(GOOD, b'{"alg":"HS512"}'), id="HS512"),
        pytest.param(signed(GOOD, b'{"alg":"hs256"}'), id="hs256"),
        pytest.param(signed(GOOD, b'{"alg":null}'), id="alg null"),
        pytest.param(signed(GOOD, b'{"alg":["HS256"]}'), id="alg list"),
        pytest.param(signed(GOOD, b'{"typ":"JWT"}'), id="no alg"),
        pytest.param(signed(GOOD, b"[]"), id="header list"),
        pytest.param(signed(GOOD, b"\xff"), id="header bytes"),
        pytest.param(signed(GOOD, b'{"alg":"HS256","crit":["exp"]}'), id="critical extension"),
        pytest.param(part(b"[" * 50_000) + ".e30.AA", id="nested header"),
        pytest.param("a.b", id="two parts"),
        pytest.param("....", id="dots"),
        pytest.param("standard@PBEWithMD5AndTripleDES:TCgGG/e9XL0=|Peb5Ipb5W/R+nq0Yk7GiKpf6", id="opaque"),
    ],
)
def test_a_token_that_is_not_signed_with_the_secret_is_nobodys(forged: str) -> None:
    assert verify(forged) == NOBODY


@pytest.mark.parametrize(
    "payload",
    [
        b"[]", b"5", b"null", b'"text"', b"{", b"\xff", b"",
        b'{"exp":9999999999}',
        b'{"sub":"patricia"}',
        b'{"sub":null,"exp":9999999999}',
        b'{"sub":"","exp":9999999999}',
        b'{"sub":7,"exp":9999999999}',
        b'{"sub":["patricia"],"exp":9999999999}',
        b'{"sub":"nul\\u0000","exp":9999999999}',
        b'{"sub":"half\\ud800","exp":9999999999}',
        b'{"sub":"patricia","exp":null}',
        b'{"sub":"patricia","exp":"soon"}',
        b'{"sub":"patricia","exp":[9999999999]}',
        b'{"sub":"patricia","exp":NaN}',
        b'{"sub":"patricia","exp":1e400}',
        b'{"sub":"patricia","exp":1e300}',
        b'{"sub":"patricia","exp":-1e300}',
        b'{"sub":"patricia","exp":9999999999,"nbf":"x"}',
        b'{"sub":"patricia","exp":9999999999,"nbf":null}',
        b'{"sub":"patricia","exp":9999999999,"anonymous":"yes"}',
        b'{"sub":"patricia","exp":9999999999,"anonymous":1}',
        b'{"sub":"patricia","exp":9999999999,"groups":"g"}',
        b'{"sub":"patricia","exp":9999999999,"groups":{"g":1}}',
        b'{"sub":"patricia","exp":9999999999,"groups":[1]}',
        b'{"sub":"patricia","exp":9999999999,"roles":"service"}',
        b'{"sub":"patricia","exp":9999999999,"roles":[["service"]]}',
        b'{"sub":"patricia","exp":9999999999,"customer":5}',
        b'{"sub":"patricia","exp":9999999999,"customer":""}',
    ],
)  # fmt: skip
def test_a_signed_token_with_odd_or_missing_claims_is_nobodys(payload: bytes) -> None:
    assert verify(signed(payload)) == NOBODY


def test_a_subject_has_at_most_two_hundred_characters() -> None:
    assert verify(token(sub="ü" * 200)).caller == Caller(user="ü" * 200)
    assert verify(token(sub="u" * 201)) == NOBODY


def test_claims_that_nobody_asked_for_do_no_harm() -> None:
    assert verify(token(aud=["x"], iss=5, iat=FAR, jti="1", nonce=[1])).caller == Caller(user="patricia")


LETTERS = "eyJhbGci.=_- \0Ä😀\ud800"


@given(st.text(LETTERS) | st.lists(st.binary().map(part)).map(".".join))
def test_no_text_is_a_token_by_chance_and_none_raises(bearer: str) -> None:
    assert verify(bearer) == NOBODY


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(LETTERS, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(LETTERS, max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.fixed_dictionaries(dict.fromkeys(("sub", "exp", "nbf", "anonymous", "groups"), json_values)))
def test_no_signed_claims_raise(claims: dict[str, Any]) -> None:
    assert isinstance(verify(signed(json.dumps(claims).encode())), Verdict)


def test_a_token_seen_before_expires_all_the_same() -> None:
    held, bearer = keyring(), token(exp=int(NOW.timestamp()) + 60)
    assert held.verify(bearer, None, NOW).caller is not None
    assert held.verify(bearer, None, NOW + timedelta(seconds=61)).caller is None
    assert held.verify(bearer, None, NOW).caller is not None


def test_no_token_stays_in_memory() -> None:
    held, bearer = keyring(), token()
    held.verify(bearer, None, NOW)
    assert bearer not in repr(vars(held))


def test_a_batch_with_one_token_verifies_it_once() -> None:
    held, bearer = keyring(), token()
    assert all(held.verify(bearer, None, NOW).caller for _ in range(200))
    assert len(held._seen) == 1


def test_what_we_issue_we_accept() -> None:
    issued = tokens.issue(SECRET, {"sub": "robert", "roles": ["service"]}, NOW, timedelta(hours=1))
    assert verify(issued).caller == Caller(user="robert", is_service=True)
    assert verify(issued, now=NOW + timedelta(hours=2)).caller is None

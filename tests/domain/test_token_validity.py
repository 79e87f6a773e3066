"""When a token is valid, where and in which role: leeway, grace, audience, to the second and the letter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from outside.claims import SECRET, token

from worker.tokens import Keyring, Verdict

NOW = datetime.now(UTC).replace(microsecond=0)
GRACE = timedelta(hours=24)
HOUR = 3600


def verify(bearer: str, sent_at: datetime | None = None, **changed: Any) -> Verdict:
    held = {"secret": SECRET, "key_set": None, "audience": None, "grace": GRACE, "leeway": timedelta(0)}
    return Keyring(**{**held, **changed}).verify(bearer, sent_at, NOW)


def at(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


LEEWAY = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("expires_before_now", "sent_at", "is_valid"),
    [
        pytest.param(29, None, True, id="within the leeway"),
        pytest.param(30, None, False, id="at its end"),
        pytest.param(HOUR + 29, at(hours=1), True, id="sent within the leeway"),
        pytest.param(HOUR + 30, at(hours=1), False, id="sent at its end"),
        pytest.param(29, at(seconds=-1), True, id="sent by a clock ahead, within the leeway of now"),
        pytest.param(30, at(seconds=-30), False, id="a clock ahead by the leeway gains nothing"),
        pytest.param(30, at(seconds=30), True, id="sent when it expired"),
        pytest.param(HOUR, at(hours=24, seconds=1), False, id="the grace has no leeway"),
    ],
)
def test_the_leeway_is_added_to_the_expiry_once(
    expires_before_now: int, sent_at: datetime | None, is_valid: bool
) -> None:
    verdict = verify(token(exp=int(NOW.timestamp()) - expires_before_now), sent_at, leeway=LEEWAY)
    assert (verdict.caller is not None) is is_valid
    assert verdict.user == "patricia"


@pytest.mark.parametrize(
    ("not_before", "sent_at", "is_valid"),
    [
        pytest.param(30, None, True, id="at the end of the leeway"),
        pytest.param(31, None, False, id="beyond it"),
        pytest.param(31, at(seconds=-30), False, id="a clock ahead by the leeway gains nothing"),
        pytest.param(30 - HOUR, at(hours=1), True, id="sent at the end of the leeway"),
        pytest.param(31 - HOUR, at(hours=1), False, id="sent too early"),
    ],
)
def test_the_leeway_is_taken_from_the_beginning_once(
    not_before: int, sent_at: datetime | None, is_valid: bool
) -> None:
    verdict = verify(token(nbf=int(NOW.timestamp()) + not_before), sent_at, leeway=LEEWAY)
    assert (verdict.caller is not None) is is_valid


def test_no_duration_however_long_and_no_instant_of_all_time_raises() -> None:
    for exp, nbf in ((253_402_300_799, -62_135_596_800), (-62_135_596_800, 253_402_300_799)):
        verdict = verify(
            token(exp=exp, nbf=nbf), datetime.min.replace(tzinfo=UTC), grace=timedelta.max, leeway=LEEWAY
        )
        assert verdict.user == "patricia"


@pytest.mark.parametrize(
    ("claims", "is_valid"),
    [
        pytest.param({"aud": "basketry"}, True, id="a string"),
        pytest.param({"aud": ["shop", "basketry"]}, True, id="a list with it"),
        pytest.param({"aud": "shop"}, False, id="another"),
        pytest.param({"aud": "Basketry"}, False, id="another case"),
        pytest.param({"aud": ["shop"]}, False, id="a list without it"),
        pytest.param({"aud": []}, False, id="an empty list"),
        pytest.param({"aud": ""}, False, id="empty"),
        pytest.param({"aud": None}, False, id="null"),
        pytest.param({"aud": {"basketry": 1}}, False, id="an object"),
        pytest.param({"aud": ["basketry", 7]}, False, id="a list that is not of names"),
        pytest.param({}, False, id="none"),
    ],
)
def test_a_token_must_name_the_audience_that_is_set(claims: dict[str, Any], is_valid: bool) -> None:
    verdict = verify(token(**claims), audience="basketry")
    assert verdict.user == ("patricia" if is_valid else None)
    assert verify(token(**claims)).user == "patricia"


@pytest.mark.parametrize(
    ("roles", "is_service", "is_operator"),
    [
        ([], False, False),
        (["service"], True, False),
        (["operator"], False, True),
        (["operator", "service"], True, True),
        (["Service", "operators", "admin", " operator"], False, False),
    ],
)
def test_two_roles_are_known_by_their_exact_names(
    roles: list[str], is_service: bool, is_operator: bool
) -> None:
    caller = verify(token(roles=roles)).caller
    assert caller is not None
    assert (caller.is_service, caller.is_operator) == (is_service, is_operator)
    assert caller.is_onlooker is (is_operator and not is_service)


def test_without_a_secret_no_secret_is_the_right_one() -> None:
    for secret in (SECRET, ""):
        assert verify(token(secret=secret), secret=None) == Verdict(caller=None, user=None)

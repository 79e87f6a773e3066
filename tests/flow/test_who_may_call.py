"""Contract 1.4: tokens: what is refused with 401, and which instant an expiry is compared with."""

import time
from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE, bearer, token
from outside.upstream import Upstream
from outside.wire import unique

HOUR = 3600
NOW = int(time.time())

REFUSED: list[tuple[str, Any]] = [
    ("no token", None),
    ("no scheme", token()),
    ("another scheme", f"Basic {token()}"),
    ("nothing after the scheme", "Bearer "),
    ("not a JWT", "Bearer nonsense"),
    ("a signature of somebody else", bearer(secret="some other secret that is long enough, too")),
    ("a signature that was cut", f"{bearer()[:-4]}"),
    ("alg none", bearer(algorithm="none")),
    ("alg None", bearer(algorithm="None")),
    ("HS512 under the right secret", bearer(algorithm="HS512")),
    ("RS256 without a key", bearer(algorithm="RS256")),
    ("no exp", bearer(without="exp")),
    ("an exp that is no number", bearer(exp="tomorrow")),
    ("an exp beyond reason", bearer(exp=10**30)),
    ("expired", bearer(exp=NOW - HOUR)),
    ("not yet valid", bearer(nbf=NOW + HOUR)),
    ("no sub", bearer(without="sub")),
    ("an empty sub", bearer("")),
    ("a sub that is no text", bearer(7)),
    ("a sub with NUL", bearer("a\0b")),
    ("roles that are no list", bearer(roles="service")),
    ("groups that are no list", bearer(groups={"a": 1})),
    ("anonymous that is no boolean", bearer(anonymous="no")),
    ("a customer that is no text", bearer(customer=7)),
    ("a header that is a number", 7),
    ("a header of bytes", bearer().encode()),
    ("a header that is a table", {"Bearer": token()}),
    ("a token that is not ASCII", "Bearer gr\u00fc\u00dfe.\u00e4.\u00f6"),
]


@pytest.mark.parametrize("header", [header for _, header in REFUSED], ids=[name for name, _ in REFUSED])
def test_a_caller_without_a_valid_token_is_refused(upstream: Upstream, header: Any) -> None:
    refused = upstream.ask("basket.create", unique("basket"), headers={"authorization": header})
    assert (refused.status, refused.error_key) == (401, "command.unauthorized.error")
    assert refused.codes == ["command.unauthorized.error"]


def test_a_command_that_waited_is_judged_by_the_time_it_was_sent(upstream: Upstream) -> None:
    expired = {"authorization": bearer(exp=NOW - HOUR)}
    accepted = upstream.ask("basket.create", unique("basket"), headers=expired, timestamp=NOW - 2 * HOUR)
    assert accepted.status == 201


@pytest.mark.parametrize(
    "timestamp",
    [
        pytest.param(None, id="nobody knows when it was sent"),
        pytest.param(NOW - HOUR + 60, id="it was sent after the expiry"),
        pytest.param(NOW + HOUR, id="it was sent in the future"),
        pytest.param(NOW - 25 * HOUR, id="it was sent longer ago than the grace"),
        pytest.param(0, id="1970"),
        pytest.param(2**63 - 1, id="the end of time"),
    ],
)
def test_an_expired_token_is_not_saved_by_a_timestamp_that_is_not_credible(
    upstream: Upstream, timestamp: int | None
) -> None:
    headers = {"authorization": bearer(exp=NOW - HOUR)}
    refused = upstream.ask("basket.create", unique("basket"), headers=headers, timestamp=timestamp)
    assert (refused.status, refused.error_key) == (401, "command.unauthorized.error")


@pytest.mark.parametrize(
    "timestamp",
    [None, NOW + HOUR, NOW - 25 * HOUR, 2**63 - 1],
    ids=["none", "of the future", "of yesterday", "the end of time"],
)
def test_a_valid_token_is_valid_whatever_the_timestamp_says(
    upstream: Upstream, timestamp: int | None
) -> None:
    assert upstream.ask("basket.create", unique("basket"), timestamp=timestamp).status == 201


def test_the_scheme_may_be_written_in_any_case(upstream: Upstream) -> None:
    headers = {"authorization": f"bearer {token()}"}
    assert upstream.ask("basket.create", unique("basket"), headers=headers).status == 201


def test_reference_data_is_for_services_alone(upstream: Upstream) -> None:
    body = {"name": "Mouse", "price": {"currencyMnemonic": "USD", "value": 9.5}, "taxRate": 19}
    for claims, status in (({}, 403), (OPERATOR, 403), (SERVICE, 204)):
        headers = {"authorization": bearer("x", **claims)}
        reply = upstream.ask("product.put", unique("sku"), body, headers=headers)
        assert reply.status == status
        assert reply.error_key == (None if status == 204 else "command.forbidden.error")


def test_no_token_and_no_person_is_in_the_log(upstream: Upstream, worker: Any) -> None:
    basket, caller = unique("basket"), unique("person")
    headers = {"authorization": bearer(caller)}
    upstream.ask("basket.create", basket, headers=headers)
    upstream.ask("basket.update", basket, {"department": "Sales", "wrong": 1}, headers=headers)
    upstream.ask("basket.shake", basket, {}, headers=headers)
    assert basket in worker.log
    assert caller not in worker.log
    assert headers["authorization"].rpartition(".")[2] not in worker.log

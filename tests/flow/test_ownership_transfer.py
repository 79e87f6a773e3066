"""Contract 2.2, `newOwnerAuthenticationToken`: a basket changes hands, and the old owner is out of it."""

from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE, token
from outside.furnishing import HOME, elements, filled, item_ids, of, quote
from outside.listener import Listener
from outside.shop import BENQ, put
from outside.upstream import Upstream
from outside.wire import command, unique

GUEST = of("guest-9", anonymous=True)
NEW_OWNER = "newOwnerAuthenticationToken"


def to(user: str, **claims: Any) -> dict[str, str]:
    return {NEW_OWNER: token(user, **claims)}


@pytest.fixture
def user() -> str:
    return unique("user")


def test_the_reply_is_the_last_thing_that_the_old_owner_sees(upstream: Upstream, user: str) -> None:
    key = filled(upstream, BENQ, headers=GUEST)
    handed_over = upstream.ask("basket.update", key, to(user), headers=GUEST)
    assert (handed_over.status, handed_over.version, handed_over.json["owner"]) == (200, 3, user)
    item = {"itemId": next(iter(item_ids(handed_over).values()))}
    for type_, body in (
        ("basket.get", None),
        ("basket.create", None),
        ("basket.update", {"department": "Sales"}),
        ("basket.update", to("guest-9")),
        ("basket.item.add", elements(BENQ)),
        ("basket.item.update", item),
        ("basket.item.remove", item),
        ("basket.checkout", None),
        ("basket.empty", None),
        ("basket.orders", None),
        ("recurrence.get", None),
    ):
        refused = upstream.ask(type_, key, body, headers=GUEST)
        assert (refused.status, refused.error_key) == (403, "basket.login_required.error"), type_
        assert refused.version is None
        assert user.encode() not in refused.body
    assert upstream.ask("basket.get", key, caller=user).body == handed_over.body


def test_a_registered_old_owner_finds_a_basket_of_somebody_else(upstream: Upstream, user: str) -> None:
    key = filled(upstream, BENQ)
    assert upstream.ask("basket.update", key, to(user)).status == 200
    for type_ in ("basket.get", "basket.update", "basket.checkout", "basket.empty"):
        refused = upstream.ask(type_, key, {} if type_ == "basket.update" else None)
        assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")


def test_in_one_burst_the_new_owner_goes_on_where_the_old_one_left_off(upstream: Upstream, user: str) -> None:
    key = filled(upstream, BENQ, headers=GUEST)
    replies = upstream.ask_all(
        [
            command("basket.update", key, {"department": "Sales", **to(user)}, headers=GUEST),
            command("basket.update", key, {"department": "Theft"}, headers=GUEST),
            command("basket.update", key, {"department": "Legal"}, caller=user),
            command("basket.update", key, to("guest-9"), headers=GUEST),
            command("basket.checkout", key, caller=user),
        ]
    )
    assert [(reply.status, reply.version) for reply in replies] == [
        (200, 3), (403, None), (200, 4), (403, None), (201, 5)
    ]  # fmt: skip
    assert (replies[-1].json["owner"], replies[-1].json["department"]) == (user, "Legal")


def test_a_repeat_of_the_handing_over_gets_the_same_reply_and_gives_nothing_back(
    upstream: Upstream, events: Listener, user: str
) -> None:
    key = filled(upstream, headers=GUEST)
    message = upstream.expecting(command("basket.update", key, to(user), headers=GUEST))
    first = upstream.ask_for(message)
    upstream.ask("basket.update", key, to("robert"), caller=user)
    assert upstream.ask_for(message).said == first.said
    assert upstream.ask("basket.get", key, caller="robert").version == 3
    events.answer(message)
    assert len(events.answers(message)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        token("guest-8", anonymous=True),
        token("late", exp=1),
        token("forged", secret="some other secret that is long enough, too"),
        token("unsigned", algorithm="none"),
        token("", algorithm="HS256"),
        token("timeless", without="exp"),
        "standard@PBEWithMD5AndTripleDES:TCgGG/e9XL0=",
        "Bearer " + token("prefixed"),
        " ",
    ],
    ids=[
        "of a guest",
        "expired",
        "forged",
        "alg none",
        "no sub",
        "no exp",
        "no JWT",
        "with a scheme",
        "blank",
    ],
)
def test_a_bad_token_is_refused_at_its_path_and_nothing_changes(upstream: Upstream, bad: str) -> None:
    key = filled(upstream, headers=GUEST)
    refused = upstream.ask("basket.update", key, {NEW_OWNER: bad, "department": "Sales"}, headers=GUEST)
    assert (refused.status, refused.error_key) == (400, "command.malformed.error")
    assert [error["path"] for error in refused.json["errors"]] == [f"$.{NEW_OWNER}"]
    assert len(bad) < 5 or bad.encode() not in refused.body
    now = upstream.ask("basket.get", key, headers=GUEST).json
    assert (now["version"], now["owner"], now.get("department")) == (1, "guest-9", None)


@pytest.mark.parametrize("bad", [7, True, ["x"], {"token": "x"}, None])
def test_a_token_that_is_no_text_is_malformed(upstream: Upstream, bad: object) -> None:
    refused = upstream.ask("basket.update", filled(upstream), {NEW_OWNER: bad})
    assert (refused.error_key, refused.json["errors"][0]["path"]) == (
        "command.malformed.error",
        f"$.{NEW_OWNER}",
    )


def test_handing_over_to_oneself_changes_nothing(upstream: Upstream) -> None:
    key = filled(upstream, BENQ)
    assert upstream.ask("basket.update", key, to("patricia")).version == 2


def test_a_service_hands_over_for_its_user_and_an_operator_for_nobody(upstream: Upstream, user: str) -> None:
    key = filled(upstream)
    for headers, error_key in (
        (of("catalogue", **SERVICE), "basket.wrong_basket_id.error"),
        (of("watcher", **OPERATOR), "basket.wrong_basket_id.error"),
        (of("patricia", **OPERATOR), "command.forbidden.error"),
    ):
        refused = upstream.ask("basket.update", key, to(user), headers=headers)
        assert (refused.status, refused.error_key) == (403, error_key)
    assert (
        upstream.ask("basket.update", key, to(user), headers=of("patricia", **SERVICE)).json["owner"] == user
    )


@pytest.mark.parametrize(("expected", "status"), [(1, 412), (3, 412), (2, 200)])
def test_the_expected_version_is_asked_for_first(
    upstream: Upstream, user: str, expected: int, status: int
) -> None:
    key = filled(upstream, BENQ)
    headers: dict[str, Any] = {**of("patricia"), "expected-version": expected}
    reply = upstream.ask("basket.update", key, to(user), headers=headers)
    assert reply.status == status
    owner = user if status == 200 else "patricia"
    assert upstream.ask("basket.get", key, caller=owner).json["version"] == (3 if status == 200 else 2)


def test_the_new_owners_customer_counts_from_here_on(upstream: Upstream, user: str) -> None:
    """The cost center is one of the new owner's customer, and so are the quotes."""
    customer, center, quoted = unique("customer"), unique("center"), unique("quote")
    for type_, id_, body in (
        ("customer.put", customer, {"business": True}),
        ("cost-center.put", center, {"customer": customer}),
        ("quote.put", quoted, quote(customer, BENQ)),
    ):
        put(upstream, type_, id_, body)
    key = filled(upstream, BENQ, headers=GUEST)
    early = upstream.ask("basket.update", key, {"costCenterID": center}, headers=GUEST)
    assert early.error_key == "basket.cost_center.no_customer.error"
    body = {"costCenterID": center, "invoiceToAddress": HOME, **to(user, customer=customer)}
    shown = upstream.ask("basket.update", key, body, headers=GUEST)
    assert (shown.status, shown.json["costCenterID"], shown.version) == (200, center, 3)
    headers = of(user, customer=customer)
    assert upstream.ask("basket.item.add", key, {"quoteID": quoted}, headers=headers).status == 201
    order = upstream.ask("basket.checkout", key, headers=headers).json
    assert (order["owner"], order["costCenterID"]) == (user, center)


def test_orders_placed_before_stay_with_who_placed_them(upstream: Upstream, user: str) -> None:
    key = filled(upstream, BENQ)
    order = upstream.ask("basket.checkout", key).json
    upstream.ask("basket.create", key)
    assert upstream.ask("basket.update", key, to(user)).status == 200
    assert upstream.ask("order.get", order["id"]).json == order
    assert upstream.ask("order.get", order["id"], caller=user).error_key == "command.forbidden.error"
    assert upstream.ask("basket.orders", key).error_key == "basket.wrong_basket_id.error"


def test_a_basket_that_was_given_away_is_in_the_new_owners_list(upstream: Upstream, user: str) -> None:
    giver = unique("user")
    key = filled(upstream, BENQ, caller=giver)
    upstream.ask("basket.update", key, to(user), caller=giver)
    lists = [upstream.ask("basket.list", one, caller=one).json["baskets"] for one in (giver, user)]
    assert [[basket["id"] for basket in listed] for listed in lists] == [[], [key]]

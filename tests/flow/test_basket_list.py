"""Contract 2.1: `basket.list` pages through the caller's open baskets by id, as they are by then."""

from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE
from outside.furnishing import elements, filled, of
from outside.shop import BENQ, PROBOOK, open_shop, put, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique


@pytest.fixture
def user() -> str:
    return unique("user")


def listed(upstream: Upstream, user: str, body: object = None, **options: Any) -> list[str]:
    return [
        one["id"] for one in upstream.ask("basket.list", user, body, caller=user, **options).json["baskets"]
    ]


def create(upstream: Upstream, user: str, *keys: str) -> None:
    replies = upstream.ask_all([command("basket.create", key, caller=user) for key in keys])
    assert {reply.status for reply in replies} == {201}


def test_a_basket_is_shown_with_its_version_its_last_change_and_its_total(
    upstream: Upstream, user: str, stage: Stage
) -> None:
    key = filled(upstream, BENQ, PROBOOK, caller=user)
    page = upstream.ask("basket.list", user, caller=user)
    ((changed_at,),) = stage.rows("select changed_at from basket where id = %s", key)
    assert page.json == {
        "baskets": [
            {
                "id": key,
                "version": 2,
                "changed": changed_at.isoformat().replace("+00:00", "Z"),
                "total": {"type": "Money", **usd(1209.28)},
            }
        ]
    }
    assert dict(page.headers) == {
        "status": 200,
        "command": "basket.list",
        "key": user,
        "channel": "shop",
        "causation-id": page.correlation_id,
        "contract-version": 1,
    }


def test_who_has_none_gets_an_empty_list(upstream: Upstream, user: str) -> None:
    assert upstream.ask("basket.list", user, caller=user).json == {"baskets": []}


def test_baskets_are_paged_by_id_each_once(upstream: Upstream, user: str) -> None:
    keys = [f"{user}-{name}" for name in ("b", "A", "a", "10", "9", "Z", "~", "a!", "a-b", "_")]
    create(upstream, user, *keys)
    whole = listed(upstream, user)
    assert sorted(whole) == sorted(keys)
    paged, body = [], {"limit": 3}
    while True:
        page = upstream.ask("basket.list", user, body, caller=user).json
        paged.append([one["id"] for one in page["baskets"]])
        if "next" not in page:
            break
        assert page["next"] == paged[-1][-1]
        body = {"limit": 3, "after": page["next"]}
    assert [len(page) for page in paged] == [3, 3, 3, 1]
    assert [key for page in paged for key in page] == whole


def test_a_full_last_page_has_no_next(upstream: Upstream, user: str) -> None:
    create(upstream, user, f"{user}-1", f"{user}-2")
    for limit, has_next in ((1, True), (2, False), (100, False)):
        assert ("next" in upstream.ask("basket.list", user, {"limit": limit}, caller=user).json) is has_next


def test_twenty_are_shown_when_nobody_says_how_many(upstream: Upstream, user: str) -> None:
    create(upstream, user, *(f"{user}-{number:02}" for number in range(21)))
    page = upstream.ask("basket.list", user, caller=user).json
    assert (len(page["baskets"]), page["next"]) == (20, f"{user}-19")
    assert listed(upstream, user, {"after": f"{user}-19"}) == [f"{user}-20"]


def test_a_page_may_begin_behind_a_basket_that_is_gone(upstream: Upstream, user: str) -> None:
    create(upstream, user, f"{user}-1", f"{user}-2", f"{user}-3")
    upstream.ask("basket.empty", f"{user}-2", caller=user)
    assert listed(upstream, user, {"after": f"{user}-2"}) == [f"{user}-3"]
    assert listed(upstream, user) == [f"{user}-1", f"{user}-3"]


def test_only_open_ones_of_the_caller_and_of_the_channel_are_listed(upstream: Upstream, user: str) -> None:
    channel, other = unique("channel"), unique("user")
    open_shop(upstream, channel)
    mine = filled(upstream, BENQ, caller=user)
    ordered = filled(upstream, BENQ, caller=user)
    there = filled(upstream, BENQ, caller=user, channel=channel)
    filled(upstream, BENQ, caller=other)
    upstream.ask("basket.checkout", ordered, caller=user)
    assert listed(upstream, user) == [mine]
    assert listed(upstream, user, channel=channel) == [there]


@pytest.mark.parametrize(
    ("caller", "claims", "status"),
    [
        ("mallory", {}, 403),
        ("guest", {"anonymous": True}, 403),
        ("erp", SERVICE, 403),
        ("ops", OPERATOR, 200),
    ],
)
def test_the_key_is_the_callers_own_sub(
    upstream: Upstream, user: str, caller: str, claims: dict[str, Any], status: int
) -> None:
    key = filled(upstream, caller=user)
    reply = upstream.ask("basket.list", user, headers=of(caller, **claims))
    assert (reply.status, reply.error_key) == (status, None if status == 200 else "command.forbidden.error")
    if status == 200:
        assert [one["id"] for one in reply.json["baskets"]] == [key]
    else:
        assert key.encode() not in reply.body


def test_a_guest_has_a_list_of_their_own(upstream: Upstream) -> None:
    guest = unique("guest")
    headers = of(guest, anonymous=True)
    key = filled(upstream, headers=headers)
    assert [one["id"] for one in upstream.ask("basket.list", guest, headers=headers).json["baskets"]] == [key]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"limit": 0}, "$.limit"),
        ({"limit": 101}, "$.limit"),
        ({"limit": "7"}, "$.limit"),
        ({"after": 7}, "$.after"),
    ],
)
def test_a_page_that_cannot_be_is_malformed(upstream: Upstream, user: str, body: object, path: str) -> None:
    refused = upstream.ask("basket.list", user, body, caller=user)
    assert (refused.error_key, refused.json["errors"][0]["path"]) == ("command.malformed.error", path)


def test_in_one_burst_a_list_sees_every_change_before_it_and_none_behind_it(
    upstream: Upstream, user: str
) -> None:
    """All under one key, the caller's own basket: so the order is the publisher's."""
    own: dict[str, Any] = {"caller": user}
    replies = upstream.ask_all(
        [
            command("basket.list", user, **own),
            command("basket.create", user, **own),
            command("basket.list", user, **own),
            command("basket.item.add", user, elements(BENQ), **own),
            command("basket.list", user, **own),
            command("basket.update", user, {"department": "Sales"}, **own),
            command("basket.list", user, **own),
            command("basket.checkout", user, **own),
            command("basket.list", user, **own),
            command("basket.create", user, **own),
            command("basket.list", user, **own),
        ]
    )
    pages = [reply.json["baskets"] for reply in replies[::2]]
    assert [[(one["version"], one["total"]["value"]) for one in page] for page in pages] == [
        [], [(1, 0)], [(2, 210.28)], [(3, 210.28)], [], [(5, 0)]
    ]  # fmt: skip


def test_a_total_is_the_stored_one_until_the_next_change(upstream: Upstream, user: str) -> None:
    sku = unique("sku")
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(1), "taxRate": 0})
    key = filled(upstream, sku, caller=user)
    put(upstream, "product.put", sku, {"name": "Mouse", "price": usd(2), "taxRate": 0})
    totals = []
    for _ in range(2):
        page = upstream.ask("basket.list", user, caller=user).json
        totals.append(page["baskets"][0]["total"]["value"])
        upstream.ask("basket.update", key, {"department": "Sales"}, caller=user)
    assert totals == [1, 2]

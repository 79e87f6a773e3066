"""Contract 6.1 over the wire: a recurrence set with `basket.update`, and every way in which it is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from outside.listener import Listener
from outside.shop import open_shop
from outside.upstream import Upstream
from outside.wire import command, unique

JUNE_2030 = 1_907_402_400_000  # 2030-06-11T10:00:00Z
QUARTERLY = {"startDate": JUNE_2030, "interval": "P3M"}
QUIET = "quiet"  # a channel that has no recurring orders


@pytest.fixture(scope="module")
def _quiet_channel(live: Any) -> None:
    with Upstream(live.broker_url) as upstream:
        open_shop(upstream, QUIET)


@pytest.mark.parametrize(
    ("sent", "error_key", "named"),
    [
        ({"startDate": JUNE_2030}, "basket.recurrence_missing_interval.error", ["interval"]),
        ({"startDate": JUNE_2030, "interval": ""}, "basket.recurrence_missing_interval.error", ["interval"]),
        ({"interval": "P1M"}, "basket.recurrence_missing_start_date.error", ["startDate"]),
        ({}, "basket.recurrence_missing_interval.error", ["interval", "startDate"]),
        ({"repetitions": 3}, "basket.recurrence_missing_interval.error", ["interval", "startDate"]),
    ],
)
def test_a_missing_attribute_is_named(
    buyer: Upstream, basket: str, sent: dict[str, Any], error_key: str, named: list[str]
) -> None:
    reply = buyer.ask("basket.update", basket, {"recurrence": sent})
    assert (reply.status, reply.error_key) == (400, error_key)
    errors = reply.json["errors"]
    assert [error["path"] for error in errors] == [f"$.recurrence.{name}" for name in named]
    assert all(name in error["message"] for name, error in zip(named, errors, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"interval": "P-1M"},
        {"interval": "-P1M"},
        {"interval": "P1M-1D"},
        {"interval": "P"},
        {"interval": "1M"},
        {"interval": "PT1H"},
        {"interval": "P2D1W"},
        {"interval": 3},
        {"startDate": "1969-12-31T23:59:59Z"},
        {"startDate": "2030-02-30T00:00:00Z"},
        {"startDate": "2030-06-11T10:00:00+99:00"},
        {"startDate": -1},
        {"endDate": "never"},
        {"endDate": "2030-06-11T09:59:59Z"},
        {"repetitions": 0},
        {"repetitions": 1.5},
        {"repetitions": "42"},
        {"timeZone": "Europe/Atlantis"},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_with_its_path(buyer: Upstream, basket: str, change: dict[str, Any]) -> None:
    reply = buyer.ask("basket.update", basket, {"recurrence": {**QUARTERLY, **change}})
    assert (reply.status, reply.error_key) == (400, "basket.recurrence_invalid.error")
    assert [error["path"] for error in reply.json["errors"]] == [f"$.recurrence.{next(iter(change))}"]
    assert "recurrence" not in buyer.ask("basket.get", basket).json


def test_an_unknown_field_and_a_wrong_type_have_their_own_keys(buyer: Upstream, basket: str) -> None:
    unknown = buyer.ask("basket.update", basket, {"recurrence": {**QUARTERLY, "every": "month"}})
    assert (unknown.status, unknown.error_key) == (400, "command.unknown_field.error")
    assert unknown.json["errors"][0]["path"] == "$.recurrence.every"
    wrong = buyer.ask("basket.update", basket, {"recurrence": {**QUARTERLY, "executeMissedOrders": "yes"}})
    assert (wrong.status, wrong.error_key) == (400, "command.malformed.error")
    assert wrong.json["errors"][0]["path"] == "$.recurrence.executeMissedOrders"


def test_all_or_nothing(buyer: Upstream, basket: str) -> None:
    refused = buyer.ask("basket.update", basket, {"department": "Sales", "recurrence": {"interval": "P1M"}})
    assert refused.status == 400
    assert "department" not in buyer.ask("basket.get", basket).json


@pytest.mark.usefixtures("_quiet_channel")
@pytest.mark.parametrize("recurrence", [QUARTERLY, {"interval": "P0D"}, {}, {"interval": "P"}])
def test_while_the_feature_is_off_every_recurrence_is_501(
    buyer: Upstream, recurrence: dict[str, Any]
) -> None:
    key = unique("basket")
    buyer.ask("basket.create", key, channel=QUIET)
    reply = buyer.ask("basket.update", key, {"recurrence": recurrence}, channel=QUIET)
    assert (reply.status, reply.error_key) == (501, "error.recurring_orders.disabled")
    assert buyer.ask("basket.update", key, {"department": "D"}, channel=QUIET).status == 200


@pytest.mark.usefixtures("_quiet_channel")
def test_501_comes_before_all_that_is_wrong_with_the_rest(buyer: Upstream) -> None:
    key = unique("basket")
    buyer.ask("basket.create", key, channel=QUIET)
    body = {"recurrence": {"interval": "P"}, "costCenterID": "4711", "commonShippingMethod": {"id": "X"}}
    reply = buyer.ask("basket.update", key, body, channel=QUIET)
    assert (reply.status, reply.codes[0]) == (501, "error.recurring_orders.disabled")
    assert len(reply.codes) == 3


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("P4W", "P28D"),
        ("P1Y2M3W4D", "P1Y2M25D"),
        ("p1m", "P1M"),
        ("+P1M", "P1M"),
        ("P01M", "P1M"),
        ("P1Y0M", "P1Y"),
        ("P1W2D", "P9D"),
        ("P12M", "P12M"),
        ("P14M", "P14M"),
    ],
)
def test_the_representation_shows_the_normal_form(
    buyer: Upstream, basket: str, sent: str, shown: str
) -> None:
    recurrence = {
        "type": "Recurrence",
        "startDate": "2030-06-11T12:00:00+02:00",
        "endDate": "2031-06-11T10:00:00.000Z",
        "interval": sent,
        "repetitions": 5,
        "executeMissedOrders": False,
    }
    reply = buyer.ask("basket.update", basket, {"recurrence": recurrence})
    assert reply.status == 200
    assert {name: value for name, value in reply.json["recurrence"].items() if name != "type"} == {
        "startDate": JUNE_2030,
        "endDate": 1_938_938_400_000,
        "interval": shown,
        "repetitions": 5,
        "executeMissedOrders": False,
    }


def test_what_was_not_sent_is_not_shown_but_for_missed_orders(buyer: Upstream, basket: str) -> None:
    shown = buyer.ask("basket.update", basket, {"recurrence": QUARTERLY}).json["recurrence"]
    assert {name: value for name, value in shown.items() if name != "type"} == {
        "startDate": JUNE_2030,
        "interval": "P3M",
        "executeMissedOrders": True,
    }


def test_setting_changing_and_removing_are_changes_of_the_basket_and_each_is_announced(
    buyer: Upstream, heard: Listener, basket: str
) -> None:
    versions, sent = [], []
    for recurrence in (
        QUARTERLY,
        QUARTERLY,
        {**QUARTERLY, "repetitions": 4},
        {"interval": "P0D"},
        {"interval": "P0M"},
    ):
        sent.append(command("basket.update", basket, {"recurrence": recurrence}))
        versions.append(buyer.ask_for(buyer.expecting(sent[-1])).version)
    assert versions == [3, 3, 4, 5, 5]
    assert heard.until(lambda: len(about(heard, basket)) >= 8)
    assert [event.type for event in about(heard, basket)] == [
        "command.completed",
        "recurrence.started",
        "command.completed",
        "command.completed",
        "recurrence.changed",
        "command.completed",
        "recurrence.removed",
        "command.completed",
    ]
    started = about(heard, basket)[1]
    assert (started.causation_id, started.version, started.headers["channel"]) == (
        sent[0].message_id,
        3,
        "shop",
    )
    assert started.json == {
        "basketId": basket,
        "generation": 1,
        "state": "active",
        "recurrence": {"startDate": "2030-06-11T10:00:00Z", "interval": "P3M", "executeMissedOrders": True},
        "nextOrderDate": "2030-06-11T10:00:00Z",
        "orderCount": 0,
    }


def test_a_removed_recurrence_is_gone_from_the_representation(buyer: Upstream, basket: str) -> None:
    buyer.ask("basket.update", basket, {"recurrence": QUARTERLY})
    removed = buyer.ask("basket.update", basket, {"recurrence": {"interval": "P0D", "startDate": JUNE_2030}})
    assert (removed.status, "recurrence" in removed.json) == (200, False)
    assert buyer.ask("recurrence.get", basket).error_key == "recurrence.not_found.error"


def test_a_pause_and_a_resume_are_answered_with_what_get_shows(buyer: Upstream, basket: str) -> None:
    buyer.ask("basket.update", basket, {"recurrence": QUARTERLY})
    active = buyer.ask("recurrence.get", basket).json
    paused = buyer.ask("recurrence.pause", basket)
    assert (paused.status, paused.version, paused.json) == (200, 3, {**active, "state": "paused"})
    assert buyer.ask("recurrence.get", basket).json == paused.json
    resumed = buyer.ask("recurrence.resume", basket, {"missed": "none"})
    assert (resumed.status, resumed.version, resumed.json) == (200, 3, active)


def test_a_pause_until_shows_until_when(buyer: Upstream, basket: str) -> None:
    buyer.ask("basket.update", basket, {"recurrence": QUARTERLY})
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    shown = buyer.ask("recurrence.pause", basket, {"until": until.isoformat()}).json
    assert shown["pausedUntil"] == until.isoformat().replace("+00:00", "Z")


def test_a_preview_is_a_reply_and_nothing_else(buyer: Upstream, heard: Listener, basket: str) -> None:
    sent = {"recurrence": {**QUARTERLY, "interval": "P1M"}, "count": 2}
    reply = buyer.ask("recurrence.preview", basket, sent)
    assert (reply.status, reply.json) == (
        200,
        {
            "occurrences": [
                {"occurrence": 0, "dueAt": "2030-06-11T10:00:00Z"},
                {"occurrence": 1, "dueAt": "2030-07-11T10:00:00Z"},
            ]
        },
    )
    heard.answer(buyer.tell("basket.update", basket, {"department": "Sales"}))
    assert [event.type for event in about(heard, basket)] == ["command.completed"]


def about(heard: Listener, key: str) -> list[Any]:
    """Give what was said of a basket since it was made and filled."""
    return [event for event in heard.by_key().get(key, []) if (event.version or 0) > 2]

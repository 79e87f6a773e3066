"""What one step of an erasure takes out of orders, answers and dead letters, and what it leaves alone."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import values
from msgspec import structs
from sqlalchemy import Connection, text

from worker.store import dead_letters, erasure, outbox
from worker.store.dead_letters import DeadLetter
from worker.store.erasure import Erasure, Owned
from worker.store.outbox import Event

PERSONAL = {
    "invoiceToAddress": {"lastName": "Miller"},
    "commonShipToAddress": {"lastName": "Miller"},
    "shippingBuckets": [{"shipToAddress": {"lastName": "Miller"}}],
    "department": "Miller's",
    "taxationID": "0123",
    "externalOrderReferenceID": "4711",
    "costCenterID": "511288",
}
KEPT = {"id": "o", "number": "7", "totals": {"basketTotal": 12.5}, "lineItems": [{"sku": "s", "quantity": 3}]}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PAT = Erasure(channel="c", owner="pat", asked_at=NOON)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


def order(
    tx: Connection,
    id_: str,
    *,
    owner: str = "pat",
    basket: str = "b",
    channel: str = "c",
    placed_at: datetime = NOON,
) -> None:
    document = {"id": id_, "owner": owner, "total": ["USD", "12.5"]}
    shown = {**KEPT, **PERSONAL, "owner": owner}
    tx.execute(
        text("INSERT INTO customer_order VALUES (:channel, :id, :id, :basket, :owner, :at, :document)"),
        {
            "channel": channel,
            "id": id_,
            "basket": basket,
            "owner": owner,
            "at": placed_at,
            "document": json.dumps({**document, "document": shown}),
        },
    )


def orders(tx: Connection) -> dict[str, tuple[str, Any]]:
    rows = tx.execute(text("SELECT id, owner, document FROM customer_order WHERE channel IN ('c', 'd')"))
    return {row.id: (row.owner, row.document) for row in rows}


def given_away(tx: Connection, basket: str, *former: tuple[str, datetime], channel: str = "c") -> None:
    """Note who had a basket, each until an instant."""
    for owner, until in former:
        tx.execute(
            text("INSERT INTO handover VALUES (:channel, :basket, :owner, :until)"),
            {"channel": channel, "basket": basket, "owner": owner, "until": until},
        )


def said(
    tx: Connection, key: str, at: datetime = NOON, *, channel: str = "c", has_left: bool = True
) -> Event:
    event = structs.replace(values.event(key, channel=channel), body='{"lastName":"Miller"}')
    outbox.append(tx, [event])
    tx.execute(
        text("UPDATE outbox SET created_at = :at WHERE event_id = :id"), {"at": at, "id": event.event_id}
    )
    if has_left:
        outbox.mark_published(tx, [event])
    return event


def emptied(tx: Connection, *events: Event) -> list[bool]:
    bodies = {row.event_id: row.body for row in tx.execute(text("SELECT event_id, body FROM outbox"))}
    assert {bodies[event.event_id] for event in events} <= {"", '{"lastName":"Miller"}'}
    return [not bodies[event.event_id] for event in events]


def redact_answers(tx: Connection, who: Erasure = PAT, limit: int = 100) -> int:
    return erasure.redact_answers(tx, who, erasure.taken_from(tx, who, "", 100), limit)


def test_an_order_loses_its_person_and_keeps_its_sums(tx: Connection) -> None:
    order(tx, "o-1")
    assert erasure.redact_orders(tx, PAT, 10) == 1
    assert orders(tx) == {
        "o-1": ("", {"id": "o-1", "owner": "", "total": ["USD", "12.5"], "document": {**KEPT, "owner": ""}})
    }
    assert erasure.redact_orders(tx, PAT, 10) == 0, "what is done is not looked at again"


@pytest.mark.parametrize(
    ("other", "is_erased"),
    [
        ({"owner": "pat", "basket": "x"}, True),
        ({"owner": "robert", "basket": "x"}, False),
        ({"owner": "robert", "basket": "b"}, False),
        ({"owner": "", "basket": "b"}, False),
        ({"owner": "pat", "channel": "d"}, False),
        ({"owner": "pat", "basket": "x", "placed_at": NOON + MOMENT}, False),
    ],
)
def test_orders_are_those_that_are_still_the_persons_own_and_no_former_owners(
    tx: Connection, other: dict[str, Any], is_erased: bool
) -> None:
    given_away(tx, "b", ("robert", NOON - HOUR), ("pat", NOON))
    order(tx, "o-1", **other)
    before = orders(tx)
    assert erasure.redact_orders(tx, PAT, 10) == is_erased
    assert (orders(tx) != before) is is_erased


def test_orders_are_taken_so_many_at_a_time(tx: Connection) -> None:
    for number in range(5):
        order(tx, f"o-{number}")
    assert [erasure.redact_orders(tx, PAT, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert {owner for owner, _ in orders(tx).values()} == {""}


def test_what_has_left_is_emptied_and_what_has_not_keeps_its_basket_noted(tx: Connection) -> None:
    given_away(tx, "b", ("pat", NOON))
    given_away(tx, "a", ("pat", NOON))
    gone, pending = said(tx, "b"), said(tx, "b", has_left=False)
    other, elsewhere, done = said(tx, "x"), said(tx, "b", channel="d"), said(tx, "a")
    assert redact_answers(tx) == 2
    assert emptied(tx, gone, pending, other, elsewhere, done) == [True, False, False, False, True]
    assert [one.basket_id for one in erasure.taken_from(tx, PAT, "", 100)] == ["b"]
    assert pending in outbox.pending(tx, [pending.partition], 100), "it leaves whole"
    assert redact_answers(tx) == 0
    outbox.mark_published(tx, [pending])
    assert emptied(tx, pending) == [False]
    assert redact_answers(tx) == 1
    assert emptied(tx, gone, pending, other, elsewhere) == [True, True, False, False]
    assert erasure.taken_from(tx, PAT, "", 100) == []


def test_answers_are_a_persons_from_the_handover_before_until_their_own(tx: Connection) -> None:
    given_away(tx, "b", ("robert", NOON - 2 * HOUR), ("pat", NOON), ("heir", NOON + HOUR))
    given_away(tx, "b", ("robert", NOON - MOMENT), channel="d")
    roberts, first, last, heirs = (
        said(tx, "b", at) for at in (NOON - 2 * HOUR, NOON - 2 * HOUR + MOMENT, NOON, NOON + MOMENT)
    )
    assert erasure.taken_from(tx, PAT, "", 100) == [Owned(basket_id="b", since=NOON - 2 * HOUR, until=NOON)]
    assert redact_answers(tx) == 2
    assert emptied(tx, roberts, first, last, heirs) == [False, True, True, False]
    assert redact_answers(tx, structs.replace(PAT, owner="heir")) == 1
    assert emptied(tx, roberts, heirs) == [False, True]


def test_a_basket_that_came_back_is_theirs_for_each_time_they_had_it(tx: Connection) -> None:
    given_away(tx, "b", ("pat", NOON - 2 * HOUR), ("robert", NOON - HOUR), ("pat", NOON))
    early, roberts, late = (said(tx, "b", NOON - number * HOUR - MOMENT) for number in (2, 1, 0))
    assert redact_answers(tx) == 2
    assert emptied(tx, early, roberts, late) == [True, False, True]
    assert erasure.taken_from(tx, PAT, "", 100) == []


def test_answers_are_taken_so_many_at_a_time_and_the_basket_is_noted_until_the_last(tx: Connection) -> None:
    given_away(tx, "b", ("pat", NOON))
    events = [said(tx, "b") for _ in range(5)]
    for number, is_noted in ((2, True), (2, True), (1, False)):
        assert redact_answers(tx, limit=2) == number
        assert bool(erasure.taken_from(tx, PAT, "", 100)) is is_noted
    assert all(emptied(tx, *events))


def letter(key: str, user: str | None, *, channel: str = "c") -> DeadLetter:
    return DeadLetter(
        key=key,
        channel=channel,
        type="basket.update",
        message_id="m",
        cause="command.internal_error",
        detail="Traceback of Miller",
        claims=None if user is None else {"user": user},
        properties={"correlation_id": "Miller"},
        headers={"note": "Miller"},
        body=b"Miller",
        event_id=uuid4(),
    )


@pytest.mark.parametrize(
    ("parked", "at", "is_erased"),
    [
        (letter("anything", "pat"), NOON, True),
        (letter("anything", "pat"), NOON + MOMENT, False),
        (letter("b", None), NOON, True),
        (letter("b", "robert"), NOON, True),
        (letter("b", None), NOON + MOMENT, False),
        (letter("b", None), NOON - HOUR, False),
        (letter("x", "robert"), NOON, False),
        (letter("x", None), NOON, False),
        (letter("b", "pat", channel="d"), NOON, False),
    ],
)
def test_dead_letters_of_the_person_or_about_their_baskets_are_discarded_and_counted(
    tx: Connection, parked: DeadLetter, at: datetime, is_erased: bool
) -> None:
    tx.execute(text("DELETE FROM dead_letter"))
    dead_letters.park(tx, [parked])
    tx.execute(text("UPDATE dead_letter SET parked_at = :at"), {"at": at})
    given_away(tx, "b", ("robert", NOON - HOUR), ("pat", NOON))
    while erasure.redact_letters(tx, PAT, 1):
        pass
    redact_answers(tx)
    (row,) = tx.execute(text("SELECT d.*, d::text || encode(body, 'escape') AS whole FROM dead_letter d"))
    assert ("Miller" not in row.whole) is is_erased
    assert (row.state, row.cause, row.type) == (
        "discarded" if is_erased else "parked", "command.internal_error", "basket.update"
    )  # fmt: skip


def test_an_erasure_is_taken_by_one_and_not_waited_for_by_another(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    first, second = session(), session()
    erasure.ask(first, [Erasure(channel=unique(), owner="pat", causation_id="m-1", traceparent="00-1")])
    first.commit()
    (mine,) = (who for who in erasure.asked(first, None, 1000) if who.causation_id == "m-1")
    assert (mine.owner, mine.traceparent, mine.asked_at is None) == ("pat", "00-1", False)
    assert erasure.claim(first, mine)
    assert not erasure.claim(second, mine)
    erasure.ask(second, [mine])
    second.commit()
    erasure.finish(first, mine)
    first.commit()
    assert not erasure.claim(second, mine), "it is done"
    (again,) = (who for who in erasure.asked(second, None, 1000) if who.channel == mine.channel)
    assert again.asked_at != mine.asked_at, "who is asked for again is another one to be done"
    erasure.finish(second, again)
    second.commit()


def test_an_erasure_finds_orders_answers_and_baskets_by_their_indexes(tx: Connection) -> None:
    tx.execute(
        text("""
        INSERT INTO customer_order
        SELECT 'c', n::text, n::text, 'basket-' || n % 3000, 'owner-' || n % 3000, now(), '{"document": {}}'
        FROM generate_series(1, 20000) AS n
        """)
    )
    tx.execute(
        text(
            "INSERT INTO handover SELECT 'c', n::text, 'owner-' || n % 3000 FROM generate_series(1, 20000) n"
        )
    )
    outbox.append(tx, [values.event(f"basket-{number % 500}", channel="c") for number in range(5000)])
    for table in ("customer_order", "handover", "outbox"):
        tx.execute(text(f"ANALYZE {table}"))
    asked = {
        "channel": "c", "owner": "owner-7", "asked_at": NOON, "personal": erasure._PERSONAL,
        "after": "", "limit": 9,
        "baskets": ["basket-7", "basket-8"], "sinces": [NOON] * 2, "untils": [NOON] * 2,
    }  # fmt: skip
    for statement, index in (
        (erasure._ORDERS, "customer_order_by_owner"),
        (erasure._THEIRS, "handover_by_former_owner"),
        (erasure._ANSWERS, "one_row_per_event"),
        (erasure._SETTLED, "one_row_per_event"),
    ):
        parameters = {name: value for name, value in asked.items() if f":{name}" in statement.text}
        plan = "\n".join(tx.execute(text(f"EXPLAIN {statement.text}"), parameters).scalars())
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan

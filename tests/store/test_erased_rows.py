"""What `erasure.redact` takes out of orders, answers and dead letters, and what it leaves alone."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import values
from msgspec import structs
from sqlalchemy import Connection, text

from worker.store import dead_letters, erasure, outbox
from worker.store.dead_letters import DeadLetter
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


def order(tx: Connection, id_: str, *, owner: str = "pat", basket: str = "b", channel: str = "c") -> None:
    document = {"id": id_, "owner": owner, "total": ["USD", "12.5"]}
    shown = {**KEPT, **PERSONAL, "owner": owner}
    tx.execute(
        text("INSERT INTO customer_order VALUES (:channel, :id, :id, :basket, :owner, :at, :document)"),
        {
            "channel": channel,
            "id": id_,
            "basket": basket,
            "owner": owner,
            "at": datetime(2026, 3, 1, tzinfo=UTC),
            "document": json.dumps({**document, "document": shown}),
        },
    )


def orders(tx: Connection) -> dict[str, tuple[str, Any]]:
    rows = tx.execute(text("SELECT id, owner, document FROM customer_order WHERE channel IN ('c', 'd')"))
    return {row.id: (row.owner, row.document) for row in rows}


def test_an_order_loses_its_person_and_keeps_its_sums(tx: Connection) -> None:
    order(tx, "o-1")
    erasure.redact(tx, "c", "pat", [])
    assert orders(tx) == {
        "o-1": ("", {"id": "o-1", "owner": "", "total": ["USD", "12.5"], "document": {**KEPT, "owner": ""}})
    }


@pytest.mark.parametrize(
    ("other", "is_erased"),
    [
        ({"owner": "robert", "basket": "x"}, False),
        ({"owner": "pat", "basket": "x"}, True),
        ({"owner": "robert", "basket": "b"}, True),
        ({"owner": "pat", "channel": "d"}, False),
    ],
)
def test_orders_are_a_persons_own_and_those_of_baskets_that_were_theirs(
    tx: Connection, other: dict[str, str], is_erased: bool
) -> None:
    order(tx, "o-1", **other)
    before = orders(tx)
    erasure.redact(tx, "c", "pat", ["a", "b"])
    assert (orders(tx) != before) is is_erased


def events(tx: Connection) -> list[tuple[str, bool, str]]:
    rows = tx.execute(
        text("SELECT key, is_erased, body FROM outbox WHERE channel IN ('c', 'd') ORDER BY seq")
    )
    return [(row.key, row.is_erased, row.body) for row in rows]


def said(key: str, channel: str = "c") -> Event:
    return structs.replace(values.event(key, channel=channel), body='{"lastName":"Miller"}')


def test_what_has_left_is_emptied_at_once_and_what_has_not_when_it_leaves(tx: Connection) -> None:
    gone, pending, other, elsewhere = said("b"), said("b"), said("x"), said("b", "d")
    outbox.append(tx, [gone, pending, other, elsewhere])
    outbox.mark_published(tx, [gone, other])
    erasure.redact(tx, "c", "pat", ["a", "b"])
    assert events(tx) == [
        ("b", True, ""), ("b", True, pending.body), ("x", False, other.body), ("b", False, elsewhere.body)
    ]  # fmt: skip
    waiting = outbox.pending(tx, [pending.partition], 100)
    assert pending in waiting, "it leaves whole"
    assert outbox.mark_published(tx, [pending, elsewhere]) == 2
    assert [body for _, _, body in events(tx)] == ["", "", other.body, elsewhere.body]


def test_an_erasure_again_finds_the_same_and_changes_nothing(tx: Connection) -> None:
    outbox.append(tx, [said("b")])
    order(tx, "o-1")
    erasure.redact(tx, "c", "pat", ["b"])
    before = events(tx), orders(tx)
    erasure.redact(tx, "c", "pat", ["b"])
    assert (events(tx), orders(tx)) == before


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
    ("parked", "is_erased"),
    [
        (letter("anything", "pat"), True),
        (letter("b", None), True),
        (letter("b", "robert"), True),
        (letter("x", "robert"), False),
        (letter("x", None), False),
        (letter("b", "pat", channel="d"), False),
    ],
)
def test_dead_letters_of_the_person_or_about_their_baskets_are_discarded_and_counted(
    tx: Connection, parked: DeadLetter, is_erased: bool
) -> None:
    tx.execute(text("DELETE FROM dead_letter"))
    dead_letters.park(tx, [parked])
    erasure.redact(tx, "c", "pat", ["a", "b"])
    (row,) = tx.execute(text("SELECT d.*, d::text || encode(body, 'escape') AS whole FROM dead_letter d"))
    assert ("Miller" not in row.whole) is is_erased
    assert (row.state, row.cause, row.type) == (
        "discarded" if is_erased else "parked", "command.internal_error", "basket.update"
    )  # fmt: skip


def test_an_erasure_finds_orders_and_answers_by_their_indexes(tx: Connection) -> None:
    tx.execute(
        text("""
        INSERT INTO customer_order
        SELECT 'c', n::text, n::text, 'basket-' || n % 3000, 'owner-' || n % 3000, now(), '{"document": {}}'
        FROM generate_series(1, 20000) AS n
        """)
    )
    outbox.append(tx, [values.event(f"basket-{number % 500}", channel="c") for number in range(5000)])
    for table in ("customer_order", "outbox"):
        tx.execute(text(f"ANALYZE {table}"))
    wanted = {"channel": "c", "user": "owner-7", "baskets": ["basket-7", "basket-8"]}
    for statement, index in (
        (erasure._ORDERS, "customer_order_by_owner"),
        (erasure._ANSWERS, "one_row_per_event"),
    ):
        parameters = {
            **{name: value for name, value in wanted.items() if f":{name}" in statement.text},
            **({"personal": erasure._PERSONAL} if ":personal" in statement.text else {}),
        }
        plan = "\n".join(tx.execute(text(f"EXPLAIN {statement.text}"), parameters).scalars())
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan

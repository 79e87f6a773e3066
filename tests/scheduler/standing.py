"""A house whose clock the test holds: commands and ticks at given instants, on a real database.

Commands go through the worker's own reading, deciding and writing; only `now` is the test's. What came of it
is read with plain SQL.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
from outside.shop import GROSS_AT_19, usd
from outside.stage import Stage
from outside.wire import SHOP
from psycopg import sql

from contracts import codec_json
from contracts.envelope import Delivery, open_envelope
from scheduler import data_tick, tick
from worker import handlers, loading, notices
from worker.asking import Asker
from worker.domain import presenting
from worker.domain.callers import Caller
from worker.domain.decisions import Completed, Refused
from worker.handlers import Moment, Sender
from worker.store import database, orders, outbox
from worker.world import World

REPLIES = "basket.replies."
MOUSE, PAD = "mouse", "pad"
TABLES = (
    *("reference", "basket", "recurrence", "customer_order", "occurrence", "inbox", "outbox"),
    *("data_object", "data_attribute", "order_data"),
)
_TICKS_AT_MOST = 500


def at(text: str) -> datetime:
    """Read an instant; without an offset it is UTC."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def instant(given: str | datetime) -> datetime:
    return at(given) if isinstance(given, str) else given


class House:
    """One database, one channel with two products, baskets of patricia's."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.engine = database.engine(stage.database_url, "tests")
        self._numbers = count(1)

    def clear(self) -> None:
        """Empty every table, and stock the shop."""
        with psycopg.connect(self.stage.database_url) as connection:
            for table in TABLES:  # there are few rows: a truncation would make sixty files anew
                connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
        self.channel()
        self.product(MOUSE, 47.08, name="Benq MD300")
        self.product(PAD, 5.00, name="Pad")

    def channel(self, id_: str = SHOP, **settings: object) -> None:
        self.put("channel.put", id_, {**GROSS_AT_19, "recurringOrdersEnabled": True, **settings}, channel=id_)

    def product(self, sku: str, price: float, *, name: str = "Thing", available: bool = True) -> None:
        body = {"name": name, "price": usd(price), "taxRate": 19, "available": available}
        self.put("product.put", sku, body)

    def put(self, type_: str, id_: str, body: object, channel: str = SHOP) -> None:
        self.say(type_, id_, body, caller=Caller(user="catalogue", is_service=True), channel=channel)

    def say(
        self,
        type_: str,
        key: str,
        body: object = None,
        *,
        now: str | datetime = "2026-01-01T00:00",
        caller: Caller | str = "patricia",
        channel: str = SHOP,
    ) -> Any:
        """Have a command decided at an instant; give its answer's body. A refusal is a failed test."""
        decided = self.decide(type_, key, body, now=now, caller=caller, channel=channel)
        assert isinstance(decided, Completed), decided
        shown = (
            decided.body if decided.body is not None else decided.basket and presenting.view(decided.basket)
        )
        return json.loads(codec_json.encode(shown)) if shown else None

    def refused(self, type_: str, key: str, body: object = None, **options: Any) -> list[str]:
        """Have a command decided that must be refused; give the error keys."""
        decided = self.decide(type_, key, body, **options)
        assert isinstance(decided, Refused), decided
        return [problem.code.value for problem in decided.problems]

    def decide(self, type_: str, key: str, body: object = None, **options: Any) -> Completed | Refused:
        with self.deciding(type_, key, body, **options) as decided:
            return decided

    @contextmanager
    def deciding(
        self,
        type_: str,
        key: str,
        body: object = None,
        *,
        now: str | datetime = "2026-01-01T00:00",
        caller: Caller | str = "patricia",
        channel: str = SHOP,
    ) -> Iterator[Completed | Refused]:
        """Have a command decided and written, in a transaction that is committed at the end of the block."""
        number = next(self._numbers)
        delivery = Delivery(
            key=key,
            body=b"" if body is None else json.dumps(body).encode(),
            properties={"type": type_, "message_id": f"m-{number}", "reply_to": f"{REPLIES}tests"},
            headers={"channel": channel},
        )
        envelope = open_envelope(delivery, (REPLIES,))
        who = Caller(user=caller) if isinstance(caller, str) else caller
        with database.transaction(self.engine) as tx:
            numbers = iter(orders.numbers(tx, 1))
            asker = Asker(tx)
            moment = Moment(
                now=instant(now),
                new_id=lambda: f"item-{next(self._numbers)}",
                new_order_number=numbers.__next__,
                ask=asker.ask,
            )
            world = World(loading.load(tx, [(envelope, (who,))]))
            sender = Sender(caller=who, user=who.user, new_owner=None)
            decided = handlers.decide(envelope, sender, world, moment, is_reused=False)
            if isinstance(decided, Completed):
                world.apply(envelope, decided, who)
                asker.forget_unplaced(world.placed)
                world.save(tx)
                outbox.append(tx, list(notices_of(decided, envelope.message_id)))
            yield decided

    def basket(self, key: str = "b", quantities: Mapping[str, int] | None = None) -> str:
        """Make a basket of patricia's with products in it."""
        self.say("basket.create", key)
        quantities = {MOUSE: 2} if quantities is None else quantities
        if quantities:
            elements = [{"sku": sku, "quantity": {"value": value}} for sku, value in quantities.items()]
            self.say("basket.item.add", key, {"elements": elements})
        return key

    def recurs(self, key: str = "b", *, now: str = "2026-01-01T00:00", **recurrence: object) -> Any:
        """Send `basket.update` with a recurrence."""
        return self.say("basket.update", key, {"recurrence": recurrence}, now=now)

    def copies(self, key: str, count_: int) -> list[str]:
        """Make so many more baskets like this one, with its recurrence; give their ids."""
        made = [f"{key}-{n:05}" for n in range(count_)]
        self.stage.rows(
            "insert into basket (channel, id, owner, version, is_open, holds_datasets, document)"
            " select channel, copy, owner, version, is_open, holds_datasets,"
            " document || jsonb_build_object('id', copy)"
            " from basket, unnest(%s::text[]) as copy where id = %s",
            made,
            key,
        )
        self.stage.rows(
            "insert into recurrence"
            " (channel, basket_id, generation, state, next_due_at, data_due_at, document)"
            " select channel, copy, generation, state, next_due_at, data_due_at,"
            " document || jsonb_build_object('basket_id', copy)"
            " from recurrence, unnest(%s::text[]) as copy where basket_id = %s",
            made,
            key,
        )
        return made

    def ticks(self, *instants: str | datetime) -> int:
        """Have the scheduler look at each instant until it finds nothing; give the number of orders."""
        return sum(self._busy(instant(one)) for one in instants)

    def _busy(self, now: datetime) -> int:
        """Tick both lanes until neither finds anything: the one may have moved something to the other."""
        placed = 0
        for _ in range(_TICKS_AT_MOST):
            outcomes = [lane(self.engine, at=now) for lane in (tick.tick, data_tick.tick)]
            placed += sum(outcome.placed for outcome in outcomes)
            if not any(outcome.claimed for outcome in outcomes):
                return placed
        raise AssertionError(f"still busy after {_TICKS_AT_MOST} ticks at {now}")

    def orders(self, key: str = "b") -> list[dict[str, Any]]:
        """Give the orders of a basket as they were announced, in the order of their due instants."""
        placed = [event["body"] for event in self.events(key, "order.placed")]
        return sorted(placed, key=lambda order: str(order["recurring"]["dueAt"]))

    def table(self, key: str = "b") -> list[str]:
        """Write every occurrence row as a line: generation, occurrences, due instants, order or reason."""
        rows = self.stage.rows(
            "select generation, n, last_n, due_at at time zone 'UTC', last_due_at at time zone 'UTC',"
            " case when order_id is null then reason else 'order' end"
            " from occurrence where basket_id = %s order by due_at, generation, n",
            key,
        )
        lines = []
        for generation, n, last_n, due_at, last_due_at, outcome in rows:
            span = f"{n} {due_at:%Y-%m-%d %H:%M}" + (
                f" to {last_n} {last_due_at:%Y-%m-%d %H:%M}" if last_n > n else ""
            )
            lines.append(f"{generation}: {span} {outcome}")
        return lines

    def events(self, key: str = "b", *types: str) -> list[dict[str, Any]]:
        """Give the events of a basket in the outbox, in order: type, headers, body."""
        rows = self.stage.rows(
            "select type, headers, body, correlation_id from outbox where key = %s order by seq", key
        )
        return [
            {"type": type_, "headers": headers, "body": json.loads(body), "correlation_id": correlation_id}
            for type_, headers, body, correlation_id in rows
            if not types or type_ in types
        ]

    def said(self, key: str = "b") -> list[str]:
        return [event["type"] for event in self.events(key)]

    def state(self, key: str = "b") -> str:
        ((state,),) = self.stage.rows("select state from recurrence where basket_id = %s", key)
        return str(state)


@contextmanager
def furnished(stage: Stage) -> Iterator[House]:
    """Have a house with a stocked shop, and nothing open of it afterwards."""
    house = House(stage)
    try:
        house.clear()
        yield house
    finally:
        house.engine.dispose()


def notices_of(decided: Completed, message_id: str | None) -> Any:
    """Make the events that a command causes besides its result, as the worker does."""
    basket = decided.basket
    if basket is None:
        return
    for said in decided.notices:
        yield notices.event(
            basket.channel, basket.id, basket.version, said, causation_id=message_id, traceparent=None
        )

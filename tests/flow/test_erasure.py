"""Contract 5, `user.erase`: the person is taken out of everything that is kept; counts and sums stay."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from outside.claims import OPERATOR, SERVICE, token
from outside.furnishing import AS_SERVICE, HOME, IN_2030, elements, filled, of, product
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.shop import BENQ, open_shop, put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique

CHANNEL = "erasing"
TABLES = ("basket", "recurrence", "customer_order", "occurrence", "outbox", "dead_letter")
_LOCK_CLASS, _PARTITIONS = 0x6261736B, 64  # of the relay: who holds a partition's lock relays it


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)


class Person:
    """Somebody who has left a mark wherever a person can: `mark` is in nothing but what they have sent."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.sub, self.mark = unique("person"), unique("mark")
        address = {**HOME, "lastName": self.mark, "email": f"{self.mark}@example.org"}
        self._update = {
            "commonShipToAddress": address,
            "invoiceToAddress": address,
            "department": self.mark,
            "taxationID": self.mark,
            "externalOrderReferenceID": self.mark,
        }
        self.open, self.ordered, self.recurring = (self._basket() for _ in range(3))
        self.order = self.ask("basket.checkout", self.ordered).json
        recurrence = {"startDate": IN_2030, "interval": "P1M"}
        assert self.ask("basket.update", self.recurring, {"recurrence": recurrence}).status == 200
        self.early = self.ask("basket.checkout", self.recurring).json
        self.baskets = [self.open, self.ordered, self.recurring]

    def _basket(self) -> str:
        key = filled(self._upstream, BENQ, caller=self.sub, channel=CHANNEL)
        assert self.ask("basket.update", key, self._update).status == 200
        return key

    def ask(self, type_: str, key: str, body: object = None, **options: Any) -> Result:
        return self._upstream.ask(type_, key, body, **{"caller": self.sub, "channel": CHANNEL, **options})

    def ask_for(self, message: Message) -> Result:
        return self._upstream.ask_for(self._upstream.expecting(message))

    def park_one(self, stage: Stage) -> None:
        """Send a command that meets a defect of ours, about a basket that is somebody else's in the end."""
        sku = unique("sku")
        put(self._upstream, "product.put", sku, product(), channel=CHANNEL)
        stage.rows("update reference set document = '[]' where id = %s", sku)
        body = {"elements": [{"sku": sku, "type": self.mark, "quantity": {"value": 1}}]}
        assert self.ask("basket.item.add", self.open, body).status == 500

    def erase(self, **options: Any) -> Result:
        return self.ask("user.erase", self.sub, headers=AS_SERVICE, **options)


@pytest.fixture
def person(upstream: Upstream) -> Person:
    return Person(upstream)


def rows_with(stage: Stage, text: str) -> dict[str, int]:
    """Count the rows of each table in which a text stands; bodies of dead letters are bytes."""
    found = {}
    for table in TABLES:
        body = " || encode(t.body, 'escape')" if table == "dead_letter" else ""
        found[table] = len(stage.rows(f"select 1 from {table} t where t::text{body} like %s", f"%{text}%"))
    return {table: count for table, count in found.items() if count}


def test_nothing_of_a_person_is_left_but_counts_and_sums(
    person: Person, upstream: Upstream, stage: Stage, events: Listener
) -> None:
    person.park_one(stage)
    wait_for(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    before = rows_with(stage, person.mark)
    assert set(before) == {"basket", "customer_order", "outbox", "dead_letter"}
    totals = stage.rows(
        "select document->'total' from customer_order where owner = %s order by id", person.sub
    )

    erased = person.erase()
    assert (erased.status, erased.body) == (204, b"")
    assert rows_with(stage, person.mark) == {}
    kept = stage.rows(
        "select owner, document->>'owner', document->'document'->>'owner', document->'total'"
        " from customer_order where basket_id = any(%s) order by id",
        person.baskets,
    )
    assert [row[:3] for row in kept] == [("", "", "")] * 2
    assert [row[3:] for row in kept] == totals
    assert stage.rows("select 1 from basket where owner = %s", person.sub) == []
    ((state, body),) = stage.rows("select state, body from dead_letter where key = %s", person.open)
    assert (state, bytes(body)) == ("discarded", b"")


def test_the_order_is_still_one_for_services_and_operators_and_for_nobody_else(person: Person) -> None:
    person.erase()
    for claims in (SERVICE, OPERATOR):
        shown = person.ask("order.get", person.order["id"], headers=of("erp", **claims)).json
        for name in ("id", "number", "basketId", "placedAt", "totals", "lineItems", "purchaseCurrency"):
            assert shown[name] == person.order[name]
        assert set(person.order) - set(shown) >= {
            "invoiceToAddress", "commonShipToAddress", "department", "taxationID", "externalOrderReferenceID"
        }  # fmt: skip
    for caller in (person.sub, "mallory"):
        assert (
            person.ask("order.get", person.order["id"], caller=caller).error_key == "command.forbidden.error"
        )
    early = person.ask("order.get", person.early["id"], headers=of("erp", **SERVICE)).json
    assert early["recurring"] == person.early["recurring"]


def test_the_world_is_told_that_baskets_and_recurrences_have_ended(person: Person, events: Listener) -> None:
    sent = person.ask_for(command("user.erase", person.sub, channel=CHANNEL, headers=AS_SERVICE))

    def told(key: str) -> list[Result]:
        return [event for event in events.by_key().get(key, []) if event.causation_id == sent.causation_id]

    assert events.until(lambda: len(told(person.open)) == 1 and len(told(person.recurring)) == 2)
    assert [event.type for event in told(person.open)] == ["basket.expired"]
    assert [event.type for event in told(person.recurring)] == ["recurrence.removed", "basket.expired"]
    assert told(person.ordered) == []
    for key, version in ((person.open, 4), (person.recurring, 5)):
        expired = told(key)[-1]
        said = expired.json
        assert (expired.version, said["basketId"], said["reason"]) == (version, key, "user_erased")
        assert person.sub.encode() not in expired.body
    assert told(person.recurring)[0].json["state"] == "removed"


@pytest.mark.parametrize("claims", [{}, OPERATOR, {"anonymous": True}])
def test_a_person_is_erased_by_services_alone_not_even_by_themselves(
    person: Person, stage: Stage, claims: dict[str, Any]
) -> None:
    before = rows_with(stage, person.mark)
    refused = person.ask("user.erase", person.sub, headers=of(person.sub, **claims))
    assert (refused.status, refused.error_key) == (403, "command.forbidden.error")
    assert (
        person.ask("user.erase", person.sub, {"x": 1}, headers=AS_SERVICE).error_key
        == "command.unknown_field.error"
    )
    assert rows_with(stage, person.mark) == before
    assert person.ask("basket.get", person.open).status == 200


def test_a_person_of_another_channel_is_another_person(person: Person) -> None:
    assert person.erase(channel="shop").status == 204
    assert person.ask("basket.get", person.open).status == 200


def test_an_erasure_again_or_of_nobody_changes_nothing(person: Person, stage: Stage) -> None:
    person.erase()
    count = "select count(*), max(version) from basket where id = any(%s)"
    before = stage.rows(count, person.baskets), stage.count("outbox")
    assert [person.erase().status, person.ask("user.erase", unique("nobody"), headers=AS_SERVICE).status] == [
        204
    ] * 2
    assert (stage.rows(count, person.baskets), stage.count("outbox")) == (before[0], before[1] + 2)


def test_the_same_sub_may_come_back_and_goes_on_with_the_version(person: Person) -> None:
    person.erase()
    for key in person.baskets:
        assert person.ask("basket.get", key).error_key == "basket.basket_not_found.error"
    back = person.ask("basket.create", person.open)
    assert (back.status, back.version, back.json["owner"]) == (201, 5, person.sub)
    assert "shippingBuckets" not in back.json
    assert [one["id"] for one in person.ask("basket.list", person.sub).json["baskets"]] == [person.open]
    assert person.ask("order.get", person.order["id"]).error_key == "command.forbidden.error"


def test_a_repeat_of_what_the_person_sent_is_known_and_answered_without_its_body(person: Person) -> None:
    id_ = unique("m")
    first = person.ask("basket.update", person.open, {"taxExempt": True}, message_id=id_)
    assert (first.status, person.mark in first.body.decode()) == (200, True)
    person.erase()
    again = person.ask("basket.update", person.open, {"taxExempt": True}, message_id=id_)
    assert (again.message_id, again.headers, again.body) == (first.message_id, first.headers, b"")


@pytest.mark.parametrize("claims", [{}, {"anonymous": True}])
def test_the_orders_of_an_erased_person_are_listed_for_operators_alone(
    person: Person, claims: dict[str, Any]
) -> None:
    person.erase()
    operator = person.ask("basket.orders", person.ordered, headers=of("ops", **OPERATOR))
    assert [one["id"] for one in operator.json["orders"]] == [person.order["id"]]
    refused = person.ask("basket.orders", person.ordered, headers=of("mallory", **claims))
    assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")


@contextmanager
def held_back(stage: Stage, key: str) -> Iterator[None]:
    """Hold back the events of a key, as another relay does that has its partition."""
    partition = zlib.crc32(f"{CHANNEL}\0{key}".encode()) % _PARTITIONS
    with psycopg.connect(stage.database_url) as other:
        other.execute("select pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, partition))
        yield


def test_an_event_that_has_not_left_yet_leaves_whole_and_is_emptied_then(
    person: Person, events: Listener, stage: Stage
) -> None:
    pending = (
        "select published_at, is_erased, body from outbox where key = %s and headers->>'causation-id' = %s"
    )
    with held_back(stage, person.open):
        last = command("basket.update", person.open, {"taxExempt": True}, caller=person.sub, channel=CHANNEL)
        assert person.ask_for(last).status == 200
        person.erase()
        ((published_at, is_erased, body),) = stage.rows(pending, person.open, last.message_id)
        assert (published_at, is_erased, person.mark in body) == (None, True, True)
    event = events.answer(last)
    assert event.json["department"] == person.mark
    wait_for(lambda: stage.rows(pending, person.open, last.message_id)[0][2] == "")
    assert rows_with(stage, person.mark) == {}
    assert events.until(lambda: events.by_key()[person.open][-1].type == "basket.expired")
    assert events.by_key()[person.open][-2].causation_id == last.message_id


def test_what_a_person_sends_right_behind_the_erasure_finds_nothing(
    person: Person, upstream: Upstream
) -> None:
    own: dict[str, Any] = {"caller": person.sub, "channel": CHANNEL}
    before = [
        command("basket.create", person.sub, **own),
        command("basket.item.add", person.sub, elements(BENQ), **own),
    ]
    erase = command("user.erase", person.sub, channel=CHANNEL, headers=AS_SERVICE)
    after = [command("basket.update", person.sub, {}, **own), command("basket.create", person.sub, **own)]
    replies = upstream.ask_all([*before, erase, *after])
    assert [(reply.status, reply.version) for reply in replies] == [
        (201, 1), (201, 2), (204, None), (404, None), (201, 4)
    ]  # fmt: skip


def test_what_was_answered_to_a_person_goes_also_of_a_basket_that_was_given_away(
    person: Person, stage: Stage
) -> None:
    body: dict[str, Any] = {
        "newOwnerAuthenticationToken": token(unique("heir")),
        "department": "Sales",
        "taxationID": "",
    }
    body |= {"commonShipToAddress": HOME, "invoiceToAddress": HOME, "externalOrderReferenceID": "1"}
    assert person.ask("basket.update", person.open, body).status == 200
    person.erase()
    wait_for(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    assert rows_with(stage, person.mark) == {}

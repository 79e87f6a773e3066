"""One command that the broker or a consumer makes trouble about costs no neighbour a reply or an event."""

import pika
import pytest
from outside.claims import SERVICE, bearer
from outside.connecting import connect
from outside.listener import Listener
from outside.shop import usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, command, unique

# Well formed enough for the broker to try it, and malformed enough to break the channel that publishes to it.
FORGED_REPLY_TO = "amq.rabbitmq.reply-to.g1h2AA5y.abc=="


def await_each(upstream: Upstream, asked: list[Message]) -> None:
    """Wait until every command has its reply, however often some are repeated meanwhile."""
    open_ids = {message.message_id for message in asked}
    while open_ids := open_ids - {reply.correlation_id for reply in upstream.replies}:
        upstream.wait_for(len(upstream.replies) + 1)


def test_a_forged_direct_reply_to_costs_nobody_else_a_reply(upstream: Upstream) -> None:
    baskets = [unique("basket") for _ in range(20)]
    wanted = []
    for number, basket in enumerate(baskets):
        if number % 5 == 2:
            upstream.tell("basket.create", unique("forged"), reply_to=FORGED_REPLY_TO)
        wanted.append(command("basket.create", basket, reply_to=upstream.reply_to))
        upstream.send(wanted[-1])
    await_each(upstream, wanted)


def test_a_full_reply_queue_costs_nobody_else_a_reply(stage: Stage, upstream: Upstream) -> None:
    connection = connect(stage.broker_url)
    channel = connection.channel()
    full = unique("basket.replies.full")
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    channel.queue_declare(full, exclusive=True, arguments=arguments)
    wanted = []
    for number in range(60):
        if number % 6 == 0:
            upstream.tell("basket.create", unique("full"), reply_to=full)
        wanted.append(command("basket.create", unique("basket"), reply_to=upstream.reply_to))
        upstream.send(wanted[-1])
    await_each(upstream, wanted)
    connection.close()


@pytest.mark.slow
def test_a_full_event_queue_costs_nobody_a_reply_and_gets_its_events_later(
    stage: Stage, upstream: Upstream, events: Listener
) -> None:
    connection = connect(stage.broker_url)
    channel = connection.channel()
    full = unique("tests.full")
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    channel.queue_declare(full, exclusive=True, arguments=arguments)
    channel.queue_bind(full, "basket.events", "#")
    sent = [upstream.ask("basket.create", unique("basket")) for _ in range(10)]
    assert [reply.status for reply in sent] == [201] * 10
    seen: set[str] = set()

    def all_seen() -> bool:
        method, properties, _ = channel.basic_get(full, auto_ack=True)
        if method is not None and isinstance(properties, pika.BasicProperties):
            seen.add(str(properties.headers["key"]))
        return seen >= {reply.key for reply in sent}

    assert events.until(all_seen, seconds=30), f"{len(seen)} of {len(sent)} keys came"
    connection.close()


def test_an_answer_that_the_broker_would_not_take_is_refused_beforehand(
    upstream: Upstream, events: Listener
) -> None:
    headers = {"authorization": bearer("catalogue", **SERVICE)}
    skus = [f"{number:03d}" + '"' * 197 for number in range(500)]
    body = {"name": "\U0001f6d2" * 256, "price": usd(1), "taxRate": 0}
    puts = [command("product.put", sku, body, headers=headers) for sku in skus]
    assert {reply.status for reply in upstream.ask_all(puts)} == {204}
    basket = unique("basket").ljust(200, '"')
    upstream.ask("basket.create", basket)
    replies = []
    for start in range(0, 500, 100):
        elements = [{"sku": sku, "quantity": {"value": 1}} for sku in skus[start : start + 100]]
        replies.append(upstream.ask("basket.item.add", basket, {"elements": elements}))
    assert [reply.status for reply in replies] == [201, 201, 201, 201, 400]
    assert replies[-1].error_key == "basket.limit_exceeded.error"
    assert upstream.ask("basket.get", basket).version == 5

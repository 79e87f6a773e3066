"""Contract 1.2: one result event for every change, and the same as a reply to whoever asked for one."""

import uuid

import psycopg
import pytest
from outside.connecting import connect
from outside.listener import Listener
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import SHOP, command, unique

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_completed_command_is_an_event_with_every_header_of_the_contract(
    upstream: Upstream, events: Listener
) -> None:
    basket = unique("basket")
    sent = upstream.tell("basket.create", basket, correlation_id="order-7", headers={"traceparent": TRACE})
    event = events.answer(sent)
    assert event.routing_key == event.type == "command.completed"
    assert event.correlation_id == "order-7"
    assert event.content_type == "application/json"
    assert str(uuid.UUID(event.message_id)) == event.message_id
    assert dict(event.headers) == {
        "status": 201,
        "command": "basket.create",
        "causation-id": sent.message_id,
        "key": basket,
        "channel": SHOP,
        "version": 1,
        "contract-version": 1,
        "traceparent": TRACE,
    }
    assert event.json["id"] == basket


def test_a_refused_command_is_an_event_that_lists_its_errors(upstream: Upstream, events: Listener) -> None:
    basket = unique("basket")
    sent = upstream.tell("basket.update", basket, {"department": "Sales"})
    event = events.answer(sent)
    assert event.routing_key == event.type == "command.rejected"
    assert dict(event.headers) == {
        "status": 404,
        "error-key": "basket.basket_not_found.error",
        "command": "basket.update",
        "causation-id": sent.message_id,
        "key": basket,
        "channel": SHOP,
        "contract-version": 1,
    }
    (error,) = event.json["errors"]
    assert error["code"] == "basket.basket_not_found.error"
    assert error["message"]


@pytest.mark.parametrize("type_", ["basket.create", "basket.update"])
def test_the_reply_says_the_same_as_the_event(upstream: Upstream, events: Listener, type_: str) -> None:
    message = upstream.expecting(command(type_, unique("basket"), {}))
    reply = upstream.ask_for(message)
    event = events.answer(message)
    assert reply.said == event.said
    assert reply.message_id == event.message_id
    assert reply.correlation_id == event.correlation_id == message.message_id


def test_a_service_with_the_direct_reply_to_is_answered(stage: Stage, worker: object) -> None:
    with Upstream(stage.broker_url, directly=True) as upstream:
        reply = upstream.ask("basket.create", unique("basket"), correlation_id="mine")
    assert (reply.status, reply.correlation_id) == (201, "mine")


def test_a_server_named_queue_is_answered(upstream: Upstream, stage: Stage) -> None:
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        assert queue.startswith("amq.gen-")
        upstream.tell("basket.create", unique("basket"), reply_to=queue)
        for _, properties, _body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
            assert properties is not None
            assert properties.type == "command.completed"
            break


@pytest.mark.parametrize(
    "name", ["orders", "basket.commands.00", "basket.commands.dead", "amq.topic", "x\0y"]
)
def test_a_reply_cannot_be_steered_into_somebody_elses_queue(
    upstream: Upstream, events: Listener, stage: Stage, name: str
) -> None:
    basket = unique("basket")
    sent = upstream.tell("basket.create", basket, reply_to=name)
    event = events.answer(sent)
    assert (event.status, event.error_key) == (400, "command.reply_to_forbidden.error")
    assert stage.rows("select 1 from basket where id = %s", basket) == []
    assert upstream.replies == []


def test_no_reply_lies_in_a_queue_that_was_named_against_the_rule(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        queue = channel.queue_declare(unique("orders"), exclusive=True).method.queue
        events.answer(upstream.tell("basket.create", unique("basket"), reply_to=queue))
        events.answer(upstream.tell("basket.create", unique("basket")))
        assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_a_reply_that_nobody_waits_for_is_done(upstream: Upstream, events: Listener) -> None:
    gone = upstream.tell("basket.create", unique("basket"), reply_to=unique("basket.replies.gone"))
    assert events.answer(gone).status == 201
    assert upstream.ask("basket.create", unique("basket")).status == 201


def test_replies_leave_in_the_order_of_the_commands(upstream: Upstream, stage: Stage) -> None:
    """They arrive while the worker waits for the basket, so that they are answered by the batch."""
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    commands = [command("basket.update", basket, {"department": f"D{number}"}) for number in range(60)]
    with psycopg.connect(stage.database_url) as busy:
        busy.execute("select 1 from basket where id = %s for update", [basket])
        for message in commands:
            upstream.send(upstream.expecting(message))
    replies = upstream.wait_for(1 + len(commands))[1:]
    assert [reply.correlation_id for reply in replies] == [message.message_id for message in commands]
    assert [reply.version for reply in replies] == list(range(2, 62))
    assert [reply.json["department"] for reply in replies] == [f"D{number}" for number in range(60)]


def test_every_change_is_one_event_and_a_keys_events_are_in_order(
    upstream: Upstream, events: Listener
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    sent = [upstream.tell("basket.update", basket, {"department": f"D{number}"}) for number in range(40)]
    events.answer(sent[-1])
    said = [event.json.get("department") for event in events.by_key()[basket]]
    assert said == [None, *(f"D{number}" for number in range(40))]
    assert len([event for event in events.heard if event.key == basket]) == 41


def test_without_a_correlation_id_the_message_id_stands_for_it(upstream: Upstream) -> None:
    reply = upstream.ask("basket.create", unique("basket"), message_id="a-plain-id")
    assert reply.correlation_id == "a-plain-id"


def test_a_traceparent_that_is_none_is_not_passed_on(upstream: Upstream) -> None:
    reply = upstream.ask("basket.create", unique("basket"), headers={"traceparent": "not a trace"})
    assert "traceparent" not in reply.headers

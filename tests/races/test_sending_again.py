"""The relay sends the commands of released letters: as they were kept, to a queue that is there."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pika
import pytest
from outside.connecting import connect
from outside.listener import Listener
from outside.processes import wait_for
from outside.stage import Stage, fresh
from outside.wire import unique

from worker import relay
from worker.local.servers import Servers
from worker.operating import replaying
from worker.publisher import Publisher, Unavailable
from worker.store import database, dead_letters, outbox
from worker.store.dead_letters import DeadLetter, Letter

EVERYTHING = range(outbox.COMMANDS + 1)
COMMANDS = "basket.commands"


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    """Give a vhost of its own to each test: which queues are there is what it is about."""
    with fresh(servers) as stage:
        yield stage


@pytest.fixture
def channel(stage: Stage) -> Iterator[Any]:
    with connect(stage.broker_url) as connection:
        yield connection.channel()


def released(engine: database.Engine, key: str, **changed: Any) -> int:
    kept: dict[str, Any] = {
        "key": key,
        "channel": "shop",
        "type": "basket.update",
        "message_id": unique("m"),
        "cause": "command.internal_error",
        "detail": "Traceback",
        "claims": {"user": "patricia"},
        "properties": {
            "type": "basket.update", "timestamp": 1_700_000_000, "content_type": "text/xml",
            "correlation_id": "c", "reply_to": "basket.replies.gone", "user_id": "u", "priority": 9,
        },
        "headers": {
            "channel": "shop", "traceparent": "00-1", "expected-version": 5, "x-death": [{"count": 1}],
        },
        "body": bytes(range(256)),
        "event_id": uuid4(),
    }  # fmt: skip
    with database.transaction(engine) as tx:
        dead_letters.park(tx, [DeadLetter(**{**kept, **changed})])
        (listed,) = dead_letters.listed(tx, 1)
    assert replaying.replay(engine, listed.id, replaying.Asked(operator="olga")).is_done
    return listed.id


def of(engine: database.Engine, id_: int) -> Letter:
    with database.transaction(engine) as tx:
        found = dead_letters.find(tx, id_)
    assert found is not None
    return found


def said(engine: database.Engine, key: str) -> None:
    with database.transaction(engine) as tx:
        event = outbox.Event(
            event_id=uuid4(), channel="shop", key=key, type="command.completed", correlation_id=None,
            headers={"key": key, "status": 200}, body="{}",
        )  # fmt: skip
        outbox.append(tx, [event])


def bound(channel: Any, name: str, arguments: dict[str, Any] | None = None) -> str:
    channel.exchange_declare(COMMANDS, "topic", durable=True)
    channel.queue_declare(name, durable=True, arguments=arguments)
    channel.queue_bind(name, COMMANDS, "#")
    return name


def taken(channel: Any, queue: str) -> tuple[Any, pika.BasicProperties, bytes]:
    got: list[Any] = []
    wait_for(lambda: bool(got.append(channel.basic_get(queue, auto_ack=True)) or got[-1][0]))
    method, properties, body = got[-1]
    return method, properties, body


def test_a_command_leaves_as_it_was_kept_without_token_reply_to_and_what_the_broker_wrote(
    engine: database.Engine, sender: Publisher, channel: Any
) -> None:
    queue = bound(channel, "q")
    id_ = released(engine, "basket-7")
    assert relay.relay(engine, sender, EVERYTHING) == 1
    method, properties, body = taken(channel, queue)
    assert (method.exchange, method.routing_key, body) == (COMMANDS, "basket-7", bytes(range(256)))
    kept = {name: value for name, value in vars(properties).items() if value is not None}
    letter = of(engine, id_)
    assert kept == {
        "type": "basket.update",
        "message_id": letter.message_id,
        "correlation_id": "c",
        "content_type": "text/xml",
        "timestamp": 1_700_000_000,
        "delivery_mode": 2,
        "headers": {
            "channel": "shop", "traceparent": "00-1", "expected-version": 5, "x-basketry-replay-of": id_,
        },
    }  # fmt: skip
    assert relay.relay(engine, sender, EVERYTHING) == 0
    assert letter.state == "released", "it is handled by whoever receives it"


def test_one_that_has_no_queue_waits_and_holds_up_no_event(
    engine: database.Engine, sender: Publisher, channel: Any, stage: Stage
) -> None:
    with Listener(stage.broker_url) as events:
        released(engine, "basket-7")
        said(engine, "basket-7")
        with pytest.raises(Unavailable, match="no exchange"):
            relay.relay(engine, sender, EVERYTHING)
        assert len(events.until_heard(1)) == 1
        channel.exchange_declare(COMMANDS, "topic", durable=True)
        said(engine, "basket-7")
        wait_for(lambda: _relayed(engine, sender) == 1)
        assert len(events.until_heard(2)) == 2
    queue = bound(channel, "q")
    assert relay.relay(engine, sender, EVERYTHING) == 1
    assert taken(channel, queue)[0].routing_key == "basket-7"


def _relayed(engine: database.Engine, sender: Publisher) -> int:
    """Relay, unless the publisher still leaves the broker alone after the failure."""
    try:
        return relay.relay(engine, sender, EVERYTHING)
    except Unavailable:
        return 0


def test_what_a_full_queue_refuses_waits_in_its_order(
    engine: database.Engine, sender: Publisher, channel: Any
) -> None:
    queue = bound(channel, "q", {"x-max-length": 1, "x-overflow": "reject-publish"})
    ids = [released(engine, key) for key in ("a", "a", "b")]
    assert relay.relay(engine, sender, EVERYTHING) == 1
    for number, id_ in enumerate(ids):
        _, properties, _ = taken(channel, queue)
        assert properties.headers["x-basketry-replay-of"] == id_
        if number < 2:
            wait_for(lambda: relay.relay(engine, sender, EVERYTHING) == 1)


@pytest.mark.parametrize(
    "changed",
    [{"body": b"x" * 1_100_000}, {"properties": {"timestamp": -1}}, {"properties": {"timestamp": 2**70}}],
)
def test_one_that_can_never_be_sent_is_parked_again_and_the_others_leave(
    engine: database.Engine, sender: Publisher, channel: Any, changed: dict[str, Any]
) -> None:
    queue = bound(channel, "q")
    never = released(engine, "a", **changed)
    released(engine, "b")
    assert relay.relay(engine, sender, EVERYTHING) == 1
    assert taken(channel, queue)[0].routing_key == "b"
    left = channel.queue_declare(queue, passive=True).method.message_count
    assert left == 0, "nobody waited for the confirm of what was not sent, and sent the other once more"
    letter = of(engine, never)
    assert (letter.state, (letter.outcome or "").startswith("not sent: ")) == ("parked", True)


def test_properties_and_headers_that_amqp_cannot_carry_are_left_out_or_made_texts(
    engine: database.Engine, sender: Publisher, channel: Any
) -> None:
    queue = bound(channel, "q")
    headers = {"expected-version": 2**70, "traceparent": {"x": [None]}, "compression": True}
    released(engine, "a", headers=headers, properties={"correlation_id": "ä" * 200, "content_type": 5})
    assert relay.relay(engine, sender, EVERYTHING) == 1
    _, properties, _ = taken(channel, queue)
    assert (properties.correlation_id, properties.content_type) == (None, None)
    assert properties.headers["expected-version"] == str(2**70)
    assert properties.headers["traceparent"] == "{'x': [None]}"
    assert properties.headers["compression"] is True

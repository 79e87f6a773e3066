"""An event that a full queue refuses stays, and the later ones of its key with it; other keys go on."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pika
from left_to_relay import an_event
from outside.connecting import connect
from outside.listener import EVENTS, Listener
from outside.processes import wait_for
from outside.stage import Stage
from outside.wire import unique
from pika.adapters.blocking_connection import BlockingChannel

from worker import relay
from worker.publisher import Publisher
from worker.store import database, outbox

REFUSED = "order.placed"
ROUND = relay._EVENTS_PER_TRANSACTION
MORE_THAN_A_ROUND = ROUND + 100


def test_later_events_of_a_refused_one_wait_for_it(
    stage: Stage, engine: database.Engine, sender: Publisher
) -> None:
    refused, other = unique("refused"), unique("other")
    with Listener(stage.broker_url) as events:
        with a_full_queue(stage):
            with database.transaction(engine) as tx:
                middle = an_event(refused, 1, type_=REFUSED)
                outbox.append(tx, [an_event(refused, 0), middle, an_event(refused, 2)])
                outbox.append(tx, [an_event(other, number) for number in range(3)])
            assert relay.relay(engine, sender, range(outbox.PARTITIONS)) == 4
            assert pending(stage) == [(refused, 1), (refused, 2)]
        assert relay.relay(engine, sender, range(outbox.PARTITIONS)) == 2
        events.until_heard(6)
        said = {key: [event.version for event in heard] for key, heard in events.by_key().items()}
    assert said == {refused: [0, 1, 2], other: [0, 1, 2]}
    assert pending(stage) == []


def test_a_round_after_a_refusal_publishes_nothing_more_of_its_key(
    stage: Stage, engine: database.Engine, sender: Publisher
) -> None:
    key = unique("refused")
    with Listener(stage.broker_url) as events:
        with database.transaction(engine) as tx:
            later = [an_event(key, number) for number in range(1, MORE_THAN_A_ROUND)]
            outbox.append(tx, [an_event(key, 0, type_=REFUSED), *later])
        ((partition,),) = stage.rows("select distinct partition from outbox where key = %s", key)
        with a_full_queue(stage):
            rounds = iter([True, True, False])  # the second finds nothing more that may go
            assert relay.relay(engine, sender, [partition], goes_on=rounds.__next__) == 0
        assert relay.relay(engine, sender, [partition]) == MORE_THAN_A_ROUND
        assert events.until(lambda: len(events.heard) >= ROUND + MORE_THAN_A_ROUND)
    # Those of the first round were published again, and no others.
    assert [event.version for event in events.heard] == [*range(ROUND), *range(MORE_THAN_A_ROUND)]
    assert pending(stage) == []


@contextmanager
def a_full_queue(stage: Stage) -> Iterator[None]:
    """Bind a queue that has room for nothing to the events of one type."""
    with closing(connect(stage.broker_url)) as connection:
        channel = connection.channel()
        queue = unique("tests.full")
        limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare(queue, exclusive=True, arguments=limits)
        channel.confirm_delivery()
        wait_for(lambda: not has_room(channel, queue))
        channel.queue_bind(queue, EVENTS, REFUSED)
        yield


def has_room(channel: BlockingChannel, queue: str) -> bool:
    """Take some room, if there is any."""
    try:
        channel.basic_publish("", queue, b"")
    except pika.exceptions.NackError:
        return False
    return True


def pending(stage: Stage) -> list[tuple[str, int]]:
    return stage.rows(
        "select key, (headers ->> 'version')::int from outbox where published_at is null order by seq"
    )

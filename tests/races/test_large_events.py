"""Events leave in order and once, in portions that memory and broker can bear, whoever listens or not."""

from left_to_relay import an_event
from outside.listener import Listener
from outside.processes import wait_for
from outside.stage import Stage
from outside.wire import unique
from structlog.testing import capture_logs

from worker import publisher, relay
from worker.publisher import Outgoing, Publisher
from worker.store import database, outbox

LARGE = '{"filler": "' + "x" * 600_000 + '"}'


def test_a_backlog_of_large_events_leaves_in_order_and_once(
    stage: Stage, engine: database.Engine, sender: Publisher
) -> None:
    keys = [unique("key") for _ in range(4)]
    with Listener(stage.broker_url) as events:
        with database.transaction(engine) as tx:
            outbox.append(tx, [an_event(key, number, body=LARGE) for number in range(10) for key in keys])
        relayed = relay.relay(engine, sender, range(outbox.PARTITIONS))
        assert relayed == 40
        assert len(events.until_heard(40)) == 40
        numbers = {key: [event.version for event in events.by_key()[key]] for key in keys}
        assert numbers == {key: list(range(10)) for key in keys}


def test_an_event_that_no_queue_is_bound_to_comes_back_and_is_done(
    engine: database.Engine, sender: Publisher
) -> None:
    """It is published as mandatory: that nobody listens is noted, and holds up nothing."""

    def is_noted() -> bool:
        with database.transaction(engine) as tx:
            outbox.append(tx, [an_event(unique("key"), 1, body=LARGE)])
        with capture_logs() as logged:
            assert relay.relay(engine, sender, range(outbox.PARTITIONS)) == 1
        return [(line["event"], line.get("count")) for line in logged] == [("events.unrouted", 1)]

    wait_for(is_noted)  # the queue of the test before goes with its connection


def test_a_window_is_bounded_by_count_and_by_bytes() -> None:
    small, large = outgoing(b"x"), outgoing(b"x" * 3_000_000)
    assert sizes([small] * 1200) == [500, 500, 200]
    assert sizes([large] * 3) == [1, 1, 1]
    assert sizes([large, small, large, small]) == [2, 2]


def outgoing(body: bytes) -> Outgoing:
    return Outgoing(exchange="", routing_key="q", properties={}, headers={}, body=body)


def sizes(messages: list[Outgoing]) -> list[int]:
    return [len(window) for window in publisher._windows(messages)]

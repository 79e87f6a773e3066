"""Bad input is answered or parked, and always counted; it is never the end of the worker."""

from collections import Counter

import pika
import pytest
from outside.connecting import connect
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage
from outside.upstream import COMMANDS, Upstream
from outside.wire import command, unique

from flow.odd_messages import KINDS, five_hundred, keyed


def test_of_five_hundred_odd_messages_each_is_accepted_or_rejected_or_parked(
    stage: Stage, upstream: Upstream, events: Listener, worker: WorkerProcess
) -> None:
    pid, parked_before = worker.pid, stage.count("dead_letter")
    messages = five_hundred()
    assert len(messages) == 500 > 3 * len(KINDS)
    for message in messages:
        upstream.send(message)
    said = events.until_heard(500, seconds=40)
    assert upstream.ask("basket.create", unique("basket")).status == 201
    assert events.until(lambda: len(events.different()) == 501)

    parked = {str(id_) for (id_,) in stage.rows("select event_id from dead_letter")}
    assert len(parked) == stage.count("dead_letter")
    fate = Counter(fate_of(event.type, is_parked=event.message_id in parked) for event in said)
    assert fate["accepted"] + fate["rejected"] + fate["parked"] == 500
    assert fate["parked"] == stage.count("dead_letter") - parked_before
    assert min(fate["accepted"], fate["rejected"], fate["parked"]) >= 50
    assert {event.status for event in said} <= {200, 201, 400, 401, 404, 412, 413, 415}
    assert len(events.heard) == 501
    # An event is marked once its confirm has come, which may be after it was heard.
    wait_for(lambda: stage.rows("select 1 from outbox where published_at is null") == [])
    assert (worker.is_alive, worker.pid) == (True, pid)


def test_a_key_that_is_no_text_is_nobodys_key(upstream: Upstream, events: Listener) -> None:
    """Its escaped bytes are printable, and could be the key of another basket."""
    name = unique("basket")
    literal, unreadable = keyed(f"{name}\\xff"), keyed(name.encode() + b"\xff")
    for message in (literal, unreadable):
        upstream.send(message)
    said = {event.causation_id: (event.status, event.error_key) for event in events.until_heard(2)}
    assert said == {
        literal.message_id: (201, None),
        unreadable.message_id: (400, "basket.basket_id_required.error"),
    }


def fate_of(type_: str, *, is_parked: bool) -> str:
    if is_parked:
        assert type_ == "command.rejected"
        return "parked"
    return "accepted" if type_ == "command.completed" else "rejected"


@pytest.mark.parametrize("megabytes", [2, 10])
def test_what_is_too_large_for_the_broker_is_seen_by_its_publisher(
    stage: Stage, upstream: Upstream, megabytes: int
) -> None:
    message = command("basket.update", unique("basket"), b"x" * megabytes * 2**20)
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="larger than"):
            channel.basic_publish(COMMANDS, message.key, message.body, message.properties)
    assert upstream.ask("basket.create", unique("basket")).status == 201


def test_an_odd_neighbour_does_not_hold_up_or_reorder_anybody(upstream: Upstream) -> None:
    """Good commands of one basket, each between two odd messages, as one stream from one publisher."""
    basket = unique("basket")
    good = [command("basket.create", basket)]
    good += [command("basket.update", basket, {"department": f"D{number}"}) for number in range(40)]
    odd = five_hundred(seed=3)
    for number, message in enumerate(good):
        for neighbour in odd[number * 3 : number * 3 + 3]:
            upstream.send(neighbour)
        upstream.send(upstream.expecting(message))
    replies = upstream.wait_for(len(good))
    assert [reply.version for reply in replies] == list(range(1, 42))

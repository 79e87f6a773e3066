"""What the broker has dead-lettered is parked like any other command, answered once; its queue is drained."""

import pytest
from outside.connecting import connect
from outside.listener import Listener
from outside.processes import wait_for
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, command, unique

DEAD = "basket.commands.dead"


def dead_letter(stage: Stage, *messages: Message) -> None:
    """Put messages where the broker puts them after too many deliveries."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for message in messages:
            channel.basic_publish(DEAD, message.key, message.body, message.properties, mandatory=True)


def assert_drained(stage: Stage) -> None:
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        wait_for(lambda: channel.queue_declare(DEAD, passive=True).method.message_count == 0)


def letters(stage: Stage, message: Message) -> list[tuple[object, ...]]:
    query = "select key, type, cause, body, claims ->> 'user' from dead_letter where message_id = %s"
    return stage.rows(query, message.message_id)


@pytest.mark.usefixtures("upstream")
def test_a_command_that_the_broker_has_given_up_is_parked_unread_and_answered_500(
    stage: Stage, events: Listener
) -> None:
    given_up = command("basket.create", unique("basket"), {"purchaseCurrency": "EUR"})
    dead_letter(stage, given_up)
    answer = events.answer(given_up)
    assert (answer.status, answer.error_key) == (500, "command.internal_error")
    assert letters(stage, given_up) == [
        (given_up.key, "basket.create", "command.internal_error", given_up.body, "patricia")
    ]
    assert stage.rows("select 1 from basket where id = %s", given_up.key) == []
    assert_drained(stage)


def test_one_that_was_handled_all_the_same_stays_handled(
    stage: Stage, upstream: Upstream, events: Listener
) -> None:
    handled = command("basket.create", unique("basket"))
    upstream.send(handled)
    assert events.answer(handled).status == 201
    dead_letter(stage, handled, handled)
    assert_drained(stage)
    after = command("basket.update", handled.key, {"department": "D1"})
    upstream.send(after)
    assert events.answer(after).status == 200
    assert len(events.answers(handled)) == 1
    assert letters(stage, handled) == []


@pytest.mark.usefixtures("upstream")
def test_the_same_one_twice_is_one_dead_letter(stage: Stage, events: Listener) -> None:
    given_up = command("basket.create", unique("basket"))
    dead_letter(stage, given_up, given_up, given_up)
    assert events.answer(given_up).status == 500
    assert_drained(stage)
    wait_for(lambda: len(letters(stage, given_up)) == 1)
    assert len(events.answers(given_up)) == 1


@pytest.mark.usefixtures("upstream")
def test_what_nobody_can_read_is_parked_from_there_too(stage: Stage, events: Listener) -> None:
    odd = command("no.such.command", unique("basket"), b"\xff\x00\xfe", content_encoding="gzip")
    dead_letter(stage, odd)
    assert events.answer(odd).status == 500
    assert len(letters(stage, odd)) == 1
    assert_drained(stage)


@pytest.mark.usefixtures("upstream")
def test_of_one_that_expired_it_is_said_that_its_sender_wanted_it_so(stage: Stage, events: Listener) -> None:
    death = {"reason": "expired", "queue": "basket.commands.00", "count": 1}
    expired = command("basket.create", unique("basket"), headers={"x-death": [death]})
    came_back = command("basket.create", unique("basket"))
    dead_letter(stage, expired, came_back)
    assert [events.answer(one).status for one in (expired, came_back)] == [500, 500]
    details = "select detail from dead_letter where message_id = %s"
    assert "`expiration`" in stage.rows(details, expired.message_id)[0][0]
    assert "It came back" in stage.rows(details, came_back.message_id)[0][0]

"""Contract 1.2: a read is answered by its reply alone, publishes no event and leaves nothing behind."""

from outside.listener import Listener
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique


def test_a_read_leaves_no_event_and_no_row(upstream: Upstream, events: Listener, stage: Stage) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    before = [stage.count(table) for table in ("inbox", "outbox", "dead_letter")]
    read = upstream.expecting(command("basket.get", basket))
    assert upstream.ask_for(read).status == 200
    refused = upstream.expecting(command("basket.get", basket, caller="mallory"))
    assert upstream.ask_for(refused).status == 403
    absent = upstream.expecting(command("basket.get", unique("basket")))
    assert upstream.ask_for(absent).status == 404
    assert [stage.count(table) for table in ("inbox", "outbox", "dead_letter")] == before
    events.answer(upstream.tell("basket.update", basket, {"department": "Sales"}))
    assert not any(events.answers(message) for message in (read, refused, absent))


def test_a_reply_to_a_read_has_the_headers_of_any_other(upstream: Upstream) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    message = upstream.expecting(command("basket.get", basket, correlation_id="mine"))
    reply = upstream.ask_for(message)
    assert reply.type == "command.completed"
    assert reply.correlation_id == "mine"
    assert dict(reply.headers) == {
        "status": 200,
        "command": "basket.get",
        "causation-id": message.message_id,
        "key": basket,
        "channel": "shop",
        "version": 1,
        "contract-version": 1,
    }


def test_a_read_may_be_repeated_and_says_what_is_true_now(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    upstream.ask("basket.create", basket)
    assert upstream.ask("basket.get", basket, message_id=id_).version == 1
    upstream.ask("basket.update", basket, {"department": "Sales"})
    assert upstream.ask("basket.get", basket, message_id=id_).version == 2


def test_a_read_does_not_use_up_its_message_id(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    upstream.ask("basket.create", basket)
    upstream.ask("basket.get", basket, message_id=id_)
    assert upstream.ask("basket.update", basket, {"department": "X"}, message_id=id_).status == 200


def test_a_read_without_a_queue_for_its_reply_is_refused_as_an_event(
    upstream: Upstream, events: Listener
) -> None:
    event = events.answer(upstream.tell("basket.get", unique("basket")))
    assert (event.status, event.error_key) == (400, "command.reply_to_required.error")


def test_a_read_that_would_reply_elsewhere_is_refused_as_an_event(
    upstream: Upstream, events: Listener
) -> None:
    event = events.answer(upstream.tell("basket.get", unique("basket"), reply_to="orders"))
    assert (event.status, event.error_key) == (400, "command.reply_to_forbidden.error")


def test_ones_own_basket_that_was_never_made_is_no_error(upstream: Upstream) -> None:
    """The key is the caller's own `sub`: the other API's users have one basket each, made when needed."""
    user = unique("user")
    reply = upstream.ask("basket.get", user, caller=user)
    assert (reply.status, reply.body, reply.error_key) == (204, b"", None)
    assert reply.version is None
    assert upstream.ask("basket.get", user, caller="mallory").status == 404


def test_a_read_sees_what_was_sent_before_it(upstream: Upstream) -> None:
    basket = unique("basket")
    commands = [command("basket.create", basket)]
    for number in range(20):
        commands.append(command("basket.update", basket, {"department": f"D{number}"}))
        commands.append(command("basket.get", basket))
    replies = upstream.ask_all(commands)
    assert [reply.json["department"] for reply in replies[2::2]] == [f"D{number}" for number in range(20)]

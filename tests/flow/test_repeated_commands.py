"""Contract 1.1, 1.2: the message id makes a command happen once; a repeat is answered as it was before."""

import threading
from collections.abc import Callable

import pytest
from outside.claims import bearer
from outside.listener import Listener
from outside.shop import BENQ
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique

from tests.flow.together import together

REUSED = "command.message_id_reused.error"
ONE_BENQ = {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]}


def test_a_command_published_eight_times_at_once_happens_once(
    stage: Stage, upstream: Upstream, events: Listener
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    message = command("basket.item.add", basket, ONE_BENQ)
    replies = eight_at_once(stage, message)
    assert len(replies) == 8
    assert all(reply.said == replies[0].said for reply in replies)
    assert all(reply.message_id == replies[0].message_id for reply in replies)
    assert (replies[0].status, replies[0].version) == (201, 2)
    after = upstream.expecting(command("basket.item.add", basket, ONE_BENQ))
    assert upstream.ask_for(after).version == 3
    events.answer(after)
    assert [event.message_id for event in events.answers(message)] == [replies[0].message_id]


def eight_at_once(stage: Stage, message: Message) -> list[Result]:
    """Publish from eight connections at the same moment; give what each of them got back."""
    replies: list[Result] = []
    gate = threading.Barrier(8)

    def publish() -> None:
        with Upstream(stage.broker_url) as upstream:
            gate.wait()
            replies.append(upstream.ask_for(upstream.expecting(message)))

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_a_repeat_is_answered_to_its_own_queue_under_its_own_correlation_id(
    stage: Stage, upstream: Upstream
) -> None:
    basket, id_ = unique("basket"), unique("m")
    first = upstream.ask("basket.create", basket, message_id=id_, correlation_id="first")
    with Upstream(stage.broker_url) as other:
        second = other.ask("basket.create", basket, message_id=id_, correlation_id="second")
    assert (first.correlation_id, second.correlation_id) == ("first", "second")
    assert second.said == first.said
    assert second.status == 201


def test_a_repeat_says_what_was_true_then_and_not_what_is_true_now(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    upstream.ask("basket.create", basket)
    first = upstream.ask("basket.update", basket, {"department": "Sales"}, message_id=id_)
    upstream.ask("basket.update", basket, {"department": "Legal"})
    again = upstream.ask("basket.update", basket, {"department": "Sales"}, message_id=id_)
    assert again.said == first.said
    assert upstream.ask("basket.get", basket).json["department"] == "Legal"


def test_a_refusal_is_repeated_too_even_when_the_reason_is_gone(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    first = upstream.ask("basket.update", basket, {"department": "Sales"}, message_id=id_)
    upstream.ask("basket.create", basket)
    again = upstream.ask("basket.update", basket, {"department": "Sales"}, message_id=id_)
    assert first.error_key == "basket.basket_not_found.error"
    assert again.said == first.said


def test_a_repeat_that_waited_past_the_end_of_its_token_is_answered_as_before(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    first = upstream.ask("basket.create", basket, message_id=id_)
    headers = {"authorization": bearer("patricia", exp=1)}
    assert upstream.ask("basket.create", basket, message_id=id_, headers=headers).said == first.said


def test_the_same_id_in_another_basket_or_channel_is_another_command(upstream: Upstream) -> None:
    id_, basket = unique("m"), unique("basket")
    for key, channel in ((basket, "shop"), (basket, "default"), (unique("basket"), "shop")):
        assert upstream.ask("basket.create", key, message_id=id_, channel=channel).status == 201


def another_body(message: Message) -> Message:
    return command("basket.item.add", message.key, {"elements": [{"sku": BENQ, "quantity": {"value": 2}}]})


def another_type(message: Message) -> Message:
    return command("basket.update", message.key, {"department": "Sales"})


@pytest.mark.parametrize("differing", [another_body, another_type])
def test_an_id_that_is_used_for_another_command_is_refused_and_has_no_effect(
    upstream: Upstream, events: Listener, differing: Callable[[Message], Message]
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    first = upstream.expecting(command("basket.item.add", basket, ONE_BENQ))
    assert upstream.ask_for(first).status == 201
    reused = with_the_id_of(first, upstream.expecting(differing(first)))
    refused = upstream.ask_for(reused)
    assert (refused.status, refused.error_key) == (409, REUSED)
    now = upstream.ask("basket.get", basket).json
    assert now["version"] == 2
    assert now["totals"]["itemTotal"]["value"] == 210.28
    assert events.until(lambda: len(events.answers(first)) == 2)
    assert [event.status for event in events.answers(first)] == [201, 409]
    assert upstream.ask_for(first).status == 201


def test_an_id_of_another_callers_command_is_refused(upstream: Upstream) -> None:
    basket = unique("basket")
    first = upstream.expecting(command("basket.create", basket))
    assert upstream.ask_for(first).status == 201
    stolen = with_the_id_of(first, upstream.expecting(command("basket.create", basket, caller="mallory")))
    refused = upstream.ask_for(stolen)
    assert refused.status in (403, 409)
    assert b"patricia" not in refused.body


def test_a_callers_repeat_of_anothers_command_on_a_shared_entity_is_409(upstream: Upstream) -> None:
    product, id_ = unique("sku"), unique("m")
    body = {"name": "Mouse", "price": {"currencyMnemonic": "USD", "value": 9.5}, "taxRate": 19}
    for caller, status in (("one", 204), ("two", 409), ("one", 204)):
        headers = {"authorization": bearer(caller, roles=["service"])}
        assert upstream.ask("product.put", product, body, message_id=id_, headers=headers).status == status


def test_a_reused_id_sent_again_and_again_costs_nobody_anything(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    """The refusal of a reused id has no inbox row of its own, and yet it comes twice as it came once."""
    basket = unique("basket")
    first = upstream.expecting(command("basket.create", basket))
    upstream.ask_for(first)
    reused = with_the_id_of(first, upstream.expecting(command("basket.update", basket, {"department": "X"})))
    refusals = [upstream.ask_for(reused) for _ in range(3)]
    assert [refusal.error_key for refusal in refusals] == [REUSED] * 3
    assert len({refusal.message_id for refusal in refusals}) == 1
    after = upstream.expecting(command("basket.update", basket, {"department": "Y"}))
    assert upstream.ask_for(after).status == 200
    events.answer(after)
    assert [event.status for event in events.answers(first)] == [201, 409]
    assert stage.rows("select 1 from dead_letter where key = %s", basket) == []


def test_a_refusal_of_a_reused_id_is_repeated_too_even_when_another_reason_holds(
    upstream: Upstream, events: Listener, stage: Stage
) -> None:
    """Refused for the basket that was not there; now it is, and the id would be the reason."""
    basket = unique("basket")
    first = upstream.expecting(command("basket.update", basket, {"department": "Sales"}))
    reused = with_the_id_of(first, upstream.expecting(command("basket.update", basket, {"department": "X"})))
    refusals = [upstream.ask_for(message) for message in (first, reused)]
    assert [refusal.error_key for refusal in refusals] == ["basket.basket_not_found.error"] * 2
    upstream.ask("basket.create", basket)
    again = [upstream.ask_for(reused), *together(stage, reused, reused)]
    assert [reply.said for reply in again] == [refusals[1].said] * 3
    assert {reply.message_id for reply in again} == {refusals[1].message_id}
    events.answer(upstream.tell("basket.update", basket, {"department": "Y"}))
    assert [event.message_id for event in events.answers(first)] == [one.message_id for one in refusals]


def test_reused_ids_of_one_batch_are_refused_in_their_place(upstream: Upstream) -> None:
    basket, id_ = unique("basket"), unique("m")
    upstream.ask("basket.create", basket)
    names = ["A", "B", "A", "B", "C"]
    commands = [command("basket.update", basket, {"department": name}, message_id=id_) for name in names]
    assert [reply.status for reply in upstream.ask_all(commands)] == [200, 409, 200, 409, 409]
    assert upstream.ask("basket.get", basket).json["department"] == "A"


def test_a_message_under_an_unusable_key_may_come_twice(upstream: Upstream, stage: Stage) -> None:
    """Without a usable key there is no identity to know a repeat by, and nothing may break over it."""
    message = upstream.expecting(command("basket.create", "two words"))
    replies = [upstream.ask_for(message) for _ in range(3)]
    assert [reply.error_key for reply in replies] == ["basket.basket_id_required.error"] * 3
    assert all(reply.said == replies[0].said for reply in replies)
    assert stage.rows("select 1 from dead_letter where key = %s", "two words") == []


def with_the_id_of(first: Message, other: Message) -> Message:
    other.properties.message_id = first.properties.message_id
    return other

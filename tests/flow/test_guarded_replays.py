"""A replay does not undo unasked what came after its letter."""

import pytest
from outside.furnishing import AS_SERVICE, elements
from outside.listener import Listener
from outside.shop import usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

from tests.flow.letters import CHANNEL, INTERNAL, Operator, answers, held_back


def test_what_came_after_a_letter_is_said_and_guarded(operator: Operator, events: Listener) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    assert operator.ask("basket.update", sent.key, {"department": "D1"}).version == 2
    assert operator.ask("basket.update", sent.key, {"department": "D2"}).version == 3
    assert operator.ask("basket.update", sent.key, {"department": 7}).status == 400, "it has changed nothing"
    operator.repair(sku)

    refused = operator.run("replay", id_)
    assert refused.exit_code == 1
    assert "2 later commands were handled" in refused.output
    assert "--expected-version 3" in refused.output
    wrong = operator.run("replay", id_, "--expected-version", 2)
    assert (wrong.exit_code, "is at version 3, not 2" in wrong.output) == (1, True)
    assert operator.shown(id_)["replays"] == 0
    operator.replay(id_, "--expected-version", 3)
    assert answers(events, sent, 2)[1]["version"] == 4
    assert operator.wait_settled(id_)["audit"][0]["why"] == "at version 3"


@pytest.mark.slow
def test_a_later_command_of_the_same_batch_counts(operator: Operator, upstream: Upstream) -> None:
    key, sku = operator.basket(), operator.break_product()
    both = [
        command("basket.item.add", key, elements(sku), channel=CHANNEL),
        command("basket.update", key, {"department": "D1"}, channel=CHANNEL),
    ]
    assert [one.status for one in upstream.ask_all(both)] == [500, 200]
    refused = operator.run("replay", operator.letter_of(both[0]))
    assert "1 later command was handled since it was parked, and the basket is at version 2" in refused.output


@pytest.mark.slow
def test_what_comes_in_between_ends_a_guarded_replay_with_412_and_parks_it_again(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    id_, sent = operator.parked_and_repaired()
    with held_back(stage):
        operator.replay(id_, "--expected-version", 1)
        assert operator.ask("basket.update", sent.key, {"department": "D1"}).version == 2
    second = answers(events, sent, 2)[1]
    assert (second["status"], second["attempt"], second["version"]) == (412, 2, 2)
    letter = operator.wait_settled(id_)
    assert (letter["state"], letter["outcome"]) == ("parked", "412 basket.version_conflict.error")
    assert letter["cause"] == INTERNAL
    assert operator.ask("basket.get", sent.key).version == 2
    operator.replay(id_, "--expected-version", 2)
    assert answers(events, sent, 3)[2]["version"] == 3


@pytest.mark.slow
def test_the_guard_holds_for_its_publishers_own_repeat_too(
    operator: Operator, upstream: Upstream, stage: Stage
) -> None:
    id_, sent = operator.parked_and_repaired()
    with held_back(stage):
        operator.replay(id_, "--expected-version", 1)
        assert operator.ask("basket.update", sent.key, {"department": "D1"}).version == 2
        reply = upstream.ask_for(upstream.expecting(sent))
    assert (reply.status, reply.headers["attempt"]) == (412, 2)
    assert operator.wait_settled(id_)["state"] == "parked"


@pytest.mark.slow
def test_an_old_put_does_not_undo_a_newer_one_unless_somebody_says_so(
    operator: Operator, upstream: Upstream, events: Listener
) -> None:
    sku = unique("sku")
    price = {"name": "Mouse", "price": usd(1), "taxRate": 0}
    odd = command("product.put", sku, price, channel=CHANNEL, headers=AS_SERVICE, message_id=None)
    upstream.send(odd)
    id_ = operator.letter_of(odd)
    newer = {**price, "price": usd(2)}
    assert operator.ask("product.put", sku, newer, headers=AS_SERVICE).status == 204
    refused = operator.run("replay", id_)
    assert (refused.exit_code, "there is no basket, which is version 0" in refused.output) == (1, True)
    operator.replay(id_, "--expected-version", 0)
    assert operator.wait_settled(id_)["outcome"] == "204"


def test_a_cause_is_replayed_in_order_but_for_what_something_came_after(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    stage.rows("update dead_letter set state = 'discarded' where state = 'parked'")
    sku, key = operator.break_product(), operator.basket()
    first, second, other = operator.parked(sku, key), operator.parked(sku, key), operator.parked(sku)
    overtaken, _ = operator.parked(sku)
    assert operator.ask("basket.update", operator.shown(overtaken)["key"], {"department": "D"}).version == 2
    operator.repair(sku)
    replayed = operator.run("replay", "--cause", INTERNAL)
    assert replayed.exit_code == 1
    assert f"{overtaken}: 1 later command was handled" in replayed.output
    assert "3 on their way" in replayed.output
    for (_, sent), version in ((first, 2), (second, 3), (other, 2)):
        assert answers(events, sent, 2)[1]["version"] == version
    assert operator.shown(overtaken)["state"] == "parked"

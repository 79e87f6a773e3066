"""Contract 2.3, "Parked": a dead letter is handled once more, under its claims, with one effect at most."""

import json
import threading
from dataclasses import replace

import pika
import pytest
from outside.claims import bearer
from outside.furnishing import elements
from outside.listener import Listener
from outside.shop import BENQ
from outside.stage import Stage
from outside.upstream import Upstream

from tests.flow.letters import CHANNEL, INTERNAL, Operator, answers, held_back, without_token
from worker.operating import replaying
from worker.store import database

REUSED = "command.message_id_reused.error"


def test_a_replay_after_the_repair_has_its_effect_and_a_second_answer_beside_the_first(
    operator: Operator, upstream: Upstream, events: Listener
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    assert upstream.ask_for(upstream.expecting(sent)).status == 500, "a repeat is answered as before"
    operator.repair(sku)
    operator.replay(id_, "--why", "the product is whole again")

    first, second = answers(events, sent, 2)
    assert (first["status"], first.get("attempt"), first.get("operator")) == (500, None, None)
    assert (second["status"], second["version"]) == (201, 2)
    assert (second["attempt"], second["operator"]) == (2, "olga")
    letter = operator.wait_settled(id_)
    assert (letter["state"], letter["outcome"]) == ("handled", "201")
    assert (letter["attempts"], letter["replays"]) == (2, 1)
    assert [(act["action"], act["who"], act["why"]) for act in letter["audit"]] == [
        ("replayed", "olga", "the product is whole again"),
        ("handled", "olga", "201"),
    ]
    repeated = upstream.ask_for(upstream.expecting(sent))
    assert (repeated.status, repeated.headers["attempt"]) == (201, 2)
    assert operator.ask("basket.get", sent.key).version == 2


@pytest.mark.slow
def test_one_that_is_still_broken_is_parked_again_and_may_be_replayed_again(
    operator: Operator, events: Listener
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.replay(id_)
    letter = operator.wait_settled(id_)
    assert (letter["state"], letter["cause"], letter["outcome"]) == ("parked", INTERNAL, f"500 {INTERNAL}")
    assert (letter["attempts"], letter["replays"]) == (2, 1)
    assert "Traceback" in letter["detail"]
    operator.repair(sku)
    operator.replay(id_)
    assert [one.get("attempt") for one in answers(events, sent, 3)] == [None, 2, 3]
    assert operator.wait_settled(id_)["outcome"] == "201"
    assert operator.ask("basket.get", sent.key).version == 2


def test_eight_replays_at_once_release_it_once(operator: Operator, stage: Stage, events: Listener) -> None:
    id_, sent = operator.parked_and_repaired()
    gate, codes = threading.Barrier(8), []

    def replay() -> None:
        gate.wait()
        codes.append(_replay_in_a_session_of_its_own(stage, id_))

    threads = [threading.Thread(target=replay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [False] * 7 + [True]
    assert len(answers(events, sent, 2)) == 2
    assert operator.wait_settled(id_)["replays"] == 1
    assert operator.ask("basket.get", sent.key).version == 2


def _replay_in_a_session_of_its_own(stage: Stage, id_: int) -> bool:
    """Replay without click's runner, which is not made for threads."""
    engine = database.engine(stage.database_url, "tests")
    try:
        return replaying.replay(engine, id_, replaying.Asked(operator="olga")).is_done
    finally:
        engine.dispose()


def test_a_command_that_is_sent_twice_has_one_effect_and_one_answer(
    operator: Operator, upstream: Upstream, stage: Stage, events: Listener
) -> None:
    id_, sent = operator.parked_and_repaired()
    with held_back(stage):
        operator.replay(id_)
        upstream.send(without_token(sent, id_))
        upstream.send(without_token(sent, id_))
        answers(events, sent, 2)
        assert (
            stage.rows("select 1 from outbox where published_at is null and dead_letter_id = %s", id_) == []
        )
    upstream.send(without_token(sent, id_))
    last = operator.ask("basket.update", sent.key, {"department": "D"})
    assert last.version == 3
    assert events.until(lambda: any(one.message_id == last.message_id for one in events.heard))
    assert [one["status"] for one in answers(events, sent, 2)] == [500, 201]


@pytest.mark.slow
def test_its_publishers_own_repeat_may_be_what_is_handled_and_is_replied_to(
    operator: Operator, upstream: Upstream, stage: Stage
) -> None:
    id_, sent = operator.parked_and_repaired()
    with held_back(stage):
        operator.replay(id_)
        reply = upstream.ask_for(upstream.expecting(sent))
    assert (reply.status, reply.headers["attempt"], reply.version) == (201, 2, 2)
    assert operator.wait_settled(id_)["outcome"] == "201"


def test_a_forger_of_a_released_command_does_what_was_asked_for_and_is_told_nothing(
    operator: Operator, upstream: Upstream, stage: Stage, events: Listener
) -> None:
    id_, sent = operator.parked_and_repaired()
    forged = {"headers": {"channel": CHANNEL, "authorization": bearer("mallory")}}
    with held_back(stage), Upstream(stage.broker_url) as mallory:
        operator.replay(id_)
        properties = pika.BasicProperties(**{**vars(sent.properties), **forged})
        mallory.send(mallory.expecting(replace(sent, properties=properties)))
        assert answers(events, sent, 2)[1]["status"] == 201
        again = mallory.ask_for(mallory.expecting(replace(sent, properties=properties)))
        assert (again.error_key, len(mallory.replies)) == ("basket.wrong_basket_id.error", 1)
    assert operator.ask("basket.get", sent.key).json["id"] == sent.key


@pytest.mark.slow
def test_another_command_under_a_released_id_is_refused_as_ever(
    operator: Operator, upstream: Upstream, stage: Stage
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    with held_back(stage):
        operator.replay(id_)
        other = replace(sent, body=json.dumps(elements(BENQ)).encode())
        assert upstream.ask_for(upstream.expecting(other)).error_key == REUSED
        assert operator.shown(id_)["state"] == "released"
    operator.wait_settled(id_)

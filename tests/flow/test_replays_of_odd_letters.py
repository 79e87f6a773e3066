"""Letters without an id, an owner, a readable body or an inbox row are replayed as what they were."""

from dataclasses import replace

import pika
import pytest
from outside.claims import bearer
from outside.connecting import connect
from outside.furnishing import AS_SERVICE, of
from outside.listener import Listener
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

from tests.flow.letters import CHANNEL, Operator, answers
from worker import resending, suspects
from worker.store import database, dead_letters
from worker.store.dead_letters import Letter


def test_a_command_without_a_message_id_gets_one_of_ours(
    operator: Operator, upstream: Upstream, events: Listener
) -> None:
    sent = upstream.tell("basket.create", unique("basket"), channel=CHANNEL, message_id=None)
    id_ = operator.letter_of(sent)
    operator.replay(id_)
    ours = replace(sent, properties=pika.BasicProperties(message_id=f"dead-letter-{id_}"))
    (answer,) = answers(events, ours, 1)
    assert (answer["status"], answer["attempt"]) == (201, 2)
    assert operator.wait_settled(id_)["message_id"] == f"dead-letter-{id_}"
    assert operator.ask("basket.get", sent.key).status == 200, "it is patricia's, whose token is gone"


@pytest.mark.slow
def test_a_letter_of_nobody_is_replayed_for_nobody(operator: Operator, upstream: Upstream) -> None:
    sent = upstream.tell("basket.create", unique("basket"), channel=CHANNEL, message_id=None, caller=None)
    id_ = operator.letter_of(sent)
    operator.replay(id_)
    letter = operator.wait_settled(id_)
    assert (letter["state"], letter["outcome"]) == ("handled", "401 command.unauthorized.error")


def test_a_basket_goes_to_the_new_owner_whose_token_is_redacted(
    operator: Operator, stage: Stage, upstream: Upstream, events: Listener
) -> None:
    key, code = operator.basket(), unique("code")
    broken = {"target": "item", "percentage": 10}
    assert operator.ask("promotion.put", code, broken, headers=AS_SERVICE).status == 204
    stage.rows("update reference set document = '[]' where id = %s", code)
    token = bearer("robert").removeprefix("Bearer ")
    body = {"newOwnerAuthenticationToken": token, "promotions": [{"code": code}]}
    sent = command("basket.update", key, body, channel=CHANNEL)
    assert upstream.ask_for(upstream.expecting(sent)).status == 500
    id_ = operator.letter_of(sent)
    said = operator.run("show", id_).output + operator.run("show", id_, "--json").output
    assert token not in said
    assert token.rpartition(".")[2] not in said
    assert "redacted" in said
    assert operator.shown(id_)["new_owner"]["user"] == "robert"

    assert operator.ask("promotion.put", code, broken, headers=AS_SERVICE).status == 204
    operator.replay(id_)
    assert answers(events, sent, 2)[1]["status"] == 200
    assert operator.ask("basket.get", key).status == 403
    assert operator.ask("basket.get", key, headers=of("robert")).status == 200


@pytest.mark.slow
def test_a_command_that_was_parked_unread_is_replayed_whole_and_tried_from_the_beginning(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    key = operator.basket()
    body = {"newOwnerAuthenticationToken": bearer("robert").removeprefix("Bearer "), "department": "D"}
    sent = command("basket.update", key, body, channel=CHANNEL)
    with connect(stage.broker_url) as connection:
        connection.channel().basic_publish("basket.commands.dead", key, sent.body, sent.properties)
    assert answers(events, sent, 1)[0]["status"] == 500
    id_ = operator.letter_of(sent)
    message = resending.delivery(_found(stage, id_))
    counted = "insert into attempt (digest, count) values (%s, 3)"
    stage.rows(counted, suspects.fingerprint(message))
    operator.replay(id_)
    assert answers(events, sent, 2)[1]["status"] == 200
    shown = operator.ask("basket.get", key, headers=of("robert"))
    assert (shown.status, shown.json["department"]) == (200, "D")
    assert stage.rows("select 1 from attempt where digest = %s", suspects.fingerprint(message)) == []


def _found(stage: Stage, id_: int) -> Letter:
    engine = database.engine(stage.database_url, "tests")
    with database.transaction(engine) as tx:
        found = dead_letters.find(tx, id_)
    engine.dispose()
    assert found is not None
    return found


@pytest.mark.slow
def test_an_unknown_type_with_bytes_that_are_no_text_stays_what_it_was(
    operator: Operator, upstream: Upstream
) -> None:
    sent = upstream.tell("basket.shake", unique("basket"), b"\xff\x00[/b]", channel=CHANNEL, priority=3)
    id_ = operator.letter_of(sent)
    before = operator.shown(id_)
    assert before["body_base64"] == "/wBbL2Jd"
    operator.replay(id_)
    after = operator.wait_settled(id_)
    assert (after["state"], after["cause"]) == ("parked", "command.unknown_type.error")
    kept = ("body_base64", "properties", "headers", "claims", "message_id", "key", "parked_at")
    assert [after[name] for name in kept] == [before[name] for name in kept]


@pytest.mark.slow
def test_a_letter_whose_message_was_forgotten_is_replayed_all_the_same(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    id_, sent = operator.parked_and_repaired()
    stage.rows("delete from inbox where key = %s", sent.key)
    operator.replay(id_)
    assert answers(events, sent, 2)[1]["version"] == 2


@pytest.mark.slow
def test_a_message_that_was_handled_since_is_not_handled_again(
    operator: Operator, upstream: Upstream, stage: Stage
) -> None:
    id_, sent = operator.parked_and_repaired()
    stage.rows("delete from inbox where key = %s", sent.key)
    assert upstream.ask_for(upstream.expecting(sent)).version == 2
    refused = operator.run("replay", id_, "--expected-version", 2)
    assert (refused.exit_code, "was handled since" in refused.output) == (1, True)
    assert operator.shown(id_)["state"] == "parked"

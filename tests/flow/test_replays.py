"""Contract 2.3, "Parked": a dead letter is handled once more, under its claims, with one effect at most."""

import json
import threading
from dataclasses import replace

import pika
import pytest
from outside.claims import bearer
from outside.connecting import connect
from outside.furnishing import AS_SERVICE, elements, of
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop, usd
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, command, unique

from tests.flow.letters import CHANNEL, Operator, answers, held_back, run
from tests.flow.person import wait_until_forgotten
from worker import resending, suspects
from worker.operating import replaying
from worker.store import database, dead_letters
from worker.store.dead_letters import Letter

REUSED = "command.message_id_reused.error"
INTERNAL = "command.internal_error"


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL)


@pytest.fixture
def operator(stage: Stage, upstream: Upstream) -> Operator:
    return Operator(stage, upstream)


def without_token(message: Message, id_: int) -> Message:
    """Give a message as the relay sends it once more."""
    headers = {"channel": CHANNEL, "x-basketry-replay-of": id_}
    return replace(
        message, properties=pika.BasicProperties(**{**vars(message.properties), "headers": headers})
    )


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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
    with held_back(stage):
        operator.replay(id_)
        reply = upstream.ask_for(upstream.expecting(sent))
    assert (reply.status, reply.headers["attempt"], reply.version) == (201, 2, 2)
    assert operator.wait_settled(id_)["outcome"] == "201"


def test_a_forger_of_a_released_command_does_what_was_asked_for_and_is_told_nothing(
    operator: Operator, upstream: Upstream, stage: Stage, events: Listener
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
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
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
    stage.rows("delete from inbox where key = %s", sent.key)
    operator.replay(id_)
    assert answers(events, sent, 2)[1]["version"] == 2


@pytest.mark.slow
def test_a_message_that_was_handled_since_is_not_handled_again(
    operator: Operator, upstream: Upstream, stage: Stage
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
    stage.rows("delete from inbox where key = %s", sent.key)
    assert upstream.ask_for(upstream.expecting(sent)).version == 2
    refused = operator.run("replay", id_, "--expected-version", 2)
    assert (refused.exit_code, "was handled since" in refused.output) == (1, True)
    assert operator.shown(id_)["state"] == "parked"


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


def test_what_is_given_up_or_under_way_is_not_to_be_had_twice(operator: Operator, stage: Stage) -> None:
    sku = operator.break_product()
    (given_up, _), (released, _) = operator.parked(sku), operator.parked(sku)
    assert operator.run("discard", given_up, "--why", "a test order").exit_code == 0
    assert operator.shown(given_up)["state"] == "discarded"
    assert operator.shown(given_up)["audit"][0]["why"] == "a test order"
    assert operator.run("replay", given_up).exit_code == 1
    assert operator.run("discard", given_up, "--why", "again").exit_code == 1
    with held_back(stage):
        operator.replay(released)
        for arguments in (("discard", released, "--why", "too late"), ("replay", released)):
            refused = operator.run(*arguments)
            assert (refused.exit_code, "released by olga already" in refused.output) == (1, True)
    operator.wait_settled(released)


@pytest.mark.slow
def test_a_message_that_was_lost_on_its_way_is_sent_again(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
    with held_back(stage):
        operator.replay(id_)
        # As if the broker had confirmed it, and then lost its queue.
        stage.rows("update outbox set published_at = now() where dead_letter_id = %s", id_)
    assert operator.run("replay", id_).exit_code == 1
    operator.replay(id_, "--again")
    assert answers(events, sent, 2)[1]["version"] == 2
    assert operator.run("replay", id_, "--again").exit_code == 1


@pytest.mark.slow
def test_an_erased_persons_command_that_was_released_is_handled_no_more(
    operator: Operator, upstream: Upstream, stage: Stage, events: Listener
) -> None:
    sku, sub = operator.break_product(), unique("person")
    given = {"headers": of(sub)}
    key = unique("basket")
    assert operator.ask("basket.create", key, **given).status == 201
    sent = command("basket.item.add", key, elements(sku), channel=CHANNEL, headers=of(sub))
    assert upstream.ask_for(upstream.expecting(sent)).status == 500
    id_ = operator.letter_of(sent)
    operator.repair(sku)
    with held_back(stage):
        operator.replay(id_)
        assert operator.ask("user.erase", sub, headers=AS_SERVICE).status == 204
        wait_until_forgotten(stage, sub)
        letter = operator.shown(id_)
        assert (letter["state"], letter["body"], letter["claims"]) == ("discarded", "", None)
    upstream.send(without_token(sent, id_))  # as if it had left before
    assert upstream.ask_for(upstream.expecting(sent)).status == 500
    assert [one["status"] for one in answers(events, sent, 1)] == [500]
    assert operator.run("replay", id_).exit_code == 1


@pytest.mark.slow
def test_the_history_tells_both_answers_and_what_became_of_the_letter(
    operator: Operator, stage: Stage, events: Listener
) -> None:
    sku = operator.break_product()
    id_, sent = operator.parked(sku)
    operator.repair(sku)
    operator.replay(id_)
    operator.wait_settled(id_)
    answers(events, sent, 2)
    from click.testing import CliRunner  # noqa: PLC0415

    from worker import cli  # noqa: PLC0415

    told = CliRunner(env=dict(stage.environment)).invoke(
        cli.main, ["history", sent.key, "--channel", CHANNEL]
    )
    assert "basket.item.add  201, attempt 2 for olga" in told.output
    assert f"handled: {INTERNAL}, replayed: 201" in told.output
    assert told.output.count("  basket.item.add") == 3, "two answers, and the letter"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", 999_999], "There is no dead letter 999999."),
        (["replay", 999_999], "999999: there is no such dead letter"),
        (["discard", 999_999, "--why", "x"], "999999: there is no such dead letter"),
        (["replay"], "Name dead letters, or a cause"),
        (["replay", 1, "--cause", "x"], "Name dead letters, or a cause"),
        (["replay", 1, 2, "--expected-version", 3], "--expected-version is about one basket"),
        (["replay", 1, "--operator", "\x1b[31m"], "printable characters"),
        (["discard", 1], "Missing option '--why'"),
        (["discard", 1, "--why", " "], "printable characters"),
        (["discard", "--why", "x"], "Name the dead letters"),
        (["show", "x"], "is not a valid integer"),
        (["replay", "--cause", "x", "--again"], "--again is for dead letters that are named"),
    ],
)
def test_a_mistake_at_the_command_line_is_told_in_a_sentence(
    stage: Stage, arguments: list[object], sentence: str
) -> None:
    refused = run(stage, "dead-letters", *arguments)
    assert refused.exit_code != 0
    assert sentence in refused.output

"""What is released, given up, lost on its way or erased, and what the command line says of it."""

import pytest
from outside.furnishing import AS_SERVICE, elements, of
from outside.listener import Listener
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

from tests.flow.letters import CHANNEL, INTERNAL, Operator, answers, held_back, run, without_token
from tests.flow.person import wait_until_forgotten


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
    id_, sent = operator.parked_and_repaired()
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
    id_, sent = operator.parked_and_repaired()
    operator.replay(id_)
    operator.wait_settled(id_)
    answers(events, sent, 2)
    told = run(stage, "history", sent.key, "--channel", CHANNEL)
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

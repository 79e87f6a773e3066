"""Replays in the database: a letter and its message are released and settled together, or not at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import values
from letters_at_hand import HASH, again, committed, letter, parked, release, settled, states
from msgspec import structs
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from worker.operating import replaying
from worker.operating.replaying import Asked, Said
from worker.store import baskets, database, dead_letters, erasure, inbox, outbox, replays, resends
from worker.store.dead_letters import State
from worker.store.erasure import Erasure
from worker.store.replays import Later

OLGA = Asked(operator="olga")


def test_a_release_is_whole_or_not_at_all(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    tx, other = session(), session()
    one = parked(tx, unique())
    tx.commit()
    assert release(tx, one)
    assert states(tx, one) == ("released", ["released"], 1)
    assert states(other, one) == ("parked", ["parked"], 0)
    tx.rollback()
    other.rollback()
    assert states(other, one) == ("parked", ["parked"], 0)


def test_a_released_message_is_known_by_the_body_that_is_sent_and_by_the_same_caller(tx: Connection) -> None:
    one = parked(tx, "a")
    identity = ("default", "a", "m-1")
    assert inbox.find(tx, [identity])[identity].body_hash == b"h" * 32
    release(tx, one, version=7)
    found = inbox.find(tx, [identity])[identity]
    assert (found.body_hash, found.caller, found.is_released) == (HASH, "patricia", True)
    assert (again(tx, one.id).operator, again(tx, one.id).expected_version) == ("olga", 7)


def test_a_message_that_stands_for_another_command_by_now_is_not_released(tx: Connection) -> None:
    one, other = parked(tx, "a"), parked(tx, "b")
    tx.execute(text("UPDATE inbox SET event_id = gen_random_uuid() WHERE key = 'a'"))
    tx.execute(text("UPDATE inbox SET state = 'handled' WHERE key = 'b'"))
    for of in (one, other):
        assert not release(tx, of)
        assert states(tx, of)[0::2] == ("parked", 0)


def test_of_two_letters_of_one_message_one_alone_is_released(tx: Connection) -> None:
    first = parked(tx, "a")
    tx.execute(text("DELETE FROM inbox WHERE key = 'a'"))
    second = parked(tx, "a")
    assert release(tx, second)
    assert not release(tx, first)
    assert list(replays.claim(tx, [("default", "a", "m-1")]).values()) == [again(tx, second.id)]


def test_a_letter_is_claimed_by_one_and_is_nobodys_when_that_one_has_settled_it(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    first, second = session(), session()
    one = parked(first, unique())
    release(first, one)
    first.commit()
    identity = ("default", one.key, "m-1")
    assert list(replays.claim(first, [identity])) == [identity]
    second.execute(text("SET lock_timeout = '50ms'"))
    with pytest.raises(OperationalError, match="lock timeout"):
        replays.claim(second, [identity])
    second.rollback()
    replays.settle(first, [settled(one)])
    first.commit()
    assert replays.claim(second, [identity]) == {}
    with pytest.raises(database.TryAgain, match="settled elsewhere"):
        replays.settle(second, [settled(one)])


@pytest.mark.parametrize(("state", "kept"), [(State.HANDLED, "handled"), (State.PARKED, "parked")])
def test_a_settled_letter_has_its_outcome_and_its_message_the_new_answer(
    tx: Connection, state: State, kept: str
) -> None:
    one = parked(tx, "a")
    release(tx, one)
    outcome = settled(one, state)
    replays.settle(tx, [outcome])
    assert states(tx, one) == (kept, [kept], 0), "and what was not sent yet is not sent any more"
    after = again(tx, one.id)
    assert (after.attempts, after.replays, after.outcome) == (2, 1, "201")
    assert (after.cause, after.detail, after.event_id) == ("a cause", "a detail", outcome.event_id)
    event_id = tx.execute(text("SELECT event_id FROM inbox WHERE key = 'a'")).scalar_one()
    assert event_id == outcome.event_id
    (act,) = dead_letters.acts(tx, one.id)
    assert (act.who, act.why) == ("olga", "201")
    assert release(tx, after) is (state is State.PARKED)


def test_later_are_completed_commands_of_the_key_behind_the_letter_and_changes_of_the_basket(
    tx: Connection,
) -> None:
    one = parked(tx, "a")
    nothing = Later(commands=0, version=0, has_moved=False)
    outbox.append(tx, [values.event("b"), values.event("a", channel="other")])
    outbox.append(tx, [structs.replace(values.event("a"), type=type_) for type_ in ("command.rejected", "x")])
    assert replays.later(tx, one) == nothing
    outbox.append(tx, [values.event("a")])
    assert replays.later(tx, one) == structs.replace(nothing, commands=1), "in the letter's own transaction"
    baskets.save(tx, [values.basket("a", version=4)], [])
    assert replays.later(tx, one) == Later(commands=1, version=4, has_moved=False)
    tx.execute(text("UPDATE basket SET changed_at = now() + interval '1 s' WHERE id = 'a'"))
    assert replays.later(tx, one).has_moved
    tx.execute(
        text("UPDATE dead_letter SET parked_at = now() + interval '1 h' WHERE id = :id"), {"id": one.id}
    )
    tx.execute(text("DELETE FROM outbox WHERE event_id = :id"), {"id": one.event_id})
    assert replays.later(tx, again(tx, one.id)) == Later(commands=0, version=4, has_moved=False)


def test_commands_are_listed_in_order_within_bytes_and_without_the_held_keys(tx: Connection) -> None:
    tx.execute(text("DELETE FROM outbox WHERE dead_letter_id IS NOT NULL"))  # what other tests have left
    letters = [parked(tx, key, f"m-{number}", body=b"x" * 1000) for number, key in enumerate("abab")]
    for one in letters:
        assert release(tx, one)
    everything = resends.pending(tx, 100, 2**40)
    assert [command.letter for command in everything] == [again(tx, one.id) for one in letters]
    for size, count in ((1, 1), (1001, 2), (4000, 4)):
        assert resends.pending(tx, 100, size) == everything[:count]
    assert resends.pending(tx, 3, 2**40) == everything[:3]
    assert resends.pending(tx, 100, 2**40, {("default", "a")}) == everything[1::2]
    assert (resends.mark_sent(tx, everything[:1]), resends.mark_sent(tx, everything[:2])) == (1, 1)
    assert resends.pending(tx, 100, 2**40) == everything[2:]
    assert outbox.COMMANDS in outbox.left_behind(tx, timedelta(hours=1)), "nobody else sends them: at once"
    assert outbox.pending(tx, range(outbox.PARTITIONS), 1000) == [
        event for event in outbox.pending(tx, range(outbox.PARTITIONS), 1000) if event.type != letters[0].type
    ], "no event is made of them"


def test_what_the_broker_never_takes_is_parked_again_and_says_so(tx: Connection) -> None:
    one = parked(tx, "a")
    release(tx, one)
    resends.take_back(tx, one.id, "not sent: too large")
    assert states(tx, one) == ("parked", ["parked"], 0)
    assert again(tx, one.id).outcome == "not sent: too large"
    assert release(tx, again(tx, one.id))


def test_what_is_final_goes_after_the_retention_and_nothing_else(tx: Connection) -> None:
    tx.execute(text("DELETE FROM dead_letter"))
    keys = ("parked", "released", "handled", "discarded", "erased by a worker of the release before")
    letters = {key: parked(tx, key) for key in keys}
    for key in ("released", "handled"):
        release(tx, letters[key])
    replays.settle(tx, [settled(letters["handled"])])
    assert dead_letters.discard(tx, letters["discarded"].id)
    tx.execute(
        text("UPDATE dead_letter SET state = 'discarded' WHERE id = :id"), {"id": letters[keys[-1]].id}
    )
    now = database.now(tx)
    assert dead_letters.forget(tx, now, 100) == 0
    assert [dead_letters.forget(tx, now + timedelta(seconds=1), 2) for _ in range(3)] == [2, 1, 0]
    assert {one.key for one in dead_letters.listed(tx, 100)} == {"parked", "released"}
    assert tx.execute(text("SELECT count(*) FROM dead_letter_audit")).scalar_one() == 0


def test_a_released_message_is_not_forgotten_and_keeps_no_event_from_being(tx: Connection) -> None:
    tx.execute(text("DELETE FROM inbox"))
    tx.execute(text("DELETE FROM outbox"))
    release(tx, parked(tx, "a"))
    answers = outbox.pending(tx, range(outbox.PARTITIONS), 100)
    outbox.mark_published(tx, answers)
    tx.execute(text("UPDATE inbox SET received_at = now() - interval '8 d'"))
    tx.execute(text("UPDATE outbox SET created_at = now() - interval '8 d'"))
    before = database.now(tx) - timedelta(days=7)
    assert inbox.forget(tx, before, 100) == 0
    assert outbox.forget(tx, before, 100) == len(answers) == 1


def test_an_erased_person_takes_what_was_released_back(tx: Connection) -> None:
    one, roberts = parked(tx, "a", claims={"user": "pat"}), parked(tx, "b", claims={"user": "robert"})
    tx.execute(
        text('UPDATE dead_letter SET new_owner = \'{"user": "pat"}\' WHERE id = :id'), {"id": roberts.id}
    )
    release(tx, one)
    release(tx, roberts)
    pat = Erasure(channel="default", owner="pat", asked_at=database.now(tx))
    assert [erasure.redact_letters(tx, pat, 10) for _ in range(2)] == [2, 0]
    assert states(tx, one) == ("discarded", ["parked"], 0)
    assert (again(tx, one.id).body, again(tx, one.id).claims) == (b"", None)
    assert states(tx, roberts) == ("released", ["released"], 1)
    assert again(tx, roberts.id).new_owner is None


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"cause": "event.undeliverable"}, "it is an event that the broker refused, and no command"),
        ({"type": "basket.get"}, "it is a read, and whoever asked is gone"),
        ({"key": "two words"}, "its routing key or its channel is none that a command can have"),
        ({"channel": "no channel"}, "its routing key or its channel is none that a command can have"),
    ],
)
def test_what_can_never_be_replayed_is_told_and_may_be_discarded(
    engine: Engine, changed: dict[str, Any], sentence: str
) -> None:
    with engine.begin() as tx:
        dead_letters.park(tx, [letter(message_id=uuid4().hex, **changed)])
        id_ = dead_letters.listed(tx, 1)[0].id
    said = replaying.replay(engine, id_, OLGA)
    assert (said.is_done, said.sentence.startswith(sentence)) == (False, True)
    assert said.sentence.endswith("it can only be discarded")
    assert replaying.discard(engine, id_, "olga", "of no use").is_done
    assert replaying.replay(engine, id_, OLGA).sentence == "it was discarded"


def test_replaying_and_discarding_exclude_each_other_and_are_audited(
    engine: Engine, unique: Callable[[], str]
) -> None:
    one = committed(engine, unique())
    assert replaying.discard(engine, one.id, "otto", "of no use") == Said(one.id, True, "discarded")
    assert replaying.replay(engine, one.id, OLGA) == Said(one.id, False, "it was discarded")
    assert not replaying.discard(engine, one.id, "olga", "again").is_done
    assert not replaying.send_again(engine, one.id, OLGA).is_done
    with engine.connect() as tx:
        assert [(act.action, act.who, act.why) for act in dead_letters.acts(tx, one.id)] == [
            ("discarded", "otto", "of no use")
        ]


def test_letters_are_found_by_their_indexes(tx: Connection) -> None:
    tx.execute(
        text("""
        INSERT INTO dead_letter (key, channel, type, message_id, cause, detail, properties, headers, body,
                                 event_id, state)
        SELECT 'key-' || n, 'default', 'x', 'm', 'cause-' || n % 9, '', '{}', '{}', '', gen_random_uuid(),
               CASE WHEN n % 100 = 0 THEN 'handled' WHEN n % 5 = 0 THEN 'released' ELSE 'parked' END
        FROM generate_series(1, 20000) AS n
        """)
    )
    outbox.append(tx, [values.event(f"key-{number % 500}") for number in range(5000)])
    tx.execute(text("ANALYZE dead_letter; ANALYZE outbox"))
    asked = {
        "channels": ["default"], "keys": ["key-7"], "message_ids": ["m"], "ids": [7],
        "before": database.now(tx) + timedelta(seconds=1), "limit": 9, "cause": "cause-7", "after": 0,
    }  # fmt: skip
    for statement, index in (
        (replays._CLAIM, "dead_letter_by_key"),
        (replays._DROP_UNSENT, "one_row_per_event"),
        (dead_letters._FORGET, "dead_letter_by_state"),
        (dead_letters._PARKED_OF, "dead_letter_by_state"),
    ):
        parameters = {name: value for name, value in asked.items() if f":{name}" in statement.text}
        plan = "\n".join(tx.execute(text(f"EXPLAIN {statement.text}"), parameters).scalars())
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan

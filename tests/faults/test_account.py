"""The ledger's own checks, on evidence that is broken in one place: what finds nothing proves nothing."""

from dataclasses import replace
from itertools import islice

import pytest
from outside import account
from outside.expected import Expected, mixed, numbered
from outside.figures import Figures, table
from outside.stage import Stage
from outside.wire import Result


def heard(expected: list[Expected]) -> dict[str, list[Result]]:
    """Give what a house without a fault says to these commands."""
    said: dict[str, list[Result]] = {}
    for one in expected:
        headers = {"status": one.status, "causation-id": one.message.message_id, "version": one.version}
        said.setdefault(one.message.key, []).append(
            Result(
                routing_key="command.completed",
                type="command.completed",
                message_id=f"event of {one.message.message_id}",
                correlation_id=None,
                content_type=None,
                headers=headers,
                body=b"",
            )
        )
    return said


@pytest.fixture
def sent() -> list[Expected]:
    return list(numbered(2, 4))


def wrong(sent: list[Expected], said: dict[str, list[Result]]) -> int:
    order: dict[str, list[str]] = {}
    for one in sent:
        order.setdefault(one.message.key, []).append(one.message.message_id)
    expected = {one.message.message_id: one for one in sent}
    return len(list(account.wrong_answers(order, expected, said)))


def test_what_is_as_expected_is_not_found_fault_with(sent: list[Expected]) -> None:
    assert (wrong(sent, heard(sent)), list(account.gaps_of_versions(heard(sent)))) == (0, [])


def test_an_answer_that_is_missing_said_twice_or_another_one_is_found(sent: list[Expected]) -> None:
    key = sent[0].message.key
    for change in (
        lambda said: said.pop(),
        lambda said: said.insert(1, said[1]),
        lambda said: said.insert(0, said.pop(1)),
        lambda said: said.append(replace(said.pop(), headers={**said[-1].headers, "status": 500})),
        lambda said: said.append(replace(said.pop(), headers={**said[-1].headers, "version": 9})),
    ):
        said = heard(sent)
        change(said[key])
        assert wrong(sent, said) == 1


def test_reorders_and_gaps_are_counted(sent: list[Expected]) -> None:
    said, key = heard(sent), sent[0].message.key
    order = {key: [str(event.causation_id) for event in said[key]]}
    said[key].insert(0, said[key].pop(2))
    assert account.reorders(order, said) == 1
    assert len(list(account.gaps_of_versions(said))) == 2


def test_a_stall_is_silence_while_something_is_outstanding() -> None:
    confirmed = {"a": 1.0, "b": 10.0, "c": 11.0, "answered before it was confirmed": 30.0}
    heard_at = {"a": 2.0, "b": 13.5, "c": 14.0, "answered before it was confirmed": 29.0}
    assert account.longest_stall(confirmed, heard_at, [*heard_at.values()]) == 3.5
    assert account.longest_stall(confirmed, heard_at, [*heard_at.values(), 12.0]) == 2.0
    assert account.longest_stall({}, {}, []) == 0.0


def test_the_same_seed_makes_the_same_load() -> None:
    first, second, other = (
        [(one.status, one.version) for one in islice(mixed(seed), 2000)] for seed in (1, 1, 2)
    )
    assert first == second != other
    assert {status for status, _ in first} == {200, 201, 400, 404, 412}
    assert any(one.is_order for one in islice(mixed(1), 2000))


def test_the_table_shows_what_was_noted_in_the_order_of_the_faults() -> None:
    lines = list(
        table(
            [Figures(fault="12. last", outcome="BROKEN (3)"), Figures(fault="2. first", note="as it should")]
        )
    )
    assert [line.partition(" ")[0] for line in lines] == ["fault", "2.", "12."]
    assert lines[1].endswith("kept: as it should")
    assert lines[2].endswith("BROKEN (3)")


@pytest.mark.faults
def test_what_the_database_holds_is_held_against_what_was_sent(stage: Stage, sent: list[Expected]) -> None:
    key = sent[0].message.key
    order = {key: [one.message.message_id for one in sent if one.message.key == key]}
    expected = {one.message.message_id: one for one in sent}
    assert list(account.wrong_effects(stage, order, expected)) == [
        f"{key}: is at version None, was to be at 4"
    ]
    stage.rows(
        "insert into basket (channel, id, owner, version, is_open, document)"
        " values ('default', %s, 'patricia', 4, true, '{}')",
        key,
    )
    assert list(account.wrong_effects(stage, order, expected)) == []
    stage.rows(ORDER, key)
    assert len(list(account.wrong_effects(stage, order, expected))) == 1


@pytest.mark.faults
def test_an_occurrence_without_a_row_and_an_order_without_an_event_are_found(stage: Stage) -> None:
    stage.rows("delete from customer_order")
    assert list(account.wrong_occurrences(stage)) == []
    stage.rows(ORDER, "b")
    for n in (0, 2):
        stage.rows(
            "insert into occurrence (channel, basket_id, generation, n, last_n, due_at, last_due_at,"
            " order_id) values ('default', 'b', 1, %s, %s, now(), now(), 'order')",
            n,
            n,
        )
    assert sorted(account.wrong_occurrences(stage)) == [
        "b: generation 1: 0 to 0 is followed by 2",
        "b: order order was announced 0 times",
        "order order stands for 2 occurrences",
    ]


ORDER = (
    "insert into customer_order (channel, id, number, basket_id, owner, placed_at, document)"
    " values ('default', 'order', '1', %s, 'patricia', now(), '{}')"
)

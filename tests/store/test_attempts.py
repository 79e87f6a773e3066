"""Counting what may have ended a worker."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from outside.stage import Stage

from contracts.envelope import Delivery
from worker.store import attempts, database
from worker.suspects import Suspects, is_suspect

POISON = Delivery(key="basket-1", body=b"{}", properties={"type": "basket.create", "message_id": "m-1"})
ANOTHER = Delivery(key="basket-1", body=b"{}", properties={"type": "basket.create", "message_id": "m-2"})


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    yield engine
    stage.rows("delete from attempt")
    engine.dispose()


def test_each_life_of_a_worker_counts_once(engine: database.Engine) -> None:
    for life in (1, 2, 3, 4):
        suspects = Suspects(engine)
        assert [suspects.begin(POISON), suspects.begin(POISON)] == [life, life]


def test_messages_are_counted_apart(engine: database.Engine) -> None:
    Suspects(engine).begin(POISON)
    assert Suspects(engine).begin(ANOTHER) == 1
    assert Suspects(engine).begin(POISON) == 2


def test_a_failure_that_the_worker_survives_counts_each_time(engine: database.Engine) -> None:
    suspects = Suspects(engine)
    assert [suspects.failed(POISON) for _ in range(3)] == [1, 2, 3]


def test_what_is_settled_is_begun_anew(engine: database.Engine) -> None:
    suspects = Suspects(engine)
    suspects.begin(POISON)
    suspects.settled(POISON)
    assert suspects.begin(POISON) == 1


def test_what_is_given_back_unharmed_was_no_attempt(engine: database.Engine) -> None:
    Suspects(engine).begin(POISON)
    stopped = Suspects(engine)
    assert [stopped.begin(POISON), stopped.begin(ANOTHER)] == [2, 1]
    stopped.withdraw()
    next_one = Suspects(engine)
    assert [next_one.begin(POISON), next_one.begin(ANOTHER)] == [2, 1]


def test_what_is_to_be_tried_again_was_no_attempt(engine: database.Engine) -> None:
    for _ in range(4):
        holding = Suspects(engine)
        for _ in range(4):
            assert holding.begin(POISON) == 1
            holding.survived(POISON)


def test_an_attempt_that_cannot_be_taken_back_is_not_counted_twice(stage: Stage) -> None:
    hurried = database.engine(stage.database_url, "tests", lock_timeout="10ms")
    holding = Suspects(hurried)
    assert holding.begin(POISON) == 1
    with psycopg.connect(stage.database_url) as another:
        another.execute("lock table attempt in exclusive mode")
        holding.survived(POISON)
    for _ in range(2):
        assert holding.begin(POISON) == 1
        holding.survived(POISON)
    stage.rows("delete from attempt")
    hurried.dispose()


def test_a_database_that_is_away_leaves_the_count_as_it_is() -> None:
    away = database.engine("postgresql://nobody:nothing@127.0.0.1:1/nowhere", "tests")
    suspects = Suspects(away)
    suspects.settled(POISON)
    with pytest.raises(database.TryAgain):
        suspects.begin(POISON)


def test_a_count_outlives_its_time_and_no_longer(engine: database.Engine) -> None:
    Suspects(engine).begin(POISON)
    with database.transaction(engine) as tx:
        now = database.now(tx)
        assert attempts.forget(tx, now - timedelta(minutes=1), 10) == 0
        assert attempts.forget(tx, now + timedelta(minutes=1), 10) == 1


@pytest.mark.parametrize(("returns", "alone"), [(0, False), (1, False), (2, True), (40, True)])
def test_what_came_back_twice_is_handled_alone(returns: int, alone: bool) -> None:
    assert is_suspect(Delivery(key="k", body=b"", returns=returns)) is alone

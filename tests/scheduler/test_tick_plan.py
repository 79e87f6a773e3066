"""What a tick costs when nothing is due: the partial index and a few buffers, however many are kept."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from standing import House

from scheduler import data_tick, tick
from worker.store import recurrences

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
_FILL_BASKETS = (
    "insert into basket (channel, id, owner, version, is_open, document)"
    " select 'shop', 'b-' || n, 'patricia', 1, true, '{}' from generate_series(%s::int, %s) as n"
)
_FILL_RECURRENCES = (
    "insert into recurrence (channel, basket_id, generation, state, next_due_at, document)"
    " select 'shop', 'b-' || n, 1, 'active', timestamptz '2026-04-01 10:00Z' + n * interval '7 min', '{}'"
    " from generate_series(%s::int, %s) as n"
)


def fill(house: House, first: int, last: int) -> None:
    """Keep so many recurrences, all due later."""
    for statement in (_FILL_BASKETS, _FILL_RECURRENCES):
        house.stage.rows(statement, first, last)
    house.stage.rows("vacuum analyze basket, recurrence")


def explained(house: House, statement: Any, **values: object) -> dict[str, Any]:
    """Run a statement of the store under EXPLAIN ANALYZE, twice, and give the plan of the second run."""
    with house.engine.connect() as connection:
        for _ in range(2):
            query = text(f"explain (analyze, buffers, format json) {statement.text}")
            found = connection.execute(query, values).scalar_one()
            connection.rollback()
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return dict(plan["Plan"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture(scope="module")
def costs(dwelling: House) -> list[tuple[dict[str, Any], ...]]:
    """The plans of both lanes' claims and looks ahead, at 1,000 and at 100,000 recurrences."""
    dwelling.clear()
    found, kept = [], 0
    for number in (1_000, 100_000):
        fill(dwelling, kept + 1, number)
        kept = number
        claims = (
            explained(dwelling, recurrences._CLAIMS[lane], now=NOW, limit=limit)
            for lane, limit in ((False, 500), (True, 1))
        )
        looks = (explained(dwelling, recurrences._NEXTS[lane], after=NOW) for lane in (False, True))
        found.append((*claims, *looks))
    return found


def test_candidates_are_found_by_the_partial_index(
    costs: list[tuple[dict[str, Any], ...]],
) -> None:
    for plans in costs:
        for plan, index in zip(plans, ("recurrence_due", "recurrence_data_due") * 2, strict=True):
            used = {
                node.get("Index Name") for node in nodes(plan) if node.get("Relation Name") == "recurrence"
            }
            assert used == {index}, plan
            assert not any(node["Node Type"] == "Seq Scan" for node in nodes(plan))


def test_a_tick_with_nothing_due_reads_the_same_at_1_000_and_100_000(
    costs: list[tuple[dict[str, Any], ...]],
) -> None:
    few, many = costs
    assert [buffers(plan) for plan in few] == [buffers(plan) for plan in many]
    assert max(buffers(plan) for plan in many) <= 3


def test_such_a_tick_claims_nothing(dwelling: House, costs: object) -> None:
    for lane in (tick.tick, data_tick.tick):
        outcome = lane(dwelling.engine, at=NOW)
        assert (outcome.at, outcome.claimed, outcome.placed) == (NOW, 0, 0)


def test_one_that_is_due_among_100_000_is_claimed_with_a_handful_of_buffers(
    dwelling: House, costs: object
) -> None:
    then = datetime(2026, 4, 1, 10, 7, tzinfo=UTC)
    plan = explained(dwelling, recurrences._CLAIMS[False], now=then, limit=500)
    assert plan["Actual Rows"] == 1
    assert buffers(plan) < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lane", "due", "not_due"), [(False, "data_due_at", "next_due_at"), (True, "next_due_at", "data_due_at")]
)
def test_what_is_due_in_one_lane_costs_the_other_nothing(
    dwelling: House, costs: object, lane: bool, due: str, not_due: str
) -> None:
    dwelling.stage.rows(f"update recurrence set {not_due} = null, {due} = '2026-01-01Z'")
    dwelling.stage.rows("vacuum analyze recurrence")
    plan = explained(dwelling, recurrences._CLAIMS[lane], now=NOW, limit=500)
    assert plan["Actual Rows"] == 0
    assert buffers(plan) <= 3

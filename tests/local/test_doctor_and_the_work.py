"""`basketry doctor` about the work: who is missing, and what waits for longer than it should."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from outside.operator import database_examined, seat
from outside.stage import Stage, fresh
from outside.wire import unique

from worker.local.servers import Servers
from worker.operating.findings import Finding, Verdict


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    """Give each test a house of its own: what is overdue in one must not be found by another."""
    with fresh(servers) as stage:
        yield stage


def found(stage: Stage, name: str) -> tuple[Verdict, str]:
    finding: Finding = database_examined(stage)[name]
    return finding.verdict, finding.what


def test_a_slot_whose_worker_is_gone_is_named(stage: Stage) -> None:
    seat(stage, 0, 3, "worker-1")
    seat(stage, 1, 3, "worker-2")
    assert found(stage, "slots") == (Verdict.WARNING, "slot 2/3 has nobody")
    seat(stage, 0, 3, "worker-1")  # once more: five seconds after it was seen a worker is gone
    seat(stage, 1, 3, "worker-2")
    seat(stage, 2, 3, "worker-3", seen_seconds_ago=7)
    assert found(stage, "slots") == (Verdict.WARNING, "slot 2/3 has nobody")
    for slot in range(3):
        seat(stage, slot, 3, f"worker-{slot + 1}")
    assert found(stage, "slots") == (Verdict.OK, "0/3 worker-1, 1/3 worker-2, 2/3 worker-3")


def test_workers_that_disagree_about_the_number_of_slots_are_a_warning(stage: Stage) -> None:
    seat(stage, 0, 2, "worker-1")
    seat(stage, 1, 3, "worker-2")
    assert found(stage, "slots") == (Verdict.WARNING, "workers of 2 and of 3 slots are here at once")


def test_rows_of_workers_that_left_are_nobody(stage: Stage) -> None:
    seat(stage, 0, 1, "worker-1", seen_seconds_ago=60)
    assert found(stage, "slots") == (Verdict.WARNING, "no worker has been seen for 5 s")


def keep_event(stage: Stage, seconds_ago: int) -> None:
    stage.rows(
        "insert into outbox (event_id, channel, key, partition, type, headers, body, created_at)"
        " values (%s, 'default', 'b', %s %% 64, 'order.placed', '{}', '', now() - make_interval(secs => %s))",
        uuid4(),
        seconds_ago,  # the partition: the oldest of each is asked for
        seconds_ago,
    )


def test_events_that_do_not_leave_are_a_warning_and_then_wrong(stage: Stage) -> None:
    keep_event(stage, 1)
    assert found(stage, "outbox")[0] is Verdict.OK
    keep_event(stage, 20)
    verdict, what = found(stage, "outbox")
    assert (verdict, what.startswith("events waiting: 2, the oldest for 2")) == (Verdict.WARNING, True)
    keep_event(stage, 30_000)
    verdict, what = found(stage, "outbox")
    assert (verdict, what.startswith("events waiting: 3, the oldest for 300")) == (Verdict.WRONG, True)


def keep_recurrence(stage: Stage, state: str, due_seconds_ago: int | None) -> None:
    stage.rows(
        "insert into recurrence (channel, basket_id, generation, state, next_due_at, document)"
        " values ('default', %s, 1, %s, now() - make_interval(secs => %s), '{}')",
        unique("basket"),
        state,
        due_seconds_ago,
    )


def test_an_order_that_nobody_places_is_wrong_and_it_is_said_whether_a_scheduler_is_there(
    stage: Stage,
) -> None:
    keep_recurrence(stage, "active", 10)
    assert found(stage, "orders") == (Verdict.OK, "none is overdue")
    keep_recurrence(stage, "active", 30_000)
    verdict, what = found(stage, "orders")
    assert (verdict, what.startswith("overdue: 1, the longest by 300")) == (Verdict.WRONG, True)
    assert what.endswith("no scheduler is connected")
    with psycopg.connect(stage.database_url, application_name="basketry scheduler-9"):
        assert "scheduler-9 does not keep up" in found(stage, "orders")[1]


def test_what_waits_for_a_person_is_a_warning(stage: Stage) -> None:
    keep_recurrence(stage, "suspended", None)
    stage.rows(
        "insert into dead_letter (key, channel, type, cause, detail, properties, headers, body, event_id)"
        " select 'b', 'default', 't', cause, '', '{}', '{}', '', gen_random_uuid()"
        " from unnest(array['command.internal_error', 'command.internal_error', 'odd']) as letters (cause)"
    )
    assert found(stage, "recurrences") == (Verdict.WARNING, "suspended until a person goes on: 1")
    assert found(stage, "dead letters") == (Verdict.WARNING, "parked: 2 command.internal_error, 1 odd")
    stage.rows("update dead_letter set state = 'released'")
    assert found(stage, "dead letters") == (Verdict.OK, "none is parked")


def test_a_flood_of_one_cause_does_not_keep_the_others_from_being_counted(stage: Stage) -> None:
    stage.rows(
        "insert into dead_letter (key, channel, type, cause, detail, properties, headers, body, event_id)"
        " select 'b', 'default', 't', cause, '', '{}', '{}', '', gen_random_uuid()"
        " from unnest(array['a flood', 'rare'], array[10001, 2]) as letters (cause, often),"
        " generate_series(1, often)"
    )
    assert found(stage, "dead letters") == (Verdict.WARNING, "parked: ≥ 10000 a flood, 2 rare")


def test_an_erasure_that_does_not_end_is_a_warning(stage: Stage) -> None:
    stage.rows("insert into erasure (channel, owner) values ('default', 'patricia')")
    assert found(stage, "erasures") == (Verdict.OK, "under way: 1")
    stage.rows("update erasure set asked_at = now() - interval '3 hours'")
    assert found(stage, "erasures") == (Verdict.WARNING, "under way: 1, the oldest for 3 h")


def test_a_change_of_the_number_of_queues_that_was_left_half_way_is_said(stage: Stage) -> None:
    assert found(stage, "partitions") == (Verdict.OK, "there are 8 command queues")
    stage.rows("update partitioning set next_partitions = 12")
    verdict, what = found(stage, "partitions")
    stage.rows("update partitioning set next_partitions = null")
    assert verdict is Verdict.WARNING
    assert what == "a change from 8 to 12 command queues is under way"

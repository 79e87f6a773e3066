"""PostgreSQL away under load: the worker holds what it has, and nothing is lost or parked."""

from itertools import islice
from pathlib import Path

import pytest
from outside.expected import mixed
from outside.flood import publish
from outside.ledger import Ledger
from outside.listener import Listener
from outside.numbered import numbered
from outside.outages import killed, lasts, ours, seconds_until, stopped
from outside.processes import WorkerProcess, scheduling, wait_for
from outside.shop import open_shop
from outside.stage import Stage, left_in
from outside.upstream import Upstream

from worker import pauses

pytestmark = pytest.mark.faults

AWAY_SECONDS = 60.0
BACK_WITHIN_SECONDS = 5.0
FOR_THE_REST_SECONDS = 2.0  # to connect, to write and to publish, on a busy machine
RATE = 120.0


def test_a_minute_without_the_database_and_a_kill_of_it_cost_nothing_but_time(
    stage: Stage, worker: WorkerProcess, upstream: Upstream, folder: Path
) -> None:
    postgres = ours(stage.servers.postgres)
    open_shop(upstream)
    fault = "4. PostgreSQL stopped for 60 s, then its postmaster killed"
    with scheduling(stage, "scheduler", folder) as scheduler:
        pids = worker.pid, scheduler.pid
        with Ledger(stage, fault, mixed(seed=4), rate=RATE) as ledger:
            ledger.wait_answered(500)
            with stopped(postgres):
                lasts(AWAY_SECONDS, lambda: worker.is_alive and scheduler.is_alive)
                assert ledger.outstanding > RATE * AWAY_SECONDS / 2, "it was to be stopped under load"
            after_stop = back(ledger)
            ledger.wait_answered(500)
            with killed(postgres):
                pass
            after_kill = back(ledger)
            ledger.note = f"consuming {after_stop:.1f} s and {after_kill:.1f} s after it was ready"
            ledger.wait_answered(500)
            ledger.settle()
        assert (worker.is_alive, scheduler.is_alive) == (True, True)
        assert (worker.pid, scheduler.pid) == pids
    assert left_in(stage, "basket.commands.dead") == 0


def back(ledger: Ledger) -> float:
    """Measure from a ready server to the next answer."""
    answered = ledger.answered
    return seconds_until(lambda: ledger.answered > answered, within=BACK_WITHIN_SECONDS)


def test_the_longest_pause_leaves_time_to_be_back() -> None:
    assert max(islice(pauses.growing(), 1000)) <= BACK_WITHIN_SECONDS - FOR_THE_REST_SECONDS


def test_a_stop_while_the_database_is_away_is_still_a_clean_stop(
    stage: Stage, worker: WorkerProcess, events: Listener
) -> None:
    postgres = ours(stage.servers.postgres)
    (part,) = numbered(10, 5)
    with stopped(postgres):
        held = worker.log.count("batch.held")
        publish(stage.broker_url, part)
        wait_for(lambda: worker.log.count("batch.held") > held)
        assert worker.stop() == 0

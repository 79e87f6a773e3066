"""The outbox beside a transaction that commits late, and beside relays that end between confirm and mark."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from outside.expected import mixed
from outside.ledger import Ledger
from outside.outages import lasts, seconds_until
from outside.processes import WorkerProcess, ended, wait_for
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique

from worker.store import database, outbox

pytestmark = pytest.mark.faults

STOPPING_RELAY = ("-m", "tests.races.stopping_relay")
LATE_SECONDS = 6.0  # below the 8 s after which the server ends an idle transaction of ours
KILLS = 3
# A session of ours that stands still in a transaction is ended by the server.
LET_GO_WITHIN_SECONDS = 15.0


def test_an_event_that_is_committed_late_leaves_when_it_is_and_holds_up_no_other(
    stage: Stage, worker: WorkerProcess, upstream: Upstream
) -> None:
    open_shop(upstream)
    fault = "11. a transaction holds a lower sequence number open"
    with Ledger(stage, fault, mixed(seed=11), rate=300) as ledger:
        ledger.wait_answered(200)
        engine = database.engine(stage.database_url, "tests")
        late = [an_event(unique("late"), number) for number in range(20)]
        with database.transaction(engine) as tx:
            outbox.append(tx, late)
            answered = ledger.answered
            lasts(LATE_SECONDS, lambda: not any(str(one.event_id) in ledger.recorder.first for one in late))
            meanwhile = ledger.answered - answered
        engine.dispose()
        wait_for(lambda: all(str(one.event_id) in ledger.recorder.first for one in late), seconds=5)
        ledger.note = f"{meanwhile} answers in the {LATE_SECONDS:.0f} s that it was open"
        assert meanwhile > 300 * LATE_SECONDS / 2
        assert ledger.settle().duplicates == 0


def test_relays_killed_between_confirm_and_mark_cost_repeats_and_nothing_else(
    stage: Stage, worker: WorkerProcess, upstream: Upstream
) -> None:
    open_shop(upstream)
    fault = f"11. {KILLS} relays killed between confirm and mark"
    with Ledger(stage, fault, mixed(seed=12), rate=300) as ledger:
        ledger.wait_answered(200)
        for _ in range(KILLS):
            with a_standing_relay(stage) as relay:
                relay.kill()
                relay.wait()
            ledger.wait_answered(200)
        assert ledger.settle().duplicates >= KILLS


def test_a_relay_that_stands_still_is_relieved_by_the_database(
    stage: Stage, worker: WorkerProcess, upstream: Upstream
) -> None:
    """Its session is idle in a transaction, which has an end; what it had said is said again."""
    open_shop(upstream)
    fault = "11. a relay stands still between confirm and mark"
    with Ledger(stage, fault, mixed(seed=13), rate=300) as ledger:
        ledger.wait_answered(200)
        with a_standing_relay(stage) as relay:
            relieved = seconds_until(lambda: locks(stage) == 0, within=LET_GO_WITHIN_SECONDS)
            ledger.note = f"its partitions were free after {relieved:.1f} s"
            ledger.wait_answered(100)
            relay.send_signal(signal.SIGCONT)
            assert relay.wait(10) != 0, "its transaction was gone"
        assert ledger.settle().duplicates >= 1


@contextmanager
def a_standing_relay(stage: Stage) -> Iterator[subprocess.Popen[str]]:
    """Have another relay stand still between confirm and mark, under load; it tries until it meets events."""
    program = [sys.executable, *STOPPING_RELAY, stage.database_url, stage.broker_url]
    relay = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with ended(relay):
        assert relay.stdout is not None
        assert int(relay.stdout.readline()) > 0
        yield relay


def locks(stage: Stage) -> int:
    """Count the outbox partitions that the stopping relay holds."""
    ((number,),) = stage.rows(
        "select count(*) from pg_locks join pg_stat_activity using (pid)"
        " where locktype = 'advisory' and application_name = 'a relay that is killed'"
    )
    return int(number)


def an_event(key: str, number: int) -> outbox.Event:
    return outbox.Event(
        event_id=uuid4(),
        channel="default",
        key=key,
        type="basket.expired",
        correlation_id=None,
        headers={"key": key, "version": number},
        body="{}",
    )

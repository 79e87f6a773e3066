"""SIGSTOP of a worker that holds baskets: others go on with them, and nothing happens twice after SIGCONT.

Its connection to the broker is alive as far as TCP can tell, and so is its transaction: both must end without
its help, the one by missing heartbeats, the other by the database's own limit.
"""

import signal
import time
from pathlib import Path

import pytest
from outside import crew
from outside.expected import mixed
from outside.ledger import Ledger
from outside.midway import Midway
from outside.processes import wait_for
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream

pytestmark = pytest.mark.faults

WORKERS = 3
RATE = 100.0  # so that what waits does so for the fault, and not in a backlog
OTHERS_GO_ON_WITHIN_SECONDS = 10.0
STANDS_STILL_SECONDS = 20.0
AT_HOME_WITHIN_SECONDS = 60.0


def test_others_go_on_with_the_baskets_of_a_worker_that_stands_still(stage: Stage, folder: Path) -> None:
    with crew.at_work(stage, folder, WORKERS) as workers, Midway(stage) as midway:
        wait_for(lambda: crew.serving(stage) == workers.at_home, seconds=AT_HOME_WITHIN_SECONDS)
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream)
        with Ledger(stage, "17. SIGSTOP a worker that holds baskets", mixed(seed=17), rate=RATE) as ledger:
            ledger.wait_answered(200)
            midway.stop(workers[1])
            stopped_at = time.monotonic()
            wait_for(lambda: not midway.holds_baskets(workers[1]))
            ledger.note = f"its baskets were free after {time.monotonic() - stopped_at:.1f}s"
            wait_for(lambda: "worker-1" not in crew.serving(stage).values())
            wait_for(lambda: time.monotonic() - stopped_at > STANDS_STILL_SECONDS)
            workers[1].signal(signal.SIGCONT)
            wait_for(lambda: crew.serving(stage) == workers.at_home, seconds=AT_HOME_WITHIN_SECONDS)
            ledger.wait_answered(200)
            figures = ledger.settle()
        assert workers[1].is_alive
    assert figures.wait_seconds < OTHERS_GO_ON_WITHIN_SECONDS

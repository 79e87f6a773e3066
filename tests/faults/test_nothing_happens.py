"""The measure of all others: the same load, and no fault."""

import pytest
from outside.expected import mixed
from outside.ledger import Ledger
from outside.processes import WorkerProcess
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream

pytestmark = pytest.mark.faults


def test_everything_is_as_expected_when_nothing_happens(
    stage: Stage, worker: WorkerProcess, upstream: Upstream
) -> None:
    open_shop(upstream)
    with Ledger(stage, "0. nothing happens", mixed(seed=0), rate=400) as ledger:
        ledger.wait_answered(3000)
        figures = ledger.settle()
    assert figures.published == figures.completed + figures.rejected
    assert figures.completed > 2000
    assert figures.rejected > 200
    assert figures.duplicates == 0

"""`basketry up --workers N`: the queues are shared out among the workers."""

from pathlib import Path

import pytest
from command_line import CommandLine
from outside.processes import wait_for
from outside.stage import Stage


@pytest.mark.slow
def test_each_worker_of_a_stack_has_a_slot_of_its_own(stage: Stage, tmp_path: Path) -> None:
    stack = CommandLine(state_dir=tmp_path / ".basketry", settings=stage.environment)
    up = stack("up", "--detach", "--workers", "2", "--schedulers", "0")
    try:
        assert up.returncode == 0, up.stderr
        present = "select slots, slot, worker from slot order by slot"
        wait_for(lambda: stage.rows(present) == [(2, 0, "worker-1"), (2, 1, "worker-2")])
    finally:
        stack("down", "--wipe")
    assert stage.rows(present) == []


def test_a_slot_that_is_none_is_refused_with_a_sentence(tmp_path: Path, stage: Stage) -> None:
    stack = CommandLine(state_dir=tmp_path, settings=stage.environment)
    refused = stack("worker", "--slot", "3/3")
    assert refused.returncode == 1
    assert "BASKETRY_SLOT is wrong: must be i/n with 0 <= i < n" in refused.stderr

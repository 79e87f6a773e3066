"""`basketry demo`: what somebody sees who has just cloned it, the first time, interrupted, and again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine
from outside.processes import ended, wait_for
from outside.stage import Stage

from worker.local import state
from worker.local.state import State

NEARLY_LAST = "The next one, ordered early"
# Intershop's example to the cent, and REGARDS' counts.
SHOWN = (
    "│ itemTotal                  │ 1209.28 │",
    "│ shippingTotal              │ 16.94   │",
    "│ taxTotal                   │ 195.78  │",
    "│ basketTotal                │ 1226.22 │",
    "│ salesTaxTotalsByTaxRate    │ 193.08  │",
    "│ shippingTaxTotalsByTaxRate │ 2.70    │",
    "│ Dataset 1 │ 2       │ 8     │ 3003000 │",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT, signal.SIGINT, signal.SIGINT), (signal.SIGHUP,), ()],
    ids=["after an impatient Ctrl-C", "after its terminal was closed", "after it was done"],
)
def test_it_can_be_played_again_on_what_it_has_left(
    signals: tuple[signal.Signals, ...], stage: Stage, tmp_path: Path
) -> None:
    stack = CommandLine(state_dir=tmp_path / ".basketry", settings=stage.environment)
    shown = tmp_path / "shown"
    with shown.open("wb") as output, ended(stack.begin("demo", stdout=output)) as first:
        wait_for(lambda: NEARLY_LAST in shown.read_text(encoding="utf-8", errors="replace"), seconds=90)
        for number in signals:
            first.send_signal(number)
            wait_for(lambda: not (up := state.read(stack.state_dir)) or up.supervisor.state is State.STOPPED)
        assert first.wait(60) == (1 if signals else 0)
    wait_for(lambda: state.read(stack.state_dir) is None)  # what it started has ended with it

    again = stack("demo")
    assert again.returncode == 0, again.stderr
    for line in SHOWN:
        assert line in again.stdout
    assert "\x1b" not in again.stdout
    assert state.read(stack.state_dir) is None


@pytest.mark.slow
def test_one_that_is_interrupted_as_it_ends_its_stack_leaves_none_behind(
    stage: Stage, tmp_path: Path
) -> None:
    stack = CommandLine(state_dir=tmp_path / ".basketry", settings=stage.environment)
    program = [sys.executable, str(Path(__file__).with_name("interrupted_demo.py")), str(stack.state_dir)]
    try:
        done = subprocess.run(program, env={**os.environ, **stage.environment}, timeout=120, check=False)
        assert done.returncode == -signal.SIGINT
        wait_for(lambda: state.read(stack.state_dir) is None)
    finally:
        stack("down")


def test_a_demo_whose_stack_cannot_be_started_says_why(tmp_path: Path) -> None:
    nowhere = {
        "BASKETRY_DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "BASKETRY_BROKER_URL": "amqp://127.0.0.1:1",
    }
    refused = CommandLine(state_dir=tmp_path / ".basketry", settings=nowhere)("demo")
    assert refused.returncode == 1
    assert "The stack could not be started; the reason is above" in refused.stderr
    assert "Traceback" not in refused.stderr

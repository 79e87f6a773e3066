"""`basketry demo`: what somebody sees who has just cloned it, the first time, interrupted, and again."""

import signal
from pathlib import Path

import pytest
from command_line import CommandLine
from outside.processes import wait_for
from outside.stage import Stage

from worker.local import state

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
    "signals", [(signal.SIGINT,), ()], ids=["after it was interrupted", "after it was done"]
)
def test_it_can_be_played_again_on_what_it_has_left(
    signals: tuple[signal.Signals, ...], stage: Stage, tmp_path: Path
) -> None:
    stack = CommandLine(state_dir=tmp_path / ".basketry", settings=stage.environment)
    shown = tmp_path / "shown"
    with shown.open("wb") as output:
        first = stack.begin("demo", stdout=output)
        wait_for(lambda: NEARLY_LAST in shown.read_text(encoding="utf-8"), seconds=90)
        for number in signals:
            first.send_signal(number)
        assert first.wait(60) == len(signals)
    assert state.read(stack.state_dir) is None, "what it started runs on"

    again = stack("demo")
    assert again.returncode == 0, again.stderr
    for line in SHOWN:
        assert line in again.stdout
    assert "\x1b" not in again.stdout
    assert state.read(stack.state_dir) is None

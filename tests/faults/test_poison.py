"""A command that ends every process that reads it, among 300 prefetched: it alone is parked, after 3 tries.

The workers are ended by it and started again, as a supervisor does; nobody else does anything.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from outside.crew import Crew
from outside.expected import Expected, numbered
from outside.ledger import Ledger
from outside.processes import wait_for, working
from outside.stage import Stage
from outside.wire import command

from tests.faults.crashing_worker import MARKER

pytestmark = pytest.mark.faults

PROGRAM = ("-m", "tests.faults.crashing_worker")
BASKETS, ROUNDS = 100, 3  # the poison lies in the middle of them
TRIES = 3
PARKED_WITHIN_SECONDS = 90.0
_LOOKS_EVERY_SECONDS = 0.1


def with_poison_in_the_middle() -> Iterator[Expected]:
    """Give three rounds of commands; in the second, one basket's command is the deadly one, once."""
    commands = list(numbered(BASKETS, ROUNDS))
    middle = len(commands) // 2
    key = commands[middle].message.key
    yield from commands[:middle]
    body = {"department": MARKER.decode()}
    poison = command("basket.update", key, body, channel="default")
    yield Expected(message=poison, status=500, is_parked=True)
    yield from commands[middle:]


class Supervisor(threading.Thread):
    """Starts a worker again whenever it has ended; counts how often."""

    def __init__(self, crew: Crew) -> None:
        super().__init__(daemon=True)
        self._crew = crew
        self._over = threading.Event()
        self.restarts = 0

    def run(self) -> None:
        while not self._over.wait(_LOOKS_EVERY_SECONDS):
            for number in range(self._crew.size):
                if not self._crew[number].is_alive:
                    self.restarts += 1
                    self._crew.restart(number)

    def stop(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def supervised(crew: Crew) -> Iterator[Supervisor]:
    supervisor = Supervisor(crew)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        crew.dismiss()


@pytest.mark.parametrize("size", [1, 3], ids=["one worker", "three workers"])
def test_it_alone_is_parked(stage: Stage, folder: Path, size: int) -> None:
    with working(stage, "declares", folder):
        pass
    fault = f"7. a command that kills its process among 300, {size} at work"
    with Ledger(stage, fault, with_poison_in_the_middle(), rate=100_000) as ledger:
        wait_for(lambda: ledger.confirmed == BASKETS * ROUNDS + 1)
        with supervised(Crew(stage, folder, size, program=PROGRAM)) as supervisor:
            figures = ledger.settle(seconds=PARKED_WITHIN_SECONDS)
            ledger.note = f"{supervisor.restarts} processes ended"
    assert (figures.completed, figures.parked) == (BASKETS * ROUNDS, 1)
    assert supervisor.restarts >= TRIES
    letters = stage.rows("select cause, attempts, state from dead_letter order by id desc limit 1")
    assert letters == [("command.internal_error", TRIES, "parked")]

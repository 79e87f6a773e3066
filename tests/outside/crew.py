"""Workers with a slot each, as one would run them; and which of them the broker lets serve each queue."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from outside.processes import WorkerProcess
from outside.stage import COMMAND_QUEUES, Management, Stage

_QUEUES = "basket.commands."


class Crew:
    """So many workers; what the test ends it starts again itself, as a supervisor would."""

    def __init__(self, stage: Stage, folder: Path, size: int, **how: Any) -> None:
        self._stage, self._folder, self._how = stage, folder, how
        self.size = size
        self.workers = [self._start(number) for number in range(size)]

    def __getitem__(self, number: int) -> WorkerProcess:
        return self.workers[number]

    def _start(self, number: int) -> WorkerProcess:
        slot = f"{number}/{self.size}"
        return WorkerProcess(
            self._stage, f"worker-{number}", self._folder, options=("--slot", slot), **self._how
        )

    def restart(self, number: int) -> WorkerProcess:
        """Start a new one in the place of one that has ended; it is not ready yet."""
        self.workers[number].dismiss()
        self.workers[number] = self._start(number)
        return self.workers[number]

    def wait_ready(self) -> None:
        for worker in self.workers:
            worker.wait_ready()

    def dismiss(self) -> None:
        for worker in self.workers:
            worker.dismiss()

    @property
    def at_home(self) -> dict[int, str]:
        """Give the worker that each queue belongs to."""
        return {queue: f"worker-{queue % self.size}" for queue in range(COMMAND_QUEUES)}


@contextmanager
def at_work(stage: Stage, folder: Path, size: int, **how: Any) -> Iterator[Crew]:
    """Have a crew at work; afterwards each stops in order, but for those that the test has ended."""
    crew = Crew(stage, folder, size, **how)
    try:
        crew.wait_ready()
        yield crew
        for worker in crew.workers:
            if worker.is_alive:
                assert worker.stop() == 0
    finally:
        crew.dismiss()


def serving(stage: Stage) -> dict[int, str]:
    """Name the worker that is the active consumer of each queue, as the broker says, seconds late at most."""
    management = Management.of(stage.servers)
    if management is None:
        pytest.skip("the broker is not ours to ask")
    names = management.connections(stage.vhost)
    return {
        # The details are a list, and empty, where the broker has just opened or lost the channel.
        int(consumer["queue"]["name"].removeprefix(_QUEUES)): names.get(
            (consumer["channel_details"] or {}).get("connection_name", ""), "?"
        ).removeprefix("basketry ")
        for consumer in management.call("GET", f"consumers/{quote(stage.vhost)}")
        if consumer["queue"]["name"].startswith(_QUEUES) and consumer["activity_status"] == "single_active"
    }

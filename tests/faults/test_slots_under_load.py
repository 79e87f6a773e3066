"""Slots under load: each worker its own queues, a killed one's are taken over, and it gets them back."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, numbered
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage

pytestmark = pytest.mark.faults

TAKEN_OVER_WITHIN_SECONDS = 10.0


class Crew:
    """Three workers, each with its slot."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage, self._folder = stage, folder
        self.workers = [self._worker(number) for number in range(3)]
        for worker in self.workers:
            worker.wait_ready()

    def _worker(self, number: int) -> WorkerProcess:
        return WorkerProcess(self._stage, f"slot-{number}", self._folder, BASKETRY_SLOT=f"{number}/3")

    def restart(self, number: int) -> None:
        self.workers[number].dismiss()
        self.workers[number] = self._worker(number)
        self.workers[number].wait_ready()

    def dismiss(self) -> None:
        for worker in self.workers:
            worker.dismiss()


@pytest.fixture
def crew(stage: Stage, folder: Path) -> Iterator[Crew]:
    with ExitStack() as stack:
        crew = Crew(stage, folder)
        stack.callback(crew.dismiss)
        yield crew


def consumers(stage: Stage) -> dict[int, str]:
    """Name the worker that is the active consumer of each queue, as the broker says."""
    rabbitmq = stage.servers.rabbitmq
    if rabbitmq is None:
        pytest.skip("the server is not ours to ask")
    columns = ("queue_name", "channel_pid", "activity_status")
    said = rabbitmq.rabbitmqctl("-q", "list_consumers", "-p", stage.vhost, *columns)
    active = dict(re.findall(r"basket\.commands\.(\d\d)\t(\S+)\tsingle_active", said))
    listed = rabbitmq.rabbitmqctl("-q", "list_channels", "-p", stage.vhost, "pid", "connection")
    channels = dict(re.findall(r"^(\S+)\t(\S+)$", listed, re.MULTILINE))
    told = rabbitmq.rabbitmqctl("-q", "list_connections", "pid", "client_properties")
    name = r'^(\S+)\t.*\{"connection_name","basketry (slot-\d)"\}'
    names = dict(re.findall(name, told, re.MULTILINE))
    return {int(number): names.get(channels.get(pid, ""), "?") for number, pid in active.items()}


AT_HOME = {number: f"slot-{number % 3}" for number in range(8)}


def test_each_has_its_own_queues_and_a_killed_ones_are_taken_over_and_handed_back(
    stage: Stage, folder: Path, crew: Crew
) -> None:
    wait_for(lambda: consumers(stage) == AT_HOME)
    (part,) = numbered(120, 60)
    with Listener(stage.broker_url) as events:
        publish(stage.broker_url, part[:2400])
        events.until_heard(300)
        crew.workers[1].kill()
        killed_at = time.monotonic()
        wait_for(lambda: set(consumers(stage).values()) == {"slot-0", "slot-2"})
        assert time.monotonic() - killed_at < TAKEN_OVER_WITHIN_SECONDS
        publish(stage.broker_url, part[2400:4800])
        events.until_heard(3000, seconds=30)
        crew.restart(1)
        publish(stage.broker_url, part[4800:])
        wait_for(lambda: consumers(stage) == AT_HOME)
        events.until_heard(7200, seconds=60)
        assert_each_once_and_in_order(events, stage, [part])

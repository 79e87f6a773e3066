"""A broker that is not there at first, that goes away, and that comes back without half of its topology."""

import socket
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import pytest
from outside.connecting import connect
from outside.expected import numbered
from outside.ledger import Ledger
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage

from tests.scheduler.door import Door

pytestmark = pytest.mark.faults

KNOCKS = 7  # by then the pauses are seconds: what a busy machine adds to each is little beside them
LOST_QUEUES = ("basket.commands.03", "basket.commands.05")
LOST_EXCHANGE = "basket.commands.by-hash"


class Porter(threading.Thread):
    """Stands at a port and sends everybody away; notes when they came."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", port))
        self.knocks: list[float] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.join()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.knocks.append(time.monotonic())
                client.close()

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.knocks)]


def test_a_worker_waits_for_its_broker_and_declares_again_what_is_lost(stage: Stage, folder: Path) -> None:
    broker = urlsplit(stage.broker_url)
    with Door(broker.hostname or "", broker.port or 0) as door:
        user, _, _ = broker.netloc.rpartition("@")
        behind = broker._replace(netloc=f"{user}@127.0.0.1:{door.port}").geturl()
        with Porter(door.port) as porter:
            worker = WorkerProcess(stage, "early", folder, BASKETRY_BROKER_URL=behind)
            other = WorkerProcess(stage, "other", folder, BASKETRY_BROKER_URL=behind)
            try:
                wait_for(lambda: len(porter.knocks) >= 2 * KNOCKS)
                assert worker.is_alive
            finally:
                other.dismiss()
        try:
            door.open()
            worker.wait_ready()
            with Ledger(stage, "5. broker away at start", numbered(100, 20), rate=1000) as ledger:
                ledger.wait_answered(2000)
                ledger.settle()
            assert_lost_topology_comes_back(stage, door, worker)
            assert worker.stop() == 0
        finally:
            worker.dismiss()


def assert_lost_topology_comes_back(stage: Stage, door: Door, worker: WorkerProcess) -> None:
    door.shut()
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        for queue in LOST_QUEUES:
            channel.queue_delete(queue)
        channel.exchange_delete(LOST_EXCHANGE)
    with Porter(door.port) as porter:
        fault = "5. two queues and an exchange deleted while the broker is away"
        with Ledger(stage, fault, numbered(100, 20), rate=1000, is_careful=True) as ledger:
            wait_for(lambda: len(porter.knocks) >= KNOCKS)
            assert ledger.confirmed == 0, "there is no way to any queue"
            assert worker.is_alive
            porter.__exit__(None, None, None)
            assert_growing_with_jitter(porter.pauses)
            door.open()
            shown = [round(pause, 1) for pause in porter.pauses]
            ledger.note = f"{ledger.publisher.nacked} times without a queue; the worker's pauses: {shown} s"
            ledger.wait_answered(2000)
            ledger.settle()


def assert_growing_with_jitter(pauses: list[float]) -> None:
    assert max(pauses) > 2 * min(pauses)
    assert max(pauses) < 60
    doubled = [later / earlier for earlier, later in pairwise(pauses)]
    assert max(doubled) - min(doubled) > 0.05, "no two pauses in the same proportion"

"""A worker that is told to stop does so in time, also while a server is there and does not answer."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from outside.flood import publish
from outside.listener import Listener
from outside.processes import wait_for, working
from outside.stage import Stage
from outside.wire import command, unique

from tests.scheduler.door import Door
from worker.local.child import Child

pytestmark = pytest.mark.faults


@contextmanager
def hanging(server: Child | None) -> Iterator[None]:
    """Stop a server with all its processes, without ending any connection."""
    if server is None or server.popen is None:
        pytest.skip("the server is not ours to stop")
    group = os.getpgid(server.popen.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
        wait_for(server.is_ready)


@pytest.mark.parametrize("slot", ["0/1", "0/3"])
def test_while_the_broker_hangs(stage: Stage, folder: Path, slot: str) -> None:
    with working(stage, "stopped", folder, BASKETRY_SLOT=slot) as worker, hanging(stage.servers.rabbitmq):
        assert worker.stop() == 0


def test_while_the_broker_hangs_and_the_worker_has_noticed(stage: Stage, folder: Path) -> None:
    with working(stage, "noticed", folder) as worker, hanging(stage.servers.rabbitmq):
        wait_for(lambda: "broker.away" in worker.log, seconds=40)
        assert worker.stop() == 0


def test_while_the_database_hangs(stage: Stage, folder: Path) -> None:
    with working(stage, "idle", folder) as worker, hanging(stage.servers.postgres):
        assert worker.stop() == 0


def test_while_the_broker_has_fallen_silent_in_the_middle_of_a_frame(stage: Stage, folder: Path) -> None:
    broker = urlsplit(stage.broker_url)
    with Door(broker.hostname or "", broker.port or 0) as door:
        door.open()
        user, _, _ = broker.netloc.rpartition("@")
        behind = broker._replace(netloc=f"{user}@127.0.0.1:{door.port}").geturl()
        with working(stage, "in-a-frame", folder, BASKETRY_BROKER_URL=behind) as worker:
            is_silent = door.fall_silent_after(100_000)
            padding = b"{" + b" " * 200_000
            publish(stage.broker_url, [command("basket.update", unique("b"), padding) for _ in range(20)])
            assert is_silent.wait(20)
            wait_for(lambda: "broker.away" in worker.log)
            assert worker.stop() == 0


def test_what_waits_behind_a_batch_that_is_held_stays_with_the_broker(stage: Stage, folder: Path) -> None:
    bodies = b"{" + b" " * 1_000_000
    large = [command("basket.update", unique("b"), bodies) for _ in range(300)]
    with (
        working(stage, "holds", folder) as worker,
        psycopg.connect(stage.database_url) as connection,
        Listener(stage.broker_url) as events,
    ):
        connection.execute("lock table inbox in exclusive mode")
        publish(stage.broker_url, large)
        # What waits for a lock does so apart. A second try: by then everything has been taken that is taken.
        wait_for(lambda: worker.log.count("command.held") > 1)
        status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
        peak_kilobytes = int(status.partition("VmHWM:")[2].split()[0])
        connection.rollback()
        events.until_heard(300, seconds=60)
    assert peak_kilobytes < 160_000

"""`basketry load` when a server goes away, a signal comes, or a process of it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest
from command_line import CommandLine
from outside.processes import wait_for
from outside.stage import Stage
from scenes_to_load import account, loaded, scenes


class Feeding:
    """A load in the foreground that reads what it is fed."""

    def __init__(self, loading: CommandLine, channel: str) -> None:
        options = ("-", "--channel", channel, "--processes", "1", "--state-dir", str(loading.state_dir))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", "load", *options],
            env={**os.environ, **loading.settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def feed(self, lines: bytes) -> None:
        self.input.write(lines)
        self.input.flush()

    def end(self) -> tuple[int, str, str]:
        said, errors = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode(), errors.decode()

    @property
    def writer(self) -> int:
        """Give the process that writes, as the kernel knows it."""
        (found,) = (
            int(path.name)
            for path in Path("/proc").glob("[0-9]*")
            if parent(path) == self.process.pid and b"spawn_main" in (path / "cmdline").read_bytes()
        )
        return found


def parent(path: Path) -> int | None:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


@pytest.fixture
def feeding(loading: CommandLine, stage: Stage, channel: str) -> Iterator[Feeding]:
    """Give a load of which a batch is written."""
    feeding = Feeding(loading, channel)
    feeding.feed(scenes(1000))
    wait_for(lambda: loaded(stage, channel) == 1000)
    yield feeding
    if feeding.process.poll() is None:
        os.killpg(feeding.process.pid, signal.SIGKILL)
        feeding.process.communicate()


@contextmanager
def away(stage: Stage) -> Iterator[None]:
    """Let nobody into the database, and throw out who is there."""
    name = stage.database_url.rpartition("/")[2]
    with psycopg.connect(stage.servers.database_url, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false".encode())
        query = b"select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        connection.execute(query, [name])
        try:
            yield
        finally:
            connection.execute(f"alter database {name} allow_connections true".encode())


def test_a_database_that_is_away_is_waited_for(feeding: Feeding, stage: Stage, channel: str) -> None:
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        assert b"it is tried again" in feeding.process.stderr.readline()
    code, said, errors = feeding.end()
    assert (code, account(said), errors) == (0, (2000, 2000, 0, 0), "")
    later = "select count(*) from data_object where channel = %s and provider_id = 'later'"
    assert stage.rows(later, channel) == [(1000,)]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_it_between_batches(
    feeding: Feeding, stage: Stage, channel: str, number: signal.Signals
) -> None:
    feeding.feed(scenes(10, providerId="never written"))
    writer = feeding.writer
    os.killpg(feeding.process.pid, number)
    code, said, errors = feeding.end()
    assert (code, account(said)) == (130, (1000, 1000, 0, 0))
    assert errors == "Ended before its time: run this again to go on.\n"
    assert not Path(f"/proc/{writer}").exists()
    assert loaded(stage, channel) == 1000


@pytest.mark.slow
def test_a_signal_ends_it_while_the_database_is_away(feeding: Feeding, stage: Stage) -> None:
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        assert b"it is tried again" in feeding.process.stderr.readline()
        os.killpg(feeding.process.pid, signal.SIGINT)
        code, said, _ = feeding.end()
    assert (code, account(said)) == (130, (1000, 1000, 0, 0))


@pytest.mark.slow
def test_a_writer_that_is_killed_is_said(feeding: Feeding) -> None:
    os.kill(feeding.writer, signal.SIGKILL)
    feeding.feed(scenes(10))
    code, _, errors = feeding.end()
    assert code == 1
    assert "a process of the load was killed; run this again" in errors


@pytest.mark.slow
def test_a_writer_ends_with_who_feeds_it(feeding: Feeding, stage: Stage) -> None:
    """Also one that waits for the database, and would write when nobody expects it any more."""
    writer = feeding.writer
    with away(stage):
        feeding.feed(scenes(1000, providerId="later"))
        assert feeding.process.stderr is not None
        feeding.process.stderr.readline()
        feeding.process.kill()
        wait_for(lambda: not Path(f"/proc/{writer}").exists())
    feeding.process.communicate()

"""What every tier shares: real servers for the session, an empty house and a worker for a module.

A missing server skips on a laptop and fails in CI.
"""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from outside import stage as stages
from outside.keeper import keeping
from outside.listener import Listener
from outside.processes import WorkerProcess, working
from outside.stage import Stage, fresh
from outside.upstream import Upstream

from worker.local.child import LocalStackError
from worker.local.postgres import Postgres
from worker.local.servers import Servers, start_servers

_LINES_OF_LOG_SHOWN = 25
_CHARACTERS_OF_A_LINE_SHOWN = 400
_WORKERS_AT_MOST = 4  # each with a Postgres and a RabbitMQ of its own


def pytest_configure() -> None:
    """Let a time limit's SIGTERM end the session like Ctrl-C: with its servers stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for something most of their time."""
    return min(len(os.sched_getaffinity(0)) + 1, _WORKERS_AT_MOST)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs no server at the end: short files, so that all who share the tests end together."""
    with_servers = {item.path for item in items if "servers" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in with_servers)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Give Postgres and RabbitMQ; under pytest-xdist each worker has a pair of its own."""
    state_dir = tmp_path_factory.mktemp("servers")
    with keeping(state_dir, Postgres(state_dir).home):
        try:
            started = start_servers(state_dir)
        except LocalStackError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield started
        stages.forget(started)
        if started.rabbitmq is not None and started.rabbitmq.popen is not None:
            started.rabbitmq.popen.kill()  # its data go anyway, and its own way of stopping takes six seconds
        started.stop()
        started.remove()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Take back how a command line that was run in this process has set up the logs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of a module leave their logs."""
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def worker(stage: Stage, folder: Path) -> Iterator[WorkerProcess]:
    with working(stage, "worker", folder) as worker:
        yield worker


@pytest.fixture
def upstream(stage: Stage, worker: WorkerProcess) -> Iterator[Upstream]:
    with Upstream(stage.broker_url) as upstream:
        yield upstream


@pytest.fixture
def events(stage: Stage, worker: WorkerProcess) -> Iterator[Listener]:
    with Listener(stage.broker_url) as events:
        yield events


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of each running worker's log beside a failure."""
    report = yield
    if report.failed:
        for worker in WorkerProcess.running:
            lines = worker.log.splitlines()[-_LINES_OF_LOG_SHOWN:]
            shown = [line[:_CHARACTERS_OF_A_LINE_SHOWN] for line in lines]
            report.sections.append((f"the end of the log of {worker.name}", "\n".join(shown)))
    return report

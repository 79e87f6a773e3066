"""A house with a worker for the client's tests, and one where a test itself plays the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gate import Gate
from outside.processes import WorkerProcess, working
from outside.stage import Stage, fresh

from worker.local.servers import Servers


@pytest.fixture(scope="package")
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="package")
def worker(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    folder: Path = tmp_path_factory.mktemp("client")
    with working(stage, "worker", folder) as worker:
        yield worker


@pytest.fixture(scope="package")
def empty(servers: Servers) -> Iterator[Stage]:
    """A stage on which no worker was ever started."""
    if servers.rabbitmq is None:
        pytest.skip("somebody else's broker has one vhost, and a worker is there")
    with fresh(servers) as stage:
        yield stage


@pytest.fixture
def gate(stage: Stage, worker: WorkerProcess) -> Iterator[Gate]:
    """A way to the broker of the house with a worker."""
    with Gate(stage.broker_url) as gate:
        yield gate

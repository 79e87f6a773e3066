"""One house and one worker for all flows: tests name channels and keys of their own and clear nothing up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.listener import Listener
from outside.observatory import Reader, acceptance_data, observatory
from outside.processes import WorkerProcess, wait_for, working
from outside.scraping import Pages
from outside.shop import open_shop
from outside.stage import Stage, fresh
from outside.upstream import Upstream, connections, lent

from tests.flow.letters import CHANNEL, Operator
from worker.local import ports
from worker.local.servers import Servers


@pytest.fixture(scope="package")
def stage(servers: Servers) -> Iterator[Stage]:
    with fresh(servers) as stage:
        yield stage


@pytest.fixture(scope="package")
def pages() -> Pages:
    return Pages(port=ports.choose())


@pytest.fixture(scope="package")
def worker(stage: Stage, pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    folder: Path = tmp_path_factory.mktemp("flow")
    with working(stage, "worker", folder, BASKETRY_OPS_LISTEN=pages.listen) as worker:
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream)
        yield worker


@pytest.fixture(autouse=True)
def _worker_survives(worker: WorkerProcess) -> Iterator[None]:
    pid = worker.pid
    yield
    assert worker.is_alive
    assert worker.pid == pid


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    """Give a channel with the acceptance data of datasets; a module that needs other data has its own."""
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, acceptance_data())


@pytest.fixture(scope="module")
def idle_upstreams(stage: Stage) -> Iterator[list[Upstream]]:
    """Keep connections for a module: some have a stage of their own."""
    with connections() as idle:
        yield idle


@pytest.fixture
def upstream(stage: Stage, worker: WorkerProcess, idle_upstreams: list[Upstream]) -> Iterator[Upstream]:
    with lent(idle_upstreams, stage.broker_url) as upstream:
        yield upstream


@pytest.fixture
def events(stage: Stage, worker: WorkerProcess) -> Iterator[Listener]:
    """Hear what this test causes: what earlier ones have left to be relayed has been said before."""
    wait_for(lambda: stage.rows("select 1 from outbox where published_at is null limit 1") == [])
    with Listener(stage.broker_url) as events:
        yield events


@pytest.fixture
def reader(upstream: Upstream, channel: str) -> Reader:
    """Give somebody without a basket."""
    return Reader(upstream, channel)


@pytest.fixture(scope="module")
def replaying(stage: Stage, worker: WorkerProcess) -> str:
    """Give the channel of those whose commands are parked."""
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL)
    return CHANNEL


@pytest.fixture
def operator(stage: Stage, upstream: Upstream, replaying: str) -> Operator:
    return Operator(stage, upstream)

"""What tests of the outbox have in common: the database, and a way to the broker, without a worker."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from outside.stage import Stage

from worker.publisher import Publisher
from worker.store import database


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    yield engine
    engine.dispose()


@pytest.fixture
def sender(stage: Stage) -> Iterator[Publisher]:
    with closing(Publisher(stage.broker_url, "tests")) as sender:
        yield sender

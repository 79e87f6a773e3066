"""A real database for the store: migrated, in a session whose time zone is none of ours.

Most tests run in one transaction that is rolled back, and twice: in UTC and far west of it. What needs two
sessions commits, under keys of its own.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from outside import stage as stages
from sqlalchemy import Connection, Engine, text

from worker.local.servers import Servers
from worker.store import database

settings.register_profile(
    "basketry",
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("basketry")

FAR_WEST = "America/Los_Angeles"


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> Iterator[str]:
    """Give a migrated database of our own, whose sessions start in a time zone that is not UTC."""
    with stages.fresh(servers) as stage:
        with psycopg.connect(stage.database_url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone TO '{FAR_WEST}'")
        yield stage.database_url


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    engine = database.engine(database_url, "tests")
    yield engine
    engine.dispose()


@pytest.fixture(params=["UTC", FAR_WEST])
def tx(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Open a transaction in a time zone; nothing of it stays."""
    with engine.connect() as connection:
        connection.execute(text(f"SET LOCAL TIME ZONE '{request.param}'"))
        yield connection
        connection.rollback()


@pytest.fixture
def session(database_url: str) -> Iterator[Callable[[], Connection]]:
    """Open as many sessions as a test needs, each with a transaction of its own; commit by hand."""
    engine = database.engine(database_url, "tests")
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(engine.connect())
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()
    engine.dispose()


@pytest.fixture
def unique() -> Callable[[], str]:
    return lambda: uuid4().hex

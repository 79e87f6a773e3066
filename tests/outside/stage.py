"""A place of its own for some tests: an empty, migrated database and an empty vhost on the session's servers.

Servers that the environment names must be meant for tests: databases are created there, and the vhost of the
broker's URL is used as it is.
"""

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from pika.exceptions import ChannelClosedByBroker
from psycopg import sql

from outside.claims import SECRET
from outside.connecting import connect
from outside.wire import unique
from worker.local.servers import Servers
from worker.store import schema

COMMAND_QUEUES = 8


@dataclass(frozen=True, kw_only=True)
class Management:
    """The management API of a node of our own."""

    base: str
    authorization: str

    @classmethod
    def of(cls, servers: Servers) -> "Management | None":
        """Reach the node that the session has started; None when it is somebody else's."""
        if servers.rabbitmq is None:
            return None
        user = urlsplit(servers.broker_url)
        secret = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        port = servers.rabbitmq.port("management")
        return cls(base=f"http://127.0.0.1:{port}/api", authorization=f"Basic {secret}")

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.base}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": self.authorization, "content-type": "application/json"},
        )
        with closing(urllib.request.urlopen(request, timeout=30)) as response:
            said = response.read()
        return json.loads(said) if said else None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One empty house, ready for workers."""

    servers: Servers
    database_url: str
    broker_url: str

    @property
    def vhost(self) -> str:
        return urlsplit(self.broker_url).path.removeprefix("/")

    @property
    def environment(self) -> dict[str, str]:
        """Give the settings of a process on this stage."""
        return {
            "BASKETRY_DATABASE_URL": self.database_url,
            "BASKETRY_BROKER_URL": self.broker_url,
            "BASKETRY_JWT_SECRET": SECRET,
        }

    def rows(self, query: sql.SQL | sql.Composed | str, *values: object) -> list[tuple[Any, ...]]:
        """Look into the database from outside, in a session of its own."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode() if isinstance(query, str) else query, values)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        (row,) = self.rows(sql.SQL("select count(*) from {}").format(sql.Identifier(table)))
        return int(row[0])


@contextmanager
def fresh(servers: Servers) -> Iterator[Stage]:
    """Set up a stage, and clear it away afterwards."""
    name = unique("tests").replace("-", "_")
    management = Management.of(servers)
    with _database(servers.database_url, name) as database_url:
        schema.migrate(database_url)
        if management is None:
            _purge(servers.broker_url)
            yield Stage(servers=servers, database_url=database_url, broker_url=servers.broker_url)
            return
        management.call("PUT", f"vhosts/{name}")
        try:
            broker_url = urlsplit(servers.broker_url)._replace(path=f"/{name}").geturl()
            yield Stage(servers=servers, database_url=database_url, broker_url=broker_url)
        finally:
            management.call("DELETE", f"vhosts/{quote(name)}")


def left_in(stage: Stage, queue: str) -> int:
    """Count the messages of a queue that no consumer has taken; this very instant, unlike the statistics."""
    with connect(stage.broker_url) as connection:
        declared = connection.channel().queue_declare(queue, passive=True)
        return int(declared.method.message_count)


def _purge(broker_url: str) -> None:
    """Take away what an earlier stage has left in a vhost that is used again and again."""
    with connect(broker_url) as connection:
        for number in range(COMMAND_QUEUES):
            channel = connection.channel()
            with suppress(ChannelClosedByBroker):  # it is not there yet
                channel.queue_purge(f"basket.commands.{number:02d}")


@contextmanager
def _database(server_url: str, name: str) -> Iterator[str]:
    identifier = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(identifier))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(identifier))

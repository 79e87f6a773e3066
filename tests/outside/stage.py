"""A place of its own for some tests: an empty, migrated database and an empty vhost on the session's servers.

Servers that the environment names must be meant for tests: databases are created there, and the vhost of the
broker's URL is used as it is.
"""

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
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

    def connections(self, vhost: str) -> dict[str, str]:
        """Give the name that each client gave its connection ("" for none), by the broker's own name for it.

        The broker's books are seconds late and not of one moment: of a connection that has just come or is
        about to go it may know neither name. Those are left out.
        """
        return {
            one["name"]: str((one["client_properties"] or {}).get("connection_name", ""))
            for one in self.call("GET", f"vhosts/{quote(vhost)}/connections?columns=name,client_properties")
            if "name" in one and "client_properties" in one
        }


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One empty house, ready for workers."""

    servers: Servers
    database_url: str
    broker_url: str
    # Never another stage's: one made of this with `replace` has another database.
    _idle: "list[psycopg.Connection]" = field(default_factory=list, init=False, repr=False, compare=False)

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
        """Look into the database from outside, in a session that nobody else uses at the same time."""
        connection = self._session()
        try:
            cursor = connection.execute(query.encode() if isinstance(query, str) else query, values)
            found = cursor.fetchall() if cursor.description else []
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return found

    def _session(self) -> psycopg.Connection:
        """Give a session that is open: a new one costs more than most of what is asked."""
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute("select 1")
            except psycopg.OperationalError:  # it was thrown out, or the server was away
                connection.close()
            else:
                return connection
        return psycopg.connect(self.database_url, autocommit=True, prepare_threshold=None)

    def close(self) -> None:
        """End the sessions that were kept."""
        while self._idle:
            self._idle.pop().close()

    def count(self, table: str) -> int:
        (row,) = self.rows(sql.SQL("select count(*) from {}").format(sql.Identifier(table)))
        return int(row[0])


@contextmanager
def fresh(servers: Servers) -> Iterator[Stage]:
    """Set up a stage, and clear it away afterwards."""
    name = unique("tests").replace("-", "_")
    management = Management.of(servers)
    with _database(servers.database_url, name, _migrated(servers.database_url)) as database_url:
        if management is None:
            _purge(servers.broker_url)
            with closing(
                Stage(servers=servers, database_url=database_url, broker_url=servers.broker_url)
            ) as stage:
                yield stage
            return
        management.call("PUT", f"vhosts/{name}")
        try:
            broker_url = urlsplit(servers.broker_url)._replace(path=f"/{name}").geturl()
            with closing(Stage(servers=servers, database_url=database_url, broker_url=broker_url)) as stage:
                yield stage
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


# A copy goes through the log: to compress it there takes ten times as much as to write it.
_UNCOMPRESSED = (
    "select set_config('wal_compression', 'off', false) from pg_roles"
    " where rolname = current_user and rolsuper"
)
_TEMPLATES: dict[str, str] = {}  # the database of each server that all others are copied from


def _migrated(server_url: str) -> str:
    """Name a database that is migrated and empty: to copy it takes a tenth of what migrating another does."""
    if server_url not in _TEMPLATES:
        name = unique("template").replace("-", "_")
        schema.migrate(_created(server_url, name, "template1"))
        _TEMPLATES[server_url] = name
    return _TEMPLATES[server_url]


def forget(servers: Servers) -> None:
    """Leave nothing on a server that may be somebody else's."""
    if name := _TEMPLATES.pop(servers.database_url, None):
        _drop(servers.database_url, name)


@contextmanager
def _database(server_url: str, name: str, template: str) -> Iterator[str]:
    url = _created(server_url, name, template)
    try:
        yield url
    finally:
        _drop(server_url, name)


def _created(server_url: str, name: str, template: str) -> str:
    statement = sql.SQL("create database {} template {}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(_UNCOMPRESSED)
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

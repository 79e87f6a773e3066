"""Postgres and RabbitMQ without a supervisor: what a test session needs, and nothing that outlives it.

Promises that both are started side by side, and that a server named in BASKETRY_DATABASE_URL or
BASKETRY_BROKER_URL is used as it is: neither started, nor stopped, nor configured.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from worker.local import waiting
from worker.local.child import Child
from worker.local.postgres import Postgres
from worker.local.rabbitmq import RabbitMQ

DATABASE_URL = "BASKETRY_DATABASE_URL"
BROKER_URL = "BASKETRY_BROKER_URL"
READY_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Servers:
    database_url: str
    broker_url: str
    postgres: Postgres | None  # None: somebody else's, named in the environment
    rabbitmq: RabbitMQ | None

    def stop(self) -> None:
        """Stop what was started; the data stay."""
        waiting.side_by_side([one for one in (self.postgres, self.rabbitmq) if one is not None], _stop)

    def remove(self) -> None:
        """Delete the data of the stopped servers, wherever they lie."""
        for server in (self.postgres, self.rabbitmq):
            if server is not None:
                server.remove()


def start_servers(state_dir: Path) -> Servers:
    """Start what the environment does not name and wait until both are ready."""
    postgres, rabbitmq = Postgres(state_dir), RabbitMQ(state_dir)
    database_url, broker_url = named_elsewhere(DATABASE_URL, postgres), named_elsewhere(BROKER_URL, rabbitmq)
    own = [server for server, named in ((postgres, database_url), (rabbitmq, broker_url)) if named is None]
    try:
        waiting.side_by_side(own, _bring_up)
    except BaseException:
        waiting.side_by_side(own, _stop)
        raise
    return Servers(
        database_url=database_url or postgres.url,
        broker_url=broker_url or rabbitmq.url,
        postgres=None if database_url else postgres,
        rabbitmq=None if broker_url else rabbitmq,
    )


def named_elsewhere(variable: str, server: Postgres | RabbitMQ) -> str | None:
    """Return the address of the server to use instead of ours; None when ours is to be started.

    Our own address of an earlier run, still exported in somebody's shell, means ours.
    """
    named = os.environ.get(variable)
    return named if named and named != server.url else None


def _bring_up(server: Child) -> None:
    server.prepare()
    server.start()
    server.wait_ready(READY_WITHIN_SECONDS)


def _stop(server: Child) -> None:
    server.stop()


def wipe(state_dir: Path) -> None:
    """Delete everything a stack that is down has kept, and nothing else that lies in its folder."""
    Postgres(state_dir).remove()
    RabbitMQ(state_dir).remove()
    for folder in ("log", "run"):
        shutil.rmtree(state_dir / folder, ignore_errors=True)
    (state_dir / "jwt-secret").unlink(missing_ok=True)
    if state_dir.exists() and not any(state_dir.iterdir()):
        state_dir.rmdir()

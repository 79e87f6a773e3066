"""AMQP users with the permissions that `deploy/rabbitmq` gives them, on the session's own node."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from outside.stage import Management, Stage
from outside.wire import unique

PERMISSIONS = Path("deploy/rabbitmq/permissions.py")
PASSWORD = "a password of the tests"


def generated(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PERMISSIONS, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@dataclass(frozen=True, kw_only=True)
class Users:
    """Names by role, and how each reaches the broker."""

    stage: Stage
    names: dict[str, str]

    def url(self, role: str) -> str:
        parts = urlsplit(self.stage.broker_url)
        _, _, address = parts.netloc.rpartition("@")
        login = f"{self.names[role]}:{PASSWORD.replace(' ', '%20')}"
        return parts._replace(netloc=f"{login}@{address}").geturl()


@contextmanager
def users(stage: Stage, management: Management, folder: Path) -> Iterator[Users]:
    """Make a user of each role, and two publishers; take them away afterwards."""
    names = {role: unique(role) for role in ("worker", "scheduler", "operator", "publisher", "consumer")}
    names["another"] = unique("publisher")
    pairs = [f"{role if role != 'another' else 'publisher'}={name}" for role, name in names.items()]
    definitions = folder / "definitions.json"
    printed = generated("--vhost", stage.vhost, *pairs)
    assert printed.returncode == 0, printed.stderr
    definitions.write_text(printed.stdout)
    for name in names.values():
        management.call("PUT", f"users/{name}", {"password": PASSWORD, "tags": ""})
    try:
        assert stage.servers.rabbitmq is not None
        stage.servers.rabbitmq.rabbitmqctl("import_definitions", str(definitions))
        yield Users(stage=stage, names=names)
    finally:
        for name in names.values():
            management.call("DELETE", f"users/{name}")

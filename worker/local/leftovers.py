"""Ending what a supervisor left behind that was killed itself.

Promises to end only what its record names by pid and start time: a pid that was given to somebody else
in the meantime is left alone. Must not be used while a supervisor works on the folder.
"""

from pathlib import Path

from worker.local import pids, roles, state
from worker.local.child import Child, log
from worker.local.postgres import Postgres
from worker.local.rabbitmq import Epmd, RabbitMQ

#: Who is ended together, and in which order.
ORDER: tuple[tuple[str, ...], ...] = (
    tuple(role.name for role in roles.ROLES),
    (Postgres.role, RabbitMQ.role),
    (Epmd.role,),
)
KINDS: dict[str, type[Child]] = {kind.role: kind for kind in (Postgres, RabbitMQ, Epmd)}


def end(state_dir: Path) -> int:
    """End the recorded processes that still run and forget the record; return how many there were."""
    stack = state.read(state_dir)
    if stack is None:
        return 0
    left = [record for record in stack.processes if record.is_alive]
    for together in ORDER:
        for role in together:
            _end_together([record for record in left if record.role == role], KINDS.get(role, roles.Program))
    state.forget(state_dir)
    return len(left)


def _end_together(records: list[state.Record], kind: type[Child]) -> None:
    for record in records:
        log.warning("%s pid=%d was left behind: ending it", record.name, record.pid)
    identities = [record.identity for record in records if record.identity is not None]
    for stubborn in pids.end(identities, kind.stop_signal, kind.grace_seconds):
        log.warning("pid=%d had to be killed", stubborn.pid)

"""What a stack writes down about itself: `run/stack.json` in its state folder.

Promises that a record names a process by pid and start time, and that what is read is whole (the file is
replaced in one step). Whoever reads it knows that it may be the last word of a supervisor that was killed.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from worker.local import files
from worker.local.pids import Identity

#: Helpers of a server that are no process of Basketry's own: ended with it, but not listed.
UNLISTED = ("epmd",)


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"  # it ended and waits for its next start
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Record:
    role: str
    name: str
    state: State
    pid: int | None = None
    started_at: int | None = None
    ops: str | None = None  # the URL of its metrics and health

    @property
    def identity(self) -> Identity | None:
        if self.pid is None or self.started_at is None:
            return None
        return Identity(pid=self.pid, started_at=self.started_at)

    @property
    def is_alive(self) -> bool:
        return self.identity is not None and self.identity.is_alive


@dataclass(frozen=True, kw_only=True)
class Stack:
    supervisor: Record
    processes: tuple[Record, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_up(self) -> bool:
        """Tell whether all of it does its work."""
        everyone = (self.supervisor, *self.processes)
        return all(record.is_alive and record.state is State.READY for record in everyone)

    def listed(self) -> list[Record]:
        """Return the processes as they are now, the supervisor last."""
        supervised = self.supervisor.is_alive
        return [
            record if supervised or record.is_alive else _stopped(record)
            for record in (*self.processes, self.supervisor)
            if record.role not in UNLISTED
        ]


def environment(state_dir: Path) -> dict[str, str]:
    """Return the three BASKETRY_ variables of the stack of this folder; {} when there is none."""
    stack = read(state_dir)
    return {} if stack is None else dict(stack.environment)


def read(state_dir: Path) -> Stack | None:
    """Read the last word of the folder's stack; None when none runs or ran without an end."""
    value = files.read_json(_file(state_dir))
    if not value:
        return None
    return Stack(
        supervisor=_record(value["supervisor"]),
        processes=tuple(_record(one) for one in value["processes"]),
        environment=value["environment"],
    )


def write(state_dir: Path, stack: Stack) -> None:
    files.write_json(_file(state_dir), asdict(stack))


def forget(state_dir: Path) -> None:
    """Say that no stack is left in this folder."""
    _file(state_dir).unlink(missing_ok=True)


def summary(state_dir: Path) -> dict[str, Any]:
    """Return what `status --json` prints."""
    stack = read(state_dir)
    settings = environment(state_dir)
    return {
        "processes": [
            {
                "role": record.role,
                "name": record.name,
                "pid": record.pid,
                "state": record.state,
                "ops": record.ops,
            }
            for record in (stack.listed() if stack else [])
        ],
        "urls": {
            "database": settings.get("BASKETRY_DATABASE_URL"),
            "broker": settings.get("BASKETRY_BROKER_URL"),
        },
    }


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[TextIO | None]:
    """Hold the folder for one supervisor; None when another one holds it."""
    run = state_dir / "run"
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run / "supervisor.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        lock.truncate(0)
        myself = Identity.of(os.getpid())
        json.dump(asdict(myself) if myself else None, lock)
        lock.flush()
        yield lock
        lock.truncate(0)


def is_still_held(state_dir: Path, lock: TextIO) -> bool:
    """Tell whether the lock is still the folder's: it may have been deleted, and made anew."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (state_dir / "run" / "supervisor.lock").stat())
    except FileNotFoundError:
        return False


def holder(state_dir: Path) -> Identity | None:
    """Return the supervisor that works on this folder, starting and stopping included."""
    kept = files.read_json(state_dir / "run" / "supervisor.lock")
    identity = Identity(**kept) if kept else None
    return identity if identity is not None and identity.is_alive else None


def _file(state_dir: Path) -> Path:
    return state_dir / "run" / "stack.json"


def _record(value: dict[str, Any]) -> Record:
    return Record(**{**value, "state": State(value["state"])})


def _stopped(record: Record) -> Record:
    return Record(**{**asdict(record), "state": State.STOPPED})

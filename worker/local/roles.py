"""The processes of Basketry that a stack runs beside its servers: one line of ROLES each."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.local import ports
from worker.local.child import Child


@dataclass(frozen=True, kw_only=True)
class Role:
    name: str
    arguments: tuple[str, ...]  # of `basketry`
    has_slots: bool = False


ROLES = (
    Role(name="worker", arguments=("worker",), has_slots=True),
    Role(name="scheduler", arguments=("scheduler",)),
)


def programs(instances: Mapping[str, int], state_dir: Path, settings: Mapping[str, str]) -> list["Program"]:
    """List what is to be run, so many instances of each role, each under its own name."""
    return [
        Program(role, f"{role.name}-{number}", state_dir, {**settings, **_slot(role, number, instances)})
        for role in ROLES
        for number in range(1, instances[role.name] + 1)
    ]


def _slot(role: Role, number: int, instances: Mapping[str, int]) -> dict[str, str]:
    return {"BASKETRY_SLOT": f"{number - 1}/{instances[role.name]}"} if role.has_slots else {}


def basketry(*arguments: str) -> list[str]:
    """Return the command line of `basketry`, in this Python."""
    return [sys.executable, "-m", "worker.cli", *arguments]


class Program(Child):
    """One process of Basketry; it says that it is ready by creating the file BASKETRY_READY_FILE."""

    def __init__(self, role: Role, name: str, state_dir: Path, settings: Mapping[str, str]) -> None:
        super().__init__(name, state_dir / "log" / f"{name}.log")
        self.role = role.name
        self._arguments = role.arguments
        self._settings = settings
        self._ready_file = state_dir.absolute() / "run" / f"{name}.ready"
        self._ops_port: int | None = None

    def before_start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        self._ops_port = ports.choose(self._ops_port)
        self.ops_url = f"http://127.0.0.1:{self._ops_port}"

    def command(self) -> list[str | Path]:
        return [*basketry(*self._arguments, "--name", self.name)]

    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            **self._settings,
            "BASKETRY_READY_FILE": str(self._ready_file),
            "BASKETRY_OPS_LISTEN": f"127.0.0.1:{self._ops_port}",
            "PYTHONUNBUFFERED": "1",
        }

    def is_ready(self) -> bool:
        return self._ready_file.exists()

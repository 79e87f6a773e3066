"""`basketry` as it is called, with a state folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from worker.local import state

OVERRIDES = (
    "BASKETRY_DATABASE_URL",
    "BASKETRY_BROKER_URL",
    "BASKETRY_JWT_SECRET",
    "BASKETRY_JWKS_FILE",
    "BASKETRY_TOKEN_AUDIENCE",
    "BASKETRY_STATE_DIR",
)


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """`basketry … --state-dir` of one folder, with nothing set in the environment but what is given."""

    state_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def begin(self, *arguments: str, stdout: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command(*arguments),
            env=self._environment(),
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "worker.cli", *arguments, "--state-dir", str(self.state_dir)]

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
        return {**inherited, **self.settings}

    def status(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads(self("status", "--json").stdout)
        return summary

    @property
    def is_up(self) -> bool:
        stack = state.read(self.state_dir)
        return stack is not None and stack.is_up

    def pid(self, role: str) -> int | None:
        processes = state.summary(self.state_dir)["processes"]
        pids: list[int | None] = [one["pid"] for one in processes if one["role"] == role]
        return pids[0] if pids else None

    def log(self, name: str = "supervisor") -> str:
        return (self.state_dir / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

"""Small files of the stack: private ones, JSON ones, secrets.

Promises that a file is either the old one or the new one, never half of either, and that nobody but its
owner can read it. Must not hold any rule of what is in them.
"""

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

LARGE_LOG_BYTES = 20_000_000
_TAIL_BYTES = 65_536  # a whole log would be read, and held, at each end of a child


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; readable by its owner only (0600)."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    write_private(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return what was kept there; {} when nothing was."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8") or "{}")
    except FileNotFoundError:
        return {}
    return value


def secret() -> str:
    """Draw a secret that needs no quoting, neither in a URL nor in a shell."""
    return secrets.token_hex(24)


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log, cut to 64 KiB in all; a sentence when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return f"({path} was never written)"
    return "\n".join(text.splitlines()[-lines:])


def turn_over(log_file: Path, *, is_in_use: bool = False) -> None:
    """Begin a new log when the old one has grown large; keep one old one.

    One in use is copied and emptied, as who appends to it knows it by its handle; what is written in between
    is lost.
    """
    if not log_file.exists() or log_file.stat().st_size <= LARGE_LOG_BYTES:
        return
    old = log_file.with_suffix(".log.old")
    if is_in_use:
        shutil.copy(log_file, old)
        os.truncate(log_file, 0)
    else:
        log_file.replace(old)

"""The release before this one, as it was: its own code in a folder of its own, out of the history."""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

BEFORE = "470865c"  # a commit; at a release, the one before becomes this one's
_PROJECT = Path(__file__).parent.parent.parent
_PACKAGES = ("contracts", "scheduler", "worker")


class NotInHistory(Exception):  # noqa: N818 - it says what is the case
    """There is no history here, or it does not reach back so far."""


def unpack(folder: Path) -> Path:
    """Lay out the release's packages; a process that starts there runs them, and none of ours."""
    try:
        archive = subprocess.run(
            ["git", "-C", _PROJECT, "archive", "--format=tar", BEFORE, "--", *_PACKAGES],
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotInHistory(f"the history does not have {BEFORE}") from error
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def basketry(environment: Mapping[str, str], *arguments: str, home: Path | None = None) -> str:
    """Run `basketry` to its end, that of a release or ours; give what it said, fail when it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
    ended = subprocess.run(
        [sys.executable, "-m", "worker.cli", *arguments],
        cwd=home,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout

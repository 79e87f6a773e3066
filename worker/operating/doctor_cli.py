"""`basketry doctor`: its options; what does the work is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from worker import environment
from worker.local.commands import with_state_dir


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_state_dir
def doctor(*, as_json: bool, state_dir: Path) -> None:
    """Check settings, servers and work: say what is wrong and what to do; exits 1 when something is."""
    from worker import logs
    from worker.operating import doctor as examination

    logs.configure("WARNING")  # on standard error
    found = examination.examine(lambda: environment.read_settings(state_dir))
    sys.exit(0 if examination.show(found, as_json=as_json) else 1)

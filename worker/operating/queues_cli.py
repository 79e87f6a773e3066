"""`basketry queues`: its options; what does the work is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from worker.environment import load_settings
from worker.local.commands import with_state_dir


@click.command()
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For programs; with --watch a line per look.")
@with_state_dir
def queues(*, watch: bool, as_json: bool, state_dir: Path) -> None:
    """Show what waits, who works at it, and what is wrong; exits 1 when a server does not answer."""
    from worker.operating import queues as waiting

    sys.exit(0 if waiting.show(load_settings(state_dir), watch=watch, as_json=as_json) else 1)

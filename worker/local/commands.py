"""`basketry up`, `down`, `status`, `env`: the local stack at the command line.

Must not start or end anything itself: `up` runs the supervisor, `down` asks it, the others read its record.
"""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Column, Table

from worker.local import leftovers, pids, roles, servers, state, waiting
from worker.local.child import LocalStackError
from worker.local.supervisor import AlreadyRunningError, Supervisor

#: The supervisor's own patience with workers (15 s) and servers (30 s), and a margin.
DOWN_WITHIN_SECONDS = 75.0
UP_WITHIN_SECONDS = 180.0
_NAMED_WITHIN_SECONDS = 2.0


def with_state_dir(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(".basketry"),
        envvar="BASKETRY_STATE_DIR",
        show_default=True,
        help="Where the stack keeps its data, logs and secrets.",
    )(command)


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything is ready; the stack runs on.")
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--schedulers", type=click.IntRange(min=0), default=1, show_default=True)
@with_state_dir
def up(*, detach: bool, workers: int, schedulers: int, state_dir: Path) -> None:
    """Run PostgreSQL, RabbitMQ, the workers and the schedulers on this machine."""
    instances = {"worker": workers, "scheduler": schedulers}
    if detach:
        bring_up(state_dir, instances)
        return
    try:
        if state.holder(state_dir) is not None:
            _join(state_dir)
        else:
            Supervisor(state_dir, instances).run()
    except AlreadyRunningError:
        _join(state_dir)
    except LocalStackError as error:
        raise click.exceptions.Exit(1) from error  # the supervisor has said it


@click.command()
@click.option("--wipe", is_flag=True, help="Delete all data, logs and secrets of the stack, too.")
@with_state_dir
def down(*, wipe: bool, state_dir: Path) -> None:
    """End the stack and everything that belongs to it; the data stay."""
    take_down(state_dir)
    if wipe:
        servers.wipe(state_dir)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs; with passwords.")
@with_state_dir
def status(*, as_json: bool, state_dir: Path) -> None:
    """Show every process and both addresses; exit code 1 unless all is up."""
    summary = state.summary(state_dir)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _print_table(summary, state_dir)
    stack = state.read(state_dir)
    if stack is None or not stack.is_up:
        raise click.exceptions.Exit(1)


@click.command()
@with_state_dir
def env(*, state_dir: Path) -> None:
    """Print the settings of the stack, for `eval "$(basketry env)"`."""
    settings = state.environment(state_dir)
    if not settings:
        raise click.ClickException(f"No stack runs in {state_dir}: start one with `basketry up --detach`.")
    for name, value in sorted(settings.items()):
        click.echo(f"export {name}={shlex.quote(value)}")


COMMANDS: list[click.Command] = [up, down, status, env]


def bring_up(state_dir: Path, instances: Mapping[str, int]) -> None:
    """Have a stack that runs on without us, or join the one that runs; return when it is ready."""
    if state.holder(state_dir) is not None:
        _join(state_dir)
        return
    try:
        _up_detached(state_dir, instances)
    except LocalStackError as error:
        raise click.ClickException(str(error)) from error


def _join(state_dir: Path) -> None:
    """Wait for the stack that somebody else has started."""
    seen_at = time.monotonic()

    def is_settled() -> bool:
        nonlocal seen_at
        stack = state.read(state_dir)
        if state.holder(state_dir) is not None:
            seen_at = time.monotonic()
        # Whoever starts it has the lock a moment before its name stands there.
        return (stack is not None and stack.is_up) or time.monotonic() - seen_at > _NAMED_WITHIN_SECONDS

    click.echo(f"A stack runs in {state_dir} already.")
    waiting.until(is_settled, seconds=UP_WITHIN_SECONDS)
    stack = state.read(state_dir)
    if stack is None or not stack.is_up:
        raise click.ClickException(f"It is not ready; see `basketry status` and {state_dir / 'log'}.")
    click.echo("It is ready.")


def take_down(state_dir: Path) -> None:
    """End the stack. It is asked first of all, so that whoever interrupts this only waits no longer."""
    supervisor = state.holder(state_dir)
    if supervisor is None and state.read(state_dir) is None:
        click.echo(f"No stack runs in {state_dir}.")
        return
    if supervisor is not None and pids.end([supervisor], signal.SIGTERM, DOWN_WITHIN_SECONDS):
        click.echo("The supervisor did not end and was killed.", err=True)
    count = leftovers.end(state_dir)
    click.echo(f"The stack in {state_dir} is down{f' ({count} left behind were ended)' if count else ''}.")


def _up_detached(state_dir: Path, instances: Mapping[str, int]) -> None:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked_for = [word for role, count in instances.items() for word in (f"--{role}s", str(count))]
    log_file = state_dir / "log" / "supervisor.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.touch(mode=0o600)
    with log_file.open("a", encoding="utf-8") as output, log_file.open(encoding="utf-8") as progress:
        progress.seek(0, 2)
        supervisor = subprocess.Popen(
            roles.basketry("up", *asked_for, "--state-dir", str(state_dir)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _follow(supervisor, state_dir, progress)
        except KeyboardInterrupt:
            supervisor.terminate()
            supervisor.wait()
            raise
    if supervisor.poll() == 0:  # it met another one that was faster, and waited for that one
        click.echo(f"The stack in {state_dir} is ready.")
        return
    if supervisor.poll() is not None:
        raise LocalStackError(f"The stack could not be started; the reason is above and in {log_file}.")
    click.echo(f"The stack in {state_dir} is ready (supervisor pid {supervisor.pid}).")
    supervisor.returncode = 0  # it is meant to outlive us: no warning that it still runs


def _follow(supervisor: subprocess.Popen[bytes], state_dir: Path, progress: TextIO) -> None:
    """Show what the supervisor says until everything is ready or it has given up."""
    while supervisor.poll() is None:
        waiting.until(lambda: supervisor.poll() is not None, seconds=0.1)
        sys.stderr.write(progress.read())
        stack = state.read(state_dir)
        if stack is not None and stack.supervisor.pid == supervisor.pid and stack.is_up:
            break
    sys.stderr.write(progress.read())


def _print_table(summary: dict[str, Any], state_dir: Path) -> None:
    console = Console(markup=False)
    if not summary["processes"]:
        console.print(f"No stack runs in {state_dir}.")
        return
    table = Table("role", "name", "pid", "state", Column("ops", overflow="fold"))
    for one in summary["processes"]:
        table.add_row(one["role"], one["name"], str(one["pid"] or ""), one["state"], one["ops"] or "")
    console.print(table)
    for name, url in summary["urls"].items():
        console.print(f"{name}: {masked(url)}", highlight=False, soft_wrap=True)


def masked(url: str | None) -> str:
    """Show an address without its password, wherever that is in it."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return "unreadable"
    login, _, address = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{user}:***@{address}" if colon else parts.netloc
    if "@" in parts.path + parts.query + parts.fragment:  # a password that is not percent-encoded
        return "unreadable"
    return parts._replace(netloc=shown, query="", fragment="").geturl() or "unknown"

"""`basketry dead-letters`: list, show, replay, discard; by the user of this machine, unless told."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.environment import database_at_hand, load_database_url
from worker.local import commands as local

if TYPE_CHECKING:
    from worker.operating.replaying import Said
    from worker.store.database import Engine

_STATES = ("parked", "released", "handled", "discarded")
_MAX_NAME_CHARACTERS = 200
_LARGEST = 2**63 - 1
_IDS = click.argument("ids", metavar="ID…", type=click.IntRange(1, _LARGEST), nargs=-1)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group("dead-letters")
def dead_letters() -> None:
    """What could not be handled: look at it, have it handled once more, give it up."""


def _readable(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Take a line of text, which goes into the audit and, the name, into an event's header."""
    if value is None:
        return None
    if not value.strip() or not value.isprintable() or len(value) > _MAX_NAME_CHARACTERS:
        raise click.BadParameter(f"needs a line of 1 to {_MAX_NAME_CHARACTERS} printable characters")
    return value.strip()


def _with_operator(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--operator",
        default=_who,
        callback=_readable,
        help="Who does it; the user of this machine when absent.",
    )(command)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        return f"uid {os.getuid()}"


@contextmanager
def _database(state_dir: Path) -> Iterator[Engine]:
    from worker.store import database

    engine = database.engine(load_database_url(state_dir), "basketry dead-letters")
    try:
        with database_at_hand():
            yield engine
    finally:
        engine.dispose()


@dead_letters.command("list")
@click.option("--cause", help="Only these: an error key, such as command.internal_error.")
@click.option("--state", type=click.Choice(_STATES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@_AS_JSON
@local.with_state_dir
def list_(cause: str | None, state: str | None, limit: int, state_dir: Path, *, as_json: bool) -> None:
    """List dead letters, the newest first."""
    from worker.operating import dead_letters as printing

    with _database(state_dir) as engine:
        printing.print_list(engine, limit, state, cause, as_json=as_json)


@dead_letters.command()
@click.argument("id_", metavar="ID", type=click.IntRange(1, _LARGEST))
@_AS_JSON
@local.with_state_dir
def show(id_: int, state_dir: Path, *, as_json: bool) -> None:
    """Show one with its message, its claims, what went wrong, and who did what with it."""
    from worker.operating import dead_letters as printing

    with _database(state_dir) as engine:
        is_known = printing.print_letter(engine, id_, as_json=as_json)
    if not is_known:
        raise click.ClickException(f"There is no dead letter {id_}.")


@dead_letters.command()
@_IDS
@click.option("--cause", help="All parked ones of this cause that nothing came after; lists the others.")
@click.option(
    "--expected-version",
    type=click.IntRange(0, _LARGEST),
    help="The version that the basket is at, when later commands were handled; 0: there is no basket.",
)
@click.option(
    "--again", is_flag=True, help="Send released ones again, whose message was lost with its queue."
)
@click.option(
    "--why", default="", callback=lambda *args: _readable(*args) if args[2] else "", help="For the audit."
)
@_with_operator
@local.with_state_dir
def replay(
    ids: tuple[int, ...],
    cause: str | None,
    expected_version: int | None,
    why: str,
    operator: str,
    state_dir: Path,
    *,
    again: bool,
) -> None:
    """Have parked commands handled once more, in their order, under the claims that they came with.

    Exits 1 when one of them could not be released.
    """
    from worker.operating import replaying

    _check_choice(ids, cause, expected_version, is_again=again)
    asked = replaying.Asked(operator=operator, why=why, expected_version=expected_version)
    act: Any = replaying.send_again if again else replaying.replay
    with _database(state_dir) as engine:
        if cause is not None:
            _tell(replaying.replay_cause(engine, cause, asked), sends=True)
        _tell((act(engine, one, asked) for one in sorted(set(ids))), sends=True)


@dead_letters.command()
@_IDS
@click.option("--why", required=True, callback=_readable, help="For the audit.")
@_with_operator
@local.with_state_dir
def discard(ids: tuple[int, ...], why: str, operator: str, state_dir: Path) -> None:
    """Give parked ones up; they are removed after the retention of answers."""
    from worker.operating import replaying

    if not ids:
        raise click.UsageError("Name the dead letters to be discarded: see `basketry dead-letters list`.")
    with _database(state_dir) as engine:
        _tell(replaying.discard(engine, one, operator, why) for one in sorted(set(ids)))


def _check_choice(ids: tuple[int, ...], cause: str | None, version: int | None, *, is_again: bool) -> None:
    if bool(ids) == bool(cause):
        raise click.UsageError("Name dead letters, or a cause with --cause: one of both.")
    if version is not None and (len(set(ids)) != 1 or is_again):
        raise click.UsageError(
            "--expected-version is about one basket: name one dead letter, to be released."
        )
    if is_again and cause:
        raise click.UsageError("--again is for dead letters that are named.")


def _tell(acts: Iterable[Said], *, sends: bool = False) -> None:
    """Say what became of each letter; exits 1 when something was refused."""
    done = refused = 0
    for said in acts:
        click.echo(f"{said.letter_id}: {said.sentence}", err=not said.is_done)
        done, refused = done + said.is_done, refused + (not said.is_done)
    if sends and done:
        click.echo(
            f"{done} on their way: a worker or scheduler that runs sends them within seconds. "
            "See what came of them with `basketry dead-letters show`."
        )
    elif not done and not refused:
        click.echo("Nothing to be done.")
    if refused:
        sys.exit(1)

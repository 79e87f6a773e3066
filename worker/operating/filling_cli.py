"""`basketry load`: reference data from a file, straight into PostgreSQL; its options and what it says."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from contracts.envelope import DEFAULT_CHANNEL
from worker.environment import database_at_hand, load_database_url
from worker.local.commands import with_state_dir

if TYPE_CHECKING:
    from worker.filling import Filled, Rejected

_MOST_SHOWN = 20
_INTERRUPTED = 130  # as shells have it


@click.command()
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option("--channel", default=DEFAULT_CHANNEL, show_default=True, help="Of lines that name none.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="one per core",
    help="How many write at once.",
)
@click.option("--rejects", type=click.File("wb"), help="Where all refused lines are noted, as NDJSON.")
@with_state_dir
def load(source: BinaryIO, channel: str, processes: int, rejects: BinaryIO | None, state_dir: Path) -> None:
    """Load reference data from FILE, or from standard input (-), past the broker.

    A line is a put in JSON: `key`, `body`, and where they are not `data-object.put` and --channel, `type` and
    `channel`. It is refused for what would refuse the put over AMQP, and stops no other; then this exits 1.
    What is there as it was sent is left alone: after an interruption, run it again.
    """
    from worker.operating import filling

    database_url = load_database_url(state_dir)
    _look_at(database_url)
    account = _Account(rejects)
    try:
        with _progress(source) as advance:

            def report(filled: Filled, size: int) -> None:
                account.enter(filled)
                advance(size)

            is_whole = filling.load(
                filling.Loading(
                    source=source,
                    database_url=database_url,
                    channel=channel,
                    processes=processes,
                    report=report,
                )
            )
    except filling.LoadError as error:
        raise click.ClickException(f"{error}; run this again. {account}") from error
    click.echo(str(account))
    if not is_whole:
        click.echo("Ended before its time: run this again to go on.", err=True)
        sys.exit(_INTERRUPTED)
    sys.exit(1 if account.rejected else 0)


def _look_at(database_url: str) -> None:
    """End with a sentence when the database is not there now, or has another schema."""
    from worker.store import database, schema

    engine = database.engine(database_url, "basketry-load")
    try:
        with database_at_hand():
            database.ask(engine)
        schema.check(database_url)
    except schema.SchemaError as error:
        raise click.ClickException(str(error)) from error
    finally:
        engine.dispose()


class _Account:
    """What became of the lines; refused ones are said as they come."""

    def __init__(self, rejects: BinaryIO | None) -> None:
        self._rejects = rejects
        self._begun_at = time.monotonic()
        self.lines = self.touched = self.rejected = 0

    def __str__(self) -> str:
        seconds = time.monotonic() - self._begun_at
        unchanged = self.lines - self.rejected - self.touched
        return (
            f"{self.lines:,} lines in {seconds:,.1f} s, {self.lines / seconds:,.0f} a second: "
            f"{self.touched:,} written, {unchanged:,} as they were, {self.rejected:,} refused."
        )

    def enter(self, filled: Filled) -> None:
        self.lines += filled.lines
        self.touched += filled.touched
        for rejected in filled.rejected:
            self._note(rejected)

    def _note(self, rejected: Rejected) -> None:
        from contracts import codec_json

        self.rejected += 1
        if self._rejects is not None:
            self._rejects.write(codec_json.encode(rejected) + b"\n")
        if self.rejected <= _MOST_SHOWN:
            said = "; ".join(f"{one.path or 'the line'}: {one.message}" for one in rejected.errors)
            click.echo(f"line {rejected.line}: {said}", err=True)
        elif self.rejected == _MOST_SHOWN + 1:
            click.echo("More lines are refused; --rejects FILE notes them all.", err=True)


@contextmanager
def _progress(source: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show how many bytes are done, to people; give what is called with each batch's."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    bar = Progress(
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("load", total=_size(source))
        yield lambda size: bar.advance(task, size)


def _size(source: BinaryIO) -> int | None:
    """Give a file's size; a pipe has none."""
    found = os.fstat(source.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None

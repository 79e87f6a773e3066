"""The schema's migrations, run by Alembic: `basketry migrate`, and the check that a worker makes at start.

Workers go on meanwhile: migrations/README.md has the rules.
"""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from worker import logs
from worker.store.database import TryAgain, engine, psycopg_url, transaction

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOCK = 0x6261736B6D696772  # "baskmigr": one migration at a time, whoever starts it
# Whoever waits for a table's lock holds up all that come after: below the time that their statements have.
_PATIENCE_SECONDS = 3.0
_LOOK_EVERY_SECONDS = 0.2


log = logs.get(__name__)


class SchemaError(Exception):
    """The database cannot be used by this release as it is."""


class Place(StrEnum):
    """Where a database's schema is, seen from this release."""

    NEVER_MIGRATED = "never migrated"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


def migrate(url: str, revision: str = "head", *, patience_seconds: float = _PATIENCE_SECONDS) -> str:
    """Bring the schema to a revision, waiting for any other migration; give the revision reached.

    Raises SchemaError when a table is in use for longer than the patience, or when the database goes away:
    the migration at work is as if it had never begun, those before it stay, and the same once more goes on.
    """
    migrating = create_engine(psycopg_url(url), poolclass=NullPool)
    try:
        with migrating.connect() as connection:
            return _migrate(connection, revision, patience_seconds)
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise SchemaError(
                f"A table was in use for longer than {patience_seconds:g} s, and nobody was kept waiting for "
                "the migration: run `basketry migrate` again."
            ) from error
        raise SchemaError(f"The database does not answer: {type(error.orig).__name__}.") from error


def _migrate(connection: Connection, revision: str, patience_seconds: float) -> str:
    _wait_for_others(connection)
    patience = {"patience": f"{patience_seconds * 1000:.0f}ms"}
    connection.execute(text("SELECT set_config('lock_timeout', :patience, false)"), patience)
    connection.commit()
    _run(connection, revision)  # the lock ends with the session
    connection.commit()
    return current(connection)


def _wait_for_others(connection: Connection) -> None:
    """Wait for another migration without a statement that waits: its snapshot would hold up that one.

    An index that is built concurrently waits for every snapshot that is older.
    """
    lock = text("SELECT pg_try_advisory_lock(:lock)")
    while not connection.execute(lock, {"lock": _LOCK}).scalar_one():
        connection.commit()
        time.sleep(_LOOK_EVERY_SECONDS)


def current(connection: Connection) -> str:
    """Give the revision that a database is at; empty when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def place(reached: str) -> Place:
    """Say where a revision is; one that this release does not know is a later one's."""
    if not reached:
        return Place.NEVER_MIGRATED
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    if reached == known[0]:
        return Place.CURRENT
    return Place.BEHIND if reached in known else Place.AHEAD


def check(url: str) -> None:
    """Refuse a schema that is behind this release: raises SchemaError.

    One that is ahead is fine (expand, contract), and a database that is away is waited for later.
    """
    away = engine(url, "basketry start")
    try:
        with transaction(away) as connection:
            reached = current(connection)
    except TryAgain as error:
        log.warning("database.away", why=str(error))
        return
    finally:
        away.dispose()
    if place(reached) in (Place.NEVER_MIGRATED, Place.BEHIND):
        raise SchemaError("The database's schema is behind this release: run `basketry migrate` first.")


def _run(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    backwards = revision == "base"
    (command.downgrade if backwards else command.upgrade)(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

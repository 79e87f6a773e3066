"""The schema's migrations, run by Alembic: `basketry migrate`, and the check that a worker makes at start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from worker.store.database import psycopg_url, transaction

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = 0x6261736B6D696772  # "baskmigr": one migration at a time, whoever starts it


def migrate(url: str, revision: str = "head") -> str:
    """Bring the schema to a revision, waiting for any other migration; give the revision reached."""
    engine = create_engine(psycopg_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        try:
            _run(connection, revision)
            connection.commit()
            return current(connection)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


def current(connection: Connection) -> str:
    """Give the revision that a database is at; empty when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def lacks_migrations(engine: Engine) -> bool:
    """Whether the database is behind this release; one that is ahead of it is fine (expand, contract)."""
    with transaction(engine) as connection:
        reached = current(connection)
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    return not reached or reached in known[1:]


def _run(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    backwards = revision == "base"
    (command.downgrade if backwards else command.upgrade)(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

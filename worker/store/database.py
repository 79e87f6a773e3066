"""Connections and transactions: session timeouts, the database's clock, and two kinds of failure.

`TryAgain`: not the command's fault (server away, deadlock, timeout, missing migration); nothing was kept, the
same work may be tried later. `TooSlow`, one of them: a statement took too long; the work may be the reason.
`Lapsed`, another: we took too long between two statements; we were stopped, or the work is the reason.
`Locked`, another: somebody else has what it needs.
`StatementFailed`: the database refused what the work contains.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# A worker that is stopped within a transaction holds up its baskets for no longer than 10 s in all.
SESSION_SETTINGS = {
    "idle_in_transaction_session_timeout": "8s",
    "lock_timeout": "5s",
    "statement_timeout": "8s",
    "timezone": "UTC",
}
_CONNECT_TIMEOUT_SECONDS = 5

# A statement_timeout is the server's and dies with it: a lost host must be noticed on this side, too.
_LIVENESS = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,  # milliseconds
}

# SQLSTATE classes that speak of a row's content: data exception, integrity, program limit exceeded.
_CONTENT_CLASSES = ("22", "23", "54")
_QUERY_CANCELED = "57014"  # by statement_timeout, or by an operator
_IDLE_IN_TRANSACTION = "25P03"  # idle_in_transaction_session_timeout
_LOCK_NOT_AVAILABLE = "55P03"  # within lock_timeout


__all__ = [
    "SESSION_SETTINGS",
    "Engine",
    "Lapsed",
    "Locked",
    "StatementFailed",
    "TooSlow",
    "Transaction",
    "TryAgain",
    "address",
    "engine",
    "in_our_words",
    "now",
    "transaction",
]

Transaction = Connection


class TryAgain(Exception):  # noqa: N818 - it says what to do
    """The work was not done for a reason outside it; nothing of it was kept."""


class TooSlow(TryAgain):
    """A statement was cut off; nothing of the work was kept."""


class Lapsed(TryAgain):
    """The session was idle within its transaction for too long; nothing of the work was kept."""


class Locked(TryAgain):
    """A lock was not to be had in time; nothing of the work was kept."""


class StatementFailed(Exception):  # noqa: N818
    """The database refused the content of the work; nothing of it was kept."""


def engine(url: str, application_name: str, **settings: str) -> Engine:
    """Make a lazy engine for one process; it connects with the first transaction.

    `settings` are of its sessions, besides or instead of ours.
    """
    options = " ".join(f"-c {name}={value}" for name, value in (SESSION_SETTINGS | settings).items())
    made = create_engine(
        psycopg_url(url),
        pool_size=2,
        max_overflow=2,
        pool_timeout=_CONNECT_TIMEOUT_SECONDS,
        connect_args={
            "options": options,
            "application_name": application_name,
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            **_LIVENESS,
        },
    )
    event.listen(made, "connect", _send_arrays_in_binary)
    return made


def _send_arrays_in_binary(connection: Any, _record: object) -> None:
    """Our statements take arrays of documents; escaping them as text was a third of a worker's CPU time."""
    connection.adapters.register_dumper(list, ListBinaryDumper)


def psycopg_url(url: str) -> URL:
    """Read postgres://, postgresql:// and postgresql+psycopg:// alike."""
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")


def address(url: str) -> str:
    """Name the server, the database and who we are there; never the password."""
    parts = psycopg_url(url)
    return f"{parts.username} at {parts.host or 'the local socket'}:{parts.port or 5432}/{parts.database}"


@contextmanager
def transaction(source: Engine) -> Iterator[Transaction]:
    """Run one transaction; raises TryAgain or StatementFailed instead of the driver's errors."""
    with in_our_words(), source.begin() as connection:
        yield connection


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise TryAgain or StatementFailed instead of the driver's errors."""
    try:
        yield
    except PendingRollbackError as error:  # the connection was lost within a savepoint
        raise TryAgain(f"the connection was lost: {error}") from None
    except DBAPIError as error:
        raise _kind(error.orig)(_without_rows(error.orig)) from None
    except UnicodeEncodeError:
        raise StatementFailed("a text holds half a surrogate pair") from None
    except PoolTimeoutError as error:
        raise TryAgain(str(error)) from error


def _without_rows(error: BaseException | None) -> str:
    """Say what went wrong without the server's details: these show whole rows, addresses included."""
    diagnosis = error.diag if isinstance(error, psycopg.Error) else None
    if diagnosis is None or diagnosis.message_primary is None:
        return f"{type(error).__name__}: {error}"
    constraint = f" ({diagnosis.constraint_name})" if diagnosis.constraint_name else ""
    return f"{type(error).__name__}: {diagnosis.message_primary}{constraint}"


def _kind(error: BaseException | None) -> type[Exception]:
    if _is_about_content(error):
        return StatementFailed
    kinds = {_QUERY_CANCELED: TooSlow, _IDLE_IN_TRANSACTION: Lapsed, _LOCK_NOT_AVAILABLE: Locked}
    return kinds.get(getattr(error, "sqlstate", None) or "", TryAgain)


def _is_about_content(error: BaseException | None) -> bool:
    """Whether the rows are at fault; the driver refuses some (NUL in a text) before there is a SQLSTATE."""
    sqlstate = getattr(error, "sqlstate", None) or ""
    return isinstance(error, (psycopg.DataError, psycopg.IntegrityError)) or sqlstate.startswith(
        _CONTENT_CLASSES
    )


def now(tx: Transaction) -> datetime:
    """Give the database's instant of this transaction: the only clock that decides anything."""
    instant: datetime = tx.execute(text("SELECT now()")).scalar_one()
    return instant


def ask(source: Engine) -> None:
    """Raise TryAgain unless the database answers."""
    with transaction(source) as tx:
        now(tx)

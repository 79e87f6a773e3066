"""Statements whose time is bounded all together: who asks too much is told so, and the transaction goes on.

They run in a savepoint, each with no more time than is left. What they need of the session besides is set for
them alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError

from worker.store import database
from worker.store.database import Transaction

# Canceled (by the timeout, or by an operator), and more temporary files than the server allows.
_TOO_COSTLY = ("57014", "53400")

# A plan that any values would do for is none for a search. And with PostgreSQL's own idea of a disk, which is
# four times as slow where it jumps, 2,000 objects of a million were looked for among all: 1.8 s, not 40 ms.
_FOR_SEARCHES = {"plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1"}

_READ = text("SELECT name, current_setting(name) AS value FROM unnest(CAST(:names AS text[])) AS name")
_SET = text("""
SELECT set_config(name, value, true)
FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) AS setting (name, value)
""")


class CutOffError(Exception):
    """The statements took too long; nothing of them was kept."""


class Limited:
    """Runs statements until an instant of the monotonic clock."""

    def __init__(self, tx: Transaction, ends_at: float) -> None:
        self._tx, self._ends_at = tx, ends_at

    def run(self, statement: Executable, values: Mapping[str, object] | None = None) -> CursorResult[Any]:
        """Run a statement in the time that is left; raises CutOffError when there is none."""
        return self.hurried().execute(statement, dict(values or {}))

    def stream(self, statement: Executable, size: int) -> Iterator[Sequence[Row[Any]]]:
        """Run a statement whose rows are read in parts, by a cursor: other statements may run in between."""
        with self.hurried().execute(statement, execution_options={"yield_per": size}) as rows:
            for part in rows.partitions():
                yield part
                self.hurried()

    def hurried(self) -> Transaction:
        """Give the transaction, its next statement with no more time than is left."""
        left = int((self._ends_at - time.monotonic()) * 1000)
        if left <= 0:
            raise CutOffError
        # A lock that is not to be had is no matter of cost: that is noticed before the time is over.
        self.set({"statement_timeout": f"{left}ms", "lock_timeout": f"{max(1, left * 4 // 5)}ms"})
        return self._tx

    def set(self, settings: Mapping[str, str]) -> None:
        """Change settings until the end of the statements."""
        self._tx.execute(_SET, {"names": list(settings), "values": list(settings.values())})


@contextmanager
def limited(tx: Transaction, seconds: float) -> Iterator[Limited]:
    """Bound the statements of a block; raises CutOffError after undoing them, with all settings as before.

    Raises TryAgain or StatementFailed for whatever else goes wrong.
    """
    statements = Limited(tx, time.monotonic() + seconds)
    with database.in_our_words(), _cut_off(), tx.begin_nested():
        names = ["statement_timeout", "lock_timeout", "work_mem", *_FOR_SEARCHES]
        before = {row.name: row.value for row in tx.execute(_READ, {"names": names})}
        statements.set(_FOR_SEARCHES)
        yield statements
        statements.set(before)


@contextmanager
def _cut_off() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _TOO_COSTLY:
            raise CutOffError from error
        raise

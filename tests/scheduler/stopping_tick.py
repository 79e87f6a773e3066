"""A tick that stands still between its claim and its writing, until somebody lets it go on.

Run as a program with the database's URL and the instant; says on standard output when it has claimed, and
what came of it.
"""

import os
import signal
import sys
from datetime import datetime

from sqlalchemy import text

from scheduler import tick
from worker.store import database, recurrences

_IDLE_FOR = "500ms"  # how long the database lets a transaction stand still; ten seconds in earnest


def claim_and_stand_still(
    tx: database.Transaction, now: datetime, limit: int, *, holds_datasets: bool
) -> recurrences.Claimed:
    claimed = _claim(tx, now, limit, holds_datasets=holds_datasets)
    tx.execute(text(f"set local idle_in_transaction_session_timeout = '{_IDLE_FOR}'"))
    sys.stdout.write(f"{len(claimed.keys)}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
    return claimed


_claim, recurrences.claim = recurrences.claim, claim_and_stand_still  # type: ignore[assignment]

if __name__ == "__main__":
    try:
        outcome = tick.tick(database.engine(sys.argv[1], "stops"), at=datetime.fromisoformat(sys.argv[2]))
    except database.TryAgain:
        sys.stdout.write("try again\n")
    else:
        sys.stdout.write(f"{outcome.placed}\n")

"""A tick of data that stands still after its claim, or after its search, until somebody lets it go on.

Run as a program with the database's URL, the instant, and `claimed` or `searched`; says on standard output
when it stands still, and what came of it.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import text

from scheduler import data_tick
from worker.store import database, recurrences, searching

_IDLE_FOR = "500ms"  # how long the database lets a transaction stand still; eight seconds in earnest


def standing_still(act: Callable[..., Any], moment: str) -> Callable[..., Any]:
    """Stand still after an act."""

    def acting(tx: database.Transaction, *arguments: Any, **options: Any) -> Any:
        done = act(tx, *arguments, **options)
        tx.execute(text(f"set local idle_in_transaction_session_timeout = '{_IDLE_FOR}'"))
        sys.stdout.write(f"{moment}\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSTOP)
        return done

    return acting


if __name__ == "__main__":
    url, instant, moment = sys.argv[1:]
    if moment == "claimed":
        recurrences.claim = standing_still(recurrences.claim, moment)
    else:
        searching.answer = standing_still(searching.answer, moment)
    try:
        outcome = data_tick.tick(database.engine(url, "stops"), at=datetime.fromisoformat(instant))
    except database.TryAgain:
        sys.stdout.write("try again\n")
    else:
        sys.stdout.write(f"{outcome.placed}\n")

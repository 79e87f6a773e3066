"""Workers that are held up: they stay at the broker, as busy ones do, and no command is done."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from outside.stage import Stage


@contextmanager
def commands_held(stage: Stage) -> Iterator[None]:
    """Let no command of a stage be handled while the block runs.

    A worker that is stopped with SIGSTOP would do for a few seconds only: the broker then takes it for gone.
    """
    with psycopg.connect(stage.database_url) as connection:
        connection.execute("lock table inbox in access exclusive mode")
        yield
        connection.rollback()

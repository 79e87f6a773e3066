"""`basketry partitions`: how many command queues there are, and another number of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contracts.topology import MOST_PARTITIONS
from worker.environment import load_settings
from worker.local.commands import with_state_dir

if TYPE_CHECKING:
    from worker.store.partitioning import Partitioning


@click.command()
@click.argument("number", required=False, type=click.IntRange(1, MOST_PARTITIONS))
@click.option("--wait", default=300.0, show_default=True, help="Seconds to wait for the workers, in all.")
@with_state_dir
def partitions(number: int | None, wait: float, state_dir: Path) -> None:
    """Show how many command queues there are, or change their NUMBER while commands come in.

    Commands of one basket stay in order. Ended before its time, the same once more goes on from there.
    """
    import amqp

    from worker.operating import partitions as changing
    from worker.store import database
    from worker.topology import TopologyError

    settings = load_settings(state_dir)
    try:
        if number is None:
            click.echo(_sentence(changing.show(settings)))
        else:
            changing.change(settings, number, wait, click.echo)
    except (changing.NotDone, TopologyError) as error:
        raise click.ClickException(str(error)) from error
    except (database.TryAgain, OSError, amqp.AMQPError) as error:
        again = "" if number is None else f" Run `basketry partitions {number}` again when it is back."
        raise click.ClickException(f"A server does not answer: {error}.{again}") from error


def _sentence(current: Partitioning) -> str:
    there_are = f"There are {current.partitions} command queues"
    if not current.is_changing:
        return f"{there_are}."
    number = current.next_partitions
    return f"{there_are}, and a change to {number} is under way: `basketry partitions {number}` finishes it."

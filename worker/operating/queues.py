"""`basketry queues`: a look at the house as a table, once or every two seconds.

On a terminal the table stays in its place; in a pipe each look is a block of plain lines.
"""

from __future__ import annotations

import json
import time

import msgspec
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from contracts import topology
from worker.operating.checks_work import by_cause, counted
from worker.operating.looking import Line, Look, Observer
from worker.settings import Settings
from worker.store.waiting import Pile, Slot, Waiting

_EVERY_SECONDS = 2.0
_PIPED_WIDTH = 200
_WRONG, _FINE = "bold red", "green"


def show(settings: Settings, *, watch: bool, as_json: bool) -> bool:
    """Print one look, or look until Ctrl-C; False when a part could not be seen."""
    observer = Observer(settings)
    try:
        if watch:
            _watch(observer, as_json=as_json)
            return True
        look = observer.look()
        _print(look, as_json=as_json)
        return look.is_whole
    finally:
        observer.close()


def _watch(observer: Observer, *, as_json: bool) -> None:
    console = Console()
    try:
        if as_json or not console.is_terminal:
            while True:
                _print(observer.look(), as_json=as_json, indent=None)
                time.sleep(_EVERY_SECONDS)
        with Live(render(observer.look()), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_SECONDS)
                live.update(render(observer.look()), refresh=True)
    except KeyboardInterrupt:
        return  # it is how a look ends


def _print(look: Look, *, as_json: bool, indent: int | None = 2) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(look), indent=indent), flush=True)  # noqa: T201
        return
    console = Console(soft_wrap=True, highlight=False)
    # In a pipe nothing is cut or folded: whoever reads on has no width.
    wide = console if console.is_terminal else Console(width=_PIPED_WIDTH, soft_wrap=True, highlight=False)
    wide.print(render(look, box.HEAVY_HEAD if console.is_terminal else None))
    wide.file.flush()


def render(look: Look, frame: box.Box | None = box.HEAVY_HEAD) -> Group:
    """Draw a look."""
    # Cut off, one queue would look like the other.
    table = Table(Column("queue", no_wrap=True), "ready", "consumers", "slot", "worker", "", box=frame)
    for line in look.queues:
        table.add_row(*_row(line))
    table.add_row(topology.DEAD, _number(look.dead), "", "", "", "")
    parts: list[Table | Text] = [table] if look.broker is None else [Text(look.broker, _WRONG), table]
    parts += [Text(look.database, _WRONG)] if look.database is not None else []
    parts += [Text(line) for line in _below(look.waiting)]
    parts += [Text(f"Wrong: {'; '.join(look.wrong)}.", _WRONG)] if look.wrong else []
    return Group(*parts)


def _row(line: Line) -> tuple[str | Text, ...]:
    places = ", ".join(one.place for one in line.slots)
    said = Text(", ".join(line.wrong), _WRONG) if line.wrong else Text("", _FINE)
    return line.name, _number(line.ready), _number(line.consumers), places, _workers(line.slots), said


def _workers(slots: list[Slot]) -> str:
    return ", ".join(
        one.worker if one.is_fresh else f"{one.worker}, not seen for {one.unseen_seconds:.0f} s"
        for one in slots
    )


def _number(number: int | None) -> str:
    return "?" if number is None else str(number)


def _below(waiting: Waiting | None) -> list[str]:
    """Say what waits elsewhere than in the broker's queues."""
    if waiting is None:
        return []
    parked = f": {', '.join(by_cause(waiting.parked))}" if waiting.parked else ""
    return [
        f"outbox: {counted(waiting.outbox.count)} pending{_oldest(waiting.outbox)}",
        f"dead letters: {counted(sum(waiting.parked.values()))} parked{parked}",
        f"orders overdue: {counted(waiting.orders_overdue.count)}{_oldest(waiting.orders_overdue)}",
        f"recurrences suspended: {counted(waiting.suspended)}",
        f"erasures under way: {counted(waiting.erasures.count)}{_oldest(waiting.erasures)}",
    ]


def _oldest(pile: Pile) -> str:
    return "" if pile.oldest_seconds is None else f", the oldest for {pile.oldest_seconds:.0f} s"

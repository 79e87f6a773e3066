"""How a list is shown: as a table where there is room for it, else a line per cell; in a pipe nothing is cut.

Must not know what it shows: cells are texts, and are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Whoever reads a pipe has no width.
PIPED_WIDTH = 240


def show(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under the names of their columns."""
    console = Console(highlight=False)
    lines = list(rows)
    table = Table(*names)
    for column in table.columns:
        column.overflow = "fold"
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))  # an id may hold what Rich would take for markup
    wide = Console(width=PIPED_WIDTH)
    if not console.is_terminal:
        wide.print(table)
    elif not lines or wide.measure(table).maximum <= console.width:
        console.print(table)
    else:
        _show_lines(console, names, lines)


def _show_lines(console: Console, names: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a row as a block: folded into columns of five letters nobody could read it."""
    width = max(map(len, names))
    for line in lines:
        for name, cell in zip(names, line, strict=True):
            if cell:
                console.print(Text.assemble((name.ljust(width), "bold"), "  ", cell), soft_wrap=True)
        console.print()

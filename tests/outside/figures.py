"""What a fault has cost, in figures: one line for each test, and a table of all at the end of a session."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A test's line; `stall_seconds`: the longest time without any event while commands were outstanding.

    `wait_seconds`: the longest time from a command's confirm to its result event.
    """

    noted: ClassVar[list["Figures"]] = []

    fault: str
    published: int = 0
    completed: int = 0
    rejected: int = 0
    parked: int = 0
    duplicates: int = 0
    reorders: int = 0
    stall_seconds: float = 0.0
    wait_seconds: float = 0.0
    took_seconds: float = 0.0
    outcome: str = "kept"
    note: str = ""

    def __str__(self) -> str:
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    def show(self) -> None:
        """Print it beside its test, and note it for the table."""
        print(self)  # noqa: T201 - shown beside a failure
        self.noted.append(self)


_COLUMNS = (
    ("published", 9),
    ("completed", 9),
    ("rejected", 8),
    ("parked", 6),
    ("duplicates", 10),
    ("reorders", 8),
    ("stall_seconds", 7),
    ("wait_seconds", 7),
    ("took_seconds", 7),
)
_FAULT_WIDTH = 58


def table(noted: list[Figures]) -> Iterator[str]:
    """Write the figures of a session as lines of text, sorted by the number of the fault."""
    heads = " ".join(name.removesuffix("_seconds").rjust(width) for name, width in _COLUMNS)
    yield f"{'fault':{_FAULT_WIDTH}} {heads}  invariants"
    for one in sorted(noted, key=_place):
        cells = (_cell(getattr(one, name)).rjust(width) for name, width in _COLUMNS)
        yield f"{one.fault:{_FAULT_WIDTH}} {' '.join(cells)}  {one.outcome}{one.note and ': ' + one.note}"


def _cell(value: float) -> str:
    return f"{value:.1f}s" if isinstance(value, float) else str(value)


def _place(one: Figures) -> tuple[int, str]:
    number, _, rest = one.fault.partition(".")
    return (int(number), rest) if number.isdigit() else (99, one.fault)

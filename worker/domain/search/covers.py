"""Ranges of numbers as prefixes of their digits, so that an index of terms answers them exactly."""

from __future__ import annotations

from collections.abc import Iterator

DIGITS = 16
LOWEST = 0
HIGHEST = 16**DIGITS - 1


def cover(low: int, high: int) -> Iterator[str]:
    """Give the fewest beginnings of 16 hex digits that the numbers from low to high have, and no others.

    Both ends are included. There are 450 at most: fifteen at either end of each digit but the first.
    """
    while low <= high:
        free = 0  # digits that may be anything
        while free < DIGITS and low % 16 ** (free + 1) == 0 and low + 16 ** (free + 1) - 1 <= high:
            free += 1
        yield f"{low:016x}"[: DIGITS - free]
        low += 16**free

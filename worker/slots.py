"""Slots: which command queues are a worker's own.

Of n workers, the one with slot i/n takes the queues p with p mod n = i first, and stands by for the rest.
"""

from __future__ import annotations

import re
from typing import Self

import msgspec

_SLOT = re.compile(r"(\d{1,4})/(\d{1,4})")


class Slot(msgspec.Struct, frozen=True):
    """Slot `number` (from 0) of `of` slots."""

    number: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `i/n`; raises ValueError with a sentence."""
        match = _SLOT.fullmatch(text)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError("must be i/n with 0 <= i < n, such as 0/3 for the first of three workers")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def owns(self, partition: int) -> bool:
        """Tell whether the queue of this number is its own."""
        return partition % self.of == self.number

"""Which sets of command queues there are: one, or two while their number is being changed."""

from __future__ import annotations

from typing import Self

import msgspec

from contracts import topology
from worker.store.partitioning import Partitioning


def sizes(known: Partitioning | None) -> list[int]:
    """Give the size of each set; what the database does not say is as in a new house."""
    if known is None:
        return [topology.PARTITIONS]
    return [known.partitions, *([known.next_partitions] if known.next_partitions is not None else [])]


class House(msgspec.Struct, frozen=True):
    """What the broker is to have: a set of queues of each of these sizes, and the hash before them."""

    sizes: tuple[int, ...]
    hash_: str

    @classmethod
    def of(cls, known: Partitioning | None) -> Self:
        hash_ = known.hash_ if known is not None else None
        return cls(tuple(sizes(known)), hash_ or topology.MODULUS)

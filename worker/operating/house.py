"""Which sets of command queues there are: one, or two while their number is being changed."""

from __future__ import annotations

from contracts import topology
from worker.store.partitioning import Partitioning


def sizes(known: Partitioning | None) -> list[int]:
    """Give the size of each set; what the database does not say is as in a new house."""
    if known is None:
        return [topology.PARTITIONS]
    return [known.partitions, *([known.next_partitions] if known.next_partitions is not None else [])]

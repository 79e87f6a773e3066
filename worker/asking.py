"""Answers what decisions ask of the catalogue, within their transaction and for a few seconds at most."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.domain.search.questions import Answer, Gathered, Question, TooCostly
from worker.ops import searching as ops
from worker.store import ordered_data, searching

if TYPE_CHECKING:
    from collections.abc import Collection

    from worker.store.database import Transaction

SEARCHES_WITHIN_SECONDS = 5.0  # all that one transaction asks for


class Asker:
    """Answers for one transaction; what an order takes is kept with the question."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._until = time.monotonic() + SEARCHES_WITHIN_SECONDS
        self._gathered: set[tuple[str, str]] = set()

    def ask(self, channel: str, question: Question) -> Answer:
        began_at = time.monotonic()
        answer = searching.answer(self._tx, channel, question, self._until - began_at)
        ops.note(time.monotonic() - began_at, is_cut_off=isinstance(answer, TooCostly))
        if isinstance(answer, Gathered):
            self._gathered.add((channel, answer.order_id))
        return answer

    def forget_unplaced(self, placed: Collection[tuple[str, str]]) -> None:
        """Remove what was kept for orders (channel, id) that were not placed after all."""
        for channel, order_id in sorted(self._gathered.difference(placed)):
            ordered_data.forget(self._tx, channel, [order_id])

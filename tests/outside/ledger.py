"""An independent ledger of a house under load: what was published, what was heard, what the database holds.

It knows beforehand what must become of every command, and takes nothing from what the house says of itself.
The invariants that it checks are the same whatever fault the house has met.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from outside import account
from outside.expected import Expected
from outside.figures import Figures
from outside.insistent import InsistentPublisher
from outside.recorder import Recorder
from outside.stage import Stage
from outside.wire import Message
from worker.local import waiting

RATE = 200.0  # commands a second
INTERNAL_ERROR = 500
_SHOWN = 5
_AT_REST_WITHIN_SECONDS = 30.0


class Ledger:
    """A load on a stage, and the account of it: `with` starts both, `settle` ends the load and checks.

    The load is published while the block runs, at most `rate` commands a second, until it is over or
    `settle` is called; it waits while `most_outstanding` commands are not answered. The fault's number and
    name head its line in the table of figures.
    """

    def __init__(
        self,
        stage: Stage,
        fault: str,
        load: Iterable[Expected],
        *,
        rate: float = RATE,
        is_careful: bool = False,
        most_outstanding: float = math.inf,
    ) -> None:
        self.stage = stage
        self.note = ""
        self.recorder = Recorder(stage.broker_url)
        ((self._before,),) = stage.rows("select coalesce(max(seq), 0) from outbox")
        self.publisher = InsistentPublisher(
            stage.broker_url,
            self._entered(load),
            rate=rate,
            is_careful=is_careful,
            may_go_on=lambda: self.confirmed - self.answered < most_outstanding,
        )
        self._fault = fault
        self._expected: dict[str, Expected] = {}  # by message id
        self._began_at = time.monotonic()
        self._outcome = "NOT CHECKED"

    def __enter__(self) -> Self:
        self.recorder.start()
        self.publisher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.publisher.abandon()
        self.figures().show()
        self.recorder.stop()

    @property
    def confirmed(self) -> int:
        """Count the different commands that the broker has taken."""
        return len(self.publisher.confirmed)

    @property
    def answered(self) -> int:
        """Count the commands whose result event was heard since the ledger was opened."""
        return len(self.recorder.answered_at)

    @property
    def outstanding(self) -> int:
        """Count the commands that are confirmed and not answered."""
        return sum(one not in self.recorder.answered_at for one in list(self.publisher.confirmed))

    def wait_answered(self, more: int, *, seconds: float = 60.0) -> None:
        """Wait until so many commands more than now have been answered."""
        until = self.answered + more
        self._wait(lambda: self.answered >= until, seconds, f"{more} more answers")

    def wait_published(self, *, seconds: float = 60.0) -> None:
        """Wait until the whole load is confirmed; only for one that has an end."""
        self._wait(lambda: not self.publisher.is_alive(), seconds, "the end of the load")

    def settle(self, *, seconds: float = 60.0) -> Figures:
        """End the load, wait until the house is at rest, check every invariant, and give the figures.

        The time is for the confirms and answers of all that is outstanding.
        """
        deadline = time.monotonic() + seconds
        self.publisher.finish()
        self._wait(lambda: not self.publisher.is_alive(), seconds, "the broker to confirm all")
        self._wait(lambda: self.outstanding == 0, deadline - time.monotonic(), "every answer")
        self._wait(self._has_heard_all, _AT_REST_WITHIN_SECONDS, "every event of the outbox to be heard")
        broken = list(self._broken())
        self._outcome = f"BROKEN ({len(broken)})" if broken else "kept"
        assert broken == [], "\n".join(["", *broken[:_SHOWN], f"{len(broken)} in all"])
        return self.figures()

    def figures(self) -> Figures:
        heard = self.recorder.answers
        confirmed, answered_at = dict(self.publisher.confirmed), dict(self.recorder.answered_at)
        kinds = [self._kind(one) for one in confirmed if one in answered_at]
        waits = [answered_at[one] - at for one, at in confirmed.items() if one in answered_at]
        return Figures(
            fault=self._fault,
            published=len(confirmed),
            completed=kinds.count("completed"),
            rejected=kinds.count("rejected"),
            parked=kinds.count("parked"),
            duplicates=self.recorder.repeats,
            reorders=account.reorders(self.publisher.order, heard),
            stall_seconds=account.longest_stall(
                confirmed, answered_at, list(self.recorder.heard_at.values())
            ),
            wait_seconds=max(waits, default=0.0),
            took_seconds=time.monotonic() - self._began_at,
            outcome=self._outcome,
            note=self.note,
        )

    def _entered(self, load: Iterable[Expected]) -> Iterator[Message]:
        for one in load:
            self._expected[one.message.message_id] = one
            yield one.message

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        assert waiting.until(condition, seconds=seconds), (
            f"waited in vain for {what}: {self.confirmed} confirmed, {self.answered} answered"
        )

    def _has_heard_all(self) -> bool:
        if self.stage.rows("select 1 from outbox where published_at is null limit 1"):
            return False
        rows = self.stage.rows("select event_id::text from outbox where seq > %s", self._before)
        return all(event_id in self.recorder.first for (event_id,) in rows)

    def _broken(self) -> Iterator[str]:
        order, heard = self.publisher.order, self.recorder.answers
        yield from account.wrong_answers(order, self._expected, heard)
        yield from account.gaps_of_versions(heard)
        yield from account.wrong_effects(self.stage, order, self._expected)
        yield from account.wrong_letters(self.stage, self._expected)
        yield from account.wrong_occurrences(self.stage)
        yield from (f"event {one}: a repeat says something else" for one in self.recorder.unlike)

    def _kind(self, message_id: str) -> str:
        answer = self.recorder.answer_to[message_id]
        if answer.type == "command.completed":
            return "completed"
        is_parked = answer.status == INTERNAL_ERROR or self._expected[message_id].is_parked
        return "parked" if is_parked else "rejected"

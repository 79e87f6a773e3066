"""Random walks with failures, suspensions and changed rules: nothing twice, and nothing left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from worker.domain import early, halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Reason, Recurrence, Skip, State
from worker.domain.scheduling import Placement, Policy

START = datetime(2026, 1, 1, 10, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GONE = Reason(code="product.not_found.error", message="gone")
THREE = Policy(missed_after=HOUR, catch_up_limit=3)

waits = st.sampled_from([1, 4, 9, 10, 24, 25, 72, 120]).map(lambda hours: hours * HOUR)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), waits),
        st.tuples(st.just("tick"), waits),
        st.tuples(st.just("fail"), waits),
        st.tuples(st.just("tick once"), waits),
        st.tuples(st.just("order now"), waits),
        st.tuples(st.just("pause"), st.one_of(st.none(), waits)),
        st.tuples(st.just("resume"), st.one_of(st.none(), st.integers(0, 4))),
        st.tuples(st.just("executes missed"), st.booleans()),
    ),
    max_size=30,
)


class Ledger:
    """Everything that was ordered and skipped, in order."""

    def __init__(self, recurrence: Recurrence) -> None:
        self.recurrence = recurrence
        self.ordered: list[int] = []
        self.early: list[int] = []
        self.skipped: list[int] = []

    def take_in(self, happened: Any) -> None:
        for one in happened:
            if isinstance(one, Placement):
                assert one.due_at == START + one.occurrence * DAY
                self.ordered.append(one.occurrence)
            elif isinstance(one, Skip):
                assert one.first <= one.last
                self.skipped += range(one.first, one.last + 1)

    def tick(self, now: datetime, obstacle: Reason | None, most: int) -> None:
        advance = scheduling.advance(self.recurrence, now, THREE, obstacle, most)
        self.recurrence = advance.recurrence
        self.take_in(advance.happened)

    def order_now(self, now: datetime) -> None:
        taken = early.order_now(self.recurrence, now)
        if taken is None:
            return
        self.recurrence, placement = taken
        assert placement.due_at > now
        self.early.append(placement.occurrence)

    def resume(self, now: datetime, keep: int | None) -> None:
        if self.recurrence.state in (State.PAUSED, State.SUSPENDED):
            self.recurrence, skip = halting.resumed(self.recurrence, now, keep)
            self.take_in([skip])

    def pause(self, now: datetime, until: datetime | None) -> None:
        if self.recurrence.state in (State.ACTIVE, State.PAUSED):
            self.recurrence = halting.paused(self.recurrence, now, until)

    def set_again(self, now: datetime, *, executes_missed: bool) -> None:
        if self.recurrence.state is not State.EXPIRED:
            rule = structs.replace(self.recurrence.rule, executes_missed=executes_missed)
            self.recurrence = recurrences.set_again(self.recurrence, rule, now)


def walk(ledger: Ledger, taken: list[tuple[str, Any]]) -> datetime:
    """Take the steps; give the instant at which they end."""
    now = START - 10 * HOUR
    for action, detail in taken:
        if action in ("tick", "fail", "tick once", "order now"):
            now += detail
        match action:
            case "tick" | "fail" | "tick once":
                obstacle = GONE if action == "fail" else None
                ledger.tick(now, obstacle, most=1 if action == "tick once" else 500)
            case "order now":
                ledger.order_now(now)
            case "pause":
                ledger.pause(now, None if detail is None else now + detail)
            case "resume":
                ledger.resume(now, detail)
            case "executes missed":
                ledger.set_again(now, executes_missed=detail)
    return now


@settings(max_examples=150)
@given(steps, st.booleans(), st.one_of(st.none(), st.integers(1, 8)))
def test_every_occurrence_has_one_order_or_one_skip_whatever_happens(
    taken: list[tuple[str, Any]], executes_missed: bool, repetitions: int | None
) -> None:
    rule = Rule(start_at=START, interval="P1D", executes_missed=executes_missed, repetitions=repetitions)
    ledger = Ledger(recurrences.first_set("shop", "b", rule))
    now = walk(ledger, taken) + 5 * HOUR  # so that no try is left to wait for
    for _ in range(3):
        ledger.resume(now, None)
        ledger.tick(now, None, most=500)
    all_ordered = ledger.ordered + ledger.early
    numbers = all_ordered + ledger.skipped
    assert len(numbers) == len(set(numbers))
    assert ledger.ordered == sorted(ledger.ordered)
    assert ledger.early == sorted(ledger.early)
    assert ledger.skipped == sorted(ledger.skipped)
    assert (ledger.recurrence.state is State.EXPIRED) is (len(all_ordered) == repetitions)
    assert repetitions is None or len(all_ordered) <= repetitions
    if ledger.recurrence.state is not State.EXPIRED:
        due = range((now - START) // DAY + 1)
        assert set(numbers) == set(due) | set(ledger.early)

"""Random walks of ticks, early orders, pauses and resumes, against a model that knows days and sets alone."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain import early, halting, scheduling
from worker.domain import recurrence as recurrences
from worker.domain.basket import Rule
from worker.domain.recurrence import Recurrence, Skip, State
from worker.domain.scheduling import NOW, Placement, Policy

START = datetime(2026, 1, 1, 10, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
UNLIMITED = Policy(missed_after=HOUR, catch_up_limit=1_000_000)


class Model(msgspec.Struct):
    """What must become of a daily standing order; occurrence n is due on day n."""

    executes_missed: bool
    repetitions: int | None
    ordered: list[tuple[int, str]] = []
    skipped: set[int] = set()
    kept: set[int] = set()
    dropped: set[int] = set()
    halted_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def handled(self) -> set[int]:
        return {n for n, _ in self.ordered} | self.skipped

    @property
    def is_over(self) -> bool:
        return len(self.ordered) == self.repetitions

    def order_now(self, now: datetime) -> int | None:
        """Take the lowest that is due later than now and not ordered."""
        if self.is_over:
            return None
        n = next(n for n in range(10_000) if START + n * DAY > now and n not in self.handled)
        self.ordered.append((n, "now"))
        return n

    def resume(self, at: datetime, keep: int | None) -> None:
        assert self.halted_at is not None
        fell_due = [
            n for n in open_until(self, at - timedelta(microseconds=1)) if START + n * DAY >= self.halted_at
        ]
        newest = fell_due if keep is None else fell_due[len(fell_due) - min(keep, len(fell_due)) :]
        self.kept |= set(newest)
        self.dropped |= set(fell_due) - set(newest)
        self.halted_at = self.ends_at = None

    def tick(self, now: datetime) -> None:
        if (
            self.halted_at is not None
            and self.ends_at is not None
            and self.ends_at <= now
            and not self.is_over
        ):
            self.resume(self.ends_at, keep=0)
        if self.halted_at is not None:
            return
        for n in open_until(self, now):
            if self.is_over:
                return
            is_late = now - (START + n * DAY) > HOUR
            if n in self.dropped or (is_late and not self.executes_missed and n not in self.kept):
                self.skipped.add(n)
            else:
                self.ordered.append((n, "late" if is_late else "in time"))


def open_until(model: Model, instant: datetime) -> list[int]:
    """Give what is due by an instant and neither ordered nor skipped, oldest first."""
    return [n for n in range((instant - START) // DAY + 1) if n not in model.handled]


class Walk:
    """The rules under test, and all that they did."""

    def __init__(self, recurrence: Recurrence) -> None:
        self.recurrence = recurrence
        self.ordered: list[tuple[int, str]] = []
        self.ranges: list[tuple[int, int]] = []

    def skip(self, skip: Skip | None) -> None:
        if skip is not None:
            assert skip.first <= skip.last
            assert skip.first_due_at == START + skip.first * DAY
            assert skip.last_due_at == START + skip.last * DAY
            self.ranges.append((skip.first, skip.last))

    def order_now(self, now: datetime) -> int | None:
        taken = early.order_now(self.recurrence, now)
        if taken is None:
            return None
        self.recurrence, placement = taken
        assert (placement.trigger, placement.is_catch_up) == (NOW, False)
        assert placement.due_at == START + placement.occurrence * DAY
        self.ordered.append((placement.occurrence, "now"))
        return placement.occurrence

    def tick(self, now: datetime) -> None:
        advance = scheduling.advance(self.recurrence, now, UNLIMITED, None, most=10_000)
        self.recurrence = advance.recurrence
        for one in advance.happened:
            if isinstance(one, Placement):
                self.ordered.append((one.occurrence, "late" if one.is_catch_up else "in time"))
            else:
                assert isinstance(one, Skip)
                self.skip(one)

    @property
    def skipped(self) -> list[int]:
        return [n for first, last in self.ranges for n in range(first, last + 1)]


waits = st.sampled_from([1, 2, 9, 10, 24, 25, 72, 240]).map(lambda hours: hours * HOUR)
keeps = st.one_of(st.none(), st.integers(0, 6))
actions = st.one_of(
    st.tuples(st.just("wait"), waits),
    st.tuples(st.just("tick"), waits),
    st.tuples(st.just("order now"), st.none()),
    st.tuples(st.just("order now"), st.none()),
    st.tuples(st.just("pause"), st.one_of(st.none(), waits)),
    st.tuples(st.just("resume"), keeps),
)


def act(walk: Walk, model: Model, action: str, detail: timedelta | int | None, now: datetime) -> None:
    """Do the same to both."""
    if action == "tick":
        walk.tick(now)
        model.tick(now)
    elif action == "order now":
        assert walk.order_now(now) == model.order_now(now)
    elif action == "pause" and walk.recurrence.state in (State.ACTIVE, State.PAUSED):
        until = now + detail if isinstance(detail, timedelta) else None
        walk.recurrence = halting.paused(walk.recurrence, now, until)
        model.halted_at, model.ends_at = model.halted_at or now, until
    elif action == "resume" and walk.recurrence.state is State.PAUSED:
        keep = detail if isinstance(detail, int) else None
        walk.recurrence, skip = halting.resumed(walk.recurrence, now, keep)
        walk.skip(skip)
        model.resume(now, keep)


@settings(max_examples=150)
@given(st.lists(actions, max_size=25), st.booleans(), st.one_of(st.none(), st.integers(1, 12)))
def test_every_occurrence_is_in_one_order_or_in_one_skipped_range(
    steps: list[tuple[str, timedelta | int | None]], executes_missed: bool, repetitions: int | None
) -> None:
    rule = Rule(start_at=START, interval="P1D", executes_missed=executes_missed, repetitions=repetitions)
    walk = Walk(recurrences.first_set("shop", "b", rule))
    model = Model(executes_missed=executes_missed, repetitions=repetitions)
    now = START - 10 * HOUR
    finally_ = [("resume", None), ("tick", 48 * HOUR), ("tick", timedelta(0))]
    for action, detail in [*steps, *finally_]:
        if action in ("wait", "tick") and isinstance(detail, timedelta):
            now += detail
        act(walk, model, action, detail, now)
        assert walk.ordered == model.ordered
        assert (walk.recurrence.state is State.EXPIRED) is model.is_over
        # While it is halted, a planned skip may have been carried out already or wait for its turn.
        if action == "tick" and not model.is_over and model.halted_at is None:
            assert sorted(walk.skipped) == sorted(model.skipped)
    numbers = [n for n, _ in walk.ordered] + walk.skipped
    assert len(numbers) == len(set(numbers))
    assert repetitions is None or len(walk.ordered) <= repetitions
    if not model.is_over:
        assert set(numbers) >= set(range((now - START) // DAY + 1))

"""A model of one standing order that knows single occurrences and nothing else, to walk beside the real one.

It is written from the contract's sections 6.1 to 6.6, an occurrence at a time, and takes its dates from
dateutil. It knows neither ranges nor arithmetic on them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
from dateutil import tz
from dateutil.relativedelta import relativedelta

TRIES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4))
Said = tuple[object, ...]


class Grid(msgspec.Struct, frozen=True):
    """When occurrences are due: a start on the wall, a step, and whose wall it is."""

    start: str
    step: relativedelta
    zone: str | None = None

    def due(self, n: int) -> datetime:
        clock: tzinfo | None = tz.gettz(self.zone) if self.zone else UTC
        moved = (datetime.fromisoformat(self.start) + self.step * n).replace(tzinfo=clock, fold=0)
        return tz.resolve_imaginary(moved).astimezone(UTC)


class Terms(msgspec.Struct, frozen=True):
    grid: Grid
    end_at: datetime | None = None
    repetitions: int | None = None
    executes_missed: bool = True


class Model:
    """What must become of the standing order of one basket."""

    def __init__(self, missed_after: timedelta, catch_up_limit: int) -> None:
        self.missed_after, self.catch_up_limit = missed_after, catch_up_limit
        self.state: str | None = None
        self.generation = 0
        self.latest: datetime | None = None
        self.rows: dict[tuple[int, int], str] = {}
        self.said: list[Said] = []
        self.last_placed_at: datetime | None = None

    def set(self, terms: Terms, now: datetime) -> None:
        is_first, was = self.state is None, self.state
        if was not in (None, "removed") and terms.grid == self.terms.grid:
            self._replace(terms, now)
        else:
            self.generation += 1
            self.state, self.terms, self.placed, self.begin = "active", terms, 0, 0
            self.void: set[int] = set()
            self._forget()
            if not is_first:
                while self._is_past(self.begin, now):
                    self.begin += 1
        self.said.append(("recurrence.started" if was in (None, "removed") else "recurrence.changed",))
        self._settle()
        self.said += [("recurrence.expired",)] if self.state == "expired" else []

    def remove(self) -> None:
        if self.state not in (None, "removed"):
            self.state = "removed"
            self.said.append(("recurrence.removed",))

    def pause(self, now: datetime, until: datetime | None) -> None:
        if self.state not in ("active", "paused"):
            return
        before = self.state, self.until
        self.halted_at = self.halted_at if self.state == "paused" else now
        self.state, self.until = "paused", until
        if before != (self.state, self.until):
            self.said.append(("recurrence.paused",))

    def resume(self, now: datetime, keep: int | None) -> bool:
        """Go on; whether that is possible."""
        if self.state == "expired":
            return False
        if self.state in ("paused", "suspended"):
            skipped, is_over = self._go_on(now, keep)
            self.said += [*skipped, ("recurrence.resumed",)]
            self.said += [("recurrence.expired",)] if is_over else []
        return True

    def order_now(self, now: datetime) -> int | None:
        if self.state not in ("active", "paused") or self._is_used_up():
            return None
        n = self.begin
        while self._is_closed(n) or self._due(n) <= now:
            n += 1
        if not self._is_within(n):
            return None
        self._place(n, now, is_catch_up=False, trigger="now")
        if self._settle():
            self.said.append(("recurrence.expired",))
        return n

    def tick(self, now: datetime, obstacle: str | None, most: int = 100_000) -> None:
        """Deal with what is due, at most so many orders or runs of skips at once."""
        is_over = False
        if self.state == "paused" and self.until is not None and self.until <= now:
            skipped, is_over = self._go_on(self.until, 0)
            self.said += [("recurrence.resumed",), *skipped]
        for _ in range(most):
            if not self._step(now, obstacle):
                break
        if self._settle() or is_over:
            self.said.append(("recurrence.expired",))

    @property
    def next_order_at(self) -> datetime | None:
        n = self._next()
        return self._due(n) if self._is_within(n) and not self._is_used_up() else None

    def _step(self, now: datetime, obstacle: str | None) -> bool:
        if self.state != "active" or self._is_used_up():
            return False
        n = self._next()
        if (
            not self._is_within(n)
            or self._due(n) > now
            or (self.retry_at is not None and self.retry_at > now)
        ):
            return False
        if n in self.dropped:
            self._skip_run(self.dropped.get)
            return True
        is_late = now - self._due(n) > self.missed_after
        if is_late and n not in self.attempted and n not in self.kept:
            if not self.terms.executes_missed:
                self._skip_run(lambda one: "missed" if self._is_missed(one, now) else None)
                return True
            missed = self._missed_from(n, now)
            left = len(missed) if self.terms.repetitions is None else self.terms.repetitions - self.placed
            if min(left, len(missed)) > self.catch_up_limit:
                self.state, self.halted_at, self.retry_at = "suspended", self._due(n), None
                self.said.append(("recurrence.suspended", "catch_up_limit_exceeded", min(left, len(missed))))
                return True
            self.kept |= set(missed)
        if obstacle is not None:
            self._fail(n, now, obstacle, is_catch_up=is_late and n in self.kept)
        else:
            self._place(n, now, is_catch_up=is_late and n in self.kept, trigger="schedule")
        return True

    def _place(self, n: int, now: datetime, *, is_catch_up: bool, trigger: str) -> None:
        self.placed += 1
        self.last_placed_at = now
        if n == self._next():
            self.tries, self.retry_at = 0, None
        self._write(n, "order")
        due_at = f"{self._due(n):%Y-%m-%dT%H:%M:%SZ}"
        self.said.append(("order.placed", self.generation, n, due_at, is_catch_up, trigger))

    def _fail(self, n: int, now: datetime, obstacle: str, *, is_catch_up: bool) -> None:
        self.attempted.add(n)
        self.tries += 1
        self.said.append(("order.failed", self.generation, n, obstacle, is_catch_up, self.tries))
        if self.tries > len(TRIES):
            self.state, self.halted_at, self.retry_at = "suspended", now, None
            self.said.append(("recurrence.suspended", obstacle, None))
        else:
            self.retry_at = now + TRIES[self.tries - 1]

    def _go_on(self, at: datetime, keep: int | None) -> tuple[list[Said], bool]:
        """Decide about each occurrence that fell due since the halt."""
        reason = "paused" if self.state == "paused" else "missed"
        fell_due = []
        n = self._next()
        while self._is_within(n) and self._due(n) < at:
            is_halted = self.halted_at is not None and self._due(n) >= self.halted_at
            if is_halted and not self._is_closed(n) and n not in self.dropped:
                fell_due.append(n)
            n += 1
        newest = fell_due if keep is None else fell_due[max(0, len(fell_due) - keep) :]
        self.kept |= set(newest)
        self.dropped |= dict.fromkeys(set(fell_due) - set(newest), reason)
        self.state, self.halted_at, self.until = "active", None, None
        self.tries, self.retry_at = 0, None
        before = len(self.said)
        if self._next() in self.dropped and not self._is_used_up():
            self._skip_run(self.dropped.get)
        skipped, self.said = self.said[before:], self.said[:before]
        return skipped, self._settle()

    def _skip_run(self, reason_of: Callable[[int], str | None]) -> None:
        """Skip the next one and all that follow it without a gap for the same reason."""
        first = n = self._next()
        reason = str(reason_of(n))
        while not self._is_closed(n) and self._is_within(n) and reason_of(n) == reason:
            self._write(n, reason)
            n += 1
        self.tries, self.retry_at = 0, None
        self.said.append(("occurrence.skipped", self.generation, first, n - 1, n - first, reason))

    def _replace(self, terms: Terms, now: datetime) -> None:
        if self.terms.executes_missed and not terms.executes_missed:
            self.kept = set()
        self.terms = terms
        if self.state == "expired":
            # What lies between its old end and now was never ordered by anybody.
            self._forget()
            n = self.begin
            while self._due(n) < now:
                self.void |= set() if self._is_closed(n) else {n}
                n += 1
            self.state = "active"

    def _forget(self) -> None:
        self.kept: set[int] = set()
        self.dropped: dict[int, str] = {}
        self.attempted: set[int] = set()
        self.tries = 0
        self.retry_at: datetime | None = None
        self.halted_at: datetime | None = None
        self.until: datetime | None = None

    def _settle(self) -> bool:
        """Expire when nothing is left; whether that has just happened."""
        if self.state not in ("active", "paused", "suspended"):
            return False
        if self._is_within(self._next()) and not self._is_used_up():
            return False
        self.state = "expired"
        self.tries, self.retry_at, self.halted_at, self.until = 0, None, None, None
        return True

    def _due(self, n: int) -> datetime:
        return self.terms.grid.due(n)

    def _is_closed(self, n: int) -> bool:
        return (self.generation, n) in self.rows or n in self.void

    def _next(self) -> int:
        n = self.begin
        while self._is_closed(n):
            n += 1
        return n

    def _is_within(self, n: int) -> bool:
        return self.terms.end_at is None or self._due(n) <= self.terms.end_at

    def _is_used_up(self) -> bool:
        return self.terms.repetitions is not None and self.placed >= self.terms.repetitions

    def _is_past(self, n: int, now: datetime) -> bool:
        return self._due(n) < now or (self.latest is not None and self._due(n) <= self.latest)

    def _is_missed(self, n: int, now: datetime) -> bool:
        is_decided = n in self.kept or n in self.dropped or n in self.attempted
        return now - self._due(n) > self.missed_after and not is_decided

    def _missed_from(self, n: int, now: datetime) -> list[int]:
        """Give what was missed, up to what somebody has decided about already."""
        found = []
        while self._is_within(n) and (self._is_closed(n) or self._is_missed(n, now)):
            found += [] if self._is_closed(n) else [n]
            n += 1
        return found

    def _write(self, n: int, outcome: str) -> None:
        assert (self.generation, n) not in self.rows
        self.rows[self.generation, n] = outcome
        self.latest = max(filter(None, (self.latest, self._due(n))))

"""When the occurrences of a recurrence are due (contract, 6.2).

Occurrence n is due at start + n periods: all months at once with one clamp to the last day of the month,
then the days, as java.time adds them; never counted on from the previous date. The wall clock is that of the
recurrence's zone, or of its start's fixed offset.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from contracts.period import Period

_MONTHS_PER_YEAR = 12
_LAST_YEAR = 9998
ENDS_BEFORE = datetime(9999, 1, 2, tzinfo=UTC)  # in every zone; an end may lie later


class Grid:
    """The instants of one generation. They rise strictly with n, and end before the year 9999."""

    def __init__(self, start_at: datetime, period: Period, *, zone: str | None, offset: timedelta) -> None:
        self._start_at = start_at
        self._months = period.years * _MONTHS_PER_YEAR + period.months
        self._days = period.days
        self._zone = zone
        self._offset = offset

    @cached_property
    def _wall_clock(self) -> tzinfo:
        return ZoneInfo(self._zone) if self._zone else timezone(self._offset)

    @cached_property
    def _local_start(self) -> datetime:
        return self._start_at.astimezone(self._wall_clock).replace(tzinfo=None, fold=0)

    def due(self, n: int) -> datetime | None:
        """Give the instant of occurrence n, in UTC; None when the calendar has no such day."""
        if n == 0:
            return self._start_at.astimezone(UTC)
        local = _plus(self._local_start, self._months * n, self._days * n)
        # In a gap, fold 0 reads the clock with the offset before it, which moves it forward by the gap's
        # length; in an overlap fold 0 is the earlier instant.
        return None if local is None else local.replace(tzinfo=self._wall_clock).astimezone(UTC)

    def first_at_or_after(self, instant: datetime) -> int | None:
        """Give the first n that is due at the instant or later; None when there is none."""
        if instant <= self._start_at:
            return 0
        low, high = 0, 1
        while not self._is_at_or_after(high, instant):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_at_or_after(middle, instant) else (middle, high)
        return high if self.due(high) is not None else None

    def last(self) -> int:
        """Give the last n that the calendar has."""
        low, high = 0, 1
        while self.due(high) is not None:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.due(middle) is not None else (low, middle)
        return low

    def _is_at_or_after(self, n: int, instant: datetime) -> bool:
        due = self.due(n)
        return due is None or due >= instant


def _plus(local: datetime, months: int, days: int) -> datetime | None:
    """Add months, clamp to the last day of the month, then add days."""
    month_index = local.year * _MONTHS_PER_YEAR + local.month - 1 + months
    year, month = divmod(month_index, _MONTHS_PER_YEAR)
    if year > _LAST_YEAR:
        return None
    last_day = calendar.monthrange(year, month + 1)[1]
    try:
        moved = local.replace(year=year, month=month + 1, day=min(local.day, last_day)) + timedelta(days=days)
    except OverflowError:
        return None
    return moved if moved.year <= _LAST_YEAR else None

"""Calendar periods, as `java.time.Period.parse` reads them: P3M, P1Y2M3W4D, p1m, -P-1M.

isodate does the reading, behind a strict grammar: alone it takes fractions, times of day and other texts
that are no period. Weeks become days; months do not become years. Source: Java SE, `Period.parse`.
"""

from __future__ import annotations

import re

import isodate
import msgspec

_GRAMMAR = re.compile(
    r"(?P<sign>[-+]?)P"
    r"(?:([-+]?\d{1,12})Y)?(?:([-+]?\d{1,12})M)?(?:([-+]?\d{1,12})W)?(?:([-+]?\d{1,12})D)?",
    re.IGNORECASE | re.ASCII,
)
_DAYS_PER_WEEK = 7
_MAX = 999_999_999  # what a timedelta holds; Java's limit of 2**31 - 1 days is 5.9 million years


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Years and months, and days, none negative."""

    months: int = 0
    days: int = 0
    years: int = 0

    @property
    def is_zero(self) -> bool:
        return not (self.years or self.months or self.days)

    def __str__(self) -> str:
        """Give the normal form: P28D, P1Y2M25D, P12M; P0D when zero."""
        parts = ((self.years, "Y"), (self.months, "M"), (self.days, "D"))
        return "P" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0D")


def parse_period(text: str) -> Period | None:
    """Read a period; None when the text is no period, or one with a negative part, or too large for Java."""
    match = _GRAMMAR.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return None
    turn = -1 if match["sign"] == "-" else 1
    numbers = [turn * int(number or 0) for number in match.groups()[1:]]
    years, months, days = numbers[0], numbers[1], numbers[2] * _DAYS_PER_WEEK + numbers[3]
    if min(years, months, days) < 0 or max(years, months, days) > _MAX:
        return None
    read = isodate.parse_duration(f"P{years}Y{months}M{days}D", as_timedelta_if_possible=False)
    return Period(years=int(read.years), months=int(read.months), days=read.tdelta.days)

"""Calendar periods, as `java.time.Period.parse` reads them: P3M, P1Y2M3W4D, p1m, -P-1M.

Weeks become days; months do not become years. The grammar gives every number, so nothing is left to a
library: isodate takes fractions and times of day, and holds fewer days than Java. Source: Java SE, `Period`.
"""

from __future__ import annotations

import re

import msgspec

_NUMBER = r"([-+]?0*\d{1,10})"
_GRAMMAR = re.compile(
    rf"(?P<sign>[-+]?)P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_TEXT = 1000  # leading zeros are any number of digits to Java; this is where we stop reading
_DAYS_PER_WEEK = 7
_MAX_INT = 2**31 - 1


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
    match = _GRAMMAR.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None or not any(match.groups()[1:]):
        return None
    turn = -1 if match["sign"] == "-" else 1
    numbers = [turn * int(number or 0) for number in match.groups()[1:]]
    years, months, weeks, days = numbers
    of_weeks = weeks * _DAYS_PER_WEEK
    days += of_weeks
    # Java adds in this order, and none of its steps may overflow: a day less does not make up for the weeks.
    if max(map(abs, (*numbers, of_weeks, days))) > _MAX_INT or min(years, months, days) < 0:
        return None
    return Period(years=years, months=months, days=days)

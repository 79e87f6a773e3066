"""ISO 8601 durations of settings: PT1H, P90D. Calendar periods of recurrences are another matter."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta | None:
    """Read weeks, days, hours, minutes and seconds; None when the text is no such duration.

    Years and months have no fixed length and are refused. Source: ISO 8601-1, 5.5.2.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return timedelta(**{unit: int(digits) for unit, digits in match.groupdict().items() if digits})

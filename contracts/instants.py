"""Instants on the wire: ISO 8601 with an offset, or epoch milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import isodate

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[-+]\d{2}(:?\d{2})?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)  # a day of margin in every zone
_NEVER = datetime.max.replace(tzinfo=UTC)


def parse_instant(value: object, *, may_be_never: bool = False) -> datetime | None:
    """Read an instant from 1970 on. Without an offset the result is naive; None when it is no instant.

    The year 9999 is how many systems write "never": that is for ends only, for nothing can be added to it.
    """
    try:
        if isinstance(value, str) and _FORM.fullmatch(value):
            instant: datetime = isodate.parse_datetime(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            instant = _EPOCH + timedelta(milliseconds=value)
        else:
            return None
        # An offset beyond a day is found out only when the instant is compared.
        in_utc = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        is_in_range = _EPOCH <= in_utc <= (_NEVER if may_be_never else _LATEST)
    except (ValueError, OverflowError, isodate.ISO8601Error):
        return None
    return instant if is_in_range else None


def iso(instant: datetime) -> str:
    """Write an instant in UTC with Z; fractions only when there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_microseconds(instant: datetime) -> str:
    """Write an instant in UTC with Z, always to the microsecond."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def epoch_milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def of_epoch_milliseconds(milliseconds: int) -> datetime:
    """Give the instant that `epoch_milliseconds` was made of."""
    return _EPOCH + timedelta(milliseconds=milliseconds)

"""Reading a recurrence that was sent: what it means, or everything that is wrong with it (contract, 6.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from msgspec import UNSET

from contracts.commands import RecurrenceInput
from contracts.errors import ErrorKey, Problem
from contracts.instants import parse_instant
from contracts.period import Period, parse_period
from worker.domain.basket import Rule

# What else lies among a machine's zones: its own setting, and a placeholder.
_ZONES = frozenset(available_timezones()) - {"localtime", "Factory"}
_MAX_REPETITIONS = 1_000_000


def read(sent: RecurrenceInput, path: str) -> Rule | list[Problem] | None:
    """Make a rule of what was sent; None when its interval is zero, which removes a recurrence."""
    problems: list[Problem] = []
    period = _period(sent, path, problems)
    if period is not None and period.is_zero:
        return None
    zone = _zone(sent, path, problems)
    start = _start(sent, path, problems)
    end_at = _end(sent, path, problems)
    repetitions = _repetitions(sent, path, problems)
    if start is not None and end_at is not None and end_at < _instant(start, zone):
        problems.append(_invalid(f"{path}.endDate", "endDate lies before startDate"))
    if problems or period is None or start is None:
        return problems
    return Rule(
        start_at=_instant(start, zone),
        offset_seconds=0 if zone else round((start.utcoffset() or timedelta(0)).total_seconds()),
        time_zone=zone,
        interval=str(period),
        end_at=end_at,
        repetitions=repetitions,
        executes_missed=sent.execute_missed_orders,
        new_data_only=sent.new_data_only,
    )


def _period(sent: RecurrenceInput, path: str, problems: list[Problem]) -> Period | None:
    if sent.interval in (UNSET, ""):
        message = "Missing attribute: interval"
        problems.append(
            Problem(code=ErrorKey.RECURRENCE_MISSING_INTERVAL, message=message, path=f"{path}.interval")
        )
        return None
    period = parse_period(sent.interval) if isinstance(sent.interval, str) else None
    if period is None:
        message = "a calendar period that is not negative is needed, such as P1W, P3M or P1Y2M3W4D"
        problems.append(_invalid(f"{path}.interval", message))
    return period


def _zone(sent: RecurrenceInput, path: str, problems: list[Problem]) -> str | None:
    if sent.time_zone in (UNSET, ""):
        return None
    if not isinstance(sent.time_zone, str) or sent.time_zone not in _ZONES:
        problems.append(_invalid(f"{path}.timeZone", "an IANA time zone is needed, such as Europe/Berlin"))
        return None
    return sent.time_zone


def _start(sent: RecurrenceInput, path: str, problems: list[Problem]) -> datetime | None:
    if sent.start_date in (UNSET, ""):
        message = "Missing attribute: startDate"
        problems.append(
            Problem(code=ErrorKey.RECURRENCE_MISSING_START_DATE, message=message, path=f"{path}.startDate")
        )
        return None
    start = parse_instant(sent.start_date)
    if start is None:
        message = "an ISO 8601 instant from 1970 to 9998 is needed, such as 2026-06-01T12:00:00+02:00"
        problems.append(_invalid(f"{path}.startDate", message))
    return start


def _end(sent: RecurrenceInput, path: str, problems: list[Problem]) -> datetime | None:
    if sent.end_date in (UNSET, ""):
        return None
    end = parse_instant(sent.end_date, may_be_never=True)
    if end is None:
        problems.append(_invalid(f"{path}.endDate", "an ISO 8601 instant from 1970 to 9999 is needed"))
        return None
    zone = sent.time_zone if isinstance(sent.time_zone, str) and sent.time_zone in _ZONES else None
    return _instant(end, zone)


def _repetitions(sent: RecurrenceInput, path: str, problems: list[Problem]) -> int | None:
    value = sent.repetitions
    if value is UNSET:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_REPETITIONS:
        message = f"repetitions is a whole number from 1 to {_MAX_REPETITIONS}"
        problems.append(_invalid(f"{path}.repetitions", message))
        return None
    return value


def _instant(read_at: datetime, zone: str | None) -> datetime:
    """Without an offset it is local time in the zone, or UTC when there is none."""
    if read_at.tzinfo is None:
        read_at = read_at.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    try:
        return read_at.astimezone(UTC)
    except OverflowError:  # an end at the calendar's own, west of Greenwich
        return datetime.max.replace(tzinfo=UTC)


def _invalid(path: str, message: str) -> Problem:
    return Problem(code=ErrorKey.RECURRENCE_INVALID, message=message, path=path)

"""Checks of the work itself: who is there, and what waits longer than it should."""

from __future__ import annotations

from datetime import timedelta

from worker.operating import findings
from worker.operating.findings import Finding, listed
from worker.store import diagnosis, partitioning, waiting
from worker.store.database import Transaction
from worker.store.waiting import Slot, Waiting

_EVENTS_ARE_LATE_AFTER = timedelta(seconds=10)
_EVENTS_ARE_STUCK_AFTER = timedelta(seconds=60)
_ERASURE_IS_LATE_AFTER = timedelta(hours=1)


def slots(tx: Transaction) -> Finding:
    """Whether every slot has its worker. Where one is missing, another stands in."""
    fresh = [one for one in waiting.slots(tx) if one.is_fresh]
    if not fresh:
        remedy = "Start workers: `basketry worker`, or a unit of deploy/."
        return findings.warning("slots", "no worker has been seen for 5 s", remedy, "commands-wait")
    numbers = sorted({one.slots for one in fresh})
    if len(numbers) > 1:
        what = f"workers of {' and of '.join(str(number) for number in numbers)} slots are here at once"
        remedy = (
            "Let the change to the new number come to its end: all workers need the same n in --slot i/n."
        )
        return findings.warning("slots", what, remedy, "more-workers")
    missing = _missing(fresh, numbers[0])
    if missing:
        what = f"slot {listed(missing)} has nobody"
        remedy = f"Start it: `basketry worker --slot {missing[0]}`. The others do its work meanwhile."
        return findings.warning("slots", what, remedy, "a-slot-has-nobody")
    return findings.ok("slots", ", ".join(f"{one.place} {one.worker}" for one in fresh))


def _missing(fresh: list[Slot], number: int) -> list[str]:
    taken = {one.slot for one in fresh}
    return [f"{slot}/{number}" for slot in range(number) if slot not in taken]


def partitions(tx: Transaction) -> Finding:
    """Whether a change of the number of command queues is under way: commands wait until it is finished."""
    known = partitioning.read(tx)
    if known.is_changing:
        what = f"a change from {known.partitions} to {known.next_partitions} command queues is under way"
        remedy = f"Unless somebody is at it, `basketry partitions {known.next_partitions}` finishes it."
        return findings.warning("partitions", what, remedy, "more-partitions")
    return findings.ok("partitions", f"there are {known.partitions} command queues")


def outbox(tx: Transaction) -> Finding:
    """Whether events leave: they wait while the broker is away, in alarm, or a bound queue is full."""
    found = waiting.outbox_pending(tx)
    age = found.age
    what = f"events waiting: {counted(found.count)}, the oldest for {age.total_seconds():.0f} s"
    remedy = "See that the broker takes messages and that a worker or a scheduler runs; nothing is lost."
    if age > _EVENTS_ARE_STUCK_AFTER:
        return findings.wrong("outbox", what, remedy, "events-wait-in-the-outbox")
    if age > _EVENTS_ARE_LATE_AFTER:
        return findings.warning("outbox", what, remedy, "events-wait-in-the-outbox")
    return findings.ok("outbox", "events leave as they are written")


def orders(tx: Transaction) -> Finding:
    """Whether somebody places what is due."""
    found = waiting.orders_overdue(tx)
    if not found.count:
        return findings.ok("orders", "none is overdue")
    longest = found.age.total_seconds()
    who = diagnosis.schedulers(tx)
    placing = f"{listed(who)} does not keep up" if who else "no scheduler is connected"
    what = f"overdue: {counted(found.count)}, the longest by {longest:.0f} s; {placing}"
    remedy = "Start `basketry scheduler`, or read its log: what was missed is caught up by itself."
    return findings.wrong("orders", what, remedy, "orders-are-overdue")


def recurrences(tx: Transaction) -> Finding:
    suspended = waiting.suspended(tx)
    if suspended:
        remedy = "`basketry recurrences --state suspended` says why; `recurrence.resume` goes on."
        what = f"suspended until a person goes on: {counted(suspended)}"
        return findings.warning("recurrences", what, remedy, "a-recurrence-is-suspended")
    return findings.ok("recurrences", "none is suspended")


def dead_letters(tx: Transaction) -> Finding:
    parked = waiting.parked(tx)
    if parked:
        remedy = "`basketry dead-letters list` shows them: repair the cause, then replay or discard."
        what = f"parked: {listed(by_cause(parked))}"
        return findings.warning("dead letters", what, remedy, "dead-letters-are-parked")
    return findings.ok("dead letters", "none is parked")


def erasures(tx: Transaction) -> Finding:
    """Whether persons are erased in time; each step waits for what is still to be published."""
    found = waiting.erasures(tx)
    age = found.age
    what = f"under way: {counted(found.count)}"
    if age > _ERASURE_IS_LATE_AFTER:
        what = f"{what}, the oldest for {age.total_seconds() / 3600:.0f} h"
        remedy = "Look for erasure.failed and erasure.postponed in the logs; see that the outbox empties."
        return findings.warning("erasures", what, remedy, "an-erasure-does-not-end")
    return findings.ok("erasures", what if found.count else "none is under way")


def counted(number: int) -> str:
    """Say a number that was counted up to a bound."""
    return f"≥ {waiting.COUNTED_TO}" if number >= waiting.COUNTED_TO else str(number)


def by_cause(parked: dict[str, int]) -> list[str]:
    return [f"{counted(count)} {cause}" for cause, count in parked.items()]


def is_late(found: Waiting) -> bool:
    """Whether events wait longer than a broker at work lets them."""
    return found.outbox.age > _EVENTS_ARE_LATE_AFTER

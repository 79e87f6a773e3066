"""A standing order by its commands: set, changed, removed, previewed, paused and resumed."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import shop
from msgspec import UNSET, structs

from contracts.commands import (
    BasketUpdate,
    RecurrenceGet,
    RecurrenceInput,
    RecurrencePause,
    RecurrencePreview,
    RecurrenceResume,
)
from contracts.errors import ErrorKey
from worker.domain import recurring, updating
from worker.domain.basket import Basket
from worker.domain.decisions import Completed, Context
from worker.domain.recurrence import Recurrence, State

RECURRING = structs.replace(shop.GERMAN_GROSS, recurring_orders_enabled=True)
FIRST = "2026-03-15T10:00:00Z"


def on(day: str, recurrence: Recurrence | None = None) -> Context:
    """Give the context of a day at noon; now is 1 March unless told."""
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return shop.context(channel=RECURRING, recurrence=recurrence, now=now)


def sent(interval: str = "P1M", **fields: Any) -> BasketUpdate:
    return BasketUpdate(recurrence=RecurrenceInput(start_date=FIRST, interval=interval, **fields))


REMOVAL = BasketUpdate(recurrence=RecurrenceInput(interval="P0D"))


def set_on(
    basket: Basket, command: BasketUpdate, day: str = "2026-03-01", recurrence: Recurrence | None = None
) -> Completed:
    decision = updating.update(basket, command, on(day, recurrence))
    assert isinstance(decision, Completed)
    return decision


def standing(**fields: Any) -> tuple[Basket, Recurrence]:
    decision = set_on(shop.seed_basket(), sent(**fields))
    assert decision.recurrence is not None
    return shop.done(decision), decision.recurrence


def told(decision: Any) -> list[str]:
    assert isinstance(decision, Completed), decision
    return [notice.type for notice in decision.notices]


def test_a_recurrence_is_live_from_the_moment_it_is_set() -> None:
    before = shop.seed_basket()
    decision = set_on(before, sent())
    assert decision.status == 200
    assert shop.done(decision).version == before.version + 1
    recurrence = decision.recurrence
    assert recurrence is not None
    assert (recurrence.state, recurrence.generation, recurrence.causation_id) == (State.ACTIVE, 1, "m-1")
    (notice,) = decision.notices
    assert (notice.type, notice.body.next_order_date, notice.body.order_count) == (
        "recurrence.started",
        FIRST,
        0,
    )


def test_a_removal_on_a_basket_that_has_none_is_no_change() -> None:
    before = shop.seed_basket()
    for period in ("P0D", "P0W", "P0M", "P0Y"):
        decision = set_on(before, BasketUpdate(recurrence=RecurrenceInput(interval=period)))
        assert (decision.status, decision.basket, told(decision)) == (200, before, [])


def test_a_removal_ends_it_and_a_new_one_is_started_in_another_generation() -> None:
    basket, recurrence = standing()
    removed = set_on(basket, REMOVAL, recurrence=recurrence)
    assert told(removed) == ["recurrence.removed"]
    assert removed.notices[0].body.next_order_date is UNSET
    assert removed.recurrence is not None
    assert removed.recurrence.state is State.REMOVED
    again = set_on(shop.done(removed), sent(), recurrence=removed.recurrence)
    assert told(again) == ["recurrence.started"]
    assert again.recurrence is not None
    assert (again.recurrence.generation, shop.done(again).version) == (2, basket.version + 2)


def test_the_same_rule_again_is_no_change_and_another_one_is() -> None:
    basket, recurrence = standing()
    same = set_on(basket, sent(), recurrence=recurrence)
    assert (same.basket, same.recurrence, told(same)) == (basket, None, [])
    longer = set_on(basket, sent(repetitions=5), recurrence=recurrence)
    assert told(longer) == ["recurrence.changed"]
    assert (longer.recurrence and longer.recurrence.generation, shop.done(longer).version) == (1, 5)
    weekly = set_on(basket, sent("P1W"), recurrence=recurrence)
    assert (weekly.recurrence and weekly.recurrence.generation) == 2


def test_other_changes_leave_the_recurrence_alone() -> None:
    basket, recurrence = standing()
    decision = set_on(basket, BasketUpdate(department="Sales"), recurrence=recurrence)
    assert (decision.recurrence, told(decision)) == (None, [])


def test_one_that_is_set_with_nothing_left_says_that_it_has_expired() -> None:
    basket, recurrence = standing()
    ended = set_on(basket, sent(end_date="2026-03-20T00:00:00Z"), "2026-04-01", recurrence)
    assert told(ended) == ["recurrence.changed"]  # the one of 15 March was missed and is still to be ordered
    weekly = sent("P1W", end_date="2026-03-20T00:00:00Z")
    assert told(set_on(basket, weekly, "2026-04-01", recurrence)) == [
        "recurrence.changed",
        "recurrence.expired",
    ]


def test_pause_and_resume_raise_no_version_and_tell_what_is_skipped() -> None:
    basket, recurrence = standing()
    paused = recurring.pause(basket, RecurrencePause(), on("2026-03-10", recurrence))
    assert told(paused) == ["recurrence.paused"]
    assert isinstance(paused, Completed)
    assert (paused.status, paused.basket, paused.body.state) == (200, basket, "paused")
    resumed = recurring.resume(basket, RecurrenceResume(), on("2026-04-20", paused.recurrence))
    assert told(resumed) == ["occurrence.skipped", "recurrence.resumed"]
    assert isinstance(resumed, Completed)
    skipped = resumed.notices[0].body
    assert (skipped.first.occurrence, skipped.last.occurrence, skipped.count) == (0, 1, 2)
    assert (skipped.first.due_at, skipped.last.due_at) == (FIRST, "2026-04-15T10:00:00Z")
    assert (skipped.reason, resumed.body.next_order_date) == ("paused", "2026-05-15T10:00:00Z")
    assert (resumed.basket, len(resumed.skips)) == (basket, 1)


@pytest.mark.parametrize(
    ("missed", "next_order_date"),
    [("none", "2026-05-15"), ("all", "2026-03-15"), (1, "2026-04-15"), (2, "2026-03-15"), (9, "2026-03-15")],
)
def test_a_resume_says_what_becomes_of_what_fell_due(missed: Any, next_order_date: str) -> None:
    basket, recurrence = standing()
    paused = recurring.pause(basket, RecurrencePause(), on("2026-03-10", recurrence))
    assert isinstance(paused, Completed)
    resumed = recurring.resume(basket, RecurrenceResume(missed=missed), on("2026-04-20", paused.recurrence))
    assert isinstance(resumed, Completed)
    assert resumed.body.next_order_date[:10] == next_order_date


def test_what_runs_is_not_resumed_and_what_does_not_run_is_not_paused() -> None:
    basket, recurrence = standing()
    resumed = recurring.resume(basket, RecurrenceResume(), on("2026-03-10", recurrence))
    assert isinstance(resumed, Completed)
    assert (resumed.recurrence, told(resumed), resumed.body.state) == (None, [], "active")
    for state in (State.SUSPENDED, State.EXPIRED):
        halted = structs.replace(recurrence, state=state)
        decision = recurring.pause(basket, RecurrencePause(), on("2026-03-10", halted))
        assert isinstance(decision, Completed)
        assert (decision.recurrence, told(decision), decision.body.state) == (None, [], state)


def test_an_expired_one_cannot_be_resumed() -> None:
    basket, recurrence = standing()
    expired = structs.replace(recurrence, state=State.EXPIRED)
    refused = recurring.resume(basket, RecurrenceResume(), on("2026-03-10", expired))
    assert shop.refusals(refused) == [(ErrorKey.ENABLE_NOT_POSSIBLE, None)]


@pytest.mark.parametrize("until", ["2026-03-10T12:00:00Z", "2026-03-09T00:00:00Z", "soon", True, 1.5])
def test_a_pause_ends_in_the_future(until: Any) -> None:
    basket, recurrence = standing()
    refused = recurring.pause(basket, RecurrencePause(until=until), on("2026-03-10", recurrence))
    assert shop.refusals(refused) == [(ErrorKey.MALFORMED, "$.until")]


def test_a_pause_may_be_given_another_end_without_beginning_anew() -> None:
    basket, recurrence = standing()
    paused = recurring.pause(basket, RecurrencePause(), on("2026-03-10", recurrence))
    assert isinstance(paused, Completed)
    until = RecurrencePause(until="2026-04-01T00:00:00")
    later = recurring.pause(basket, until, on("2026-03-20", paused.recurrence))
    assert isinstance(later, Completed)
    assert later.recurrence is not None
    assert later.recurrence.halted_at == datetime.fromisoformat("2026-03-10T12:00:00+00:00")
    assert later.body.paused_until == "2026-04-01T00:00:00Z"
    same = recurring.pause(basket, until, on("2026-03-21", later.recurrence))
    assert (told(same), isinstance(same, Completed) and same.recurrence) == ([], None)


@pytest.mark.parametrize("removed", [False, True])
def test_without_a_recurrence_there_is_nothing_to_show_pause_or_resume(removed: bool) -> None:
    basket, recurrence = standing()
    context = on("2026-03-10", structs.replace(recurrence, state=State.REMOVED) if removed else None)
    for decision in (
        recurring.get(basket, RecurrenceGet(), context),
        recurring.preview(basket, RecurrencePreview(), context),
        recurring.pause(basket, RecurrencePause(), context),
        recurring.resume(basket, RecurrenceResume(), context),
    ):
        assert shop.refusals(decision) == [(ErrorKey.RECURRENCE_NOT_FOUND, None)]


def preview(command: RecurrencePreview, recurrence: Recurrence | None, day: str = "2026-03-01") -> list[str]:
    decision = recurring.preview(shop.seed_basket(), command, on(day, recurrence))
    assert isinstance(decision, Completed)
    assert (decision.recurrence, decision.notices) == (None, ())
    return [f"{one.occurrence} {one.due_at[:10]}" for one in decision.body.occurrences]


def test_a_preview_lists_the_next_dates_up_to_the_end_and_stores_nothing() -> None:
    _, recurrence = standing()
    assert preview(RecurrencePreview(count=3), recurrence) == ["0 2026-03-15", "1 2026-04-15", "2 2026-05-15"]
    assert len(preview(RecurrencePreview(count=100), recurrence)) == 100
    two = sent(repetitions=2).recurrence
    assert preview(RecurrencePreview(recurrence=two), None) == ["0 2026-03-15", "1 2026-04-15"]
    another = RecurrencePreview(recurrence=sent("P2W").recurrence, count=2)
    assert preview(another, recurrence, "2026-03-20") == ["1 2026-03-29", "2 2026-04-12"]
    assert preview(RecurrencePreview(recurrence=REMOVAL.recurrence), recurrence) == []


def test_recurring_orders_that_are_off_refuse_a_rule_and_a_removal_and_a_preview() -> None:
    off = shop.context(now=shop.NOW + timedelta(days=1))
    disabled = [(ErrorKey.RECURRING_DISABLED, "$.recurrence")]
    for command in (sent(), REMOVAL):
        assert shop.refusals(updating.update(shop.seed_basket(), command, off)) == disabled
        refused = recurring.preview(shop.seed_basket(), RecurrencePreview(recurrence=command.recurrence), off)
        assert shop.refusals(refused) == disabled

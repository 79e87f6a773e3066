"""An idle worker answers its next command as fast as a busy one: no timer is in the way."""

import time
from statistics import median

import pytest
from outside.listener import Listener
from outside.upstream import Upstream
from outside.wire import command, unique

# What a busy machine may add to one command by itself; a timer of a second would add half of one on average.
SLACK_SECONDS = 0.1
ROUNDS_AT_MOST = 3  # one command alone may meet whatever else the machine does: the middle one counts then


@pytest.mark.parametrize(
    ("idle_seconds", "rounds"),
    [pytest.param(1.3, 3, marks=pytest.mark.slow), pytest.param(60, 1, marks=pytest.mark.slow)],
    ids=["a moment", "a minute"],
)
def test_the_first_command_after_a_rest_is_not_slower(
    upstream: Upstream, events: Listener, idle_seconds: float, rounds: int
) -> None:
    basket = unique("basket")
    upstream.ask("basket.create", basket)
    busy = [timed(upstream, basket, f"B{number}") for number in range(60)]
    longest = 3 * median(busy) + SLACK_SECONDS
    rested: list[float] = []
    while len(rested) < rounds or (median(rested) >= longest and len(rested) < ROUNDS_AT_MOST):
        events.until(lambda: False, seconds=idle_seconds)
        rested.append(timed(upstream, basket, f"R{len(rested)}"))
    assert median(rested) < longest, (rested, median(busy))


def test_the_event_follows_the_reply_without_a_timer(upstream: Upstream, events: Listener) -> None:
    lags = []
    for _ in range(20):
        message = upstream.expecting(command("basket.create", unique("basket")))
        upstream.ask_for(message)
        answered_at = time.monotonic()
        events.answer(message)
        lags.append(time.monotonic() - answered_at)
    assert median(lags) < SLACK_SECONDS


def timed(upstream: Upstream, basket: str, department: str) -> float:
    started_at = time.monotonic()
    upstream.ask("basket.update", basket, {"department": department})
    return time.monotonic() - started_at

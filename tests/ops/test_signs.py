"""What a process says of itself, by a clock that the test holds."""

import pytest

from worker.ops.signs import Signs, Ticks


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signs(clock: Clock) -> Signs:
    return Signs(clock)


@pytest.fixture
def ticks(clock: Clock) -> Ticks:
    return Ticks(clock)


def test_a_worker_that_has_not_subscribed_is_alive_and_not_ready(signs: Signs) -> None:
    assert signs.silent_seconds == 0
    assert signs.reasons() == ["The worker has not subscribed to its queues yet."]
    assert (signs.is_consuming, signs.is_connected) == (False, False)


def test_a_worker_that_consumes_is_ready(signs: Signs) -> None:
    signs.consuming(4, 2)
    assert signs.reasons() == []
    assert (signs.subscribed.home, signs.subscribed.guest) == (4, 2)
    assert (signs.is_consuming, signs.is_connected) == (True, True)


def test_a_worker_that_lost_its_connection_says_so_until_it_consumes_again(signs: Signs) -> None:
    signs.consuming(8)
    signs.connected(is_connected=False)
    signs.not_consuming("The connection to the broker was lost.")
    assert signs.reasons() == ["The connection to the broker was lost."]
    assert (signs.subscribed.home, signs.is_connected) == (0, False)
    signs.connected()
    assert signs.reasons() == ["The connection to the broker was lost."], "a connection is not enough"
    signs.consuming(8)
    assert signs.reasons() == []


def test_a_batch_is_held_from_the_first_try_that_failed(signs: Signs, clock: Clock) -> None:
    signs.consuming(8)
    assert signs.held_seconds == 0
    signs.holding()
    clock.now += 7
    signs.holding()
    clock.now += 5
    assert signs.held_seconds == 12
    (reason,) = signs.reasons()
    assert "held for 12 s" in reason
    signs.released()
    assert (signs.held_seconds, signs.reasons()) == (0, [])


@pytest.mark.parametrize("tell", ["alive", "holding", "released"])
def test_every_word_of_the_loop_is_a_sign_of_life(signs: Signs, clock: Clock, tell: str) -> None:
    clock.now += 149
    assert signs.silent_seconds == 149
    getattr(signs, tell)()
    assert signs.silent_seconds == 0


def test_a_process_that_stops_is_not_ready_whatever_else(signs: Signs, ticks: Ticks) -> None:
    signs.consuming(8)
    ticks.orders.ticked()
    ticks.data_orders.ticked()
    for process in (signs, ticks):
        process.stopping()
        assert process.reasons() == ["The process is stopping."]


def test_the_oldest_message_waits_since_it_was_published(signs: Signs) -> None:
    assert signs.oldest_waiting_seconds(1000.0) == 0
    oldest: list[float | None] = [970.0]
    signs.waiting(lambda: oldest[0])
    assert signs.oldest_waiting_seconds(1000.0) == 30
    oldest[0] = 1003.0
    assert signs.oldest_waiting_seconds(1000.0) == 0, "its publisher's clock is ahead"
    oldest[0] = None
    assert signs.oldest_waiting_seconds(1000.0) == 0


def test_a_scheduler_is_ready_for_ten_seconds_after_a_tick_of_each_lane(ticks: Ticks, clock: Clock) -> None:
    assert ticks.reasons() == ["There was no tick yet.", "There was no tick of data orders yet."]
    ticks.orders.ticked()
    ticks.data_orders.ticked()
    clock.now += 10
    assert ticks.reasons() == []
    clock.now += 1
    assert ticks.reasons() == ["The last tick was 11 s ago.", "The last tick of data orders was 11 s ago."]


@pytest.mark.parametrize(
    ("failing", "going_on", "tick"),
    [("orders", "data_orders", "tick"), ("data_orders", "orders", "tick of data orders")],
)
def test_a_scheduler_whose_tick_has_failed_lives_and_is_not_ready(
    ticks: Ticks, clock: Clock, failing: str, going_on: str, tick: str
) -> None:
    clock.now += 1
    getattr(ticks, going_on).ticked()
    getattr(ticks, failing).failed()
    assert ticks.silent_seconds == 0
    assert ticks.reasons() == [f"The last {tick} failed; it is tried again every second."]
    getattr(ticks, failing).ticked()
    assert ticks.reasons() == []


@pytest.mark.parametrize(("still", "going_on"), [("orders", "data_orders"), ("data_orders", "orders")])
def test_a_scheduler_lives_only_as_long_as_both_its_lanes_do(
    ticks: Ticks, clock: Clock, still: str, going_on: str
) -> None:
    getattr(ticks, still).ticked()
    clock.now += 200
    getattr(ticks, going_on).ticked()
    assert ticks.silent_seconds == 200
    getattr(ticks, still).failed()
    assert ticks.silent_seconds == 0

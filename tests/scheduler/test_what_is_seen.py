"""What an operator sees of a scheduler: that it ticks, how many orders it has placed, and nobody's data."""

import time
from importlib.metadata import version

from outside.claims import SECRET
from outside.listener import Listener
from outside.processes import wait_for
from outside.scraping import Pages
from outside.stage import Stage
from outside.upstream import Upstream
from test_wire_orders import ago, orders


def test_a_scheduler_that_ticks_lives_and_is_ready(live: Stage, pages: Pages) -> None:
    assert pages.asked("/livez") == (200, {"alive": True})
    wait_for(lambda: pages.is_ready)
    assert pages.asked("/readyz") == (200, {"ready": True})
    seen = pages.scrape()
    # It ticks every second, and is ready for ten after a tick.
    assert 0 <= time.time() - seen["basketry_last_tick_timestamp_seconds", frozenset()] < 10
    assert 0 <= time.time() - seen["basketry_last_data_tick_timestamp_seconds", frozenset()] < 10
    assert seen["basketry_data_tick_seconds_count", frozenset()] >= 1
    assert seen["basketry_database_up", frozenset()] == 1
    who = {"version": version("basketry"), "role": "scheduler", "name": "scheduler", "slot": ""}
    assert seen["basketry_process_info", frozenset(who.items())] == 1
    assert not any(name.startswith(("basketry_consuming", "basketry_commands")) for name, _ in seen)


def test_orders_and_the_sweep_that_announces_them_are_counted(
    pages: Pages, buyer: Upstream, heard: Listener, basket: str, live: Stage
) -> None:
    before = pages.scrape()

    def grown(name: str) -> float:
        return pages.value(name) - before[name, frozenset()]

    recurrence = {"startDate": ago(weeks=3, minutes=5), "interval": "P1W"}
    buyer.ask("basket.update", basket, {"recurrence": recurrence})
    assert heard.until(lambda: len(orders(heard, basket)) == 4)
    wait_for(lambda: grown("basketry_orders_placed_total") == 4)
    wait_for(lambda: grown("basketry_commit_to_confirm_seconds_count") >= 4)
    assert grown("basketry_sweep_relayed_events_total") >= 4
    assert grown("basketry_tick_seconds_count") >= 1
    assert basket not in pages.get("/metrics")[2].decode()
    assert SECRET not in pages.get("/metrics")[2].decode()

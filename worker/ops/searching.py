"""What searches of the catalogue cost: of workers, and of schedulers that order data."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from worker.ops.distribution import Distribution

SEARCH = Distribution(
    "basketry_search_seconds", "How long the database took to answer what one command or order asked for."
)
CUT_OFF = Counter(
    "basketry_searches_cut_off", "Searches that took longer than they may, and were refused.", registry=None
)
UNDER_WAY = Gauge(
    "basketry_searches_under_way",
    "Commands that are handled apart because they search, or wait for a basket; waiting ones included.",
    registry=None,
)


def note(seconds: float, *, is_cut_off: bool) -> None:
    """Take note of a search that has ended."""
    SEARCH.observe(seconds)
    CUT_OFF.inc(is_cut_off)


COLLECTORS = (SEARCH, CUT_OFF, UNDER_WAY)

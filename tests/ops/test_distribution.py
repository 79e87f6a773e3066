"""Our histogram of many equal values, against the library's that takes them one by one."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from worker.ops.distribution import SECONDS, Distribution

VALUES = [
    (0.0, 1),
    (0.004, 3),
    (0.005, 2),  # a bound belongs to the bucket below it
    (0.0051, 1),
    (1.0, 200),
    (1.5, 7),
    (7200.0, 1),
    (7201.0, 2),
    (86_400.0, 1),
]


def test_it_shows_what_the_librarys_histogram_shows() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    one_by_one = Histogram("waited", "Time.", registry=theirs, buckets=SECONDS)
    together = Distribution("waited", "Time.")
    ours.register(together)
    together.observe_all(VALUES[:4])
    for value, times in VALUES[4:]:
        together.observe(value, times)
    for value, times in VALUES:
        for _ in range(times):
            one_by_one.observe(value)
    shown = generate_latest(ours).decode().splitlines()
    assert len(shown) == len(SECONDS) + 1 + 2 + 2
    expected = generate_latest(theirs).decode().splitlines()
    assert shown == [line for line in expected if "_created" not in line]


def test_what_is_negative_counts_as_nothing() -> None:
    waited = Distribution("waited", "Time.")
    waited.observe(-3600.0)
    (family,) = waited.collect()
    values = {(one.name, one.labels.get("le")): one.value for one in family.samples}
    assert values["waited_bucket", "0.005"] == 1
    assert values["waited_sum", None] == pytest.approx(0)

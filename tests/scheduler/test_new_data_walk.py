"""Contract 6.8 against a model: whatever happens in whatever order, each object is in exactly one order.

The model knows nothing of corners or snapshots. It keeps the puts in the order in which they began; one can
be new when it is committed and none that began before it is still open. An order takes what can be new, was
created by then, and is in no order yet; and an occurrence is skipped only when that is nothing.
"""

import random
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from holding import DS1, Catalogue, remains, select, settles_but_for_ours, taken
from standing import House

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
DAYS = 8
AT_ONCE = 2  # puts that are open


class Walk:
    """A house, the model of it, and chance."""

    def __init__(self, house: House, seed: int) -> None:
        self.house, self.catalogue, self.chance = house, Catalogue(house), random.Random(seed)
        self.now = START - timedelta(days=2)
        self.begun: list[str] = []
        self.created: dict[str, datetime] = {}
        self.open: dict[str, ExitStack] = {}
        self.taken: set[str] = set()

    def begin(self) -> None:
        """Begin to put an object that was created some time ago, or will be."""
        if len(self.open) == AT_ONCE:
            return
        id_ = f"o{len(self.begun)}"
        created = self.now + timedelta(hours=self.chance.randint(-60, 30))
        stack = ExitStack()
        stack.enter_context(self.catalogue.putting(id_, created))
        self.begun.append(id_)
        self.created[id_] = created
        self.open[id_] = stack

    def commit(self) -> None:
        if self.open:
            self.open.pop(self.chance.choice(sorted(self.open))).close()

    def put(self) -> None:
        if len(self.open) < AT_ONCE:
            self.begin()
            self.open.pop(self.begun[-1]).close()

    def wait(self) -> None:
        """Let time pass: a scheduler may be away meanwhile."""
        self.now += timedelta(hours=self.chance.choice([1, 5, 11, 30]))

    def tick(self) -> None:
        settles_but_for_ours(self.house)
        before = self.occurrences()
        self.house.ticks(self.now)
        for n, due_at, reason, order_id in sorted(self.occurrences() - before):
            self.check(min(due_at, self.now), order_id, n, reason)

    def order_now(self) -> None:
        settles_but_for_ours(self.house)
        before, expected = self.occurrences(), self.new_by(self.now)
        decided = self.house.decide("basket.checkout", "b", {}, now=self.now)
        found = self.occurrences() - before
        assert bool(found) == bool(expected), decided
        for n, _, reason, order_id in found:
            self.check(self.now, order_id, n, reason)

    def pause(self) -> None:
        until = self.now + timedelta(hours=self.chance.choice([3, 26]))
        self.house.say("recurrence.pause", "b", {"until": until.isoformat()}, now=self.now)

    def edit(self) -> None:
        """Another grid, from tomorrow at another hour."""
        start = START + timedelta(hours=self.chance.randint(-3, 3))
        rule = {"startDate": start.isoformat(), "interval": "P1D", "newDataOnly": True}
        self.house.say("basket.update", "b", {"recurrence": rule}, now=self.now)

    def occurrences(self) -> set[tuple[int, datetime, str, str]]:
        rows = self.house.stage.rows(
            "select generation * 1000 + n, last_due_at, coalesce(reason, ''), coalesce(order_id, '')"
            " from occurrence"
        )
        return set(rows)

    def new_by(self, until: datetime) -> list[str]:
        found = []
        for id_ in self.begun:
            if id_ in self.open:
                break
            if id_ not in self.taken and self.created[id_] <= until:
                found.append(id_)
        return sorted(found)

    def check(self, until: datetime, order_id: str, n: int, reason: str) -> None:
        expected = self.new_by(until)
        if reason:
            assert reason == "paused" or expected == [], f"{n} was skipped ({reason}), with {expected} new"
            return
        query = "select object_id from order_data where order_id = %s order by object_id"
        assert [id_ for (id_,) in self.house.stage.rows(query, order_id)] == expected, n
        assert expected, f"{n} is an empty order"
        self.taken.update(expected)

    def end(self) -> None:
        while self.open:
            self.commit()
        self.now = max(self.now, *self.created.values()) + timedelta(days=5)
        self.tick()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 32))])
def test_every_object_is_in_exactly_one_order(house: House, seed: int) -> None:
    walk = Walk(house, seed)
    walk.catalogue.dataset(DS1, "Sea ice")
    walk.put()
    house.basket("b", {})
    select(house, datasetUrn=DS1, now="2027-01-01T00:00")
    rule = {"startDate": START.isoformat(), "interval": "P1D", "newDataOnly": True}
    house.say("basket.update", "b", {"recurrence": rule}, now=walk.now)
    steps = [walk.begin] * 3 + [walk.commit] * 3 + [walk.put] * 2 + [walk.wait] * 5
    steps += [walk.tick] * 3 + [walk.order_now] * 3 + [walk.pause, walk.edit]
    while walk.now < START + timedelta(days=DAYS):
        walk.chance.choice(steps)()
    walk.end()
    everything = [id_ for order in taken(house) for id_ in order]
    assert sorted(everything) == sorted(walk.begun)
    assert len(taken(house)) > 2
    assert remains(house) == 0

"""Random walks of one standing order beside a model of it: commands and ticks on a real database."""

import random
from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from standing import MOUSE, House, at
from walking import Grid, Model, Said, Terms

from contracts.instants import iso
from scheduler import tick

pytestmark = pytest.mark.slow

ZERO, HOUR, DAY = timedelta(0), timedelta(hours=1), timedelta(days=1)
GRIDS = {
    "P1D": Grid(start="2026-03-20T10:00:00", step=relativedelta(days=1)),
    "P1D from another start": Grid(start="2026-02-01T10:00:00", step=relativedelta(days=1)),
    "P3D": Grid(start="2026-03-20T10:00:00", step=relativedelta(days=3)),
    "P1D at night": Grid(start="2026-03-22T02:30:00", step=relativedelta(days=1), zone="Europe/Berlin"),
    "P1M": Grid(start="2025-10-31T10:00:00", step=relativedelta(months=1)),
    "P1M3D": Grid(start="2025-12-30T23:59:00", step=relativedelta(months=1, days=3)),
}
LIMIT = 4
WEIGHTS = {
    "tick": 10.0,
    "tick once": 4.0,
    "set": 3.0,
    "remove": 0.5,
    "pause": 2.0,
    "resume": 4.0,
    "order now": 3.0,
    "goods": 2.0,
}


class Walk:
    def __init__(self, house: House, seed: int) -> None:
        self.house, self.chance = house, random.Random(seed)
        self.model = Model(HOUR, LIMIT)
        self.now = at("2026-03-18T08:00") + self.chance.choice([0, 3, 60]) * DAY
        self.name, self.sent, self.is_available = "", {}, True
        self.taken: list[str] = []
        house.channel(catchUpLimit=LIMIT)
        house.basket()

    def go_on(self) -> None:
        """Let some time pass, or as much as takes it to an instant that matters."""
        model = self.model
        steps = [
            *(timedelta(minutes=m) for m in (0, 1, 9, 11, 59, 61, 299)),
            *(n * DAY for n in (1, 2, 5, 9, 40)),
        ]
        targets = [self.now + step for step in steps]
        if model.state is not None:
            due = model.next_order_at if model.state != "removed" else None
            around = (ZERO, ZERO, HOUR, HOUR + timedelta(microseconds=1), -timedelta(seconds=1))
            targets += [due + step for step in around] if due is not None else []
            targets += [one for one in (model.retry_at, model.retry_at, model.until) if one is not None]
        self.now = max(self.now, self.chance.choice(targets))

    def set(self) -> None:
        chance = self.chance
        if not self.name or chance.random() < 0.4:
            self.name = chance.choice(list(GRIDS))
        grid, interval = GRIDS[self.name], self.name.split()[0]
        start = grid.start if grid.zone else f"{grid.start}Z"
        end_at = chance.choice(
            [None, None, self.now + 3 * DAY, grid.due(chance.randint(0, 12)), self.now - DAY]
        )
        repetitions = chance.choice([None, None, chance.randint(1, 12)])
        executes = chance.random() < 0.6
        if end_at is not None and end_at < grid.due(0):
            end_at = None
        terms = Terms(grid=grid, end_at=end_at, repetitions=repetitions, executes_missed=executes)
        sent: dict[str, Any] = {"startDate": start, "interval": interval, "executeMissedOrders": executes}
        sent |= {"timeZone": grid.zone} if grid.zone else {}
        sent |= {"endDate": iso(end_at)} if end_at else {}
        sent |= {"repetitions": repetitions} if repetitions else {}
        self.taken.append(f"{self.now} set {sent}")
        is_change = self.model.state in (None, "removed") or terms != self.model.terms
        self.house.recurs(**sent, now=self.now)
        if is_change:
            self.model.set(terms, self.now)

    def step(self) -> None:
        """Do one thing to both, at this instant."""
        action = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        is_live = self.model.state not in (None, "removed")
        if action == "set" or self.model.state is None:
            self.set()
            return
        self.taken.append(f"{self.now} {action}")
        match action:
            case "tick":
                self.house.ticks(self.now)
                self.model.tick(self.now, self.obstacle)
            case "tick once":
                tick.tick(self.house.engine, at=self.now, size=1)
                self.model.tick(self.now, self.obstacle, most=1)
            case "remove":
                self.house.recurs(interval="P0D", now=self.now)
                self.model.remove()
            case "goods":
                self.is_available = not self.is_available
                self.house.product(MOUSE, 47.08, available=self.is_available)
            case "pause" if is_live:
                self.pause()
            case "resume" if is_live:
                self.resume()
            case "order now" if is_live and self.is_available:
                if self.model.order_now(self.now) is not None:
                    self.house.say("basket.checkout", "b", {}, now=self.now)
                else:
                    refused = self.house.refused("basket.checkout", "b", {}, now=self.now)
                    assert refused == ["error.recurring_orders.order_not_possible"]

    def pause(self) -> None:
        until = self.chance.choice([None, self.now + self.chance.choice([HOUR, DAY, 4 * DAY])])
        self.taken[-1] += f" until {until}"
        self.house.say("recurrence.pause", "b", {"until": iso(until)} if until else {}, now=self.now)
        self.model.pause(self.now, until)

    def resume(self) -> None:
        missed = self.chance.choice([None, "none", "all", 1, 2, 7])
        self.taken[-1] += f" {missed}"
        body = {} if missed is None else {"missed": missed}
        keep = missed if isinstance(missed, int) else None if missed == "all" else 0
        if self.model.resume(self.now, keep):
            self.house.say("recurrence.resume", "b", body, now=self.now)
        else:
            refused = self.house.refused("recurrence.resume", "b", body, now=self.now)
            assert refused == ["error.recurring_orders.enable-not-possible"]

    @property
    def obstacle(self) -> str | None:
        return None if self.is_available else "basket.product.not_available.error"

    def compare(self) -> None:
        assert said_by(self.house) == self.model.said, "\n".join(self.taken)
        rows = {}
        for generation, first, last, outcome in self.house.stage.rows(
            "select generation, n, last_n, case when order_id is null then reason else 'order' end"
            " from occurrence"
        ):
            for n in range(first, last + 1):
                assert (generation, n) not in rows
                rows[generation, n] = outcome
        assert rows == self.model.rows, "\n".join(self.taken)
        if self.model.state in (None, "removed"):
            assert self.house.refused("recurrence.get", "b", now=self.now) == ["recurrence.not_found.error"]
            return
        shown = self.house.say("recurrence.get", "b", now=self.now)
        next_at = self.model.next_order_at
        expected = (self.model.state, self.model.generation, self.model.placed, next_at and iso(next_at))
        assert (
            shown["state"],
            shown["generation"],
            shown["orderCount"],
            shown.get("nextOrderDate"),
        ) == expected
        last_at = self.model.last_placed_at
        assert shown.get("lastOrderDate") == (last_at and iso(last_at))


def said_by(house: House) -> list[Said]:
    """Give the events of the basket in the model's words."""
    said: list[Said] = []
    for event in house.events("b"):
        type_, body = event["type"], event["body"]
        match type_:
            case "order.placed":
                of = body["recurring"]
                said.append(
                    (type_, of["generation"], of["occurrence"], of["dueAt"], of["catchUp"], of["trigger"])
                )
            case "order.failed":
                said.append(
                    (
                        type_,
                        body["generation"],
                        body["occurrence"],
                        body["reason"]["code"],
                        body["catchUp"],
                        body["attempt"],
                    )
                )
            case "occurrence.skipped":
                first, last = body["first"]["occurrence"], body["last"]["occurrence"]
                said.append((type_, body["generation"], first, last, body["count"], body["reason"]))
            case "recurrence.suspended":
                said.append((type_, body["reason"]["code"], body.get("missed")))
            case _:
                said.append((type_,))
    return said


# Of 240 random walks one went elsewhere, 264: a pause had skipped what was then asked about again.
@pytest.mark.parametrize("seed", [*range(7), 264])
def test_a_walk_goes_where_the_model_goes(house: House, seed: int) -> None:
    walk = Walk(house, seed)
    for _ in range(walk.chance.choice([10, 25, 50])):
        walk.step()
        walk.compare()
        walk.go_on()

"""Somebody to be erased, who has left a mark wherever a person can."""

from typing import Any

from outside.furnishing import AS_SERVICE, HOME, IN_2030, filled, product
from outside.processes import wait_for
from outside.shop import BENQ, put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, unique

CHANNEL = "erasing"
TABLES = ("basket", "recurrence", "customer_order", "occurrence", "outbox", "dead_letter", "erasure")


def wait_until_forgotten(stage: Stage, sub: str) -> None:
    """Wait until nothing is left to be erased of somebody."""
    wait_for(lambda: not stage.rows("select 1 from erasure where owner = %s", sub))


class Person:
    """`mark` is in nothing but what they have sent."""

    def __init__(self, upstream: Upstream, stage: Stage) -> None:
        self.upstream, self._stage = upstream, stage
        self.sub, self.mark = unique("person"), unique("mark")
        address = {**HOME, "lastName": self.mark, "email": f"{self.mark}@example.org"}
        self._update = {
            "commonShipToAddress": address,
            "invoiceToAddress": address,
            "department": self.mark,
            "taxationID": self.mark,
            "externalOrderReferenceID": self.mark,
        }
        self.open, self.ordered, self.recurring = (self._basket() for _ in range(3))
        self.order = self.ask("basket.checkout", self.ordered).json
        recurrence = {"startDate": IN_2030, "interval": "P1M"}
        assert self.ask("basket.update", self.recurring, {"recurrence": recurrence}).status == 200
        self.early = self.ask("basket.checkout", self.recurring).json
        self._update_id = unique("m")
        self.answer = self.repeat()
        assert (self.answer.status, self.mark in self.answer.body.decode()) == (200, True)
        self.baskets = [self.open, self.ordered, self.recurring]

    def _basket(self) -> str:
        key = filled(self.upstream, BENQ, caller=self.sub, channel=CHANNEL)
        assert self.ask("basket.update", key, self._update).status == 200
        return key

    def ask(self, type_: str, key: str, body: object = None, **options: Any) -> Result:
        return self.upstream.ask(type_, key, body, **{"caller": self.sub, "channel": CHANNEL, **options})

    def ask_for(self, message: Message) -> Result:
        return self.upstream.ask_for(self.upstream.expecting(message))

    def park_one(self) -> None:
        """Send a command that meets a defect of ours, about a basket that is somebody else's in the end."""
        sku = unique("sku")
        put(self.upstream, "product.put", sku, product(), channel=CHANNEL)
        self._stage.rows("update reference set document = '[]' where id = %s", sku)
        body = {"elements": [{"sku": sku, "type": self.mark, "quantity": {"value": 1}}]}
        assert self.ask("basket.item.add", self.open, body).status == 500

    def erase(self, **options: Any) -> Result:
        return self.ask("user.erase", self.sub, headers=AS_SERVICE, **options)

    def erase_wholly(self) -> Result:
        """Have them erased, and wait until that is done."""
        erased = self.erase()
        wait_until_forgotten(self._stage, self.sub)
        return erased

    def repeat(self) -> Result:
        """Send an update of the open basket that was sent before."""
        return self.ask("basket.update", self.open, {"taxExempt": True}, message_id=self._update_id)


def rows_with(stage: Stage, text: str) -> dict[str, int]:
    """Count the rows of each table in which a text stands; bodies of dead letters are bytes."""
    found = {}
    for table in TABLES:
        body = " || encode(t.body, 'escape')" if table == "dead_letter" else ""
        found[table] = len(stage.rows(f"select 1 from {table} t where t::text{body} like %s", f"%{text}%"))
    return {table: count for table, count in found.items() if count}

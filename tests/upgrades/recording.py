"""What a release writes, kept for the tests of later ones: its rows, and what was asked and answered.

At a release: `python tests/upgrades/recording.py COMMIT` runs that release's own worker on servers of its
own, talks to it, and writes tests/fixtures/release/rows.json; set `outside.release.BEFORE` to it as well.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from outside import release  # noqa: E402
from outside.claims import OPERATOR  # noqa: E402
from outside.furnishing import HOME, elements, of, product, quote  # noqa: E402
from outside.processes import wait_for, working  # noqa: E402
from outside.shop import BENQ, GROUND, PROBOOK, open_shop, put  # noqa: E402
from outside.stage import Stage, fresh  # noqa: E402
from outside.upstream import Upstream  # noqa: E402
from outside.wire import command  # noqa: E402
from psycopg import sql  # noqa: E402

from worker.local.servers import start_servers  # noqa: E402
from worker.store import schema  # noqa: E402

KEPT = PROJECT / "tests" / "fixtures" / "release" / "rows.json"
TABLES = (
    "reference", "basket", "recurrence", "customer_order", "occurrence", "inbox", "outbox", "dead_letter",
    "erasure", "handover",
)  # fmt: skip
FIRST_DUE = "2030-01-31T10:00:00+01:00"
RECURRENCE = {
    "startDate": FIRST_DUE, "interval": "P1M", "timeZone": "Europe/Berlin", "repetitions": 42,
    "executeMissedOrders": True,
}  # fmt: skip
ADDRESSED = {
    "commonShipToAddress": HOME, "invoiceToAddress": HOME, "commonShippingMethod": {"id": GROUND},
    "department": "Sales", "taxationID": "0123", "promotions": [{"code": "INTERSHOP"}],
}  # fmt: skip
XML = b"<Basket><department>R&amp;D</department></Basket>"

ASKED: tuple[tuple[str, str, str, Any, Mapping[str, Any]], ...] = (
    ("m-01", "basket.create", "open", None, {}),
    ("m-02", "basket.item.add", "open", elements(PROBOOK, BENQ), {}),
    ("m-03", "basket.update", "open", ADDRESSED, {}),
    ("m-04", "basket.update", "open", {"nonsense": 1}, {}),
    ("m-05", "basket.update", "open", XML, {"content_type": "application/xml"}),
    ("m-06", "basket.create", "ordered", None, {}),
    ("m-07", "basket.item.add", "ordered", elements(BENQ), {}),
    ("m-08", "basket.update", "ordered", ADDRESSED, {}),
    ("m-09", "basket.checkout", "ordered", None, {}),
    ("m-10", "basket.create", "standing", None, {}),
    ("m-11", "basket.item.add", "standing", elements(PROBOOK), {}),
    ("m-12", "basket.update", "standing", {"recurrence": RECURRENCE}, {}),
    ("m-13", "basket.create", "paused", None, {}),
    ("m-14", "basket.item.add", "paused", elements(PROBOOK), {}),
    ("m-15", "basket.update", "paused", {"recurrence": RECURRENCE}, {}),
    ("m-16", "recurrence.pause", "paused", None, {}),
    ("m-17", "basket.checkout", "standing", None, {}),
    ("m-18", "basket.create", "quoted", None, {"headers": of("patricia", customer="OilCorp")}),
    (
        "m-19",
        "basket.item.add",
        "quoted",
        {"quoteID": "q-1"},
        {"headers": of("patricia", customer="OilCorp")},
    ),
    ("m-20", "basket.update", "open", {"department": "Sales"}, {"content_encoding": "gzip"}),
    ("m-21", "basket.update", "open", {"department": "Sales"}, {"headers": of("otto", **OPERATOR)}),
)


def ask_all(upstream: Upstream) -> dict[str, dict[str, Any]]:
    """Ask in order; give what was answered, by message id."""
    answers = {}
    for message_id, type_, key, body, more in ASKED:
        answer = upstream.ask(type_, key, body, message_id=message_id, **more)
        answers[message_id] = {
            "type": answer.type,
            "message_id": answer.message_id,
            "content_type": answer.content_type,
            "headers": dict(answer.headers),
            "body": answer.body.decode(),
        }
    return answers


def _furnish(upstream: Upstream) -> None:
    open_shop(upstream, recurringOrdersEnabled=True)
    put(upstream, "promotion.put", "INTERSHOP", {"target": "basket", "percentage": 10})
    put(upstream, "product.put", "5079808", product(12.5))
    put(upstream, "quote.put", "q-1", quote("OilCorp", BENQ))
    put(upstream, "user.put", "groupie", {"groups": ["buyers"]})
    put(upstream, "address.put", "a-1", {"owner": "patricia", "shipTo": True, **HOME})


def _rows(stage: Stage) -> dict[str, list[Any]]:
    query = sql.SQL("select to_jsonb(one) from {} one order by one::text")
    return {table: [row for (row,) in stage.rows(query.format(sql.Identifier(table)))] for table in TABLES}


def record(stage: Stage, folder: Path, home: Path) -> dict[str, Any]:
    """Have a release's worker asked, and give what it has answered and written."""
    with working(stage, "recorded", folder, home=home), Upstream(stage.broker_url) as upstream:
        _furnish(upstream)
        answers = ask_all(upstream)
        upstream.send(command("basket.update", "unheard", b"{}", content_encoding="gzip", message_id="m-99"))
        wait_for(lambda: stage.count("dead_letter") == 2)
        wait_for(lambda: not stage.rows("select 1 from outbox where published_at is null"))
    # As the worker leaves it when the broker has gone in between: committed, and not told to anybody yet.
    stage.rows("update outbox set published_at = null where headers ->> 'causation-id' = 'm-21'")
    return {"answers": answers, "rows": _rows(stage)}


def main(commit: str) -> None:
    release.BEFORE = commit
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = release.unpack(folder / "release")
        servers = start_servers(folder / "servers")
        try:
            with fresh(servers) as stage:
                schema.migrate(stage.database_url, "base")
                release.basketry(stage.environment, "migrate", home=home)
                kept = record(stage, folder, home)
        finally:
            servers.stop()
            servers.remove()
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"commit": commit, **kept}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

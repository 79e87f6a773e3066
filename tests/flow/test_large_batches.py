"""Commands whose answers are too much for one transaction: it is cut, and nobody notices."""

import psycopg
import pytest
from outside.furnishing import AS_SERVICE, elements, filled, product
from outside.listener import Listener
from outside.processes import WorkerProcess
from outside.shop import GROSS_AT_19
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command

from tests.flow.together import together
from worker import batch

CHANNEL = "large"
LIMIT = 4 * 1024 * 1024  # what the answers of a transaction may have in all
SKUS = [f"sku-{number}" for number in range(500)]
LONG_NAME = "\N{CYRILLIC SMALL LETTER ZHE}" * 256  # two bytes each: bytes are what is counted


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    body = {**product(), "name": LONG_NAME}
    puts = [command("product.put", sku, body, channel=CHANNEL, headers=AS_SERVICE) for sku in SKUS]
    shop = command("channel.put", CHANNEL, GROSS_AT_19, channel=CHANNEL, headers=AS_SERVICE)
    assert {reply.status for reply in together(stage, shop, *puts)} == {204}


class Heavy:
    """A basket with as many items as one takes, and the fewest updates whose answers are too much."""

    def __init__(self, upstream: Upstream) -> None:
        self.key = filled(upstream, *SKUS[:200], channel=CHANNEL)
        for some in (SKUS[200:400], SKUS[400:]):
            shown = upstream.ask("basket.item.add", self.key, elements(*some), channel=CHANNEL)
        self.version = shown.version or 0
        self.number = LIMIT // len(shown.body) + 1
        self.updates = [
            command("basket.update", self.key, {"taxExempt": bool(number % 2)}, channel=CHANNEL)
            for number in range(self.number)
        ]


@pytest.fixture
def heavy(upstream: Upstream) -> Heavy:
    return Heavy(upstream)


def test_what_is_too_much_says_how_many_commands_fit_and_nothing_of_it_is_kept(
    heavy: Heavy, stage: Stage
) -> None:
    with pytest.raises(batch.TooMuch) as raised:
        together(stage, *heavy.updates)
    assert raised.value.first == heavy.number - 1
    assert stage.rows("select version from basket where id = %s", heavy.key) == [(heavy.version,)]
    replies = together(stage, *heavy.updates[:-1])
    assert [reply.status for reply in replies] == [200] * (heavy.number - 1)


def test_a_burst_is_answered_in_order_and_once_in_transactions_that_are_not_too_large(
    heavy: Heavy, upstream: Upstream, events: Listener, stage: Stage
) -> None:
    """The burst arrives while the worker waits for the basket, so that it comes as one batch."""
    first = command("basket.update", heavy.key, {"department": "Sales"}, channel=CHANNEL)
    burst = [first, *heavy.updates]
    with psycopg.connect(stage.database_url) as busy:
        busy.execute("select 1 from basket where id = %s for update", [heavy.key])
        for message in burst:
            upstream.send(upstream.expecting(message))
    wanted = [message.message_id for message in burst]
    replies = upstream.wait_for(len(upstream.replies) + len(burst))[-len(burst) :]
    assert [reply.causation_id for reply in replies] == wanted
    assert [(reply.status, reply.version) for reply in replies] == [
        (200, heavy.version + 1 + number) for number in range(len(burst))
    ]
    events.answer(burst[-1])
    assert [event.causation_id for event in events.heard if event.key == heavy.key] == wanted
    sizes = stage.rows(
        "select count(*), sum(octet_length(body)) from outbox"
        " where key = %s and headers->>'causation-id' = any(%s) group by created_at order by created_at",
        heavy.key,
        wanted,
    )
    assert sum(size for _, size in sizes) > LIMIT >= max(size for _, size in sizes)
    assert max(count for count, _ in sizes) > 1, "it was a batch"

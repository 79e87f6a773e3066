"""Dead letters that a real defect has made, and an operator who does something about them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pika
import psycopg
from click.testing import CliRunner, Result
from outside.furnishing import elements, product
from outside.listener import Listener
from outside.processes import wait_for
from outside.shop import put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, command, unique

from worker import cli

CHANNEL = "replaying"
INTERNAL = "command.internal_error"
_LOCK_CLASS, _COMMANDS = 0x6261736B, 64  # of the relay: who holds it sends the commands of released letters


def run(stage: Stage, *arguments: object) -> Result:
    environment = {**stage.environment, "COLUMNS": "300"}
    return CliRunner(env=environment).invoke(cli.main, [str(one) for one in arguments])


class Operator:
    """Somebody at the command line."""

    def __init__(self, stage: Stage, upstream: Upstream) -> None:
        self._stage, self._upstream = stage, upstream

    def run(self, *arguments: object) -> Result:
        return run(self._stage, "dead-letters", *arguments)

    def shown(self, id_: int) -> dict[str, Any]:
        """Give a letter as programs see it."""
        shown: dict[str, Any] = json.loads(self.run("show", id_, "--json").stdout)
        return shown

    def replay(self, *arguments: object) -> None:
        replayed = self.run("replay", *arguments, "--operator", "olga")
        assert replayed.exit_code == 0, replayed.output

    def wait_settled(self, id_: int) -> dict[str, Any]:
        """Wait until a released letter has come to something; give it."""
        wait_for(lambda: self.shown(id_)["state"] != "released")
        return self.shown(id_)

    def break_product(self) -> str:
        """Have a product whose row nobody can read; give its SKU."""
        sku = unique("sku")
        self.repair(sku)
        self._stage.rows("update reference set document = '[]' where id = %s", sku)
        return sku

    def repair(self, sku: str) -> None:
        put(self._upstream, "product.put", sku, product(), channel=CHANNEL)

    def basket(self) -> str:
        key = unique("basket")
        assert self._upstream.ask("basket.create", key, channel=CHANNEL).status == 201
        return key

    def ask(self, type_: str, key: str, body: object = None, **options: Any) -> Any:
        return self._upstream.ask(type_, key, body, channel=CHANNEL, **options)

    def parked(self, sku: str, key: str | None = None, **options: Any) -> tuple[int, Message]:
        """Have a command parked that meets the broken product; give its letter and the message."""
        sent = command("basket.item.add", key or self.basket(), elements(sku), channel=CHANNEL, **options)
        assert self._upstream.ask_for(self._upstream.expecting(sent)).status == 500
        return self.letter_of(sent), sent

    def parked_and_repaired(self) -> tuple[int, Message]:
        """Have a command parked whose product is whole again; give its letter and the message."""
        sku = self.break_product()
        id_, sent = self.parked(sku)
        self.repair(sku)
        return id_, sent

    def letter_of(self, message: Message) -> int:
        query = "select id from dead_letter where key = %s order by id desc limit 1"
        wait_for(lambda: bool(self._stage.rows(query, message.key)))
        ((id_,),) = self._stage.rows(query, message.key)
        return int(id_)


def without_token(message: Message, id_: int) -> Message:
    """Give a message as the relay sends it once more."""
    headers = {"channel": CHANNEL, "x-basketry-replay-of": id_}
    return replace(
        message, properties=pika.BasicProperties(**{**vars(message.properties), "headers": headers})
    )


@contextmanager
def held_back(stage: Stage) -> Iterator[None]:
    """Hold back what is released, as another relay does that is about to send it."""
    with psycopg.connect(stage.database_url) as other:
        other.execute("select pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, _COMMANDS))
        yield


def answers(events: Listener, message: Message, count: int) -> list[Mapping[str, Any]]:
    """Wait for so many result events of a command; give the headers of the different ones, in order."""
    assert events.until(lambda: len(_different(events, message)) >= count), _different(events, message)
    return list(_different(events, message).values())


def _different(events: Listener, message: Message) -> dict[str, Mapping[str, Any]]:
    return {one.message_id: one.headers for one in events.answers(message) if "status" in one.headers}

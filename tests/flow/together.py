"""Commands in one batch: what a worker does with them, without waiting for a batch to form by chance."""

from collections.abc import Iterable
from datetime import timedelta

from outside.claims import SECRET
from outside.stage import Stage
from outside.wire import Message, Result

from contracts.envelope import Delivery, Envelope, open_envelope
from worker import batch, ids, routes, tasks
from worker.ledger import Reply
from worker.store import database
from worker.tokens import Keyring

_REPLIES = "basket.replies.together"


def together(stage: Stage, *messages: Message) -> list[Result]:
    """Have them handled in one transaction, in this order; give what each was answered."""
    types: set[str] = set()
    for message in messages:
        assert not routes.begins_anew(str(message.properties.type), types), "a worker would cut here"
        types.add(str(message.properties.type))
    return _handled(stage, [_opened(messages)])


def in_turn(stage: Stage, *messages: Message) -> list[Result]:
    """Have them handled in this order, in the transactions that a worker makes of what arrives together."""
    return _handled(stage, tasks._cut(_opened(messages)))


def _opened(messages: Iterable[Message]) -> list[Envelope]:
    return [open_envelope(_delivery(message), ("basket.replies.",)) for message in messages]


def _handled(stage: Stage, batches: Iterable[list[Envelope]]) -> list[Result]:
    keyring = Keyring(
        secret=SECRET, key_set=None, audience=None, grace=timedelta(hours=24), leeway=timedelta(0)
    )
    engine = database.engine(stage.database_url, "tests")
    replies: list[Reply] = []
    try:
        for envelopes in batches:
            with database.transaction(engine) as tx:
                replies += batch.handle(tx, envelopes, keyring, ids.new_id, may_search=True).replies
    finally:
        engine.dispose()
    return [
        Result(
            routing_key=reply.reply_to,
            type=reply.result.type,
            message_id=str(reply.result.event_id),
            correlation_id=reply.correlation_id,
            content_type=None,
            headers=reply.result.headers,
            body=reply.result.body.encode(),
        )
        for reply in replies
    ]


def _delivery(message: Message) -> Delivery:
    given = vars(message.properties)
    headers = given["headers"]
    properties = {name: value for name, value in given.items() if name != "headers" and value is not None}
    return Delivery(
        key=message.key,
        body=message.body,
        properties={**properties, "reply_to": _REPLIES},
        headers=headers,
    )

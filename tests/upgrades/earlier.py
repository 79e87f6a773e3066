"""Queues as the release before this one declared them; kept as literals."""

from outside.connecting import connect
from outside.stage import Stage

ARGUMENTS: dict[str, object] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 50,
    "x-dead-letter-exchange": "basket.commands.dead",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
DEAD = "basket.commands.dead"
NAMES = [f"basket.commands.{number:02d}" for number in range(8)]


def declare(stage: Stage, **others: object) -> None:
    """Declare all of them, before any worker of this release does."""
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.queue_declare(DEAD, durable=True, arguments={"x-queue-type": "quorum"})
        for name in NAMES:
            channel.queue_declare(name, durable=True, arguments=ARGUMENTS | others)

"""Events as a worker leaves them in the outbox."""

from uuid import uuid4

from worker.store import outbox


def an_event(key: str, number: int, *, type_: str = "command.completed", body: str = "{}") -> outbox.Event:
    return outbox.Event(
        event_id=uuid4(),
        channel="default",
        key=key,
        type=type_,
        correlation_id=None,
        headers={"key": key, "version": number},
        body=body,
    )

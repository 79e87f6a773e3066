"""Messages that may have ended a worker: begun only after that is written down, parked after a few times.

A message that came back once may have been in a restart or a hand-back; from the second time on it is handled
alone. The count outlives the process, for what ends a process cannot be counted by it afterwards.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from worker import logs
from worker.store import attempts, database

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.envelope import Delivery

MAX_ATTEMPTS = 3
_SUSPICIOUS_RETURNS = 2

log = logs.get(__name__)


def is_suspect(delivery: Delivery) -> bool:
    """Tell whether a message is to be handled alone."""
    return delivery.is_given_up or delivery.returns >= _SUSPICIOUS_RETURNS


class Suspects:
    """The attempts that this process has begun; a new one counts on."""

    def __init__(self, engine: database.Engine) -> None:
        self._engine = engine
        self._begun: dict[bytes, int] = {}

    def begin(self, delivery: Delivery) -> int:
        """Count an attempt before it is made; give which one it is. Raises database.TryAgain.

        While one that was survived could not be taken back, the next is still the same.
        """
        digest = fingerprint(delivery)
        if digest not in self._begun:
            self._begun[digest] = self._count(digest)
        return self._begun[digest]

    def failed(self, delivery: Delivery) -> int:
        """Count an attempt that the process has survived and the message is to blame for; give its number."""
        return self._count(fingerprint(delivery))

    def settled(self, delivery: Delivery) -> None:
        """Forget about a message that is done."""
        digest = fingerprint(delivery)
        self._begun.pop(digest, None)
        self._try("settle", lambda tx: attempts.settle(tx, digest))

    def survived(self, delivery: Delivery) -> None:
        """Take back an attempt that will be made again: what ends the process meanwhile is not it."""
        digest = fingerprint(delivery)
        if self._try("withdraw", lambda tx: attempts.withdraw(tx, [digest])):
            self._begun.pop(digest, None)

    def withdraw(self) -> None:
        """Take back what was begun and is given back: neither a stop nor an outage is a message's fault."""
        begun = list(self._begun)
        self._begun.clear()
        if begun:
            self._try("withdraw", lambda tx: attempts.withdraw(tx, begun))

    def _try(self, what: str, act: Callable[[database.Transaction], None]) -> bool:
        """Do what only keeps a count from being too high; while the database is away it stays so."""
        try:
            with database.transaction(self._engine) as tx:
                act(tx)
        except database.TryAgain as error:
            log.warning("attempts.not_settled", doing=what, why=str(error))
            return False
        return True

    def _count(self, digest: bytes) -> int:
        with database.transaction(self._engine) as tx:
            return attempts.begin(tx, digest)


def fingerprint(delivery: Delivery) -> bytes:
    """Tell messages apart by what a publisher has written, without looking into the body."""
    properties = (delivery.properties.get(name) for name in ("type", "message_id"))
    said = (delivery.key, delivery.headers.get("channel"), *properties)
    return hashlib.sha256(repr(said).encode(errors="backslashreplace") + b"\0" + delivery.body).digest()

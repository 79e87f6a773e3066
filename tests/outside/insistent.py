"""An upstream service that does not give up: pipelined confirms, and again what was not confirmed.

Whatever happens to the broker, it connects anew and publishes under the same message ids, in the same order.
"""

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any

import pika
from pika.exceptions import AMQPError

from outside.connecting import parameters
from outside.upstream import COMMANDS
from outside.wire import Message

_WINDOW = 500
_LOOKS_EVERY_SECONDS = 0.01
_PAUSE_SECONDS = 0.2
_Numbered = tuple[int, Message]


class InsistentPublisher(threading.Thread):
    """One publisher in a thread of its own; at most `rate` new commands a second, while `may_go_on` says so.

    `is_careful`: it sends the next command of a key when the one before is confirmed. Only so is the order of
    a key certain when the broker refuses a command (basic.nack) that others have overtaken.
    """

    def __init__(
        self,
        broker_url: str,
        messages: Iterator[Message],
        *,
        rate: float,
        is_careful: bool = False,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name="publisher", daemon=True)
        self._parameters = parameters(broker_url)
        self._messages, self._rate = messages, rate
        self._is_careful, self._may_go_on = is_careful, may_go_on
        self._is_finishing, self._is_blocked = False, False
        self._over = threading.Event()
        self._due: list[_Numbered] = []  # taken and not in flight: a heap by number
        self._in_flight: dict[int, _Numbered] = {}  # by tag, in order
        self._keys_in_flight = Counter[str]()
        self._returned = set[str]()
        self._taken = self._tag = 0
        self._begun = self._not_before = 0.0
        self.order: dict[str, list[str]] = defaultdict(list)  # message ids of each key, as sent first
        self.confirmed: dict[str, float] = {}  # message id: when the broker first said so, monotonic
        self.resent = self.nacked = self.connections = 0

    def finish(self) -> None:
        """Take no more; the thread ends when all that was taken is confirmed."""
        self._is_finishing = True

    def abandon(self) -> None:
        """End the thread, whatever is still open."""
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, AMQPError):  # the broker is away: nothing is lost but time
                self._publish_over_one_connection()
            self.resent += len(self._in_flight)
            for numbered in self._in_flight.values():
                heapq.heappush(self._due, numbered)
            self._in_flight, self._keys_in_flight = {}, Counter()
            self._over.wait(_PAUSE_SECONDS)

    def _publish_over_one_connection(self) -> None:
        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=lambda connection, _: connection.ioloop.stop(),
            on_close_callback=lambda connection, _: connection.ioloop.stop(),
        )
        try:
            connection.ioloop.start()
        finally:
            connection.ioloop.close()

    def _on_open(self, connection: Any) -> None:
        self.connections += 1
        self._is_blocked, self._tag, self._returned = False, 0, set()
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(False))
        connection.channel(on_open_callback=self._on_channel)

    def _set_blocked(self, is_blocked: bool) -> None:
        self._is_blocked = is_blocked

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_close_callback(lambda channel, _: _close(channel.connection))
        channel.add_on_return_callback(lambda *returned: self._returned.add(returned[2].message_id))
        channel.confirm_delivery(self._settle, callback=lambda _: self._publish_what_is_due(channel))
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Count the rate from now on: a pause is not made up for by a burst."""
        self._begun = time.monotonic() - self._taken / self._rate

    def _publish_what_is_due(self, channel: Any) -> None:
        """Publish as much as may be in flight, then look again in a moment."""
        if not channel.is_open:
            return
        while self._has_room() and (numbered := self._next()) is not None:
            self._publish(channel, numbered)
        if self._is_finishing and not self._due and not self._in_flight:
            self._over.set()
        if self._over.is_set():
            _close(channel.connection)
        else:
            ioloop = channel.connection.ioloop
            ioloop.call_later(_LOOKS_EVERY_SECONDS, lambda: self._publish_what_is_due(channel))

    def _has_room(self) -> bool:
        is_welcome = not self._is_blocked and time.monotonic() >= self._not_before
        return is_welcome and len(self._in_flight) < _WINDOW

    def _next(self) -> _Numbered | None:
        """Give what goes next: nothing new before what must go again."""
        if not self._due and not self._take():
            return None
        if self._is_careful and self._keys_in_flight[self._due[0][1].key]:
            return None
        return heapq.heappop(self._due)

    def _take(self) -> bool:
        """Take a new command, if the rate allows one."""
        if self._is_finishing or self._taken >= (time.monotonic() - self._begun) * self._rate:
            return False
        if not self._may_go_on():
            self._begin_anew()
            return False
        message = next(self._messages, None)
        if message is None:
            self._is_finishing = True
            return False
        self._taken += 1
        heapq.heappush(self._due, (self._taken, message))
        if message.message_id not in self.order[message.key]:
            self.order[message.key].append(message.message_id)
        return True

    def _publish(self, channel: Any, numbered: _Numbered) -> None:
        _, message = numbered
        self._tag += 1
        self._in_flight[self._tag] = numbered
        self._keys_in_flight[message.key] += 1
        channel.basic_publish(COMMANDS, message.key, message.body, message.properties, mandatory=True)

    def _settle(self, frame: Any) -> None:
        """Note a confirm; what was refused, or had no queue to go to, goes again a moment later."""
        tag, is_acked = frame.method.delivery_tag, isinstance(frame.method, pika.spec.Basic.Ack)
        tags = list(takewhile(lambda one: one <= tag, self._in_flight)) if frame.method.multiple else [tag]
        for one in tags:
            numbered = self._in_flight.pop(one)
            message = numbered[1]
            self._keys_in_flight[message.key] -= 1
            if is_acked and message.message_id not in self._returned:
                self.confirmed.setdefault(message.message_id, time.monotonic())
            else:
                self._returned.discard(message.message_id)
                self.nacked += 1
                self._not_before = time.monotonic() + _PAUSE_SECONDS
                heapq.heappush(self._due, numbered)


def _close(connection: Any) -> None:
    if connection.is_open:
        connection.close()

"""A relay that stops between the broker's confirm and its own mark, and waits there to be killed.

It relays until there is something to relay. Run as a program with the database's and the broker's URL.
"""

import os
import signal
import sys
from collections.abc import Sequence

from worker import relay
from worker.publisher import Outcome, Outgoing, Publisher
from worker.store import database, outbox


class StoppingPublisher(Publisher):
    """The real publisher, whose process goes no further once the broker has confirmed something."""

    def publish(self, messages: Sequence[Outgoing]) -> Outcome:
        outcome = super().publish(messages)
        if messages:
            sys.stdout.write(f"{len(messages)}\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGSTOP)
        return outcome


if __name__ == "__main__":
    engine = database.engine(sys.argv[1], "a relay that is killed")
    publisher = StoppingPublisher(sys.argv[2], "a relay that is killed")
    while True:
        relay.relay(engine, publisher, range(outbox.PARTITIONS))

"""A worker with a defect: a command whose body says so never ends. Test code in the place of `basketry`.

It stands for an endless loop of ours or of a library; and it waits for minutes less than a real one.
"""

import sys
import threading

from contracts import envelope
from worker import cli, heart

PATIENCE_SECONDS = 4.0
ENDLESS = b"endless"

_open_envelope = envelope.open_envelope


def open_envelope(delivery: envelope.Delivery, prefixes: tuple[str, ...]) -> envelope.Envelope:
    if ENDLESS in delivery.body and not delivery.is_given_up:
        threading.Event().wait()
    return _open_envelope(delivery, prefixes)


if __name__ == "__main__":
    envelope.open_envelope = open_envelope
    heart._LONGEST_TURN_SECONDS = PATIENCE_SECONDS
    cli.main(sys.argv[1:])

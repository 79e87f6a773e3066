"""A worker with a defect: a command whose body or query says so never ends. Test code in `basketry`'s place.

It stands for an endless loop of ours or of a library; and it waits for minutes less than a real one.
"""

import sys
import threading
from collections.abc import Sequence

from contracts import envelope
from worker import cli, heart
from worker.domain.search import lucene
from worker.domain.search.predicates import Query

PATIENCE_SECONDS = 4.0
ENDLESS = b"endless"
ENDLESS_QUERY = "never-to-be-read"

_open_envelope = envelope.open_envelope
_parse = lucene.parse


def open_envelope(delivery: envelope.Delivery, prefixes: tuple[str, ...]) -> envelope.Envelope:
    if ENDLESS in delivery.body and not delivery.is_given_up:
        threading.Event().wait()
    return _open_envelope(delivery, prefixes)


def parse(texts: Sequence[str]) -> Query | lucene.Invalid:
    if ENDLESS_QUERY in texts:
        threading.Event().wait()
    return _parse(texts)


if __name__ == "__main__":
    envelope.open_envelope = open_envelope
    lucene.parse = parse
    heart._LONGEST_TURN_SECONDS = PATIENCE_SECONDS
    cli.main(sys.argv[1:])

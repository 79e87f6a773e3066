"""A worker with a defect that ends its process: it dies of any body that holds the marker.

Stands for a fault in a library written in C: the process is gone in the middle of reading the body, with
nothing said. Run like `basketry`; everything else in it is the real one.
"""

import os
import signal
from typing import Any

from contracts import codec_json
from worker import cli

MARKER = b"this body ends the process"

_decode = codec_json.decode


def decode_or_die(body: bytes, type_: Any) -> Any:
    if MARKER in body:
        os.kill(os.getpid(), signal.SIGKILL)
    return _decode(body, type_)


if __name__ == "__main__":
    codec_json.decode = decode_or_die
    cli.main()

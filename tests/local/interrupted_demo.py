"""A demo that is interrupted at the line at which it would ask its stack to end; to be run as a program."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from worker.local.demo import show


def interrupt(frame: FrameType, event: str, argument: object) -> None:
    del argument
    if event == "call" and frame.f_code.co_name == "take_down":
        sys.settrace(None)
        os.kill(os.getpid(), signal.SIGINT)


with show._stack(Path(sys.argv[1]), Console()):
    sys.settrace(interrupt)

"""The bell that wakes the consumer when a command set apart is done: it may ring late, then is silent."""

import os
import select
from typing import Any, cast

from worker.side_lanes import SetApart, SideLanes
from worker.tasks import Tools


class Belated(SideLanes):
    """A thread of theirs has put a command, and is about to ring when the consumer looks."""

    def put(self, command: SetApart) -> None:
        self._finished.put(command)

    def ring(self) -> None:
        self._ring()

    @property
    def rings(self) -> bool:
        return bool(select.select([self.wakes], [], [], 0)[0])


def test_a_bell_that_rings_behind_what_it_tells_of_is_silent_after_the_next_look() -> None:
    """Else the consumer turned in circles until another command was done."""
    lanes = Belated(cast("Tools", None))
    command = SetApart(cast("Any", None), cast("Any", None), 1)
    try:
        lanes.put(command)
        assert lanes.finished() == [command]
        lanes.ring()
        assert lanes.rings
        assert lanes.finished() == []
        assert not lanes.rings
    finally:
        os.close(lanes.wakes)

"""The bell that wakes the consumer when a search is done: it may ring late, and is silent afterwards."""

import os
import select
from typing import Any, cast

from worker.searches import Search, Searches
from worker.tasks import Tools


class Belated(Searches):
    """Its thread has put a search, and is about to ring when the consumer looks."""

    def put(self, search: Search) -> None:
        self._finished.put(search)

    def ring(self) -> None:
        self._ring()

    @property
    def rings(self) -> bool:
        return bool(select.select([self.wakes], [], [], 0)[0])


def test_a_bell_that_rings_behind_what_it_tells_of_is_silent_after_the_next_look() -> None:
    """Else the consumer turned in circles until another search was done."""
    searches = Belated(cast("Tools", None))
    search = Search(cast("Any", None), cast("Any", None), 1)
    try:
        searches.put(search)
        assert searches.finished() == [search]
        searches.ring()
        assert searches.rings
        assert searches.finished() == []
        assert not searches.rings
    finally:
        os.close(searches.wakes)

"""Dead letters: a message is kept whole, bytes and all, and nothing in it is lost or changed."""

from typing import Any

import pytest
from letters_at_hand import letter
from sqlalchemy import Connection, select, text

from worker.store import dead_letters, tables
from worker.store.dead_letters import DeadLetter


def parked(tx: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in tx.execute(select(tables.dead_letter).order_by("id"))]


def test_letters_are_kept_whole_and_in_their_order(tx: Connection) -> None:
    letters = [letter(), letter(key="", type="", message_id=None, body=b"")]
    dead_letters.park(tx, letters)
    dead_letters.park(tx, [])
    rows = parked(tx)
    assert len(rows) == 2
    for row, one in zip(rows, letters, strict=True):
        assert {name: row[name] for name in DeadLetter.__struct_fields__} == {
            name: getattr(one, name) for name in DeadLetter.__struct_fields__
        }
        assert (row["state"], row["attempts"], row["replays"]) == ("parked", 1, 0)


def test_a_letter_of_nobody_has_no_claims(tx: Connection) -> None:
    dead_letters.park(tx, [letter(claims=None), letter()])
    without = tx.execute(text("SELECT claims IS NULL FROM dead_letter ORDER BY id")).scalars().all()
    assert without == [True, False]


def test_a_state_that_nobody_knows_is_refused_by_the_table(tx: Connection) -> None:
    dead_letters.park(tx, [letter()])
    with pytest.raises(Exception, match="dead_letter_state_is_known"):
        tx.execute(text("UPDATE dead_letter SET state = 'lost'"))

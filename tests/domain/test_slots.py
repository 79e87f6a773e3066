"""Slots as they are written, and what they own."""

import pytest

from worker.slots import Slot


@pytest.mark.parametrize(
    ("text", "slot"),
    [("0/1", Slot(0, 1)), ("2/3", Slot(2, 3)), ("07/12", Slot(7, 12))],
)
def test_a_slot_is_read_as_it_is_written(text: str, slot: Slot) -> None:
    assert Slot.parse(text) == slot


@pytest.mark.parametrize("text", ["", "1", "1/1", "3/3", "-1/3", "0/0", "a/b", "1/2/3", " 0/1", "0/99999"])
def test_what_is_no_slot_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="0 <= i < n"):
        Slot.parse(text)


@pytest.mark.parametrize("of", range(1, 12))
def test_every_queue_is_owned_by_exactly_one_of_the_slots(of: int) -> None:
    slots = [Slot(number, of) for number in range(of)]
    assert [sum(slot.owns(partition) for slot in slots) for partition in range(8)] == [1] * 8

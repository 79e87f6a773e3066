"""Contract 6.8: what is still new when the recurrence, or its basket, was changed in between."""

import pytest
from holding import DAILY_NEW, DS2, FIRST, SECOND, THIRD, Catalogue, select, taken
from standing import House


@pytest.mark.parametrize("removes", [False, True])
def test_what_was_in_reach_is_not_new_after_the_recurrence_was_edited_or_removed(
    standing: House, catalogue: Catalogue, removes: bool
) -> None:
    standing.ticks(FIRST)
    if removes:
        standing.say("basket.update", "b", {"recurrence": {"interval": "P0D"}}, now="2026-03-01T11:00")
    weekly = {**DAILY_NEW, "interval": "P1W", "startDate": "2026-03-02T18:00:00Z"}
    standing.recurs(**weekly, now="2026-03-01T12:00")
    standing.ticks("2026-03-02T18:00")
    assert standing.table()[1:] == ["2: 0 2026-03-02 18:00 no_new_data"]
    catalogue.put("a", "2026-03-02T20:00")
    standing.ticks("2026-03-09T18:00")
    assert taken(standing) == [["old"], ["a"]]


def test_an_end_that_is_set_anew_keeps_what_was_in_reach(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    standing.recurs(**DAILY_NEW, endDate="2026-03-03T10:00:00Z", now="2026-03-01T12:00")
    catalogue.put("a", "2026-03-02T20:00")
    standing.ticks(SECOND, THIRD)
    assert taken(standing) == [["old"], ["a"]]


def test_data_of_a_dataset_that_is_added_later_is_new_only_when_it_is(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    select(standing, datasetUrn=DS2, now="2026-03-01T12:00")
    catalogue.put("a", "2026-03-01T13:00", datasets=[DS2])
    standing.ticks(SECOND)
    assert taken(standing) == [["old"], ["a"]]


def test_what_fell_due_while_paused_leaves_its_data_to_the_next_order(
    standing: House, catalogue: Catalogue
) -> None:
    standing.ticks(FIRST)
    standing.say("recurrence.pause", "b", {"until": "2026-03-03T09:00:00Z"}, now="2026-03-01T11:00")
    catalogue.put("a", "2026-03-01T13:00")
    standing.ticks(SECOND, "2026-03-03T09:00", THIRD)
    assert taken(standing) == [["old"], ["a"]]


def test_a_recurrence_that_takes_everything_again_takes_it_all(standing: House, catalogue: Catalogue) -> None:
    standing.ticks(FIRST)
    standing.recurs(**{**DAILY_NEW, "newDataOnly": False}, now="2026-03-01T12:00")
    standing.ticks(SECOND)
    standing.recurs(**DAILY_NEW, now="2026-03-02T12:00")
    standing.ticks(THIRD)
    assert taken(standing) == [["old"], ["old"]]

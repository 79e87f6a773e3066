"""Ranges as prefixes of digits, against plain comparison."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.domain.search import covers

TOP = 2**64 - 1
ends = st.integers(0, TOP) | st.integers(0, 600) | st.integers(TOP - 600, TOP)


def is_covered(number: int, low: int, high: int) -> bool:
    digits = f"{number:016x}"
    beginnings = [digits.startswith(beginning) for beginning in covers.cover(low, high)]
    assert sum(beginnings) <= 1  # no number twice
    return any(beginnings)


@given(ends, ends, ends)
@example(0, TOP, 0)
@example(0, TOP, TOP)
@example(5, 5, 5)
def test_a_cover_holds_the_numbers_between_its_ends_and_no_others(low: int, high: int, number: int) -> None:
    assert is_covered(number, low, high) == (low <= number <= high)


@given(ends, ends)
def test_a_cover_is_exact_at_its_ends(low: int, high: int) -> None:
    low, high = min(low, high), max(low, high)
    assert is_covered(low, low, high)
    assert is_covered(high, low, high)
    assert low == 0 or not is_covered(low - 1, low, high)
    assert high == TOP or not is_covered(high + 1, low, high)


@pytest.mark.parametrize(
    ("low", "high", "beginnings"),
    [
        (0, TOP, [""]),
        (3, 2, []),
        (7, 7, ["0000000000000007"]),
        (0x10, 0x2F, ["000000000000001", "000000000000002"]),
        (0xF, 0x20, ["000000000000000f", "000000000000001", "0000000000000020"]),
        (2**63, TOP, ["8", "9", "a", "b", "c", "d", "e", "f"]),
    ],
)
def test_a_cover_has_the_fewest_beginnings(low: int, high: int, beginnings: list[str]) -> None:
    assert list(covers.cover(low, high)) == beginnings


def test_the_widest_cover_has_450_beginnings_and_one_for_each_first_digit_between() -> None:
    assert len(list(covers.cover(1, TOP - 1))) == 15 * 15 * 2 + 14

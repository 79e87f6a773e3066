"""Durations of settings: weeks to seconds in ISO 8601, and nothing that has no fixed length."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT1H", timedelta(hours=1)),
        ("P90D", timedelta(days=90)),
        ("P2W", timedelta(days=14)),
        ("P1W2D", timedelta(days=9)),
        ("P1DT12H", timedelta(hours=36)),
        ("PT1H30M5S", timedelta(seconds=5405)),
        ("PT90M", timedelta(minutes=90)),
        ("PT0S", timedelta(0)),
        ("P0D", timedelta(0)),
        ("P007D", timedelta(days=7)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "1H", "P1H", "PT1D", "P1M", "P1Y", "P1Y2M", "PT1H1", "P1DT", "-PT1H", "PT-1H"),
        *("+PT1H", "P1.5D", "PT1,5H", "pt1h", " PT1H", "PT1H ", "PT1H\n", "PT1M1H", "P1D1W", "P٣D", "P²D"),
        *("P1D\0", "P100000D", "PT9999999H", "90", "forever"),
    ],
)
def test_anything_else_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.text("PTWDHMSY0123456789.-+ ٣", max_size=12))
def test_no_text_raises(text: str) -> None:
    assert isinstance(parse_duration(text), timedelta | None)


@given(st.integers(0, 99_999), st.integers(0, 999_999), st.integers(0, 59))
def test_the_parts_add_up(days: int, hours: int, seconds: int) -> None:
    parsed = parse_duration(f"P{days}DT{hours}H{seconds}S")
    assert parsed == timedelta(seconds=(days * 24 + hours) * 3600 + seconds)

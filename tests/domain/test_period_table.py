"""Contract 6.1: what is a period, what removes, what is refused, and each period's normal form.

The oracle is another reading of `java.time.Period.parse`: letter by letter, with Java's integer limits.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.period import parse_period

NORMAL_FORMS = [
    ("P4W", "P28D"),
    ("P1W", "P7D"),
    ("P1Y2M3W4D", "P1Y2M25D"),
    ("P1W2D", "P9D"),
    ("p1m", "P1M"),
    ("+P1M", "P1M"),
    ("P01M", "P1M"),
    ("P1Y0M", "P1Y"),
    ("P12M", "P12M"),
    ("P14M", "P14M"),
    ("P3M", "P3M"),
    ("P+1M", "P1M"),
    ("-P-1M", "P1M"),
    ("P1d", "P1D"),
    ("P0Y1D", "P1D"),
]
ZERO = ["P0D", "P0W", "P0M", "P0Y", "P0Y0M0D", "p0d", "-P0D", "P-0M"]
NOT_POSITIVE = ["P-1M", "-P1M", "P1M-1D", "P-1Y1M", "P1Y-1M", "-P1Y-1M", "P1W-8D", "-P1D"]
NO_PERIODS = [
    "P",
    "",
    " ",
    "1M",
    "PT1H",
    "P1DT1H",
    "P1.5M",
    "P1,5M",
    "P2D1W",
    "P1M1Y",
    "P99999999999D",
    "P1M ",
    " P1M",
    "P1M\n",
    "P1",
    "PM",
    "P1M1M",
    "P--1M",
    "P 1M",
    "--P1M",
    "P1S",
    "P\u0661M",  # a digit, but not an ASCII one
    "P1H",
    "month",
    "P306783379W",  # more days than Java's int holds
    "P306783379W-29D",  # and Java does not wait for the days that make it fit again
]
JAVA_MAX = 2**31 - 1


@pytest.mark.parametrize(("text", "normal_form"), NORMAL_FORMS)
def test_a_period_has_its_normal_form(text: str, normal_form: str) -> None:
    assert str(parse_period(text)) == normal_form


@pytest.mark.parametrize(("_text", "normal_form"), NORMAL_FORMS)
def test_a_normal_form_is_its_own_normal_form(_text: str, normal_form: str) -> None:
    assert str(parse_period(normal_form)) == normal_form


@pytest.mark.parametrize("text", ZERO)
def test_a_zero_period_is_a_period_that_is_zero(text: str) -> None:
    period = parse_period(text)
    assert period is not None
    assert period.is_zero
    assert str(period) == "P0D"


@pytest.mark.parametrize("text", NOT_POSITIVE)
def test_a_period_with_a_negative_part_is_refused(text: str) -> None:
    assert parse_period(text) is None


@pytest.mark.parametrize("text", NO_PERIODS)
def test_what_is_no_calendar_period_is_refused(text: str) -> None:
    assert parse_period(text) is None


@pytest.mark.parametrize("text", ["P12M", "P1Y", "P1D"])
def test_a_period_that_is_not_zero_does_not_remove(text: str) -> None:
    period = parse_period(text)
    assert period is not None
    assert not period.is_zero


def as_java_reads(text: str) -> tuple[int, int, int] | None:
    """Read years, months, days letter by letter; None where Java throws."""
    left = text.upper() if text.isascii() else ""
    factor = -1 if left[:1] == "-" else 1
    left = left[1:] if left[:1] in ("+", "-") else left
    if not left.startswith("P") or len(left) == 1:
        return None
    left, units, found = left[1:], "YMWD", dict.fromkeys("YMWD", 0)
    while left:
        sign, left = (left[0], left[1:]) if left[0] in "+-" else ("+", left)
        digits = left[: len(left) - len(left.lstrip("0123456789"))]
        unit, left = left[len(digits) : len(digits) + 1], left[len(digits) + 1 :]
        if not digits or not unit or unit not in units:
            return None
        units = units[units.index(unit) + 1 :]
        found[unit] = int(digits) * (-factor if sign == "-" else factor)
        if abs(found[unit]) > JAVA_MAX:
            return None
    days = found["W"] * 7 + found["D"]
    return None if max(abs(found["W"] * 7), abs(days)) > JAVA_MAX else (found["Y"], found["M"], days)


def shown(years: int, months: int, days: int) -> str:
    parts = [f"{years}Y" * (years > 0), f"{months}M" * (months > 0), f"{days}D" * (days > 0)]
    return "P" + ("".join(parts) or "0D")


well_formed = st.tuples(
    st.sampled_from(["", "+", "-"]),
    st.sampled_from("Pp"),
    *(
        st.just("")
        | st.builds(
            "{}{}{}{}".format,
            st.sampled_from(["", "", "+", "-"]),
            st.sampled_from(["", "0", "000"]),
            st.integers(0, 5000),
            st.sampled_from([unit, unit.lower()]),
        )
        for unit in "YMWD"
    ),
).map("".join)
mutilated = st.text("PpTYMWDHymwd+-.0123 ", max_size=9)


@given(well_formed | mutilated)
@example("P00000000000000000001D")
@example("P1000000000D")
@example("P2147483647M")
@example("P2147483648M")
def test_every_text_is_read_as_java_reads_it(text: str) -> None:
    expected, period = as_java_reads(text), parse_period(text)
    if expected is None or min(expected) < 0:
        assert period is None
    else:
        assert str(period) == shown(*expected)

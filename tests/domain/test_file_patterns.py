"""Patterns of file names: whole names, in linear time, with a reason when refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.search import patterns

NO_SUCH = "(RE2 has no look-around and no back references)"


def does_match(pattern: str, name: str) -> bool:
    compiled = patterns.compile_pattern(pattern)
    assert isinstance(compiled, patterns.Pattern)
    return compiled.does_match(name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        (r".*\.tif", "a.tif", True),
        (r".*\.tif", "a.tif.gz", False),
        (r"tif", "a.tif", False),
        (r"a|ab", "ab", True),  # the whole name, not the first alternative
        (r"(?i)A\.TIF", "a.tif", True),
        (r"A", "a", False),
        (r"\d{4}_[^_]+", "2024_B1", True),
        (r"ü+", "üü", True),
        (r".", "ü", True),
        (r"", "", True),
        (r"", "a", False),
        (r"a$", "a\n", False),
    ],
)
def test_a_pattern_matches_whole_names(pattern: str, name: str, matches: bool) -> None:
    assert does_match(pattern, name) is matches


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(a", f"the pattern is not taken: missing ): (a {NO_SUCH}"),
        ("(?=a)b", f"the pattern is not taken: invalid perl operator: (?= {NO_SUCH}"),
        ("(?<!a)b", f"the pattern is not taken: invalid perl operator: (?<! {NO_SUCH}"),
        (r"(a)\1", f"the pattern is not taken: invalid escape sequence: \\1 {NO_SUCH}"),
        ("[z-a]", f"the pattern is not taken: invalid character class range: z-a {NO_SUCH}"),
        ("a{1001}", f"the pattern is not taken: invalid repetition size: {{1001}} {NO_SUCH}"),
        (r"\pL{50}", f"the pattern is not taken: pattern too large - compile failed {NO_SUCH}"),
        ("a" * 1001, "a pattern has at most 1000 characters"),
        ("\ud800", "the pattern holds half a surrogate pair"),
    ],
)
def test_a_pattern_that_cannot_be_run_is_refused_with_the_reason(
    pattern: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert patterns.compile_pattern(pattern) == sentence
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a*)*b", r"(a|aa)+c", r"(.*a){50}b", r"(a|a?)+b", r"([a-z]+)*[0-9]", r"(x+x+)+y"]
)
def test_no_pattern_takes_longer_than_the_name_is_long(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not does_match(pattern, "a" * 100_000 + "!")
    assert capfd.readouterr() == ("", "")


@given(st.text() | st.text(alphabet=r"ab.*+?()[]{}|\^$1,-:=!<>pP"))
def test_no_text_breaks_the_reading_of_patterns(text: str) -> None:
    assert isinstance(patterns.compile_pattern(text), (patterns.Pattern, str))

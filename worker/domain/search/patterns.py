"""Patterns of file names, by RE2: in linear time and bounded memory, whatever the pattern is."""

from __future__ import annotations

from typing import Any

import re2

MAX_CHARACTERS = 1000
# Bytes of a pattern with the states it is run with: re2 keeps the last 128 patterns.
MAX_MEMORY = 256 * 1024
_MAX_REASON_CHARACTERS = 150


class Pattern:
    """A pattern that is matched against whole names."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def does_match(self, name: str) -> bool:
        return self._compiled.fullmatch(name) is not None


def compile_pattern(text: str) -> Pattern | str:
    """Read a pattern in RE2's syntax, or say why it is none."""
    if len(text) > MAX_CHARACTERS:
        return f"a pattern has at most {MAX_CHARACTERS} characters"
    try:
        return Pattern(re2.compile(text, _OPTIONS))
    except UnicodeEncodeError:
        return "the pattern holds half a surrogate pair"
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")[:_MAX_REASON_CHARACTERS]
        return f"the pattern is not taken: {reason} (RE2 has no look-around and no back references)"


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # on standard error, past our logs
    options.max_mem = MAX_MEMORY
    return options


_OPTIONS = _options()

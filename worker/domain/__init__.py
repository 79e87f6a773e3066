"""The rules: pure functions and frozen values. No I/O, no clock, no randomness of its own, no logging."""

"""What a check of `basketry doctor` has found: a verdict, what it is, and what to do about it.

`see` is the anchor of a section of deploy/RUNBOOK.md; a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

RUNBOOK = "deploy/RUNBOOK.md"


class Verdict(StrEnum):
    """Wrong: something is not done, or could be lost. Warning: it works, and should not stay so."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `doctor`; `remedy` and `see` are empty when all is well."""

    name: str
    verdict: Verdict
    what: str
    remedy: str = ""
    see: str = ""


def ok(name: str, what: str) -> Finding:
    return Finding(name=name, verdict=Verdict.OK, what=what)


def warning(name: str, what: str, remedy: str, see: str = "") -> Finding:
    return Finding(name=name, verdict=Verdict.WARNING, what=what, remedy=remedy, see=see)


def wrong(name: str, what: str, remedy: str, see: str = "") -> Finding:
    return Finding(name=name, verdict=Verdict.WRONG, what=what, remedy=remedy, see=see)


def listed(names: list[str], most: int = 4) -> str:
    """Name a few and count the rest."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

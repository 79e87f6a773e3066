"""The rules and the wire read no clock and roll no dice: their source is searched for it."""

import ast
from pathlib import Path

import pytest

import contracts
import worker.domain

FORBIDDEN_NAMES = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "uuid1", "uuid4"}
CLOCKS = {"datetime", "date", "time", "uuid"}
FORBIDDEN_MODULES = {"random", "secrets", "time", "logging", "structlog", "socket", "os", "subprocess"}
# The one module that talks to a broker on behalf of other teams; it decides nothing.
TALKS = {"client.py"}


def sources() -> list[Path]:
    packages = [Path(package.__file__ or "").parent for package in (contracts, worker.domain)]
    return [path for package in packages for path in sorted(package.glob("*.py")) if path.name not in TALKS]


def impurities(source: str) -> list[str]:
    """Name every clock, die and door to the outside that a source uses."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom):
            root = (node.module or "").split(".")[0]
            if root in FORBIDDEN_MODULES:
                found.append(root)
            elif root in CLOCKS:
                names = [alias.name for alias in node.names if alias.name in FORBIDDEN_NAMES - {"time"}]
                found += [f"{root}.{name}" for name in names]
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_NAMES:
            base = node.value
            name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
            found += [f"{name}.{node.attr}"] if name in CLOCKS else []
    return found


def test_the_search_finds_what_it_is_for() -> None:
    impure = """
import random, datetime as dt, uuid, os.path
from time import monotonic
from uuid import uuid4
from secrets import token_hex
datetime.now(); datetime.utcnow(); date.today(); datetime.datetime.now(); time.time(); uuid.uuid4()
moment.now; context.now
"""
    assert impurities(impure) == [
        *("random", "os.path", "time", "uuid.uuid4", "secrets"),
        *("datetime.now", "datetime.utcnow", "date.today", "datetime.now", "time.time", "uuid.uuid4"),
    ]


def test_there_are_sources_to_search() -> None:
    assert {"pricing.py", "envelope.py"} <= {path.name for path in sources()}


@pytest.mark.parametrize("path", sources(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_rule_reads_a_clock_or_rolls_dice(path: Path) -> None:
    assert impurities(path.read_text(encoding="utf-8")) == []

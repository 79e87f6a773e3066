"""deploy/RUNBOOK.md: what points into it arrives, and what it names is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from worker import cli

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
SOURCES = [path for folder in ("contracts", "worker", "scheduler") for path in (ROOT / folder).rglob("*.py")]
HEADINGS = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
NO_LOG_LINES = {"basket.events", "recurring.occurrence"}
MOST_LINES, LONGEST_LINE = 590, 130
SAYS = {"findings.wrong", "findings.warning"}
ANCHORS = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS}


def seen_by_the_doctor() -> Iterator[str]:
    """Give the fourth argument of every `findings.wrong` and `findings.warning`."""
    for path in (ROOT / "worker" / "operating").glob("checks_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SAYS:
                yield from (ast.literal_eval(argument) for argument in node.args[3:])


def test_every_heading_is_its_own() -> None:
    assert len(ANCHORS) == len(HEADINGS)


def test_every_finding_of_the_doctor_points_at_a_section() -> None:
    pointed_at = set(seen_by_the_doctor())
    assert len(pointed_at) > 10
    assert pointed_at - ANCHORS == set()


def test_alerts_and_all_other_files_point_at_sections() -> None:
    texts = [path for path in (ROOT / "deploy").rglob("*") if path.suffix in {".md", ".yml", ".json"}]
    for path in [*texts, *SOURCES, ROOT / "README.md"]:
        for anchor in re.findall(r"RUNBOOK\.md#([a-z0-9-]+)", path.read_text(encoding="utf-8")):
            assert anchor in ANCHORS, f"{path.name} points at {anchor}"
    for anchor in re.findall(r"\]\(#([^)]*)\)", RUNBOOK):
        assert anchor in ANCHORS, anchor


def test_every_log_line_that_names_a_section_names_one() -> None:
    named = {
        name
        for path in SOURCES
        for name in re.findall(r'see="RUNBOOK, ([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert named
    assert named - set(HEADINGS) == set()


def test_it_can_be_read_at_night() -> None:
    lines = RUNBOOK.splitlines()
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


def test_every_label_begins_a_line_of_its_own() -> None:
    label = r"\*\*(?:You see|It means|Do|Do not)\*\*"
    assert len(re.findall(rf"^{label}", RUNBOOK, re.MULTILINE)) > len(HEADINGS)
    assert re.findall(rf"[^\\\n]\n{label}", RUNBOOK) == []


def test_every_section_says_what_is_seen_and_what_to_do() -> None:
    troubles, _, _ = RUNBOOK.partition("# When something is to be done")
    for section in re.split(r"^## ", troubles, flags=re.MULTILINE)[1:]:
        assert "**You see**" in section, section.partition("\n")[0]
        assert "**Do**" in section, section.partition("\n")[0]


def test_every_log_line_that_is_named_is_written_somewhere() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    named = set(re.findall(r"`((?:[a-z]+_)*[a-z]+\.[a-z_]+)`", RUNBOOK)) - NO_LOG_LINES
    assert len(named) > 15
    assert {name for name in named if f'"{name}' not in code} == set()


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`basketry ([^`]*)`", RUNBOOK))))
def test_every_command_that_is_named_is_one(line: str) -> None:
    command: click.Command = cli.main
    for word in line.split():
        if isinstance(command, click.Group):
            assert word in command.commands, f"there is no `basketry {line}`"
            command = command.commands[word]
        elif word.startswith("--"):
            assert any(word in option.opts for option in command.params), f"there is no {word} in `{line}`"

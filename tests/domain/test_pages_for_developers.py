"""The pages for who changes the code name what is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("contracts", "deploy", "scheduler", "tests", "worker")
MOST_LINES_OF_A_MODULE, MOST_LINES_OF_A_FUNCTION = 300, 40  # as tests/README.md says
PAGES = ("README.md", "tests/README.md", "worker/README.md")
PATH = re.compile(r"`((?:\.ci|contracts|deploy|scheduler|tests|worker)/[\w./-]*)`|\]\(([\w./-]+)\)")
# In a cell: a file, then names that are in it.
NAMED_IN_FILE = re.compile(r"`([\w/]+\.py)`((?:, `[\w.]+`)+)")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_is_there(page: str) -> None:
    folder = (ROOT / page).parent
    found = PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    named = {ROOT / path if path else folder / linked for path, linked in found}
    assert named
    assert [path for path in sorted(named) if not path.exists()] == []


def test_every_name_beside_a_file_is_defined_in_it() -> None:
    page = (ROOT / "worker/README.md").read_text(encoding="utf-8")
    named = [
        (path, part)
        for path, names in NAMED_IN_FILE.findall(page)
        for name in re.findall(r"`([\w.]+)`", names)
        for part in name.split(".")
    ]
    assert ("worker/consumer.py", "_handle") in named
    missing = [
        (path, name)
        for path, name in named
        if not re.search(rf"^ *(def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_modules_and_functions_are_as_short_as_agreed() -> None:
    modules = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(modules) > 400
    too_long = []
    for path in modules:
        source = path.read_text(encoding="utf-8")
        if len(source.splitlines()) > MOST_LINES_OF_A_MODULE:
            too_long.append(str(path))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                too_long += [f"{path}:{node.lineno}"] if lines > MOST_LINES_OF_A_FUNCTION else []
    assert too_long == []

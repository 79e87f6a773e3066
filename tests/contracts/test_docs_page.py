"""The rendered contract: complete, well-formed, and alone, without a reference to anywhere."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contracts import answers, asyncapi, commands, events
from contracts.errors import ErrorKey

ROOT = Path(__file__).parents[2]
VOID = {"br", "col", "hr", "img", "input", "link", "meta"}
REFERRING = {"href", "src", "srcset", "action", "data", "poster", "background", "cite"}


class Reader(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.references += [value for name, value in attrs if name in REFERRING and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("docs") / "new" / "index.html"
    script = ROOT / "deploy" / "docs" / "render.py"
    subprocess.run([sys.executable, script, target], check=True, cwd=target.parents[1])
    return target.read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_the_page_is_well_formed(html: str, page: Reader) -> None:
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert {"html", "head", "title", "body", "main", "nav"} <= page.tags
    assert sorted(page.ids) == sorted(set(page.ids))
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", html)


def test_every_command_event_and_error_key_has_its_anchor(page: Reader) -> None:
    notices = (events.COMPLETED, events.REJECTED, *answers.NOTICES)
    anchors = {
        *(f"command-{type_}" for type_ in commands.BY_TYPE),
        *(f"event-{type_}" for type_ in notices),
        *(f"error-{key.value}" for key in ErrorKey),
    }
    assert anchors - set(page.ids) == set()


def test_every_link_leads_to_a_place_on_the_page(page: Reader) -> None:
    assert page.references
    assert {reference[1:] for reference in page.references if reference[0] == "#"} <= set(page.ids)


def test_the_page_refers_to_nothing_else_and_runs_nothing(html: str, page: Reader) -> None:
    assert [reference for reference in page.references if not reference.startswith("#")] == []
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|https?://|\son[a-z]+=[\"']", html)


def test_every_field_of_every_body_is_on_the_page(page: Reader) -> None:
    schemas = json.loads((asyncapi.FOLDER / asyncapi.FILE).read_bytes())["components"]["schemas"]
    words = set(re.findall(r"[\w-]+", page.text))
    for schema in schemas.values():
        for field in schema.get("properties", {}):
            assert field in words


def test_the_table_of_errors_is_in_its_order(page: Reader) -> None:
    shown = [anchor.removeprefix("error-") for anchor in page.ids if anchor.startswith("error-")]
    assert shown == [key.value for key in ErrorKey]


def test_the_page_follows_the_readers_choice_of_dark_or_light_and_fits_a_phone(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html

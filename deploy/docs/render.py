"""Renders the contract as one page without scripts and without references to anywhere.

`render.py TARGET` reads contracts/asyncapi.json, README.md and DATASETS.md, nothing else: what is on the page
is in these.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from string import Template
from typing import Any
from xml.etree.ElementTree import Element, tostring

from fields import fields, ignored
from markup import Content, chapter, code, element, joined, link, sentence, table

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]


class Page:
    """The page of one AsyncAPI document."""

    def __init__(self, document: Node, readme: str) -> None:
        self._document, self._readme = document, readme
        self._components = document["components"]
        self._commands = _named(document["operations"], "receive")
        self._events = _named(document["operations"], "send")
        self._roots: set[str] = set()

    def html(self) -> str:
        sections = [
            self._section("overview", "Overview", [_said(self._document["info"]["description"])]),
            self._section("guide", "Guide", [chapter(self._readme, "guide")]),
            self._section("sending", "Sending a command", self._sending()),
            self._section("commands", "Commands", [self._command(name) for name in self._commands]),
            self._section("answers", "Answers", self._answers()),
            self._section("events", "Events", self._notices()),
            self._section("types", "Types", self._types()),
            self._section("errors", "Error keys", self._errors()),
            self._section("topology", "Topology", self._topology()),
        ]
        template = Template((Path(__file__).parent / "page.html").read_text())
        return template.substitute(
            title=f"{self._document['info']['title']}: the contract",
            version=self._document["info"]["version"],
            contents="".join(_written(_contents(section)) for section in sections),
            sections="\n".join(_written(section) for section in sections),
        )

    def _section(self, anchor: str, title: str, content: list[Content]) -> Element:
        return element("section", element("h2", title), *content, id=anchor)

    def _sending(self) -> list[Content]:
        channel = self._document["channels"]["basket.commands"]
        exchange = channel["bindings"]["amqp"]["exchange"]
        return [
            element("p", "Publish to the ", exchange["type"], " exchange ", code(exchange["name"]), "."),
            element("p", channel["parameters"]["key"]["description"]),
            *self._struct("CommandProperties", "Properties (AMQP basic properties)"),
            *self._struct("CommandHeaders", "Headers"),
        ]

    def _struct(self, name: str, title: str) -> list[Content]:
        schema = self._components["schemas"][name]
        self._roots.add(name)
        found = [element("h3", title, id=f"type-{name}"), _said(schema["description"])]
        return [*found, *self._fields(schema)]

    def _fields(self, schema: Node) -> list[Content]:
        found, unread = fields(schema), ignored(schema)
        content: list[Content] = [found] if found is not None else []
        if unread:
            names = joined([code(name) for name in unread], ", ")
            content.append(element("p", "Taken and ignored: ", *names, ".", class_="small"))
        return content

    def _body(self, message: Node) -> list[Content]:
        """Show a message's body: what it is, its fields, an example."""
        if "payload" not in message:
            return [element("p", "No body.")]
        name = message["payload"]["$ref"].rpartition("/")[2]
        schema = self._components["schemas"][name]
        content = [_said(schema["description"])] if "description" in schema else []
        shown = [_example(example["payload"]) for example in message.get("examples", ())]
        return [*content, *self._fields(schema), *shown]

    def _command(self, name: str) -> Element:
        operation, message = self._document["operations"][name], self._components["messages"][name]
        replies = [reply["$ref"].rpartition("/")[2] for reply in operation["reply"]["messages"]]
        statuses = " or ".join(map(str, operation["x-success-status"]))
        answers = joined([_answer(reply) for reply in replies if reply != "command.rejected"], " or ")
        kind = "A read: answered by its reply alone. " if operation["x-read"] else ""
        may_be_empty = "The body may be empty. " if message["x-body-may-be-empty"] else ""
        keys = joined([link(f"error-{key}", key) for key in operation["x-error-keys"]], ", ")
        return element(
            "article",
            element("h3", element("code", name)),
            _said(operation["summary"]),
            element("p", f"{kind}{may_be_empty}Success: {statuses}. Answer: ", *answers, ".", class_="facts"),
            *self._body(message),
            element(
                "details",
                element("summary", f"{len(operation['x-error-keys'])} error keys"),
                element("p", *keys),
            ),
            id=f"command-{name}",
        )

    def _answers(self) -> list[Content]:
        names = self._document["channels"]["replies"]["messages"]
        return [
            *self._struct("EventProperties", "Properties"),
            *self._struct("ResultHeaders", "Headers"),
            *(self._message(name, f"answer-{name}") for name in names),
        ]

    def _notices(self) -> list[Content]:
        results = [name for name in self._events if name.startswith("command.")]
        others = [name for name in self._events if name not in results]
        return [
            *(self._result(name) for name in results),
            *self._struct("NoticeHeaders", "Headers of the others"),
            *(self._message(name, f"event-{name}") for name in others),
        ]

    def _result(self, name: str) -> Element:
        """Say what a result event is; its bodies stand among the answers."""
        bodies = [_answer(body) for body in self._document["channels"][name]["messages"]]
        summary = _said(self._document["operations"][name]["summary"])
        named = element("p", "Headers and body as in the reply: ", *joined(bodies, ", "), ".")
        return element("article", element("h3", code(name)), summary, named, id=f"event-{name}")

    def _message(self, name: str, anchor: str) -> Element:
        message = self._components["messages"][name]
        title = element("h3", code(_short(name)))
        return element("article", title, _said(message["summary"]), *self._body(message), id=anchor)

    def _types(self) -> list[Content]:
        """Show every struct that is part of others; the rest was shown as a body."""
        return [
            element(
                "article",
                element("h3", code(name)),
                _said(schema.get("description", "")),
                *self._fields(schema),
                id=f"type-{name}",
            )
            for name, schema in self._components["schemas"].items()
            if name in _nested(self._components["schemas"]) and name not in self._roots
        ]

    def _errors(self) -> list[Content]:
        said = "In this order: of several problems, the first one names the answer."
        rows: list[list[Content | list[Content]]] = [
            [
                str(error["rank"] + 1),
                str(error["status"]),
                element("code", error["key"], id=f"error-{error['key']}"),
                self._ending_in(error["key"]),
            ]
            for error in self._components["x-error-keys"]
        ]
        return [element("p", said), table(("", "Status", "Error key", "Commands that it may end"), rows)]

    def _ending_in(self, key: str) -> list[Content]:
        operations = self._document["operations"]
        found = [name for name in self._commands if key in operations[name]["x-error-keys"]]
        if len(found) > len(self._commands) / 2:
            return ["any"]
        return joined([link(f"command-{name}", name) for name in found], ", ")

    def _topology(self) -> list[Content]:
        wired = self._components["x-topology"]
        exchanges = [[code(one["name"]), one["type"]] for one in wired["exchanges"]]
        queues = [[code(one["name"]), code(json.dumps(one["arguments"]))] for one in wired["queues"]]
        bindings = [
            [code(one["source"]), code(one["routing_key"]), code(one["destination"])]
            for one in wired["bindings"]
        ]
        return [
            element("h3", "Exchanges"),
            table(("Exchange", "Type"), exchanges),
            element("h3", "Queues"),
            table(("Queue", "Arguments"), queues),
            element("h3", "Bindings"),
            table(("From", "Routing key", "To"), bindings),
        ]


def _said(markdown: str) -> Element:
    return element("p", sentence(markdown))


def _short(name: str) -> str:
    """Name an answer by its body: command.completed.Basket is a Basket."""
    return name.removeprefix("command.completed.")


def _answer(name: str) -> Content:
    return link(f"answer-{name}", _short(name))


def _named(operations: Node, action: str) -> list[str]:
    return [name for name, operation in operations.items() if operation["action"] == action]


def _nested(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_nested, node.values()))
    return set().union(*map(_nested, node)) if isinstance(node, list) else set()


def _example(body: Any) -> Element:
    return element("pre", code(json.dumps(body, indent=2, ensure_ascii=False)))


def _contents(section: Element) -> Element:
    """List a section and what it holds, for the table of contents."""
    title = section.findtext("h2") or ""
    listed = [
        element("li", element("a", "".join(heading.itertext()), href=f"#{holder.get('id')}"))
        for holder in section.iter()
        for heading in ([holder] if holder.tag == "h3" else holder.findall("h3"))
        if holder.get("id") and holder is not section
    ]
    inner = [element("ul", *listed)] if listed else []
    return element("li", element("a", title, href=f"#{section.get('id')}"), *inner)


def _written(node: Element) -> str:
    return tostring(node, encoding="unicode", method="html")


def prose(contracts: Path) -> str:
    """Give README.md, and DATASETS.md as a part of it: its headings a level deeper."""
    datasets = re.sub(r"^#", "##", (contracts / "DATASETS.md").read_text(), flags=re.MULTILINE)
    return (contracts / "README.md").read_text() + "\n" + datasets


def main(target: Path) -> None:
    document = json.loads((ROOT / "contracts" / "asyncapi.json").read_bytes())
    page = Page(document, prose(ROOT / "contracts")).html()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Reading a body in XML, and what holds whatever comes of it."""

from typing import Any

import wild

from contracts import codec_json, codec_xml
from contracts.body import Command
from contracts.errors import ErrorKey, Errors, Problem, in_order


def problems_of(body: bytes, type_: type[Command]) -> list[Problem]:
    """Decode a body; whatever comes of it must be a command, or problems, that can be answered and kept."""
    command, problems = codec_xml.decode(body, type_)
    assert (command is None) == any(problem.code is ErrorKey.MALFORMED for problem in problems)
    for problem in problems:
        assert problem.path is not None
        assert problem.path.startswith("$")
        assert wild.is_storable(problem.message)
        assert wild.is_storable(problem.path)
    errors = Errors(errors=in_order(problems))
    assert len(codec_json.encode(errors)) < 2**19
    assert codec_xml.encode(errors)
    if command is not None:
        assert all(map(wild.is_storable, wild.all_texts(command)))
    return problems


def codes_and_paths(body: str, type_: type[Command]) -> list[tuple[str, str | None]]:
    return [(problem.code.split(".")[1], problem.path) for problem in problems_of(body.encode(), type_)]


def read(body: str, type_: type[Command]) -> Any:
    command, problems = codec_xml.decode(body.encode(), type_)
    assert problems == []
    return command

"""Puts as they come off the wire, and what they mean or what is wrong with them."""

import json
from typing import Any

from contracts import codec_json
from contracts.errors import ErrorKey
from contracts.reference_data import PUTS
from worker.routes import ROUTES

READ: dict[str, Any] = {kind: ROUTES[f"{kind}.put"].read for kind in PUTS}


def put(kind: str, body: dict[str, Any]) -> Any:
    """Read a body as it comes off the wire; give what it means, or key and path of each problem."""
    command, problems = codec_json.decode(json.dumps(body).encode(), PUTS[kind])
    value = None if command is None else READ[kind](command)
    found = [*problems, *(value if isinstance(value, list) else [])]
    return [(problem.code, problem.path) for problem in found] or value


def malformed(*paths: str) -> list[tuple[ErrorKey, str]]:
    return [(ErrorKey.MALFORMED, path) for path in paths]

"""Lines of data objects for `basketry load`, and what came of them."""

import json
from pathlib import Path
from typing import Any

from outside.stage import Stage

SCENE: dict[str, Any] = {
    "providerId": "scene 1",
    "datasets": ["URN:DS1"],
    "attributes": {"platform": "Sentinel-2", "cloud": 12.50, "bands": ["B1"], "last": True},
    "geometry": {"type": "Point", "coordinates": [1.5, 43]},
    "createdAt": "2026-06-01T12:00:00Z",
    "files": [{"name": "a.tif", "type": "RAWDATA", "size": 1_000_000}],
}


def line(key: str, body: object = SCENE, **more: str) -> bytes:
    return json.dumps({"key": key, "body": body, **more}).encode() + b"\n"


def scenes(count: int, **changed: object) -> bytes:
    return b"".join(line(f"URN:{number}", {**SCENE, **changed}) for number in range(count))


def written(tmp_path: Path, *lines: bytes) -> str:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"".join(lines))
    return str(path)


def loaded(stage: Stage, channel: str) -> int:
    ((count,),) = stage.rows("select count(*) from data_object where channel = %s", channel)
    return int(count)


def account(said: str) -> tuple[int, int, int, int]:
    """Give lines, written, as they were, refused."""
    numbers = [int(word.replace(",", "")) for word in said.split() if word.replace(",", "").isdigit()]
    lines, _a_second, touched, unchanged, rejected = numbers
    return lines, touched, unchanged, rejected

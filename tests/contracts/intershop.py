"""The bodies of the Intershop document, as they stand there, each in a file of its own."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "intershop"


def body(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def requests() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith("response-"))

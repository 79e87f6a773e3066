"""The bodies of the Intershop document, as they stand there, each in a file of its own.

JSON lies in the folder itself; XML in folders of requests, of responses, and of what is no XML. An XML file
ends with its root element: the no-break space that the web page has behind some of them is no XML.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "intershop"
XML_FOLDER = FOLDER / "xml"


def body(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def requests() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith("response-"))


def xml(name: str) -> bytes:
    return (XML_FOLDER / f"{name}.xml").read_bytes()


def xml_names(kind: str) -> list[str]:
    return sorted(path.stem for path in (XML_FOLDER / kind).glob("*.xml"))

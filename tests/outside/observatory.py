"""An observatory's catalogue as its upstream systems publish it, and readers who select from it.

The acceptance data are those of the original's own tests: DS1 with two objects of 1,501,500 bytes, DS2 with
two and DS3 with one of 1,010,101 bytes, four files each, all stored internally.
"""

from collections.abc import Iterable
from typing import Any

from outside.furnishing import AS_SERVICE, of
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique

LONG_AGO = "2020-01-01T00:00:00Z"
ENGINE = "legacy"
RAWDATA, HD, MD, SD = "RAWDATA", "QUICKLOOK_HD", "QUICKLOOK_MD", "QUICKLOOK_SD"
DS1, DS2, DS3 = (f"URN:AIP:DATASET:ORDER:00000000-0000-000{n}-0000-00000000000{n}:V1" for n in (1, 2, 3))
LABELS = {DS1: "DS1 label", DS2: "DS2 label", DS3: "DS3 label"}
_LARGE = {RAWDATA: 1_000_000, HD: 500_000, MD: 1_000, SD: 500}
_SMALL = {RAWDATA: 1_000_000, HD: 10_000, MD: 100, SD: 1}
_OBJECTS = {DS1: [_LARGE, _LARGE], DS2: [_SMALL, _SMALL], DS3: [_SMALL]}
Put = tuple[str, str, object]


def file(name: str, type_: str, size: int, *, reference: bool = False) -> dict[str, Any]:
    return {"name": name, "type": type_, "size": size, "reference": reference}


def urn(name: str) -> str:
    return f"URN:AIP:DATA:ORDER:{name}:V1"


def datum(*datasets: str, size: int = 1, created_at: str = LONG_AGO, **more: object) -> dict[str, Any]:
    """Give a data object of these datasets with one RAWDATA file, unless `files` says otherwise."""
    files = [file("raw.dat", RAWDATA, size)]
    return {
        "providerId": unique("provider"),
        "datasets": list(datasets),
        "createdAt": created_at,
        "files": files,
        **more,
    }


def acceptance_data() -> list[Put]:
    """Give the puts of the original's test data; the objects are named DO1.1, DO1.2, DO2.1 and so on."""
    puts: list[Put] = [("dataset.put", key, {"label": label}) for key, label in LABELS.items()]
    for number, (dataset, objects) in enumerate(_OBJECTS.items(), start=1):
        for place, sizes in enumerate(objects, start=1):
            name = f"DO{number}.{place}"
            files = [file(f"{name}_{type_}", type_, size) for type_, size in sizes.items()]
            puts.append(("data-object.put", urn(name), datum(dataset, providerId=name, files=files)))
    return puts


def publish(upstream: Upstream, channel: str, *puts: Put) -> None:
    """Publish reference data as a service, all at once, and expect all to be taken."""
    sent = [command(type_, key, body, channel=channel, headers=AS_SERVICE) for type_, key, body in puts]
    replies = upstream.ask_all(sent)
    assert [reply.body for reply in replies if reply.status != 204] == []


def observatory(upstream: Upstream, puts: Iterable[Put] = (), **settings: object) -> str:
    """Open a channel of its own with these datasets and objects in it; give its name."""
    channel = unique("observatory")
    publish(upstream, channel, ("channel.put", channel, settings))
    listed = list(puts)
    publish(upstream, channel, *(put for put in listed if put[0] != "data-object.put"))
    publish(upstream, channel, *(put for put in listed if put[0] == "data-object.put"))
    return channel


def selecting(q: object = None, **more: object) -> dict[str, Any]:
    """Give the body of an add that searches for `q`, or for everything."""
    return {"engineType": ENGINE, **({} if q is None else {"searchParameters": {"q": q}}), **more}


class Reader:
    """Somebody with a basket of datasets: its key is the `sub` of their token."""

    def __init__(self, upstream: Upstream, channel: str, *, sub: str | None = None, **claims: object) -> None:
        self.upstream, self.channel = upstream, channel
        self.sub = sub or unique("reader")
        self.headers = of(self.sub, **claims)

    def command(self, type_: str, body: object = None, *, key: str | None = None, **options: Any) -> Message:
        headers = {**self.headers, **options.pop("headers", {})}
        sent = command(type_, key or self.sub, body, channel=self.channel, headers=headers, **options)
        return self.upstream.expecting(sent)

    def ask(self, type_: str, body: object = None, **options: Any) -> Result:
        return self.upstream.ask_for(self.command(type_, body, **options))

    def add(self, q: object = None, **more: object) -> Result:
        """Select what a search finds."""
        return self.ask("basket.selection.add", selecting(q, **more))

    def added(self, q: object = None, **more: object) -> dict[str, Any]:
        """Select what a search finds, which must be something; give the datasets of the basket by URN."""
        reply = self.add(q, **more)
        assert reply.status == 200, reply.body
        return datasets(reply)

    def show(self) -> Result:
        return self.ask("basket.get")

    def ordered(self) -> dict[str, Any]:
        """Order what is in the basket; give the order."""
        reply = self.ask("basket.checkout", {})
        assert reply.status == 201, reply.body
        order: dict[str, Any] = reply.json
        return order

    def files(self, order_id: str, limit: int = 1000) -> list[dict[str, Any]]:
        """Read all pages of an order's files."""
        found: list[dict[str, Any]] = []
        body: dict[str, object] = {"limit": limit}
        while True:
            page = self.ask("order.files", body, key=order_id)
            assert page.status == 200, page.body
            found += page.json["files"]
            if "next" not in page.json:
                return found
            assert 0 < len(page.json["files"]) <= limit
            body = {"limit": limit, "after": page.json["next"]}


def datasets(shown: Result) -> dict[str, Any]:
    """Give what a basket holds of each dataset, by URN."""
    entries = shown.json.get("datasetSelections", [])
    by_urn = {entry["datasetIpid"]: entry for entry in entries}
    assert len(by_urn) == len(entries)
    return by_urn


def counted(found: dict[str, Any]) -> tuple[int, int, int, int]:
    """Give the counts of a dataset or of one of its selections: objects, files, bytes, quota."""
    return found["objectsCount"], found["filesCount"], found["filesSize"], found["quota"]


def refusal(reply: Result) -> tuple[int, str | None]:
    return reply.status, reply.error_key


def small_house(upstream: Upstream, **objects: dict[str, Any]) -> Reader:
    """Open an observatory with DS1 and these objects; give a reader."""
    puts: list[Put] = [("dataset.put", DS1, {"label": "DS1"})]
    puts += [("data-object.put", urn(name), body) for name, body in objects.items()]
    return Reader(upstream, observatory(upstream, puts))

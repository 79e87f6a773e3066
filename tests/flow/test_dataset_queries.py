"""Contract 4 and 7, search: what each query finds, object by object.

The file of each object has a size of its own among the powers of two, so that the bytes that a basket counts
say which objects are in it.
"""

import json
from typing import Any

import pytest
from outside.observatory import Put, Reader, datum, observatory, urn
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream

NORTH, DESERT = "URN:AIP:DATASET:north:1:V1", "URN:AIP:DATASET:desert:2:V1"
LABELS = {NORTH: "Northern lights archive", DESERT: "Sahara survey"}


def escaped(text: str) -> str:
    return text.replace(":", "\\:")


def point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


OBJECTS: dict[str, dict[str, Any]] = {
    "a": {
        "providerId": "AUR-0001",
        "geometry": point(18.9, 69.6),
        "attributes": {
            "title": "Aurora over Tromsø",
            "mission": "SPOT-5",
            "cloudCover": 10,
            "acquired": "2020-01-15T10:00:00Z",
            "bands": ["red", "nir"],
            "last": True,
        },
    },
    "b": {
        "providerId": "AUR-0002",
        "geometry": point(20.2, 67.8),
        "attributes": {
            "title": "Polar night over Kiruna",
            "mission": "spot-5",
            "cloudCover": 20,
            "acquired": "2020-06-30T23:59:59Z",
            "bands": ["green"],
            "last": False,
        },
    },
    "c": {
        "providerId": "AUR-0003",
        "geometry": box(10, 60, 12, 62),
        "attributes": {
            "title": "Aurora borealis",
            "mission": "Landsat 8",
            "cloudCover": 20.5,
            "acquired": "2021-01-01T00:00:00Z",
            "last": True,
        },
    },
    "d": {
        "providerId": "aur_0004",
        "attributes": {
            "title": "Night of the polar bear",
            "mission": "Landsat 9",
            "cloudCover": -5,
            "acquired": "2019-12-31T23:59:59.999Z",
            "last": False,
        },
    },
    "e": {
        "providerId": "DES-1",
        "geometry": point(-5, 25),
        "attributes": {"title": "Dunes at noon", "mission": "Sentinel-2", "cloudCover": 0},
    },
    "f": {
        "providerId": "DES-2",
        "attributes": {"title": "100% sand", "code": "a_b", "note": "R&D <-> Q|A"},
    },
    "g": {
        "providerId": "DES-3",
        "attributes": {
            "title": "100X sand",
            "code": "axb",
            "note": "it's 5 o'clock; drop table basket; --",
        },
    },
    "h": {
        "providerId": "DES-4",
        "attributes": {"title": "雪 砂漠", "code": "a\\b*c", "note": 'say "hello" now'},
    },
    "i": {
        "providerId": "DES-5",
        "attributes": {"title": "ÉTÉ à Agadir", "code": "AND", "note": "(a) [b] {c} ^1 ~2"},
    },
}  # fmt: skip
ALL = "".join(OBJECTS)
PLACES = {name: place for place, name in enumerate(OBJECTS)}


def puts() -> list[Put]:
    listed: list[Put] = [("dataset.put", key, {"label": label}) for key, label in LABELS.items()]
    for name, more in OBJECTS.items():
        dataset = NORTH if name in "abcd" else DESERT
        listed.append(("data-object.put", urn(name), datum(dataset, size=2 ** PLACES[name], **more)))
    return listed


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, puts())


def found(reader: Reader, search: dict[str, Any], **more: object) -> str:
    """Name the objects that a search finds, in order."""
    body = {"engineType": "legacy", "searchParameters": search, **more}
    reply = reader.ask("basket.selection.add", body)
    if reply.status == 204:
        return ""
    assert reply.status == 200, reply.body
    size = sum(entry["filesSize"] for entry in reply.json["datasetSelections"])
    return "".join(name for name, place in PLACES.items() if size & 2**place)


FINDS: dict[str, list[tuple[object, str]]] = {
    "everything": [("", ALL), ("  ", ALL), ([], ALL), ([""], ALL), (None, ALL), ("*", ALL), ("*:*", ALL)],
    "words": [
        ("aurora", "ac"), ("AURORA", "ac"), ("auror", ""), ("night", "bd"), ("tromsø", "a"),
        ("TROMSØ", "a"),
        ("雪", "h"), ("été", "i"), ("noon", "e"), ("red", "a"), ("nowhere", ""),
    ],
    "words of the provider id and the label": [
        ("AUR-0001", "a"), ("aur-0001", "a"), ("DES-1", "e"), ("archive", "abcd"), ("Sahara", "efghi"),
        ("northern aurora", "ac"),
    ],
    "phrases": [
        ('"polar night"', "b"), ('"night polar"', ""), ('"polar bear"', "d"), ('"Aurora Borealis"', "c"),
        ('"lights archive"', "abcd"), ('"over Kiruna"', "b"), ('"雪 砂漠"', "h"),
    ],
    "whole values": [
        ("mission:SPOT-5", "ab"), ("mission:spot-5", "ab"), ("mission:spot", ""),
        ('mission:"landsat 8"', "c"),
        ("mission:landsat", ""), ('title:"aurora over TROMSØ"', "a"), ('title:"été à agadir"', "i"),
        ("bands:red", "a"), ("bands:RED", "a"), ("title:aurora", ""),
    ],
    "numbers": [
        ("cloudCover:20", "b"), ("cloudCover:20.0", "b"), ("cloudCover:2", ""), ("cloudCover:0", "e"),
        ("cloudCover:(10 OR 20.5)", "ac"),
    ],
    "truth": [
        ("last:true", "ac"), ("last:false", "bd"), ("NOT last:true", "bdefghi"),
        ("last:true last:false", ""),
    ],
    "and, or, not": [
        ("aurora tromsø", "a"), ("aurora AND tromsø", "a"), ("aurora OR dunes", "ace"),
        ("aurora AND NOT tromsø", "c"), ("aurora NOT tromsø", "c"), ("NOT archive", "efghi"),
        ("NOT (aurora OR night)", "efghi"), ("NOT NOT aurora", "ac"), ("+aurora -tromsø", "c"),
        ("aurora && tromsø", "a"), ("aurora || dunes", "ace"),
    ],
    "precedence and groups": [
        ("aurora OR night AND kiruna", "abc"), ("night AND kiruna OR aurora", "abc"),
        ("(aurora OR night) AND kiruna", "b"), ("(aurora OR night) kiruna", "b"),
        ("NOT aurora AND night", "bd"), ("((aurora))", "ac"),
        ('mission:("spot-5" OR "landsat 8")', "abc"),
        ("title:(aurora* OR dunes*)", "ace"),
        ("bands:(red AND nir)", "a"), ("bands:(red AND green)", ""),
    ],
    "ranges of numbers": [
        ("cloudCover:[10 TO 20]", "ab"), ("cloudCover:{10 TO 20}", ""), ("cloudCover:{10 TO 20.5}", "b"),
        ("cloudCover:[10 TO 20.5}", "ab"), ("cloudCover:{10 TO 20.5]", "bc"),
        ("cloudCover:[20 TO *]", "bc"),
        ("cloudCover:[* TO 0]", "de"), ("cloudCover:{* TO 0}", "d"), ("cloudCover:[-5 TO -5]", "d"),
        ("cloudCover:[9 TO 11]", "a"), ("cloudCover:[* TO *]", "abcde"), ("cloudCover:[20 TO 10]", ""),
    ],
    "ranges of dates": [
        ("acquired:[2020-01-01T00:00:00Z TO 2020-12-31T23:59:59Z]", "ab"),
        ("acquired:{2020-01-15T10:00:00Z TO *}", "bc"), ("acquired:[2020-01-15T10:00:00Z TO *]", "abc"),
        ("acquired:[* TO 2019-12-31T23:59:59.999Z]", "d"), ("acquired:{* TO 2019-12-31T23:59:59.999Z}", ""),
        ("acquired:[2020-01-01 TO 2020-07-01]", "ab"),
        ('acquired:["2020-01-15T10:00:00Z" TO "2020-01-15T10:00:00Z"]', "a"),
        ('acquired:["2020-01-15T11:00:00+01:00" TO "2020-01-15T11:00:00+01:00"]', "a"),
        ('acquired:"2020-01-15T10:00:00Z"', "a"),
    ],
    "ranges of texts": [
        ("title:[aurora TO dunez]", "ace"), ('title:["Aurora borealis" TO "Aurora over Tromsø"]', "ac"),
        ('title:{"Aurora borealis" TO "Aurora over Tromsø"}', ""), ("mission:[landsat TO *]", "abcde"),
        ("mission:[* TO landsatz]", "cd"), ("mission:[* TO *]", "abcde"),
    ],
    "wildcards": [
        ("auro*", "ac"), ("n?ght", "bd"), ("t*ø", "a"), ("title:aurora*", "ac"), ("title:aurora?o*", "a"),
        ("mission:landsat?9", "d"), ("mission:L*8", "c"), ("mission:spot?5", "ab"),
        ("providerId:AUR*", "abcd"),
        ("providerId:AUR-*", "abc"), ("mission:spo?", ""), ("ki?una", "b"), ("kir?na*", "b"),
    ],
    "tags and provider ids": [
        (f'tags:"{NORTH}"', "abcd"), (f'tags:("{NORTH}" OR "{DESERT}")', ALL),
        (f'NOT tags:"{NORTH}"', "efghi"),
        (f'tags:("{NORTH}" AND "{DESERT}")', ""), (f'tags:("{NORTH}") AND aurora', "ac"),
        (f"tags:{escaped(NORTH)}", "abcd"),
        (f"tags:({escaped(NORTH)} OR {escaped(DESERT)})", ALL),
        ('tags:"URN:AIP:DATASET:nowhere:1:V1"', ""), ("providerId:AUR-0001", "a"),
        ("providerId:aur_0004", "d"),
        ('providerId:("DES-1" OR "DES-2")', "ef"), ('providerId:"AUR-000"', ""),
    ],
    "of several all must match": [
        (["aurora", "tromsø"], "a"), (["aurora", ""], "ac"), (["aurora OR dunes", "NOT tromsø"], "ce"),
        (["aurora", "dunes"], ""), (["aurora"], "ac"),
    ],
    "signs that mean something in SQL": [
        ('title:"100% sand"', "f"), ("title:100%*", "f"), ("code:a_b", "f"), ('code:"a_b"', "f"),
        ("code:a?b", "fg"),
        ('"o\'clock"', "g"), ("o'clock", "g"), ('"drop table basket"', "g"),
        ('note:"it\'s 5 o\'clock; drop table basket; --"', "g"),
        (r"code:a\\b\*c", "h"), (r'code:"a\\b*c"', "h"), (r'note:"say \"hello\" now"', "h"),
        ("title:%", ""),
        ('"x\' OR \'1\'=\'1"', ""), ("mission:%", ""), ("code:a%b", ""), ("providerId:aur_0001", ""),
    ],
    "signs that mean something in a text search": [
        ('"R&D"', "f"), ('note:"R&D <-> Q|A"', "f"), ('"Q|A"', "f"), ('code:"AND"', "i"),
        ('note:"(a) [b] {c} ^1 ~2"', "i"), (r"note:\(a\)*", "i"), ('"auro:*"', ""),
        ('"aurora | dunes"', ""), ('"aurora <2> tromsø"', ""),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("q", "names"),
    [
        pytest.param(q, names, id=f"{title}: {json.dumps(q, ensure_ascii=False)}")
        for title, rows in FINDS.items()
        for q, names in rows
    ],
)
def test_a_query_finds(reader: Reader, q: object, names: str) -> None:
    assert found(reader, {"q": q}) == names


def square(west: float, south: float, east: float, north: float) -> str:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return "POLYGON((" + ", ".join(f"{x} {y}" for x, y in corners) + "))"


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ({"g": square(15, 65, 25, 75)}, "ab"),
        ({"g": square(-180, -90, 180, 90)}, "abce"),
        ({"g": square(11, 61, 13, 63)}, "c"),
        ({"g": square(10.5, 60.5, 11, 61)}, "c"),
        ({"g": square(0, 0, 1, 1)}, ""),
        ({"g": square(18.9, 69.6, 30, 80)}, "a"),
        ({"g": "POLYGON((15 65, 25 65, 15 75, 15 65))"}, "ab"),
        ({"g": "polygon ( ( 15 65 ,25 65,25 75, 15.0e0 75,15 65 ) )"}, "ab"),
        ({"g": [square(15, 65, 25, 75), square(20, 65, 25, 75)]}, "b"),
        ({"g": square(15, 65, 25, 75), "q": "aurora"}, "a"),
        ({"g": None, "q": "aurora", "lat": None}, "ac"),
    ],
)
def test_an_area_finds(reader: Reader, search: dict[str, Any], names: str) -> None:
    assert found(reader, search) == names


def test_a_search_in_one_dataset_finds_no_other(reader: Reader) -> None:
    assert found(reader, {"q": "sand OR night"}, datasetUrn=NORTH) == "bd"

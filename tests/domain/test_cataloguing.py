"""Datasets, data objects and processes as they are put: what they mean, and what is wrong at which path."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from puts import malformed, put

from contracts.errors import ErrorKey
from worker.domain.datasets import Counts
from worker.domain.objects import Box, DataObject, File
from worker.domain.reference import Dataset, LimitType, Process
from worker.domain.search import terms

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CREATED = {"providerId": "scene 1", "createdAt": "2026-06-01T12:00:00Z"}


def file(type_: str, size: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": f"{type_}.bin", "type": type_, "size": size, **more}


def test_an_object_needs_little_more_than_the_instant_at_which_it_was_created() -> None:
    read = put("data-object", CREATED)
    found_by = terms.of_object("scene 1", (), NOON, {})
    assert read == DataObject(provider_id="scene 1", created_at=NOON, terms=found_by.literal)


def test_an_object_is_taken_as_it_is_sent_and_found_by_what_it_says() -> None:
    attributes = {"cloud": 12.5, "platform": {"name": "Sentinel-2"}, "bands": ["B1", "B2"], "none": None}
    body = {
        **CREATED,
        "type": "whatever",
        "datasets": ["URN:B", "URN:A", "URN:B"],
        "attributes": attributes,
        "geometry": {"type": "Point", "coordinates": [1.5, 43]},
        "files": [file("RAWDATA", 2**53), file("THUMBNAIL", 0, reference=True, type="THUMBNAIL")],
    }
    read = put("data-object", body)
    assert isinstance(read, DataObject)
    assert read.datasets == ("URN:B", "URN:A")
    assert read.attributes == attributes
    assert read.attributes["cloud"] == Decimal("12.5")
    assert read.box == Box(west=1.5, south=43.0, east=1.5, north=43.0)
    assert read.files == (
        File(name="RAWDATA.bin", type="RAWDATA", size=2**53),
        File(name="THUMBNAIL.bin", type="THUMBNAIL", size=0, reference=True),
    )
    assert read.fields == ("bands", "cloud", "platform.name")
    assert read.terms == terms.of_object("scene 1", ("URN:B", "URN:A"), NOON, attributes).literal
    assert "'stags=urn:a'" in read.terms


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [
        ("2026-06-01T12:00:00Z", NOON),
        ("2026-06-01T12:00:00", NOON),
        ("2026-06-01T14:00:00+02:00", NOON),
        ("2026-06-01T12:00", NOON),
        ("2026-06-01T12:00:00.123456Z", datetime(2026, 6, 1, 12, 0, 0, 123456, UTC)),
        (1780315200000, NOON),
        (1780315200001, datetime(2026, 6, 1, 12, 0, 0, 1000, UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_instant_is_iso_8601_or_epoch_milliseconds_and_without_an_offset_in_utc(
    created_at: object, expected: datetime
) -> None:
    read = put("data-object", {**CREATED, "createdAt": created_at})
    assert (read.created_at, read.created_at.utcoffset()) == (expected, UTC.utcoffset(None))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], Counts()),
        ([file("RAWDATA", 5)], Counts(objects=1, files=1, size=5, quota=1)),
        ([file("RAWDATA", 5, reference=True)], Counts(objects=1, files=1, size=5, quota=0)),
        ([file("QUICKLOOK_SD", 7)], Counts(objects=1, files=1, size=7, quota=0)),
        ([file(one, 9) for one in ("DOCUMENT", "THUMBNAIL", "OTHER", "AIP", "DESCRIPTION")], Counts()),
        (
            [file("RAWDATA", 10**6), file("QUICKLOOK_HD", 500_000), file("QUICKLOOK_MD", 1000),
             file("QUICKLOOK_SD", 500), file("DESCRIPTION", 77)],
            Counts(objects=1, files=4, size=1_501_500, quota=1),
        ),
        (
            [file("RAWDATA"), file("RAWDATA"), file("RAWDATA", reference=True)],
            Counts(objects=1, files=3, size=3, quota=2),
        ),
        ([file("RAWDATA", 2**53)] * 1000, Counts(objects=1, files=1000, size=1000 * 2**53, quota=1000)),
    ],
)  # fmt: skip
def test_only_files_that_can_be_ordered_count(files: list[dict[str, Any]], expected: Counts) -> None:
    assert put("data-object", {**CREATED, "files": files}).counts == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, malformed("$.providerId", "$.createdAt")),
        ({**CREATED, "providerId": ""}, malformed("$.providerId")),
        ({**CREATED, "providerId": "x" * 201}, malformed("$.providerId")),
        ({**CREATED, "providerId": None}, malformed("$.providerId")),
        *(
            ({**CREATED, "createdAt": created_at}, malformed("$.createdAt"))
            for created_at in (
                "", "today", None, True, 1.5, -1, 10**18, [], {}, "2026-02-30T00:00:00Z",
                "2026-06-01T12:00:00+99:00", "1780315200000",
            )
        ),
        ({**CREATED, "datasets": "URN:A"}, malformed("$.datasets")),
        ({**CREATED, "datasets": ["URN:A", 5]}, malformed("$.datasets[1]")),
        ({**CREATED, "datasets": ["", "a b", "é", "x" * 200, "\t"]},
         malformed("$.datasets[0]")),
        ({**CREATED, "datasets": ["a b", "é", "x" * 200, "\t", "a\n"]},
         malformed("$.datasets[0]", "$.datasets[1]", "$.datasets[3]", "$.datasets[4]")),
        ({**CREATED, "datasets": [f"URN:{number}" for number in range(101)]}, malformed("$.datasets")),
        ({**CREATED, "attributes": []}, malformed("$.attributes")),
        ({**CREATED, "attributes": {"a b": 1, "c": {"d": 10**400}}},
         malformed("$.attributes.a b", "$.attributes.c.d")),
        ({**CREATED, "geometry": "POINT (1 1)"}, malformed("$.geometry")),
        ({**CREATED, "geometry": {"type": [], "coordinates": [1, 2]}}, malformed("$.geometry")),
        ({**CREATED, "geometry": {"type": "LineString", "coordinates": []}}, malformed("$.geometry")),
        ({**CREATED, "files": [{}]}, malformed("$.files[0].type", "$.files[0].name", "$.files[0].size")),
        ({**CREATED, "files": [file("RAWDATA", -1), file("RAWDATA", 2**53 + 1), file("JPEG")]},
         malformed("$.files[0].size", "$.files[1].size", "$.files[2].type")),
        ({**CREATED, "files": [file("RAWDATA", 1, reference="no", name="")]},
         malformed("$.files[0].name", "$.files[0].reference")),
        ({**CREATED, "files": [file("RAWDATA")] * 1001}, malformed("$.files")),
        ({**CREATED, "files": [file("RAWDATA", checksum="x")]},
         [(ErrorKey.UNKNOWN_FIELD, "$.files[0].checksum")]),
        ({**CREATED, "owner": "x"}, [(ErrorKey.UNKNOWN_FIELD, "$.owner")]),
        (
            {"providerId": "p", "createdAt": "x", "datasets": ["a b"], "attributes": 1, "geometry": 1,
             "x": 1},
            [(ErrorKey.UNKNOWN_FIELD, "$.x"),
             *malformed("$.datasets[0]", "$.attributes", "$.geometry", "$.createdAt")],
        ),
    ],
)  # fmt: skip
def test_everything_that_is_wrong_with_an_object_is_named(body: dict[str, Any], expected: Any) -> None:
    assert put("data-object", body) == expected


@pytest.mark.parametrize(
    ("body", "groups"), [({}, None), ({"groups": []}, ()), ({"groups": ["a", "b"]}, ("a", "b"))]
)
def test_a_dataset_is_for_everybody_unless_it_names_groups(
    body: dict[str, Any], groups: tuple[str, ...] | None
) -> None:
    read = put("dataset", {"label": "Sentinel-2, level 1C", **body})
    assert read == Dataset(
        label="Sentinel-2, level 1C", groups=groups, terms=terms.of_label("Sentinel-2, level 1C")
    )
    assert "'wsentinel':" in read.terms


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, malformed("$.label")),
        ({"label": ""}, malformed("$.label")),
        ({"label": "x" * 257}, malformed("$.label")),
        ({"label": "a", "groups": "b"}, malformed("$.groups")),
        ({"label": "a", "groups": [""]}, malformed("$.groups[0]")),
        ({"label": "a", "groups": None}, malformed("$.groups")),
        ({"label": "a", "title": "b"}, [(ErrorKey.UNKNOWN_FIELD, "$.title")]),
    ],
)
def test_what_is_wrong_with_a_dataset_is_named(body: dict[str, Any], expected: Any) -> None:
    assert put("dataset", body) == expected


LIMIT = {"type": "FILES", "value": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, Process()),
        ({"forbidSplit": False, "limit": LIMIT}, Process()),
        ({"forbidSplit": True}, Process()),
        ({"forbidSplit": True, "limit": LIMIT}, Process(limit_type=LimitType.FILES, limit_value=1)),
        *(
            (
                {"forbidSplit": True, "limit": {"type": type_.value, "value": 2**53}},
                Process(limit_type=type_, limit_value=2**53),
            )
            for type_ in LimitType
        ),
        ({"limit": {"type": "KILOS", "value": 0}}, malformed("$.limit.type", "$.limit.value")),
        ({"limit": {"type": "FILES", "value": 2**53 + 1}}, malformed("$.limit.value")),
        ({"limit": {"type": "FILES", "value": "1"}}, malformed("$.limit.value")),
        ({"limit": {}}, malformed("$.limit.type", "$.limit.value")),
        ({"limit": None}, malformed("$.limit")),
        ({"forbidSplit": "yes"}, malformed("$.forbidSplit")),
        ({"forbidSplit": True, "max": 1}, [(ErrorKey.UNKNOWN_FIELD, "$.max")]),
    ],
)
def test_the_limit_of_a_process_counts_when_it_forbids_splitting(body: dict[str, Any], expected: Any) -> None:
    assert put("process", body) == expected


@pytest.mark.parametrize("given", ["1969-07-20T20:17:40Z", "1066-10-14T00:00:00Z", "1969-07-20"])
def test_observations_may_be_older_than_computers_clocks(given: str) -> None:
    read = put("data-object", {"providerId": "p", "createdAt": given})
    assert isinstance(read, DataObject)
    assert read.created_at.year == int(given[:4])


def test_a_null_is_as_good_as_no_geometry_and_no_attributes() -> None:
    body = {"providerId": "p", "createdAt": 0, "geometry": None, "attributes": None}
    read = put("data-object", body)
    assert isinstance(read, DataObject)
    assert (read.box, read.attributes) == (None, {})

"""The envelopes of areas, as WKT and as GeoJSON write them."""

import re
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.objects import Box
from worker.domain.search import areas

SQUARE = Box(west=0, south=0, east=10, north=10)
EXAMPLE = "an area is a WKT POLYGON such as POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))"
EDGES = "longitudes are from -180 to 180, latitudes from -90 to 90 degrees"
SHORT = "a ring has at least 4 positions, the last of them the first again"
PLACE = "a position is a longitude and a latitude, with a height if need be"
NESTED = "the coordinates of a Polygon are a list of rings, each a list of positions"
RING = [[0, 0], [10, 0], [10, 10], [0, 0]]
degrees = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))",
        "polygon((0 0,10 0,10 10,0 10,0 0))",
        "  Polygon  ( ( 0 0 , 10 0 , 10 10 , 0 0 ) )  ",
        "POLYGON((0.0 0., 1e1 0, +10 10.000, 0 -0, 0 0))",
        "POLYGON((0 0, 10 0, 10 10, 0 0), (1 1, 99 1, 2 2, 1 1))",
        "POLYGON Z((0 0 5, 10 0 5, 10 10 5, 0 0 5))",
        "POLYGON\n((0 0,\n10 0,\n10 10,\n0 0)\n,\n(1 1, 3 1, 2 2, 1 1))",
    ],
)
def test_a_polygon_is_the_envelope_of_its_outer_ring(text: str) -> None:
    assert areas.of_wkt(text) == SQUARE


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", EXAMPLE),
        ("POLYGON", EXAMPLE),
        ("POLYGON EMPTY", EXAMPLE),
        ("POLYGON()", EXAMPLE),
        ("POLYGON((0 0, 1 0, 1 1, 0 0)", EXAMPLE),
        ("POLYGON((0 0, 1 0, 1 1, 0 0))x", EXAMPLE),
        ("POINT(0 0)", EXAMPLE),
        ("MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))", EXAMPLE),
        ("SRID=4326;POLYGON((0 0, 1 0, 1 1, 0 0))", EXAMPLE),
        ("LINESTRING(0 0, 1 1)", EXAMPLE),
        ("0,0,1,1", EXAMPLE),
        ("POLYGON(())", PLACE),
        ("POLYGON((0 0, 1 0, 1 1, 0 0), ())", PLACE),
        ("POLYGON((0 0, 1 0, 0 0))", SHORT),
        ("POLYGON((0 0, 1 0, 1 1, 0 0), (0 0))", SHORT),
        ("POLYGON((0 0, 1 0, 1 1, 0 1))", "a ring ends where it begins"),
        ("POLYGON((0 0, 1 0, 1 1, 0 0), (0 0, 1 0, 1 1, 0 1))", "a ring ends where it begins"),
        ("POLYGON((0, 1 0, 1 1, 0))", PLACE),
        ("POLYGON((0 0 0 0, 1 0, 1 1, 0 0))", PLACE),
        ("POLYGON((0 0, 1 x, 1 1, 0 0))", "'x' is not a number"),
        ("POLYGON((0 0, nan 0, 1 1, 0 0))", "'nan' is not a number"),
        ("POLYGON((0 0, inf 0, 1 1, 0 0))", "'inf' is not a number"),
        ("POLYGON((0 0, 1_0 0, 1 1, 0 0))", "'1_0' is not a number"),
        ("POLYGON((0 0, \u0661 0, 1 1, 0 0))", "'\u0661' is not a number"),
        ("POLYGON((0 0, 1 0), (1 1, 0 0) (1 1))", "'0)' is not a number"),
        ("POLYGON((0 0, 1e999 0, 1 1, 0 0))", EDGES),
        ("POLYGON((0 0, 180.001 0, 1 1, 0 0))", EDGES),
        ("POLYGON((0 0, 1 -90.001, 1 1, 0 0))", EDGES),
        ("POLYGON((" + "0 0," * 20_000 + "0 0))", "an area has at most 65536 characters"),
    ],
)
def test_what_is_no_polygon_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    assert areas.of_wkt(text) == sentence


@given(st.lists(degrees, min_size=3))
def test_every_position_of_the_ring_is_in_the_envelope_and_touches_it(
    places: list[tuple[float, float]],
) -> None:
    places.append(places[0])
    ring = ", ".join(f"{longitude!r} {latitude!r}" for longitude, latitude in places)
    box = areas.of_wkt(f"POLYGON(({ring}))")
    assert isinstance(box, Box)
    assert all(box.west <= x <= box.east and box.south <= y <= box.north for x, y in places)
    assert (box.west, box.south) == (min(x for x, _ in places), min(y for _, y in places))
    assert (box.east, box.north) == (max(x for x, _ in places), max(y for _, y in places))
    assert areas.of_geojson({"type": "Polygon", "coordinates": [places]}) == box


@given(st.text() | st.from_regex(re.compile(r"POLYGON ?\([0-9(), .\s-]*\)", re.ASCII)))
def test_no_text_breaks_the_reading_of_areas(text: str) -> None:
    assert isinstance(areas.of_wkt(text), (Box, str))


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON((" + ")" * 65_000,
        "POLYGON((" + ")" + " " * 65_000,
        "POLYGON((" + ") " * 32_000,
        "POLYGON((" + ") , " * 16_000 + "))",
        "POLYGON((" + "),(" * 21_000,
        "POLYGON((" + "0 0," * 16_000 + "0 0))",
        "POLYGON" + " " * 65_000,
    ],
)
def test_the_longest_texts_are_read_at_once(text: str) -> None:
    started = time.process_time()
    areas.of_wkt(text)
    assert time.process_time() - started < 3  # a tenth; it is not for the machine's other work


@pytest.mark.parametrize(
    ("geometry", "box"),
    [
        ({"type": "Point", "coordinates": [1, Decimal("-2.5")]}, Box(west=1, south=-2.5, east=1, north=-2.5)),
        ({"type": "Point", "coordinates": (180, 90, 8848)}, Box(west=180, south=90, east=180, north=90)),
        ({"type": "Polygon", "coordinates": [RING]}, SQUARE),
        ({"type": "Polygon", "coordinates": [RING, RING], "bbox": [0, 0, 1, 1]}, SQUARE),
    ],
)
def test_points_and_polygons_of_geojson_have_an_envelope(geometry: Any, box: Box) -> None:
    assert areas.of_geojson(geometry) == box


@pytest.mark.parametrize(
    ("geometry", "sentence"),
    [
        (None, "a geometry is a GeoJSON Point or Polygon"),
        ("POINT(0 0)", "a geometry is a GeoJSON Point or Polygon"),
        ({}, "a geometry is a GeoJSON Point or Polygon"),
        ({"type": "point", "coordinates": [0, 0]}, "a geometry is a GeoJSON Point or Polygon"),
        ({"type": "MultiPolygon", "coordinates": [[RING]]}, "a geometry is a GeoJSON Point or Polygon"),
        ({"type": ["Point"], "coordinates": [0, 0]}, "a geometry is a GeoJSON Point or Polygon"),
        ({"type": "Point"}, PLACE),
        ({"type": "Point", "coordinates": [0]}, PLACE),
        ({"type": "Point", "coordinates": [0, 0, 0, 0]}, PLACE),
        ({"type": "Point", "coordinates": ["0", "0"]}, "a position is made of numbers"),
        ({"type": "Point", "coordinates": [True, 0]}, "a position is made of numbers"),
        ({"type": "Point", "coordinates": [0, 0, None]}, "a position is made of numbers"),
        ({"type": "Point", "coordinates": [10**400, 0]}, EDGES),
        ({"type": "Point", "coordinates": [0, Decimal("90.0000001")]}, EDGES),
        ({"type": "Polygon"}, NESTED),
        ({"type": "Polygon", "coordinates": [1]}, NESTED),
        ({"type": "Polygon", "coordinates": []}, "a polygon has a ring at least"),
        ({"type": "Polygon", "coordinates": [[]]}, SHORT),
        ({"type": "Polygon", "coordinates": [RING[:3]]}, SHORT),
        ({"type": "Polygon", "coordinates": RING}, PLACE),
        ({"type": "Polygon", "coordinates": [[*RING, [5, 5]]]}, "a ring ends where it begins"),
    ],
)
def test_other_geometries_are_refused_with_a_sentence(geometry: Any, sentence: str) -> None:
    assert areas.of_geojson(geometry) == sentence

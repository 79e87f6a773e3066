"""Areas as envelopes: what a search is bounded by (WKT), and where an object lies (GeoJSON, RFC 7946)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from worker.domain.objects import Box

MAX_CHARACTERS = 65_536
_POLYGON = re.compile(r"\s*POLYGON\s*(?:Z\s*)?\(\s*\((.*)\)\s*\)\s*", re.IGNORECASE | re.DOTALL)
_BETWEEN_RINGS = re.compile(r"\)\s*,\s*\(")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_LONGITUDE = 180  # degrees, to either side
_LATITUDE = 90
_DIMENSIONS = (2, 3)
_MIN_PLACES = 4  # of a ring: a triangle, closed

_Place = tuple[float, float]


class _ShapeError(Exception):
    """What is wrong with a shape, as a sentence."""


def of_wkt(text: str) -> Box | str:
    """Give the envelope of the outer ring of a WKT POLYGON, or say what is wrong."""
    if len(text) > MAX_CHARACTERS:
        return f"an area has at most {MAX_CHARACTERS} characters"
    found = _POLYGON.fullmatch(text)
    if found is None:
        return "an area is a WKT POLYGON such as POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))"
    try:
        return _of_rings([_written(ring) for ring in _BETWEEN_RINGS.split(found[1])])
    except _ShapeError as error:
        return str(error)


def of_geojson(geometry: Any) -> Box | str:
    """Give the envelope of a GeoJSON Point or Polygon, or say what is wrong."""
    try:
        match geometry:
            case {"type": "Point"}:
                return _envelope([_place(geometry.get("coordinates"))])
            case {"type": "Polygon"}:
                return _of_rings([_listed(ring) for ring in _list(geometry.get("coordinates"))])
    except _ShapeError as error:
        return str(error)
    return "a geometry is a GeoJSON Point or Polygon"


def _of_rings(rings: list[list[_Place]]) -> Box:
    for ring in rings:
        if len(ring) < _MIN_PLACES:
            raise _ShapeError(
                f"a ring has at least {_MIN_PLACES} positions, the last of them the first again"
            )
        if ring[0] != ring[-1]:
            raise _ShapeError("a ring ends where it begins")
    if not rings:
        raise _ShapeError("a polygon has a ring at least")
    return _envelope(rings[0])


def _envelope(places: Iterable[_Place]) -> Box:
    longitudes, latitudes = zip(*places, strict=True)
    return Box(west=min(longitudes), south=min(latitudes), east=max(longitudes), north=max(latitudes))


def _written(ring: str) -> list[_Place]:
    """Read a ring's positions, as WKT writes them."""
    places = []
    for place in ring.split(","):
        numbers = place.split()
        for number in numbers:
            if not _NUMBER.fullmatch(number):
                raise _ShapeError(f"{number[:30]!r} is not a number")
        places.append(_place([float(number) for number in numbers]))
    return places


def _listed(ring: Any) -> list[_Place]:
    return [_place(place) for place in _list(ring)]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise _ShapeError("the coordinates of a Polygon are a list of rings, each a list of positions")
    return list(value)


def _place(numbers: Any) -> _Place:
    """Read a position; a height is not looked at."""
    if not isinstance(numbers, (list, tuple)) or len(numbers) not in _DIMENSIONS:
        raise _ShapeError("a position is a longitude and a latitude, with a height if need be")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
            raise _ShapeError("a position is made of numbers")
    longitude, latitude = numbers[:2]
    # Compared before they are converted: the greatest whole numbers are no floats.
    if not (-_LONGITUDE <= longitude <= _LONGITUDE and -_LATITUDE <= latitude <= _LATITUDE):
        raise _ShapeError("longitudes are from -180 to 180, latitudes from -90 to 90 degrees")
    return float(longitude) + 0.0, float(latitude) + 0.0

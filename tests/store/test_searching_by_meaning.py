"""Whole searches against what they mean: queries are evaluated on attributes, and no term is looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from holdings import CHANNEL, FILES, NOON, Held, hold, open_dataset
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from worker.domain.datasets import Counts
from worker.domain.objects import Box, File
from worker.domain.search import lucene
from worker.domain.search.questions import Criteria, Measure, Measured, Recount, Recounted
from worker.store import searching

SECONDS = 30
COLOURS = ["red", "blue", "Deep Blue", "it's", "100%", "a_b", "a&b|!c", "(x) <-> y:*", "\\", ""]
MISSIONS = ["S1", "s2", "Landsat"]
LABELS = {"DS0": "Blue oceans", "DS1": "Red earth", "DS2": "Ice", "DS3": "Closed", "DS4": "Blue secret"}
GROUPS = {"DS3": (), "DS4": ("x", "y")}

Meaning = Callable[[Held], bool]


def made(number: int) -> Held:
    """Make an object whose properties have no common period."""
    attributes: dict[str, Any] = {
        "colour": COLOURS[number % 10],
        "n": number % 23 - 11.5,
        "is_new": number % 3 == 0,
    }
    if number % 4:
        attributes["missions"] = [MISSIONS[number % 3], MISSIONS[number % 7 % 3]]
    if number % 5:
        attributes["place"] = {"name": f"{COLOURS[number % 6]} bay"}
    files: tuple[File, ...] = FILES[: number % 3]
    return Held(
        id=f"URN:{number:03}",
        datasets=tuple(f"DS{n}" for n in range(5) if number % (n + 2) == 0),
        attributes=attributes,
        files=(*files, File(name="r.dat", type="RAWDATA", size=number, reference=True))
        if number % 6
        else files,
        box=Box(west=number % 50, south=0, east=number % 50 + 5, north=5) if number % 2 else None,
        created_at=NOON + timedelta(hours=number % 11),
    )


OBJECTS = [made(number) for number in range(200)]


@dataclass(frozen=True)
class Asked:
    """A query, and what it means."""

    text: str
    means: Meaning


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def texts_of(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


def has_word(held: Held, is_meant: Callable[[str], bool]) -> bool:
    """Look for a word in an object's texts, its provider id, and the labels of its datasets."""
    texts = [held.id, *texts_of(held.attributes), *(LABELS[id_] for id_ in held.datasets)]
    letters = ("".join(c if c.isalnum() or c == "_" else " " for c in text.lower()) for text in texts)
    return any(is_meant(word) for text in letters for word in text.split())


def colour(value: str) -> Asked:
    return Asked(f"colour:{quoted(value)}", lambda held: held.attributes["colour"].lower() == value.lower())


def number(low: float, high: float) -> Asked:
    return Asked(f"n:[{low} TO {high}]", lambda held: low <= held.attributes["n"] <= high)


def below(high: float) -> Asked:
    return Asked(f"n:{{* TO {high}}}", lambda held: held.attributes["n"] < high)


def beginning(text: str) -> Asked:
    return Asked(f"colour:{text}*", lambda held: held.attributes["colour"].lower().startswith(text))


def inside(first: str, last: str) -> Asked:
    def means(held: Held) -> bool:
        names = texts_of(held.attributes.get("place", {}))
        return any(name.lower().startswith(first) and name.lower().endswith(last) for name in names)

    return Asked(f"place.name:{first}*{last}", means)


def texts_between(low: str, high: str) -> Asked:
    def means(held: Held) -> bool:
        return any(low <= mission.lower() < high for mission in held.attributes.get("missions", []))

    return Asked(f"missions:[{low} TO {high}}}", means)


def word(text: str) -> Asked:
    return Asked(text, lambda held: has_word(held, lambda one: one == text.lower()))


def word_like(first: str, last: str) -> Asked:
    return Asked(
        f"{first}*{last}",
        lambda held: has_word(held, lambda one: one.startswith(first) and one.endswith(last)),
    )


def tag(ids: list[str]) -> Asked:
    return Asked(f"tags:({' OR '.join(ids)})", lambda held: bool({*ids} & {*held.datasets}))


def is_new(value: bool) -> Asked:
    return Asked(f"is_new:{str(value).lower()}", lambda held: held.attributes["is_new"] is value)


def both(left: Asked, right: Asked) -> Asked:
    return Asked(f"({left.text} AND {right.text})", lambda held: left.means(held) and right.means(held))


def either(left: Asked, right: Asked) -> Asked:
    return Asked(f"({left.text} OR {right.text})", lambda held: left.means(held) or right.means(held))


def without(left: Asked, right: Asked) -> Asked:
    return Asked(
        f"({left.text} AND NOT {right.text})", lambda held: left.means(held) and not right.means(held)
    )


numbers = st.integers(-24, 24).map(lambda n: n / 2)
leaves = st.one_of(
    st.builds(colour, st.sampled_from([value for value in COLOURS if value] + ["BLUE", "green", "%", "a%b"])),
    st.builds(number, numbers, numbers),
    st.builds(below, numbers),
    st.builds(beginning, st.sampled_from(["re", "b", "deep", "1", "x"])),
    st.builds(inside, st.sampled_from(["re", "b", "d"]), st.sampled_from(["y", "bay", "blue", "ay"])),
    st.builds(texts_between, st.sampled_from(["a", "l", "s1"]), st.sampled_from(["s2", "z", "landsat"])),
    st.builds(word, st.sampled_from(["blue", "Red", "bay", "ice", "c", "nowhere", "URN"])),
    st.builds(word_like, st.sampled_from(["b", "s", "o"]), st.sampled_from(["e", "t", "ns"])),
    st.builds(tag, st.lists(st.sampled_from(list(LABELS)), min_size=1, max_size=2)),
    st.builds(is_new, st.booleans()),
)
queries = st.just(Asked("", lambda _: True)) | st.recursive(
    leaves,
    lambda inner: (
        st.builds(both, inner, inner) | st.builds(either, inner, inner) | st.builds(without, inner, inner)
    ),
    max_leaves=6,
)
ids = st.lists(st.sampled_from([held.id for held in OBJECTS]), max_size=60).map(tuple)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Criteria, and the query's meaning."""

    criteria: Criteria
    means: Meaning

    def finds(self, held: Held, dataset_id: str) -> bool:
        asked = self.criteria
        return (
            self.means(held)
            and asked.dataset_id in ("", dataset_id)
            and (not asked.include or held.id in asked.include)
            and held.id not in asked.exclude
            and (asked.before is None or held.created_at < asked.before)
            and all(
                held.box is not None and held.box.west <= box.east and held.box.east >= box.west
                for box in asked.boxes
            )
        )


@st.composite
def wanteds(draw: st.DrawFn) -> Wanted:
    asked = draw(queries)
    query = lucene.parse([asked.text])
    assert isinstance(query, lucene.Query), (asked.text, query)
    west = draw(st.none() | st.integers(0, 60))
    criteria = Criteria(
        predicate=query.predicate,
        boxes=() if west is None else (Box(west=west, south=5, east=west + 3, north=9),),
        dataset_id=draw(st.sampled_from(["", "", "DS0", "DS4"])),
        include=draw(st.just(()) | st.just(()) | ids),
        exclude=draw(st.just(()) | ids),
        before=draw(st.none() | st.integers(0, 11).map(lambda hours: NOON + timedelta(hours=hours))),
    )
    return Wanted(criteria=criteria, means=asked.means)


def union(wanted: list[Wanted], dataset_id: str) -> Counts:
    """Count by hand what at least one of the selections finds."""
    found = [
        held
        for held in OBJECTS
        if dataset_id in held.datasets
        and held.orderable
        and any(one.finds(held, dataset_id) for one in wanted)
    ]
    files = [file for held in found for file in held.orderable]
    return Counts(
        objects=len(found),
        files=len(files),
        size=sum(file.size for file in files),
        quota=sum(file.type == "RAWDATA" and not file.reference for file in files),
    )


def is_open(dataset_id: str, groups: tuple[str, ...]) -> bool:
    return dataset_id not in GROUPS or bool({*GROUPS[dataset_id]} & {*groups})


@pytest.fixture
def catalogue(tx: Connection) -> Connection:
    for id_, label in LABELS.items():
        open_dataset(tx, id_, label, GROUPS.get(id_))
    hold(tx, *OBJECTS)
    return tx


@given(
    asked=wanteds(),
    known=st.dictionaries(st.sampled_from(list(LABELS)), st.lists(wanteds(), max_size=3), max_size=3),
    groups=st.sampled_from([(), ("x",), ("z", "y")]),
)
def test_a_search_counts_what_its_criteria_mean(
    catalogue: Connection, asked: Wanted, known: dict[str, list[Wanted]], groups: tuple[str, ...]
) -> None:
    pairs = tuple((id_, tuple(one.criteria for one in wanted)) for id_, wanted in known.items())
    question = Measure(asked=asked.criteria, known=pairs, groups=groups)
    found = searching.answer(catalogue, CHANNEL, question, SECONDS)
    assert isinstance(found, Measured)
    counted = {one.dataset_id: (one.label, one.counts, one.total) for one in found.found}
    expected = {
        id_: (label, union([asked], id_), union([asked, *known.get(id_, [])], id_))
        for id_, label in LABELS.items()
        if is_open(id_, groups) and union([asked], id_).objects
    }
    assert counted == expected
    assert list(counted) == sorted(counted)
    for id_, wanted in known.items():
        again = Recount(dataset_id=id_, selections=tuple(one.criteria for one in wanted), groups=groups)
        total = union(wanted, id_) if is_open(id_, groups) else Counts()
        assert searching.answer(catalogue, CHANNEL, again, SECONDS) == Recounted(total)

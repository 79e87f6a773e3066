"""What a decision asks of the catalogue of data objects, and what it is told: values, no SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from worker.domain.datasets import Counts, FileFilter
from worker.domain.objects import Box
from worker.domain.search.predicates import EVERYTHING, Predicate


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects a selection means, besides access: all conditions hold.

    `before` excludes objects created at that instant or later; None does not bound. `include` restricts to
    these ids when there are any.
    """

    predicate: Predicate = EVERYTHING
    boxes: tuple[Box, ...] = ()
    dataset_id: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    before: datetime | None = None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What an order could take: created at or before `until`, first put before the horizon."""

    until: datetime
    era: int
    horizon: int


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """Count what a new selection finds, dataset by dataset, and what it makes of what was there.

    `known` are the selections of each dataset already in the basket; `fields` must be known attributes.
    """

    asked: Criteria
    known: tuple[tuple[str, tuple[Criteria, ...]], ...] = ()
    fields: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset with matches: `counts` of the new selection, `total` of the union with the known ones."""

    dataset_id: str
    label: str
    counts: Counts
    total: Counts


class Measured(msgspec.Struct, frozen=True):
    found: tuple[Found, ...]


class UnknownFields(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """Count the union of selections of one dataset."""

    dataset_id: str
    selections: tuple[Criteria, ...]
    groups: tuple[str, ...] = ()


class Recounted(msgspec.Struct, frozen=True):
    total: Counts


class Task(msgspec.Struct, frozen=True, kw_only=True):
    dataset_id: str
    selections: tuple[Criteria, ...]
    filter: FileFilter | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Only what is new (contract, 6.8): created at or before `until`, and in reach of no order before."""

    until: datetime
    reached: tuple[Reach, ...] = ()


class Gather(msgspec.Struct, frozen=True, kw_only=True):
    """Find what an order takes, and keep its files under the order's id."""

    order_id: str
    tasks: tuple[Task, ...]
    groups: tuple[str, ...] = ()
    window: Window | None = None


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept, after filters; datasets of which nothing is left are not among it."""

    order_id: str
    datasets: tuple[tuple[str, str, Counts], ...]  # id, label, counts
    reach: Reach | None = None  # of an order that takes only what is new


class TooCostly(msgspec.Struct, frozen=True):
    """The search was cut off."""


Question: TypeAlias = Measure | Recount | Gather
Answer: TypeAlias = Measured | UnknownFields | Recounted | Gathered | TooCostly

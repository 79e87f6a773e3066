"""What the domain says to a command: completed, with what changed, or refused, with every reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import msgspec

from contracts.errors import Problem
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.reference import Catalog, Channel, Product, ShippingMethod

Reference: TypeAlias = Channel | Product | ShippingMethod


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision may depend on besides the basket and the command."""

    caller: Caller
    key: str  # what the command is about: the basket's id
    channel_id: str
    channel: Channel
    catalog: Catalog
    now: datetime
    new_id: Callable[[], str]
    new_owner: Caller | None = None  # who the sent newOwnerAuthenticationToken names; None when it is bad


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a command: HTTP status, and the basket or the reference value as it is from now on."""

    status: int
    basket: Basket | None = None
    reference: Reference | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Every reason, the one that names the answer first; `basket` is the one the caller may know of."""

    problems: tuple[Problem, ...]
    basket: Basket | None = None


Decision: TypeAlias = Completed | Refused

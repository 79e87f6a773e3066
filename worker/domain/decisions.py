"""What the domain says to a command: completed, with what changed, or refused, with every reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from contracts.errors import Problem
from worker.domain.basket import Basket
from worker.domain.callers import Caller
from worker.domain.money import Money
from worker.domain.noticing import Notice
from worker.domain.objects import FilesPage
from worker.domain.ordering import Order
from worker.domain.recurrence import Recurrence, Skip
from worker.domain.reference import Catalog, Channel, Reference
from worker.domain.search.questions import Answer, Question


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A basket as a list of baskets shows it."""

    id: str
    version: int
    changed_at: datetime
    total: Money


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision may depend on besides the basket and the command."""

    caller: Caller
    key: str  # what the command is about: the basket's id
    channel_id: str
    channel: Channel
    catalog: Catalog
    message_id: str | None
    traceparent: str | None
    now: datetime
    new_id: Callable[[], str]
    new_order_number: Callable[[], str]
    recurrence: Recurrence | None = None  # of the basket, when the command is about it
    orders: tuple[Order, ...] = ()  # the ones that the command asks for, newest first
    files: FilesPage | None = None  # the ones that the command asks for; None: there is no such page
    baskets: tuple[Listed, ...] = ()  # the ones that the command asks for, by id
    answer: Answer | None = None  # to what the decision has asked
    new_owner: Caller | None = None  # who the sent newOwnerAuthenticationToken names; None when it is bad


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a command: HTTP status, and what is from now on as it says.

    `body` is what is shown, the basket when None. `notices` are published after the result. A put without
    `reference` removes the entry; an erasure is of the person whose `sub` the key is.
    """

    status: int
    basket: Basket | None = None
    reference: Reference | None = None
    order: Order | None = None
    is_erasure: bool = False
    body: Any = None
    recurrence: Recurrence | None = None
    skips: tuple[Skip, ...] = ()
    notices: tuple[Notice, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Every reason, the one that names the answer first; `basket` is the one the caller may know of.

    A final refusal stands alone, however much else is wrong with the command.
    """

    problems: tuple[Problem, ...]
    basket: Basket | None = None
    is_final: bool = False


class Asks(msgspec.Struct, frozen=True):
    """Decided anew once the question is answered; `Context.answer` has it then."""

    question: Question


Decision: TypeAlias = Completed | Refused
Step: TypeAlias = Decision | Asks

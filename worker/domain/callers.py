"""Who is calling, and what they may do with a basket (contract, sections 1.4 and 2.3)."""

from __future__ import annotations

import msgspec

from contracts.errors import ErrorKey, Problem
from worker.domain.basket import Basket
from worker.domain.reference import User


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The verified claims of a token."""

    user: str
    is_anonymous: bool = False
    customer: str | None = None
    groups: tuple[str, ...] = ()
    is_service: bool = False
    is_operator: bool = False

    @property
    def is_onlooker(self) -> bool:
        """An operator reads everything and changes no basket; a service acts as its user all the same."""
        return self.is_operator and not self.is_service


def overridden(caller: Caller, user: User | None) -> Caller:
    """Give the caller with what upstream systems say of the user: it holds instead of the token's claims."""
    if user is None:
        return caller
    return msgspec.structs.replace(
        caller,
        customer=caller.customer if user.customer is None else user.customer,
        groups=caller.groups if user.groups is None else user.groups,
    )


def reference_problem(caller: Caller) -> Problem | None:
    """Reference data is published by services alone."""
    if caller.is_service:
        return None
    return Problem(code=ErrorKey.FORBIDDEN, message="this command needs the role service")


def reading_problem(basket: Basket, caller: Caller) -> Problem | None:
    if caller.is_operator:
        return None
    if not basket.owner:  # erased: anybody may create it anew, and nobody may look back
        return _of_another()
    return _ownership_problem(basket, caller)


def changing_problem(basket: Basket | None, caller: Caller) -> Problem | None:
    """Check the right to change; a tombstone still belongs to its last owner, unless that was erased."""
    problem = _ownership_problem(basket, caller) if basket is not None else None
    if problem is None and caller.is_onlooker:
        return Problem(code=ErrorKey.FORBIDDEN, message="an operator changes no basket")
    return problem


def remembered(basket: Basket, caller: Caller) -> Basket:
    """Keep the owner's groups and customer of the last accepted command, for what runs unattended."""
    if basket.owner != caller.user or not basket.is_open:
        return basket
    if (basket.customer, basket.groups) == (caller.customer, caller.groups):
        return basket
    return msgspec.structs.replace(basket, customer=caller.customer, groups=caller.groups)


def _ownership_problem(basket: Basket, caller: Caller) -> Problem | None:
    if basket.owner == caller.user or (not basket.owner and not basket.is_open):
        return None
    if caller.is_anonymous and not basket.owner_is_anonymous and basket.is_open:
        message = "the basket belongs to a registered user: log in first"
        return Problem(code=ErrorKey.LOGIN_REQUIRED, message=message)
    return _of_another()


def _of_another() -> Problem:
    return Problem(code=ErrorKey.WRONG_BASKET_ID, message="the basket belongs to another user")

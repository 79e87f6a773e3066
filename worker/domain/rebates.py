"""Promotions: which apply, and what they take off (contract, 2.2 and 7).

Every promotion is reckoned from the undiminished amount and never from what another has left, and together
they take no more than there is: so their order makes no difference, and nothing becomes negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from worker.domain.money import EXACT_DIGITS, ZERO, round_half_up
from worker.domain.reference import Promotion, Target

if TYPE_CHECKING:
    from worker.domain.reference import Catalog

_PERCENT = Decimal(100)
Taxable = tuple[Decimal, Decimal]  # rate in percent, amount


def applies(promotion: Promotion | None, currency: str, items_total: Decimal, now: datetime) -> bool:
    """Whether a promotion holds now for a basket with that item total before promotions."""
    if promotion is None:
        return False
    if promotion.amount is not None and promotion.amount.currency != currency:
        return False
    if promotion.minimum is not None and (
        promotion.minimum.currency != currency or items_total < promotion.minimum.value
    ):
        return False
    is_early = promotion.valid_from is not None and now < promotion.valid_from
    is_late = promotion.valid_to is not None and now > promotion.valid_to
    return not is_early and not is_late


def applicable(
    codes: Iterable[str], catalog: Catalog, currency: str, items_total: Decimal, now: datetime
) -> list[Promotion]:
    """Look up the promotions that hold now."""
    found = (catalog.promotions.get(code) for code in codes)
    return [one for one in found if one is not None and applies(one, currency, items_total, now)]


def rebate(promotions: Iterable[Promotion], target: Target, amount: Decimal, currency: str) -> Decimal:
    """Give what the promotions with this target take off an amount, each rounded, at most all of it."""
    taken = ZERO
    for promotion in promotions:
        if promotion.target is not target:
            continue
        if promotion.amount is not None:
            taken += promotion.amount.value
        elif promotion.percentage is not None:
            with localcontext(prec=EXACT_DIGITS):
                taken += round_half_up(amount * promotion.percentage / _PERCENT, currency)
    return min(taken, amount)


def spread(rebate: Decimal, taxables: Sequence[Taxable], currency: str) -> list[Decimal]:
    """Spread a rebate over items (tax rate, total) in proportion; the remainder goes on the largest.

    No share is negative or more than its item: what the largest cannot take goes on the next. Of equally
    large ones the one with the highest rate comes first, so that the order of the items makes no difference.
    """
    totals = [total for _, total in taxables]
    whole = sum(totals, ZERO)
    if not rebate or not whole:
        return [ZERO] * len(totals)
    with localcontext(prec=EXACT_DIGITS):
        shares = [round_half_up(rebate * total / whole, currency) for total in totals]
    remainder = rebate - sum(shares, ZERO)
    for place in sorted(range(len(totals)), key=lambda place: (-totals[place], -taxables[place][0])):
        share = min(max(shares[place] + remainder, ZERO), totals[place])
        remainder -= share - shares[place]
        shares[place] = share
    return shares

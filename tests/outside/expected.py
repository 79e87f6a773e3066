"""Commands together with what must become of them: a load whose outcome is known before it is sent.

Every basket counts its own commands, so that the version and the status of each answer are known, whatever is
killed or stopped meanwhile. The same seed makes the same load, but for the names of the baskets.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outside.numbered import numbered_command
from outside.shop import BENQ
from outside.wire import Message, command, unique

BASKETS = 100
_PIECE = {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A command, the status of its answer and the basket's version in it; None: the answer has none.

    `is_parked`: it is a dead letter afterwards, whatever its answer.
    """

    message: Message
    status: int
    version: int | None = None
    is_order: bool = False
    is_parked: bool = False


def numbered(baskets: int, commands: int) -> Iterator[Expected]:
    """Number the commands of some baskets, which take turns; all are accepted."""
    names = [unique("basket") for _ in range(baskets)]
    for number in range(commands):
        for name in names:
            status = 200 if number else 201
            yield Expected(message=numbered_command(name, number), status=status, version=number + 1)


def mixed(seed: int, baskets: int = BASKETS) -> Iterator[Expected]:
    """Go on for ever: updates, items, refusals of four kinds, commands sent twice, a checkout now and then.

    The shop must be open (outside.shop). A basket that was checked out makes room for a new one.
    """
    chance = random.Random(seed)
    lives = [_life(chance) for _ in range(baskets)]
    while True:
        for place, life in enumerate(lives):
            expected = next(life, None)
            if expected is None:
                lives[place] = _life(chance)
                expected = next(lives[place])
            yield expected
            if chance.random() < 0.02:
                yield expected


def _life(chance: random.Random) -> Iterator[Expected]:
    """Live the life of a basket, from its creation to its checkout."""
    name, version, has_items = unique("basket"), 1, False
    yield Expected(message=command("basket.create", name), status=201, version=1)
    while True:
        kind = chance.random()
        if kind < 0.1:
            yield _refused(chance, name, version)
        elif kind < 0.12 and has_items:
            checkout = command("basket.checkout", name, {})
            yield Expected(message=checkout, status=201, version=version + 1, is_order=True)
            return
        elif kind < 0.2:
            version, has_items = version + 1, True
            yield Expected(message=command("basket.item.add", name, _PIECE), status=201, version=version)
        else:
            version += 1
            update = command("basket.update", name, {"department": f"D{version}"})
            yield Expected(message=update, status=200, version=version)


def _refused(chance: random.Random, name: str, version: int) -> Expected:
    type_, body, headers, status = chance.choice(_REFUSALS)
    # What cannot be read is answered without a look at the basket.
    known = None if isinstance(body, bytes) else version
    return Expected(message=command(type_, name, body, headers=headers), status=status, version=known)


_REFUSALS: tuple[tuple[str, Any, dict[str, object], int], ...] = (
    ("basket.update", {"nonsense": 1}, {}, 400),
    ("basket.update", b"{", {}, 400),
    ("basket.update", {"department": "D"}, {"expected-version": 1_000_000}, 412),
    ("basket.item.remove", {"itemId": "nowhere"}, {}, 404),
)

"""The routing table and the contract's commands are the same list."""

import pytest

from contracts import commands
from worker.routes import ROUTES, Erase, Put


def test_every_command_has_a_route_and_every_route_a_command() -> None:
    assert set(ROUTES) == set(commands.BY_TYPE)


@pytest.mark.parametrize("type_", sorted(commands.BY_TYPE))
def test_route_and_contract_agree_on_what_a_command_is(type_: str) -> None:
    command, route = commands.BY_TYPE[type_], ROUTES[type_]
    assert command.is_read is route.is_read
    assert command.is_reference is isinstance(route, Put | Erase)


def test_the_reads_are_those_of_the_contract() -> None:
    reads = {
        "basket.get", "basket.list", "basket.orders",
        "order.get", "order.files", "recurrence.get", "recurrence.preview",
    }  # fmt: skip
    assert {type_ for type_, command in commands.BY_TYPE.items() if command.is_read} == reads & set(ROUTES)


def test_what_upstream_systems_put_is_reference_data_and_nothing_else_is() -> None:
    puts = {type_ for type_, command in commands.BY_TYPE.items() if command.is_reference}
    assert puts == {type_ for type_ in ROUTES if type_.endswith((".put", ".delete", ".erase"))}


def test_only_a_creation_needs_no_basket() -> None:
    may_be_absent = {type_ for type_, route in ROUTES.items() if getattr(route, "may_be_absent", False)}
    allowed = {"basket.create", "basket.empty", "basket.selection.add", "basket.selection.upload"}
    assert "basket.create" in may_be_absent
    assert may_be_absent <= allowed

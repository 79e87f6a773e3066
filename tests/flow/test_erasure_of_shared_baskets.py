"""Contract 5, `user.erase`, of baskets that were given away: what is whose, before and after."""

from typing import Any

import pytest
from outside.claims import token
from outside.furnishing import AS_SERVICE, HOME, filled, of
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique

from tests.flow.person import CHANNEL, Person, rows_with, wait_until_forgotten
from tests.flow.together import in_turn

pytestmark = pytest.mark.slow  # each waits for a sweep, a second or two

NEW_OWNER = "newOwnerAuthenticationToken"


@pytest.fixture(scope="module", autouse=True)
def _open(stage: Stage, worker: WorkerProcess) -> None:
    with Upstream(stage.broker_url) as upstream:
        open_shop(upstream, CHANNEL, recurringOrdersEnabled=True)


@pytest.fixture
def person(upstream: Upstream, stage: Stage) -> Person:
    return Person(upstream, stage)


def erase(person: Person, stage: Stage, sub: str) -> None:
    assert person.ask("user.erase", sub, headers=AS_SERVICE).status == 204
    wait_until_forgotten(stage, sub)


def given_to(heir: str, mark: str) -> dict[str, Any]:
    """Give the body that hands a basket over and leaves nothing in it of who had it before."""
    return {
        NEW_OWNER: token(heir),
        "department": mark,
        "taxationID": "",
        "commonShipToAddress": HOME,
        "invoiceToAddress": HOME,
        "externalOrderReferenceID": "1",
    }


def test_what_was_answered_to_a_person_goes_also_of_a_basket_that_was_given_away(
    person: Person, stage: Stage
) -> None:
    heir, mark = unique("heir"), unique("mark")
    assert person.ask("basket.update", person.open, given_to(heir, mark)).status == 200
    assert person.ask("basket.update", person.open, {"taxExempt": False}, caller=heir).status == 200
    person.erase_wholly()
    assert rows_with(stage, person.mark) == {}
    assert rows_with(stage, mark) == {"basket": 1, "outbox": 1}, "the handing over was answered to the person"
    assert person.ask("basket.get", person.open, caller=heir).json["department"] == mark


def test_the_former_owners_answers_and_orders_stay_when_the_new_owner_is_erased(
    person: Person, stage: Stage
) -> None:
    heir, mark = unique("heir"), unique("mark")
    assert person.ask("basket.update", person.recurring, given_to(heir, mark)).status == 200
    ordered = person.ask("basket.checkout", person.recurring, caller=heir)
    assert (ordered.status, ordered.json["department"]) == (201, mark)
    whose = rows_with(stage, person.mark)
    erase(person, stage, heir)
    assert person.ask("order.get", person.early["id"]).json == person.early
    assert rows_with(stage, person.mark) == whose
    assert stage.rows("select owner from customer_order where id = %s", ordered.json["id"]) == [("",)]
    assert rows_with(stage, mark) == {"outbox": 1}, "the handing over was answered to the person"


def test_the_new_owners_orders_and_answers_stay_when_the_former_owner_is_erased(
    person: Person, stage: Stage
) -> None:
    heir, mark = unique("heir"), unique("mark")
    assert person.ask("basket.update", person.recurring, given_to(heir, mark)).status == 200
    ordered = person.ask("basket.checkout", person.recurring, caller=heir).json
    person.erase_wholly()
    assert rows_with(stage, person.mark) == {}
    assert person.ask("order.get", ordered["id"], caller=heir).json == ordered
    shown = person.ask("basket.get", person.recurring, caller=heir).json
    assert (shown["owner"], shown["department"]) == (heir, mark)


def test_what_a_guest_was_answered_goes_with_the_person_that_they_logged_in_as(
    upstream: Upstream, stage: Stage
) -> None:
    guest, user, mark = of(unique("guest"), anonymous=True), unique("user"), unique("mark")
    key = filled(upstream, BENQ, channel=CHANNEL, headers=guest)
    for body in ({"department": mark}, {"department": "", NEW_OWNER: token(user)}):
        assert upstream.ask("basket.update", key, body, channel=CHANNEL, headers=guest).status == 200
    assert rows_with(stage, mark) == {"outbox": 1}
    assert upstream.ask("user.erase", user, channel=CHANNEL, headers=AS_SERVICE).status == 204
    wait_until_forgotten(stage, user)
    assert rows_with(stage, mark) == {}


def test_what_the_new_owner_is_answered_in_the_same_batch_is_theirs(person: Person, stage: Stage) -> None:
    heir, mark = unique("heir"), unique("mark")
    replies = in_turn(
        stage,
        command("basket.update", person.open, given_to(heir, ""), caller=person.sub, channel=CHANNEL),
        command("basket.update", person.open, {"department": mark}, caller=heir, channel=CHANNEL),
    )
    assert [reply.status for reply in replies] == [200, 200]
    erase(person, stage, heir)
    assert rows_with(stage, mark) == {}

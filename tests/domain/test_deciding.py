"""Which refusal a command gets when several things are wrong with it: the order of the contract, 1.2."""

import json
from typing import Any, NoReturn

import pytest
import shop
from msgspec import structs

from contracts.envelope import Delivery, Envelope, open_envelope
from worker import handlers, loading
from worker.domain.basket import Basket, Content
from worker.domain.callers import Caller
from worker.domain.datasets import Counts, DatasetSelection, DatedSelection, Request
from worker.domain.decisions import Completed, Decision
from worker.domain.reference import Channel
from worker.domain.search.questions import Question
from worker.handlers import Moment, Sender
from worker.loading import Loaded
from worker.store.reference import Kind
from worker.world import World

ROBERT = Caller(user="robert")
SERVICE = Caller(user="upstream", is_service=True)
SEED = shop.seed_basket()


def command(type_: str, body: object = None, key: str = "a-basket", **changed: Any) -> Envelope:
    """Open a good message of this type, with some properties (by name) or headers (h_name) changed."""
    properties = {"type": type_, "message_id": "m-1", "reply_to": "amq.gen-1"}
    headers = {name[2:].replace("_", "-"): value for name, value in changed.items() if name.startswith("h_")}
    properties |= {name: value for name, value in changed.items() if not name.startswith("h_")}
    raw = b"" if body is None else json.dumps(body).encode()
    return open_envelope(
        Delivery(key=key, body=raw, properties=properties, headers=headers), ("basket.replies.",)
    )


def nobody(_channel: str, question: Question) -> NoReturn:
    raise AssertionError(f"nothing is to be asked here: {question}")


def decide(
    envelope: Envelope,
    caller: Caller | None = shop.PATRICIA,
    basket: Basket | None = SEED,
    *,
    is_reused: bool = False,
    ask: handlers.Ask | None = nobody,
) -> Decision:
    baskets = {} if basket is None else {("default", "a-basket"): basket}
    known: dict[Any, Any] = {("default", Kind.CHANNEL, "default"): Channel()}
    known |= {("default", Kind.PRODUCT, sku): product for sku, product in shop.PRODUCTS.items()}
    sender = Sender(caller=caller, user=caller.user if caller else None, new_owner=None)
    moment = Moment(
        now=shop.NOW,
        new_id=iter("abcdefgh").__next__,
        new_order_number=iter(["1001"]).__next__,
        ask=ask,
    )
    is_readable = envelope.command is not None and caller is not None
    pages: dict[Any, Any] = {loading.page_of(envelope, caller): ()} if is_readable else {}
    lists: dict[Any, Any] = {} if envelope.command is None else {loading.list_of(envelope): ()}
    world = World(Loaded(baskets=baskets, reference=known, pages=pages, lists=lists))
    return handlers.decide(envelope, sender, world, moment, is_reused=is_reused)


def keys(decision: Decision) -> list[str]:
    return [str(code) for code, _ in shop.refusals(decision)]


BAD_BODY = {"department": 5}
UNKNOWN_FIELD = {"deparment": "Sales"}


@pytest.mark.parametrize(
    ("envelope", "first"),
    [
        (command("basket.upd", content_type="text/plain"), "command.unsupported_content_type.error"),
        (command("basket.upd", message_id=None), "command.unknown_type.error"),
        (command("basket.update", key="", message_id=None), "command.message_id_required.error"),
        (command("basket.update", BAD_BODY, key=" "), "basket.basket_id_required.error"),
        (command("basket.get", reply_to=None), "command.reply_to_required.error"),
        (command("basket.update", BAD_BODY, reply_to="theirs"), "command.reply_to_forbidden.error"),
        (command("basket.update", BAD_BODY, h_channel="nowhere"), "command.malformed.error"),
        (command("basket.update", h_expected_version="1"), "command.malformed.error"),
    ],
)
def test_what_the_message_itself_shows_comes_before_any_question_of_rights(
    envelope: Envelope, first: str
) -> None:
    assert keys(decide(envelope, caller=None, basket=None))[0] == first


def test_a_body_too_large_comes_first_of_all() -> None:
    envelope = command("basket.upd", {"department": "x" * 300_000}, content_type="text/plain")
    assert keys(decide(envelope, caller=None))[0] == "command.too_large.error"


@pytest.mark.parametrize(
    ("envelope", "caller", "basket", "only"),
    [
        (command("basket.update", {}, h_channel="nowhere"), None, None, "command.unauthorized.error"),
        (command("basket.update", {}, h_channel="nowhere"), shop.PATRICIA, None, "channel.not_found.error"),
        (command("basket.update", UNKNOWN_FIELD), ROBERT, None, "basket.basket_not_found.error"),
        (command("basket.update", UNKNOWN_FIELD), ROBERT, SEED, "basket.wrong_basket_id.error"),
        (
            command("basket.update", UNKNOWN_FIELD),
            Caller(user="guest", is_anonymous=True),
            SEED,
            "basket.login_required.error",
        ),
        (
            command("basket.update", {}, h_expected_version=1),
            ROBERT,
            SEED,
            "basket.wrong_basket_id.error",
        ),
        (
            command("basket.update", {**UNKNOWN_FIELD, "recurrence": {}}, h_expected_version=1),
            shop.PATRICIA,
            SEED,
            "basket.version_conflict.error",
        ),
        (command("product.put", UNKNOWN_FIELD, key="p"), shop.PATRICIA, None, "command.malformed.error"),
        (
            command("channel.put", {"currency": "ZZZ"}, key="c"),
            shop.PATRICIA,
            None,
            "command.forbidden.error",
        ),
        (
            command("shipping-method.put", None, key="m", h_channel="nowhere"),
            SERVICE,
            None,
            "command.malformed.error",
        ),
    ],
)
def test_each_question_of_rights_is_answered_alone(
    envelope: Envelope, caller: Caller | None, basket: Basket | None, only: str
) -> None:
    assert keys(decide(envelope, caller, basket))[0] == only


def test_after_that_everything_wrong_with_the_body_is_listed_in_the_order_of_the_table() -> None:
    body = {
        **UNKNOWN_FIELD,
        "recurrence": {"interval": "P0D"},
        "costCenterID": "1",
        "commonShippingMethod": {"id": "UNKNOWN"},
        "commonShipToAddress": {"id": "x"},
        "invoiceToAddress": {"city": "Potsdam", "countryCode": "XX"},
    }
    assert keys(decide(command("basket.update", body), is_reused=True)) == [
        "error.recurring_orders.disabled",
        "command.message_id_reused.error",
        "command.unknown_field.error",
        "basket.address_not_found.error",
        "basket.invalid_address.error",
        "customer.address.missing_fields.error",
        "basket.shipping_method_not_eligible.error",
        "basket.cost_center.no_customer.error",
    ]


def test_a_reused_message_id_alone_is_a_conflict() -> None:
    assert keys(decide(command("basket.update", {}), is_reused=True)) == ["command.message_id_reused.error"]


@pytest.mark.parametrize(
    ("version", "is_met"), [(None, True), (3, True), (2, False), (4, False), (-1, False)]
)
def test_a_command_may_demand_the_version_it_knows(version: int | None, is_met: bool) -> None:
    assert SEED.version == 3
    decision = decide(command("basket.update", {"department": "Sales"}, h_expected_version=version))
    assert isinstance(decision, Completed) is is_met


def test_an_absent_basket_is_404_but_204_when_the_key_is_the_callers_own() -> None:
    assert keys(decide(command("basket.get"), basket=None)) == ["basket.basket_not_found.error"]
    own = decide(command("basket.get", key="patricia"), basket=None)
    assert own == Completed(status=204)
    others = decide(command("basket.get", key="robert"), basket=None)
    assert keys(others) == ["basket.basket_not_found.error"]


def test_a_tombstone_is_no_basket() -> None:
    tombstone = structs.replace(SEED, is_open=False)
    for type_, body in (("basket.get", None), ("basket.update", {}), ("basket.item.add", {"quoteID": "q"})):
        assert keys(decide(command(type_, body), basket=tombstone)) == ["basket.basket_not_found.error"]
    assert keys(decide(command("basket.create"), ROBERT, tombstone)) == ["basket.wrong_basket_id.error"]


def test_an_operator_reads_everybodys_basket() -> None:
    olga = Caller(user="olga", is_operator=True)
    assert decide(command("basket.get"), olga) == Completed(status=200, basket=SEED)


def test_a_channel_is_put_before_there_is_one() -> None:
    decision = decide(command("channel.put", {"currency": "EUR"}, key="new", h_channel="old"), SERVICE, None)
    assert isinstance(decision, Completed)
    assert (decision.status, decision.reference) == (204, Channel(currency="EUR"))


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("basket.item.update", {"itemId": "item-1"}),
        ("basket.item.remove", {"itemId": "item-1"}),
        ("basket.checkout", {}),
        ("basket.empty", None),
        ("recurrence.pause", None),
        ("recurrence.resume", None),
    ],
)
def test_what_changes_a_basket_is_for_its_owner_alone(type_: str, body: object) -> None:
    assert keys(decide(command(type_, body), ROBERT)) == ["basket.wrong_basket_id.error"]
    guest = Caller(user="guest", is_anonymous=True)
    assert keys(decide(command(type_, body), guest)) == ["basket.login_required.error"]
    service = Caller(user="robert", is_service=True)
    assert keys(decide(command(type_, body), service)) == ["basket.wrong_basket_id.error"]


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("basket.item.update", {"itemId": "item-1"}),
        ("basket.item.remove", {"itemId": "item-1"}),
        ("basket.checkout", {}),
        ("recurrence.preview", {}),
    ],
)
def test_a_basket_that_is_closed_or_was_never_there_is_not_found(type_: str, body: object) -> None:
    tombstone = structs.replace(SEED, is_open=False)
    for basket in (None, tombstone):
        assert keys(decide(command(type_, body), basket=basket)) == ["basket.basket_not_found.error"]


def test_emptying_what_is_not_there_is_done_and_anothers_tombstone_is_anothers() -> None:
    assert decide(command("basket.empty"), basket=None) == Completed(status=204)
    tombstone = structs.replace(SEED, is_open=False)
    assert decide(command("basket.empty"), basket=tombstone) == Completed(status=204)
    assert keys(decide(command("basket.empty"), ROBERT, tombstone)) == ["basket.wrong_basket_id.error"]


def test_an_operator_pauses_and_reads_and_changes_no_basket() -> None:
    olga = Caller(user="olga", is_operator=True)
    for type_ in ("recurrence.pause", "recurrence.resume", "recurrence.get"):
        assert keys(decide(command(type_), olga)) == ["recurrence.not_found.error"]
    for type_, body in (("basket.checkout", {}), ("basket.empty", None), ("basket.update", {})):
        assert keys(decide(command(type_, body), olga)) == ["basket.wrong_basket_id.error"]


def test_a_person_is_erased_by_a_service_alone() -> None:
    erase = command("user.erase", key="patricia")
    for caller in (shop.PATRICIA, Caller(user="olga", is_operator=True)):
        assert keys(decide(erase, caller)) == ["command.forbidden.error"]
    erased = decide(erase, SERVICE)
    assert isinstance(erased, Completed)
    assert (erased.status, erased.is_erasure) == (204, True)


def test_a_list_of_baskets_is_for_their_owner_and_operators() -> None:
    hers = command("basket.list", {}, key="patricia")
    assert keys(decide(hers, ROBERT)) == ["command.forbidden.error"]
    for caller in (shop.PATRICIA, Caller(user="olga", is_operator=True)):
        decision = decide(hers, caller)
        assert isinstance(decision, Completed)
        assert (decision.status, decision.body.baskets) == (200, ())


def test_a_checkout_of_data_is_put_off_before_its_searches_are_read() -> None:
    """A hundred long ones take seconds, which a batch must not be kept waiting."""
    request = Request(engine_type="any", q="(this cannot be read")
    selection = DatedSelection(at=shop.NOW, request=request, counts=Counts(objects=1))
    dataset = DatasetSelection(
        id="d", dataset_id="D", label="", counts=Counts(objects=1), selections=(selection,)
    )
    basket = structs.replace(SEED, content=Content(currency="USD", datasets=(dataset,)))
    with pytest.raises(handlers.SearchNeeded):
        decide(command("basket.checkout"), basket=basket, ask=None)
    with pytest.raises(ValueError, match="a stored search cannot be read"):
        decide(command("basket.checkout"), basket=basket)

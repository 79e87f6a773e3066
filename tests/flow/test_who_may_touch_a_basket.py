"""Contract 1.4, 2.3: whose a basket is, who may read it, who may change it, and how it changes hands."""

import pytest
from outside.claims import OPERATOR, SERVICE, bearer, token
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique

ANONYMOUS = {"anonymous": True}


def of(caller: str, **claims: object) -> dict[str, object]:
    return {"authorization": bearer(caller, **claims)}


@pytest.fixture
def basket(upstream: Upstream) -> str:
    """A basket of patricia's, who is registered."""
    key = unique("basket")
    assert upstream.ask("basket.create", key).status == 201
    return key


def test_creating_again_is_no_change_for_the_owner_and_forbidden_for_others(
    upstream: Upstream, basket: str
) -> None:
    again = upstream.ask("basket.create", basket)
    assert (again.status, again.version) == (200, 1)
    other = upstream.ask("basket.create", basket, caller="mallory")
    assert (other.status, other.error_key) == (403, "basket.wrong_basket_id.error")


@pytest.mark.parametrize("type_", ["basket.get", "basket.update"])
def test_a_basket_of_another_user_is_out_of_reach(upstream: Upstream, basket: str, type_: str) -> None:
    refused = upstream.ask(type_, basket, {}, caller="mallory")
    assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")
    assert refused.version is None
    assert b"patricia" not in refused.body


@pytest.mark.parametrize("type_", ["basket.get", "basket.update"])
def test_a_guest_is_asked_to_log_in_for_a_registered_users_basket(
    upstream: Upstream, basket: str, type_: str
) -> None:
    refused = upstream.ask(type_, basket, {}, headers=of("guest-1", **ANONYMOUS))
    assert (refused.status, refused.error_key) == (403, "basket.login_required.error")


def test_a_guest_has_a_basket_of_their_own_and_none_of_another_guests(upstream: Upstream) -> None:
    key = unique("basket")
    assert upstream.ask("basket.create", key, headers=of("guest-1", **ANONYMOUS)).status == 201
    assert upstream.ask("basket.get", key, headers=of("guest-1", **ANONYMOUS)).status == 200
    refused = upstream.ask("basket.get", key, headers=of("guest-2", **ANONYMOUS))
    assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")


def test_an_operator_reads_everything_and_changes_nothing(upstream: Upstream, basket: str) -> None:
    watcher = of("watcher", **OPERATOR)
    assert upstream.ask("basket.get", basket, headers=watcher).json["owner"] == "patricia"
    for type_, key in (("basket.update", basket), ("basket.create", basket), ("basket.create", unique("b"))):
        assert upstream.ask(type_, key, {}, headers=watcher).status == 403
    own = of("patricia", **OPERATOR)
    assert upstream.ask("basket.update", basket, {"department": "X"}, headers=own).status == 403
    assert upstream.ask("basket.get", basket).version == 1


def test_a_service_acts_as_the_user_it_names_and_has_no_way_around_ownership(
    upstream: Upstream, basket: str
) -> None:
    assert upstream.ask("basket.update", basket, {}, headers=of("patricia", **SERVICE)).status == 200
    for type_ in ("basket.get", "basket.update"):
        refused = upstream.ask(type_, basket, {}, headers=of("catalogue", **SERVICE))
        assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")


def test_a_guest_who_logs_in_takes_the_basket_along(upstream: Upstream) -> None:
    key, user = unique("basket"), unique("user")
    guest = of("guest-3", **ANONYMOUS)
    upstream.ask("basket.create", key, headers=guest)
    body = {"newOwnerAuthenticationToken": token(user), "department": "Sales"}
    handed_over = upstream.ask("basket.update", key, body, headers=guest)
    assert (handed_over.status, handed_over.version) == (200, 2)
    assert (handed_over.json["owner"], handed_over.json["department"]) == (user, "Sales")
    assert upstream.ask("basket.get", key, caller=user).version == 2
    refused = upstream.ask("basket.get", key, headers=guest)
    assert (refused.status, refused.error_key) == (403, "basket.login_required.error")


@pytest.mark.parametrize(
    "bad",
    [
        "standard@PBEWithMD5AndTripleDES:TCgGG/e9XL0=",
        token("guest-4", anonymous=True),
        token("somebody", exp=1),
        token("somebody", secret="some other secret that is long enough, too"),
        token("somebody", algorithm="none"),
    ],
    ids=["no JWT", "of a guest", "expired", "signed by somebody else", "alg none"],
)
def test_a_basket_is_not_handed_over_to_a_bad_token(upstream: Upstream, basket: str, bad: str) -> None:
    refused = upstream.ask("basket.update", basket, {"newOwnerAuthenticationToken": bad})
    assert (refused.status, refused.error_key) == (400, "command.malformed.error")
    assert refused.json["errors"][0]["path"] == "$.newOwnerAuthenticationToken"
    assert upstream.ask("basket.get", basket).version == 1


def test_an_empty_token_of_a_new_owner_is_none_and_changes_nothing(upstream: Upstream, basket: str) -> None:
    reply = upstream.ask("basket.update", basket, {"newOwnerAuthenticationToken": ""})
    assert (reply.status, reply.version, reply.json["owner"]) == (200, 1, "patricia")


def test_a_handed_over_basket_leaves_no_token_behind(upstream: Upstream, basket: str, stage: Stage) -> None:
    new_owner = token("somebody-else")
    upstream.ask("basket.update", basket, {"newOwnerAuthenticationToken": new_owner})
    signature = new_owner.rpartition(".")[2]
    for table in ("basket", "inbox", "outbox", "dead_letter"):
        rows = stage.rows(f"select 1 from {table} t where t::text like %s", f"%{signature}%")
        assert rows == []


def test_an_emptied_basket_may_be_made_again_by_its_former_owner_alone(
    upstream: Upstream, basket: str, stage: Stage
) -> None:
    upstream.ask("basket.update", basket, {"department": "Sales"})
    close(stage, basket)
    assert upstream.ask("basket.get", basket).error_key == "basket.basket_not_found.error"
    assert upstream.ask("basket.update", basket, {}).error_key == "basket.basket_not_found.error"
    for headers in (of("mallory"), of("guest-5", **ANONYMOUS)):
        refused = upstream.ask("basket.create", basket, headers=headers)
        assert (refused.status, refused.error_key) == (403, "basket.wrong_basket_id.error")
    made_again = upstream.ask("basket.create", basket)
    assert (made_again.status, made_again.version) == (201, 3)
    assert "department" not in made_again.json


def close(stage: Stage, basket: str) -> None:
    """Make a tombstone of a basket, as the commands that end one leave it."""
    stage.rows(
        "update basket set is_open = false, document = document || '{\"is_open\": false}' where id = %s",
        basket,
    )

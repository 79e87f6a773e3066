"""Contract 1.4, 4 and 7: whose groups open which datasets, at the time of the search and of the order."""

import pytest
from outside.observatory import DS1, Put, Reader, datasets, datum, observatory, publish, refusal, urn
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique

PUBLIC, NOBODYS, ALPHAS, BOTHS = (f"URN:DATASET:{name}" for name in ("public", "nobodys", "alphas", "boths"))
GROUPS: dict[str, list[str] | None] = {PUBLIC: None, NOBODYS: [], ALPHAS: ["alpha"], BOTHS: ["alpha", "beta"]}


def dataset(key: str, groups: list[str] | None) -> Put:
    return "dataset.put", key, {"label": key, **({} if groups is None else {"groups": groups})}


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    puts = [dataset(key, groups) for key, groups in GROUPS.items()]
    puts += [("data-object.put", urn(key[12:]), datum(key)) for key in GROUPS]
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, puts)


@pytest.mark.parametrize(
    ("claims", "open_"),
    [
        ({}, {PUBLIC}),
        ({"groups": []}, {PUBLIC}),
        ({"groups": ["gamma", "Alpha", "alph"]}, {PUBLIC}),
        ({"groups": ["beta"]}, {PUBLIC, BOTHS}),
        ({"groups": ["alpha", "gamma"]}, {PUBLIC, ALPHAS, BOTHS}),
    ],
)
def test_a_search_finds_what_the_groups_of_the_token_open(
    upstream: Upstream, channel: str, claims: dict[str, list[str]], open_: set[str]
) -> None:
    assert Reader(upstream, channel, **claims).added().keys() == open_


@pytest.mark.parametrize("roles", [["service"], ["service", "operator"]])
def test_a_role_opens_no_dataset(upstream: Upstream, channel: str, roles: list[str]) -> None:
    assert Reader(upstream, channel, roles=roles).added().keys() == {PUBLIC}


def test_to_name_a_dataset_or_an_object_opens_it_to_nobody(upstream: Upstream, channel: str) -> None:
    reader = Reader(upstream, channel)
    assert reader.add(datasetUrn=ALPHAS).status == 204
    assert reader.add(f'tags:"{ALPHAS}"').status == 204
    assert reader.add(entityIdsToInclude=[urn("alphas"), urn("nobodys")]).status == 204
    object_ = datum(ALPHAS, providerId=unique("secret"))
    publish(upstream, channel, ("data-object.put", urn("secret"), object_))
    assert reader.ask("basket.selection.upload", {"providerIds": [object_["providerId"]]}).status == 204


def test_an_object_of_two_datasets_is_added_to_the_one_that_is_open(upstream: Upstream) -> None:
    puts = [dataset(PUBLIC, None), dataset(ALPHAS, ["alpha"])]
    channel = observatory(upstream, [*puts, ("data-object.put", urn("x"), datum(PUBLIC, ALPHAS))])
    assert Reader(upstream, channel).added().keys() == {PUBLIC}


def test_an_object_without_a_dataset_is_found_by_nobody(upstream: Upstream) -> None:
    channel = observatory(upstream, [("data-object.put", urn("x"), datum())])
    assert Reader(upstream, channel).add().status == 204


def test_an_object_of_a_dataset_that_was_never_put_is_found_by_nobody(upstream: Upstream) -> None:
    channel = observatory(upstream, [("data-object.put", urn("x"), datum(PUBLIC))])
    reader = Reader(upstream, channel)
    assert reader.add().status == 204
    publish(upstream, channel, dataset(PUBLIC, None))
    assert reader.added().keys() == {PUBLIC}


def test_what_upstream_says_of_a_user_holds_instead_of_the_token(upstream: Upstream, channel: str) -> None:
    reader = Reader(upstream, channel, groups=["alpha"])
    publish(upstream, channel, ("user.put", reader.sub, {"groups": ["beta"]}))
    assert reader.added().keys() == {PUBLIC, BOTHS}
    publish(upstream, channel, ("user.put", reader.sub, {"groups": []}))
    assert {len(entry["itemsSelections"]) for entry in reader.added().values()} == {1, 2}
    assert len(datasets(reader.show())[BOTHS]["itemsSelections"]) == 1
    publish(upstream, channel, ("user.put", reader.sub, {"customer": "acme"}))
    assert reader.added(datasetUrn=ALPHAS).keys() == {PUBLIC, BOTHS, ALPHAS}, "no groups said: the token's"


def test_a_user_of_another_channel_is_another_user(upstream: Upstream, channel: str) -> None:
    reader = Reader(upstream, channel, groups=["alpha"])
    other = observatory(upstream)
    publish(upstream, other, ("user.put", reader.sub, {"groups": []}))
    assert reader.added().keys() == {PUBLIC, ALPHAS, BOTHS}


def test_a_catalogue_of_another_channel_is_another_catalogue(upstream: Upstream, channel: str) -> None:
    assert Reader(upstream, observatory(upstream)).add().status == 204


@pytest.mark.parametrize("revoke", ["dataset", "user", "token"])
def test_groups_that_are_taken_away_later_keep_the_selection_and_refuse_the_order(
    upstream: Upstream, revoke: str
) -> None:
    puts = [dataset(ALPHAS, ["alpha"]), ("data-object.put", urn("x"), datum(ALPHAS))]
    channel = observatory(upstream, puts)
    reader = Reader(upstream, channel, groups=["alpha"])
    before = reader.added()
    if revoke == "dataset":
        publish(upstream, channel, dataset(ALPHAS, ["beta"]))
    elif revoke == "user":
        publish(upstream, channel, ("user.put", reader.sub, {"groups": ["beta"]}))
    else:
        reader = Reader(upstream, channel, sub=reader.sub, groups=["beta"])
    assert datasets(reader.show()) == before
    assert reader.add().status == 204
    assert refusal(reader.ask("basket.checkout", {})) == (400, "basket.empty.error")
    assert reader.show().version == 1


def test_the_words_of_a_label_that_is_not_for_everybody_cannot_be_tried_out(upstream: Upstream) -> None:
    hidden = "URN:hidden"
    channel = observatory(
        upstream,
        [
            ("dataset.put", DS1, {"label": "open"}),
            ("dataset.put", hidden, {"label": "zebra stripes", "groups": ["zoologists"]}),
            ("data-object.put", urn("both"), datum(DS1, hidden)),
        ],
    )
    asked = ("zebra", "zeb*", '"zebra stripes"')
    assert [Reader(upstream, channel).add(q).status for q in asked] == [204, 204, 204]
    assert [Reader(upstream, channel, groups=["zoologists"]).add(q).status for q in asked] == [200, 200, 200]

"""Contract 4: how selections come into a basket: which objects, of which dates, once, whole or not at all."""

from datetime import UTC, datetime, timedelta

import pytest
from outside.furnishing import of
from outside.listener import Listener
from outside.observatory import (
    DS1,
    DS2,
    DS3,
    Reader,
    acceptance_data,
    counted,
    datasets,
    datum,
    observatory,
    publish,
    refusal,
    selecting,
    small_house,
    urn,
)
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique

INSTANT = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
ONE, TWO = urn("DO1.1"), urn("DO1.2")


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    with Upstream(stage.broker_url) as upstream:
        channel = observatory(upstream, acceptance_data())
        open_shop(upstream, channel)
        return channel


def test_an_upload_adds_the_objects_with_these_provider_ids(reader: Reader) -> None:
    shown = reader.ask("basket.selection.upload", {"providerIds": ["DO1.1", "DO2.1", "DO2.2"]})
    assert (shown.status, shown.version, shown.json["quota"]) == (200, 1, 3)
    assert {dataset: counted(entry) for dataset, entry in datasets(shown).items()} == {
        DS1: (1, 4, 1_501_500, 1),
        DS2: (2, 8, 2_020_202, 2),
    }
    for entry in datasets(shown).values():
        (selection,) = entry["itemsSelections"]
        assert counted(selection) == counted(entry)


def test_an_upload_of_what_nobody_knows_changes_nothing(reader: Reader) -> None:
    for ids in (["nobody"], ["do1"], [""] * 0):
        nothing = reader.ask("basket.selection.upload", {"providerIds": ids})
        assert (nothing.status, nothing.body) == (204, b"")
    assert reader.show().status == 204


def test_an_upload_takes_what_it_knows_and_each_object_once(reader: Reader) -> None:
    shown = reader.ask("basket.selection.upload", {"providerIds": ["nobody", "DO1.1", "DO1.1"]})
    assert counted(datasets(shown)[DS1]) == (1, 4, 1_501_500, 1)


def test_objects_that_share_a_provider_id_are_all_uploaded(upstream: Upstream) -> None:
    twice = datum(DS1, DS1, providerId="same")
    reader = small_house(upstream, a=twice, b={**twice, "datasets": [DS1]})
    shown = reader.ask("basket.selection.upload", {"providerIds": ["same"]})
    assert counted(datasets(shown)[DS1]) == (2, 2, 2, 2), "a names its dataset twice and counts once"


def test_provider_ids_are_texts_and_no_queries(reader: Reader) -> None:
    ids = ['DO1.1" OR "DO1.2', "DO1.*", "DO1?1", "*", "' or 1=1 --", "DO1.1 OR DO1.2"]
    assert reader.ask("basket.selection.upload", {"providerIds": ids}).status == 204


def test_an_upload_of_a_thousand_is_taken_and_one_more_is_too_large(reader: Reader) -> None:
    ids = [f"nobody-{number}" for number in range(999)]
    shown = reader.ask("basket.selection.upload", {"providerIds": [*ids, "DO3.1"]})
    assert (shown.status, datasets(shown).keys()) == (200, {DS3})
    refused = reader.ask("basket.selection.upload", {"providerIds": [*ids, "DO1.1", "DO1.2"]})
    assert refusal(refused) == (413, "command.too_large.error")
    assert reader.show().json == shown.json


def test_only_what_is_included_is_added(reader: Reader) -> None:
    found = reader.added(f'tags:("{DS1}" OR "{DS2}")', entityIdsToInclude=[ONE, urn("DO3.1"), "unheard-of"])
    assert {dataset: counted(entry) for dataset, entry in found.items()} == {DS1: (1, 4, 1_501_500, 1)}
    request = found[DS1]["itemsSelections"][0]["selectionRequest"]
    assert request["entityIdsToInclude"] == [ONE, urn("DO3.1"), "unheard-of"]


def test_what_is_excluded_is_not_added(reader: Reader) -> None:
    found = reader.added(entityIdsToExclude=[ONE, urn("DO3.1")])
    assert {dataset: counted(entry)[0] for dataset, entry in found.items()} == {DS1: 1, DS2: 2}
    nothing = reader.add(datasetUrn=DS1, entityIdsToInclude=[ONE], entityIdsToExclude=[ONE])
    assert nothing.status == 204


def test_an_object_that_is_selected_twice_counts_once(reader: Reader) -> None:
    reader.added(entityIdsToInclude=[ONE])
    entry = reader.added(datasetUrn=DS1)[DS1]
    assert counted(entry) == (2, 8, 3_003_000, 2)
    assert [counted(one)[0] for one in entry["itemsSelections"]] == [1, 2]
    body = {"datasetSelectionId": entry["id"], "selectionDate": entry["itemsSelections"][1]["date"]}
    assert counted(datasets(reader.ask("basket.selection.remove", body))[DS1]) == (1, 4, 1_501_500, 1)


def test_an_object_of_two_datasets_is_in_both(upstream: Upstream) -> None:
    puts = [
        ("dataset.put", DS1, {"label": "Same label"}),
        ("dataset.put", DS2, {"label": "Same label"}),
        ("data-object.put", urn("shared"), datum(DS1, DS2, size=10)),
    ]
    reader = Reader(upstream, observatory(upstream, puts))
    found = reader.added(datasetUrn=DS1)
    assert found.keys() == {DS1}
    shown = reader.add()
    assert {dataset: counted(entry) for dataset, entry in datasets(shown).items()} == {
        DS1: (1, 1, 10, 1),
        DS2: (1, 1, 10, 1),
    }
    assert len({entry["id"] for entry in datasets(shown).values()}) == 2
    assert shown.json["quota"] == 2


def test_only_what_was_created_before_the_date_is_added(upstream: Upstream) -> None:
    born = datum(DS1, created_at=INSTANT.isoformat())
    reader = Reader(
        upstream,
        observatory(upstream, [("dataset.put", DS1, {"label": "L"}), ("data-object.put", urn("born"), born)]),
    )
    assert reader.add(selectionDate=INSTANT.isoformat()).status == 204, "strictly before"
    later = INSTANT + timedelta(microseconds=1)
    (entry,) = reader.added(selectionDate=later.isoformat()).values()
    assert entry["itemsSelections"][0]["date"] == "2024-05-01T12:00:00.123457Z"


def test_a_date_may_have_an_offset_or_be_in_milliseconds(reader: Reader) -> None:
    reader.added(datasetUrn=DS1, selectionDate="2024-05-01T14:00:00.5+02:00")
    reader.added(datasetUrn=DS1, selectionDate=int((INSTANT.timestamp() // 1 + 1) * 1000))
    entry = reader.added(datasetUrn=DS1, selectionDate="2024-05-01T12:00:00")[DS1]
    dates = {one["date"] for one in entry["itemsSelections"]}
    assert dates == {f"2024-05-01T12:00:0{rest}Z" for rest in ("0.000000", "0.500000", "1.000000")}


def test_a_date_that_is_taken_is_refused(reader: Reader) -> None:
    before = reader.add(datasetUrn=DS1, selectionDate="2024-05-01T12:00:00Z")
    refused = reader.add(selectionDate="2024-05-01T14:00:00.000000+02:00")
    assert refusal(refused) == (409, "basket.selection.duplicate.error")
    assert reader.show().json == before.json, "all or nothing: DS2 and DS3 neither"
    assert reader.add(datasetUrn=DS2, selectionDate="2024-05-01T12:00:00Z").status == 200


def test_dates_that_the_server_chooses_are_free(reader: Reader) -> None:
    replies = reader.upstream.ask_all(
        [reader.command("basket.selection.add", selecting(datasetUrn=DS1)) for _ in range(10)]
    )
    assert [reply.version for reply in replies] == list(range(1, 11))
    selections = datasets(replies[-1])[DS1]["itemsSelections"]
    dates = [one["date"] for one in selections]
    assert dates == sorted(set(dates))
    assert [one["selectionRequest"]["selectionDate"] for one in selections] == dates


@pytest.mark.parametrize("date", ["soon", "2024-02-30T00:00:00Z", 1.5, True, [], "0000-01-01T00:00:00Z"])
def test_a_date_that_cannot_be_read_is_refused(reader: Reader, date: object) -> None:
    refused = reader.add(selectionDate=date)
    assert refusal(refused) == (400, "command.malformed.error")
    assert refused.json["errors"][0]["path"] == "$.selectionDate"


@pytest.mark.parametrize("dataset", ["URN:gone", "plain", "a/b?c=d#e&f", "%", "'", "x" * 200])
def test_a_dataset_is_named_as_it_was_put(upstream: Upstream, dataset: str) -> None:
    puts = [("dataset.put", dataset, {"label": "L"}), ("data-object.put", dataset, datum(dataset))]
    reader = Reader(upstream, observatory(upstream, puts))
    assert reader.added(datasetUrn=dataset).keys() == {dataset}
    quoted = dataset.replace('"', '\\"')
    assert reader.added(f'tags:"{quoted}"', entityIdsToInclude=[dataset]).keys() == {dataset}


@pytest.mark.parametrize(
    "dataset",
    ["not a urn", "URN:", "URN:AIP:DATASET:nowhere:1:V1", "' or 1=1 --", "%", "*", "x" * 10_000, "é"],
)
def test_a_dataset_that_is_none_has_no_objects(reader: Reader, dataset: str) -> None:
    reply = reader.add(datasetUrn=dataset)
    assert reply.status in (204, 400, 422), reply.body
    assert reader.show().status == 204


def test_a_repeat_gets_the_same_answer_and_no_second_selection(
    reader: Reader, upstream: Upstream, events: Listener
) -> None:
    message = reader.command("basket.selection.add", selecting(datasetUrn=DS1))
    first = upstream.ask_for(message)
    reader.added(datasetUrn=DS2)
    replies = upstream.ask_all([message] * 3)
    assert [reply.said for reply in replies] == [first.said] * 3
    shown = reader.show()
    assert (shown.version, len(datasets(shown)[DS1]["itemsSelections"])) == (2, 1)
    assert events.answer(message).said == first.said
    assert len({event.message_id for event in events.answers(message)}) == 1
    reused = reader.ask("basket.selection.add", selecting(datasetUrn=DS3), message_id=message.message_id)
    assert refusal(reused) == (409, "command.message_id_reused.error")


def test_a_repeat_of_what_found_nothing_finds_nothing_even_if_there_is_something_now(
    upstream: Upstream,
) -> None:
    channel = observatory(upstream, [("dataset.put", DS1, {"label": "L"})])
    reader = Reader(upstream, channel)
    message = reader.command("basket.selection.add", selecting())
    assert upstream.ask_for(message).status == 204
    publish(upstream, channel, ("data-object.put", urn("late"), datum(DS1)))
    assert upstream.ask_for(message).status == 204
    assert reader.show().status == 204
    assert reader.add().version == 1


@pytest.mark.parametrize("body", [selecting("("), {"engineType": " "}, selecting(selectionDate="soon")])
def test_a_refused_add_leaves_no_basket_behind(reader: Reader, stage: Stage, body: object) -> None:
    assert reader.ask("basket.selection.add", body).status in (400, 422)
    assert reader.show().status == 204
    assert stage.rows("select 1 from basket where id = %s", reader.sub) == []
    assert reader.add().version == 1


def test_selections_go_into_a_basket_of_another_name_too_when_it_is_there(reader: Reader) -> None:
    key = unique("basket")
    absent = reader.ask("basket.selection.add", selecting(), key=key)
    assert refusal(absent) == (404, "basket.basket_not_found.error")
    upload = {"providerIds": ["DO1.1"]}
    absent = reader.ask("basket.selection.upload", upload, key=key)
    assert refusal(absent) == (404, "basket.basket_not_found.error")
    assert reader.ask("basket.create", key=key).status == 201
    elements = [{"sku": BENQ, "quantity": {"value": 1}}]
    assert reader.ask("basket.item.add", {"elements": elements}, key=key).status == 201
    shown = reader.ask("basket.selection.add", selecting(), key=key)
    assert (shown.status, shown.version, datasets(shown).keys()) == (200, 3, {DS1, DS2, DS3})


@pytest.mark.parametrize(
    ("claims", "error_key"),
    [({}, "basket.wrong_basket_id.error"), ({"anonymous": True}, "basket.login_required.error")],
)
def test_nobody_changes_anothers_basket(reader: Reader, claims: dict[str, object], error_key: str) -> None:
    before = reader.add()
    id_ = datasets(before)[DS1]["id"]
    date = datasets(before)[DS1]["itemsSelections"][0]["date"]
    stranger = of(unique("stranger"), **claims)
    for type_, body in (
        ("basket.selection.add", selecting()),
        ("basket.selection.upload", {"providerIds": ["DO1.1"]}),
        ("basket.selection.remove", {"datasetSelectionId": id_, "selectionDate": date}),
        ("basket.dataset.remove", {"datasetSelectionId": id_}),
        ("basket.dataset.set-filters", {"datasetSelectionId": id_, "fileTypes": ["RAWDATA"]}),
        ("basket.dataset.set-processing", {"datasetSelectionId": id_}),
    ):
        assert refusal(reader.ask(type_, body, headers=stranger)) == (403, error_key), type_
    assert reader.show().json == before.json


def test_an_expected_version_holds_for_selections_too(reader: Reader) -> None:
    reader.added(datasetUrn=DS1)
    for type_, body in (
        ("basket.selection.add", selecting()),
        ("basket.selection.upload", {"providerIds": ["DO3.1"]}),
    ):
        refused = reader.ask(type_, body, headers={"expected-version": 7})
        assert refusal(refused) == (412, "basket.version_conflict.error")
    assert reader.ask("basket.selection.add", selecting(), headers={"expected-version": 1}).version == 2

"""Contract 2.3 and 4: what is more than a basket of datasets, or a message, can take."""

import pytest
from outside.furnishing import AS_SERVICE
from outside.observatory import (
    DS1,
    DS2,
    Put,
    Reader,
    datasets,
    datum,
    file,
    observatory,
    refusal,
    selecting,
    urn,
)
from outside.upstream import Upstream

LIMIT = (400, "basket.limit_exceeded.error")


@pytest.mark.parametrize("name", ["entityIdsToInclude", "entityIdsToExclude"])
def test_a_thousand_entity_ids_are_taken_and_one_more_is_not(reader: Reader, name: str) -> None:
    ids = [f"URN:AIP:DATA:unheard-of-{number}" for number in range(1001)]
    refused = reader.add(**{name: ids})
    assert refusal(refused) == LIMIT
    assert refused.json["errors"][0]["path"] == f"$.{name}"
    assert reader.show().status == 204
    assert reader.add(**{name: [urn("DO1.1"), *ids[:999]]}).status == 200


def test_a_hundred_dated_selections_are_taken_and_one_more_is_not(reader: Reader, upstream: Upstream) -> None:
    def adds(count: int, dataset: str) -> list[int]:
        body = selecting(datasetUrn=dataset)
        return [
            reply.status
            for reply in upstream.ask_all(
                [reader.command("basket.selection.add", body) for _ in range(count)]
            )
        ]

    assert adds(60, DS1) + adds(40, DS2) == [200] * 100
    refused = reader.add(datasetUrn=DS1)
    assert refusal(refused) == LIMIT
    assert refusal(reader.ask("basket.selection.upload", {"providerIds": ["DO1.1"]})) == LIMIT
    shown = reader.show()
    assert shown.version == 100
    entry = datasets(shown)[DS2]
    body = {"datasetSelectionId": entry["id"], "selectionDate": entry["itemsSelections"][0]["date"]}
    assert reader.ask("basket.selection.remove", body).version == 101
    assert refusal(reader.add()) == LIMIT, "three more would be 102"
    assert reader.add(datasetUrn=DS1).version == 102


def test_one_add_may_not_bring_more_dated_selections_than_a_basket_holds(upstream: Upstream) -> None:
    keys = [f"URN:DATASET:many:{number}" for number in range(101)]
    puts: list[Put] = [("dataset.put", key, {"label": "One of many"}) for key in keys]
    puts += [("data-object.put", urn(key[12:]), datum(key)) for key in keys]
    reader = Reader(upstream, observatory(upstream, puts))
    assert refusal(reader.add()) == LIMIT
    assert reader.show().status == 204
    assert len(reader.added(entityIdsToExclude=[urn(keys[0][12:])])) == 100


def test_selections_with_large_requests_fill_a_basket_and_break_nothing(reader: Reader) -> None:
    """A hundred of 200 KiB would be more than the broker takes in one answer."""
    ids = [f"{number}-".ljust(200, "x") for number in range(999)]
    replies = [reader.add(datasetUrn=DS1, entityIdsToExclude=[*ids, str(round_)]) for round_ in range(8)]
    statuses = [reply.status for reply in replies]
    taken = statuses.count(200)
    assert statuses == [200] * taken + [400] * (8 - taken)
    assert {refusal(reply) for reply in replies[taken:]} <= {LIMIT}
    shown = reader.show()
    assert (shown.status, shown.version) == (200, taken)


def test_a_datum_of_more_than_256_kib_is_too_large(reader: Reader) -> None:
    files = [file("x" * 1000 + str(number), "RAWDATA", 1) for number in range(260)]
    refused = reader.ask("data-object.put", datum(DS1, files=files), key=urn("large"), headers=AS_SERVICE)
    assert refusal(refused) == (413, "command.too_large.error")


def test_an_add_of_more_than_256_kib_is_too_large(reader: Reader) -> None:
    refused = reader.add("x" * 300_000)
    assert refusal(refused) == (413, "command.too_large.error")


def test_an_object_with_a_thousand_files_counts_them_all(upstream: Upstream) -> None:
    files = [file(f"f{number}", "QUICKLOOK_SD", number) for number in range(1000)]
    large = [file("huge", "RAWDATA", 2**53)]
    channel = observatory(
        upstream,
        [
            ("dataset.put", DS1, {"label": "L"}),
            ("data-object.put", urn("many"), datum(DS1, files=files)),
            ("data-object.put", urn("huge-1"), datum(DS1, files=large)),
            ("data-object.put", urn("huge-2"), datum(DS1, files=large)),
        ],
    )
    entry = Reader(upstream, channel).added()[DS1]
    assert (entry["filesCount"], entry["filesSize"]) == (1002, 499_500 + 2 * 2**53)

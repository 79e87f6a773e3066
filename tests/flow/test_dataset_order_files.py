"""Contract 4 and 7: the files of an order, page by page, and who may read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from outside.claims import OPERATOR, SERVICE
from outside.furnishing import of
from outside.observatory import DS1, HD, Reader, datum, file, observatory, refusal, small_house, urn
from outside.processes import WorkerProcess
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import unique


@dataclass(frozen=True, kw_only=True)
class Large:
    """An order of 40 objects with up to four files that can be ordered, and one that cannot."""

    reader: Reader
    id: str
    files: list[tuple[str, str]]


@pytest.fixture(scope="module")
def large(stage: Stage, worker: WorkerProcess) -> Iterator[Large]:
    with Upstream(stage.broker_url) as upstream:
        wanted, puts = [], {}
        for number in range(40):
            names = [f"{number}-{place}.dat" for place in range(number % 5)]
            files = [file(name, HD, 1, reference=True) for name in names]
            puts[f"o{number}"] = datum(DS1, files=[*files, file("read.me", "DOCUMENT", 9)])
            wanted += [(urn(f"o{number}"), name) for name in names]
        reader = small_house(upstream, **puts)
        reader.added()
        yield Large(reader=reader, id=reader.ordered()["id"], files=sorted(wanted))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 79, 80, 81, 1000])
def test_the_pages_of_files_are_complete_and_disjoint(large: Large, limit: int) -> None:
    found = large.reader.files(large.id, limit)
    assert sorted((one["objectUrn"], one["name"]) for one in found) == large.files
    assert found == large.reader.files(large.id), "in the same order"
    assert len(found) == 80


def test_a_page_is_full_unless_it_is_the_last(large: Large) -> None:
    page = large.reader.ask("order.files", {"limit": 79}, key=large.id).json
    assert (len(page["files"]), "next" in page) == (79, True)
    page = large.reader.ask("order.files", {"limit": 80}, key=large.id).json
    assert (len(page["files"]), "next" in page) == (80, False)


def test_a_page_of_long_names_is_as_long_as_a_message_may_be(upstream: Upstream) -> None:
    """1,000 such files would be three times as much as the broker takes."""
    names = [[f"{'é<' * 500}{number}-{place}" for place in range(60)] for number in range(20)]
    objects = {
        f"o{number}": datum(DS1, files=[file(name, HD, 1) for name in listed])
        for number, listed in enumerate(names)
    }
    reader = small_house(upstream, **objects)
    reader.added()
    order = reader.ordered()
    found = reader.files(order["id"])
    assert sorted(one["name"] for one in found) == sorted(name for listed in names for name in listed)
    in_xml = reader.ask(
        "order.files", b"<OrderFiles limit='1000'/>", key=order["id"], content_type="text/xml"
    )
    assert (in_xml.status, 0 < len(in_xml.body) < 1_000_000) == (200, True)


def test_without_a_limit_a_page_is_no_whole_order_and_the_next_one_follows(large: Large) -> None:
    page = large.reader.ask("order.files", key=large.id)
    assert (page.status, page.json["files"]) == (200, large.reader.files(large.id)[: len(page.json["files"])])


@pytest.mark.parametrize("limit", [0, -1, 1001, "10", 1.5, None])
def test_a_limit_out_of_range_is_malformed(large: Large, limit: object) -> None:
    refused = large.reader.ask("order.files", {"limit": limit}, key=large.id)
    assert refusal(refused) == (400, "command.malformed.error")


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "' or 1=1", 7, "0:99:99", "é"])
def test_a_page_after_nothing_that_was_said_is_refused(large: Large, after: object) -> None:
    refused = large.reader.ask("order.files", {"after": after}, key=large.id)
    assert refusal(refused) == (400, "command.malformed.error")
    assert refused.json["errors"][0]["path"] == "$.after"


@pytest.mark.parametrize(
    ("caller", "claims", "status"),
    [
        ("catalogue", SERVICE, 200),
        ("olga", OPERATOR, 200),
        ("mallory", {}, 403),
        ("mallory", {"anonymous": True}, 403),
        ("mallory", {"groups": ["alpha"], "customer": "acme"}, 403),
    ],
)
def test_owner_service_and_operator_read_its_files_and_nobody_else(
    large: Large, caller: str, claims: dict[str, Any], status: int
) -> None:
    reply = large.reader.ask("order.files", {"limit": 1000}, key=large.id, headers=of(caller, **claims))
    assert reply.status == status
    if status == 200:
        assert len(reply.json["files"]) == 80
    else:
        assert reply.error_key == "command.forbidden.error"


def test_of_an_order_that_is_not_there_there_are_no_files(large: Large, upstream: Upstream) -> None:
    reader = Reader(upstream, observatory(upstream))
    assert refusal(reader.ask("order.files", key=unique("order"))) == (404, "order.not_found.error")
    elsewhere = Reader(upstream, reader.channel, sub=large.reader.sub)
    assert refusal(elsewhere.ask("order.files", key=large.id)) == (404, "order.not_found.error")


def test_an_order_of_products_has_no_files(upstream: Upstream) -> None:
    channel = observatory(upstream)
    open_shop(upstream, channel)
    reader = Reader(upstream, channel)
    reader.ask("basket.create")
    reader.ask("basket.item.add", {"elements": [{"sku": BENQ, "quantity": {"value": 1}}]})
    order = reader.ordered()
    assert "datasetTasks" not in order
    assert reader.files(order["id"]) == []

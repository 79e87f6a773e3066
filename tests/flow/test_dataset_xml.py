"""A basket of datasets in XML: selections in, whole baskets and pages of files out, as JSON says the same."""

from typing import Any
from xml.etree.ElementTree import Element

import pytest
from outside.observatory import DS1, DS2, DS3, Reader, acceptance_data, datasets, observatory, selecting, urn
from outside.processes import WorkerProcess
from outside.stage import Stage
from outside.upstream import Upstream

XML: dict[str, Any] = {"content_type": "application/xml"}
BOTH = f'tags:("{DS2}" OR "{DS3}")'


@pytest.fixture(scope="module")
def channel(stage: Stage, worker: WorkerProcess) -> str:
    with Upstream(stage.broker_url) as upstream:
        return observatory(upstream, [*acceptance_data(), ("process.put", "free", {})])


def entries(shown: Element) -> list[Element]:
    (wrapper,) = shown.findall("datasetSelections")
    return list(wrapper)


def of(entry: Element, *names: str) -> list[str | None]:
    return [entry.findtext(name) for name in names]


COUNTS = ("objectsCount", "filesCount", "filesSize", "quota")


def test_an_add_in_xml_is_the_add_in_json(reader: Reader, upstream: Upstream, channel: str) -> None:
    body = (
        "<BasketSelectionAdd><engineType>legacy</engineType>"
        f"<searchParameters><q>{BOTH.replace('&', '&amp;')}</q></searchParameters>"
        f"<entityIdsToExclude><String>{urn('DO2.1')}</String><String>x</String></entityIdsToExclude>"
        "<selectionDate>2026-02-03T04:05:06.5+01:00</selectionDate></BasketSelectionAdd>"
    )
    in_xml = reader.ask("basket.selection.add", body.encode(), **XML)
    assert (in_xml.status, in_xml.content_type, in_xml.xml.tag) == (200, "application/xml", "Basket")
    twin = Reader(upstream, channel)
    twin.add(BOTH, entityIdsToExclude=[urn("DO2.1"), "x"], selectionDate="2026-02-03T03:05:06.5Z")
    ids = {"id", "owner", "datasetSelections"}
    assert without_ids(reader.show().json) == without_ids(twin.show().json)
    assert ids & reader.show().json.keys() == ids


def without_ids(shown: dict[str, Any]) -> dict[str, Any]:
    entries = [{**entry, "id": ""} for entry in shown["datasetSelections"]]
    return {**shown, "id": "", "owner": "", "datasetSelections": entries}


def test_a_list_of_queries_may_be_in_xml(reader: Reader) -> None:
    body = (
        "<BasketSelectionAdd engineType='legacy'><searchParameters>"
        f"<q><String>{BOTH}</String><String>providerId:DO2*</String></q>"
        "</searchParameters></BasketSelectionAdd>"
    )
    assert reader.ask("basket.selection.add", body.encode(), **XML).status == 200
    (entry,) = datasets(reader.show()).values()
    assert entry["itemsSelections"][0]["selectionRequest"]["searchParameters"] == {
        "q": [BOTH, "providerId:DO2*"]
    }


def test_a_basket_in_xml_says_what_it_says_in_json(reader: Reader) -> None:
    reader.added(BOTH)
    reader.added(["", BOTH], entityIdsToInclude=[urn("DO3.1")])
    filters = {"fileTypes": ["RAWDATA", "QUICKLOOK"], "fileNamePattern": "<&>.*"}
    ids = {dataset: entry["id"] for dataset, entry in datasets(reader.show()).items()}
    set_ = reader.ask("basket.dataset.set-filters", {"datasetSelectionId": ids[DS3], **filters})
    assert set_.status == 200, set_.body
    in_json, in_xml = reader.show().json, reader.ask("basket.get", **XML).xml
    assert in_xml.findtext("quota") == str(in_json["quota"])
    for element, entry in zip(entries(in_xml), in_json["datasetSelections"], strict=True):
        names = ("id", "datasetIpid", "datasetLabel", *COUNTS)
        assert of(element, *names) == [str(entry[name]) for name in names]
        selections = element.find("itemsSelections")
        assert selections is not None
        for shown, selection in zip(selections, entry["itemsSelections"], strict=True):
            assert of(shown, "date", *COUNTS) == [str(selection[name]) for name in ("date", *COUNTS)]
            request = selection["selectionRequest"]
            assert shown.findtext("selectionRequest/engineType") == request["engineType"]
            assert shown.findtext("selectionRequest/selectionDate") == request["selectionDate"]
    (described,) = [
        one
        for one in (entry.find("fileSelectionDescription") for entry in entries(in_xml))
        if one is not None
    ]
    assert described.findtext("fileNamePattern") == "<&>.*"
    assert [one.text for one in described.findall("fileTypes/String")] == ["RAWDATA", "QUICKLOOK"]


@pytest.mark.parametrize(
    "parameters",
    [
        "<level>2</level><place>here &amp; there</place>",
        "<Parameter name='level'>2</Parameter><Parameter name='place'>here &amp; there</Parameter>",
    ],
)
def test_a_process_is_attached_in_xml_with_its_parameters(reader: Reader, parameters: str) -> None:
    """They may be named by their elements, or written as they are shown."""
    id_ = reader.added(datasetUrn=DS1)[DS1]["id"]
    body = (
        f"<BasketDatasetSetProcessing datasetSelectionId='{id_}'><processBusinessId>free</processBusinessId>"
        f"<parameters>{parameters}</parameters></BasketDatasetSetProcessing>"
    )
    attached = reader.ask("basket.dataset.set-processing", body.encode(), **XML)
    assert attached.status == 200, attached.body
    described = datasets(reader.show())[DS1]["processDatasetDescription"]
    assert described["processBusinessId"] == "free"
    assert {name: str(value) for name, value in described["parameters"].items()} == {
        "level": "2",
        "place": "here & there",
    }
    (element,) = attached.xml.iter("processDatasetDescription")
    shown = [(one.tag, one.get("name"), one.text) for one in element.findall("parameters/*")]
    assert shown == [("Parameter", "level", "2"), ("Parameter", "place", "here & there")]


@pytest.mark.parametrize(
    "name", ["with blank", "1st", "<b>", "a:b", "ns:", "&", "", "x" * 300, "é", "xml", "-"]
)
def test_a_parameter_of_any_name_leaves_the_answer_in_xml_well_formed(reader: Reader, name: str) -> None:
    id_ = reader.added(datasetUrn=DS1)[DS1]["id"]
    body = {"datasetSelectionId": id_, "processBusinessId": "free", "parameters": {name: "<v>"}}
    reply = reader.ask("basket.dataset.set-processing", body)
    assert reply.status in (200, 400), reply.body
    assert reader.ask("basket.get", **XML).xml.tag == "Basket"


def test_what_finds_nothing_is_empty_in_xml_too(reader: Reader) -> None:
    body = b"<BasketSelectionAdd engineType='legacy' datasetUrn='URN:DATASET:nowhere'/>"
    nothing = reader.ask("basket.selection.add", body, **XML)
    assert (nothing.status, nothing.body) == (204, b"")


@pytest.mark.parametrize(
    ("body", "status", "error_key"),
    [
        (b"<BasketSelectionAdd/>", 422, "basket.selection.engine_type_required.error"),
        (b"<BasketSelectionAdd engineType=' '/>", 422, "basket.selection.engine_type_required.error"),
        (
            b"<BasketSelectionAdd engineType='l'><searchParameters q='(a'/></BasketSelectionAdd>",
            422,
            "basket.selection.query_invalid.error",
        ),
        (b"<BasketSelectionAdd engineType='l' selectionDate='soon'/>", 400, "command.malformed.error"),
        (b"<BasketSelectionAdd engineType='l' nonsense='1'/>", 400, "command.unknown_field.error"),
        (b"<BasketSelectionUpload/>", 400, "command.malformed.error"),
    ],
)
def test_a_refusal_is_in_xml(reader: Reader, body: bytes, status: int, error_key: str) -> None:
    refused = reader.ask("basket.selection.add", body, **XML)
    assert (refused.status, refused.error_key, refused.xml.tag) == (status, error_key, "Errors")


def test_an_upload_in_xml(reader: Reader) -> None:
    body = (
        b"<BasketSelectionUpload><providerIds><String>DO1.1</String><String>DO3.1</String></providerIds>"
        b"</BasketSelectionUpload>"
    )
    assert reader.ask("basket.selection.upload", body, **XML).status == 200
    assert datasets(reader.show()).keys() == {DS1, DS3}


def test_an_order_and_its_files_in_xml(reader: Reader) -> None:
    assert reader.ask("basket.selection.add", selecting(datasetUrn=DS1)).status == 200
    placed = reader.ask("basket.checkout", b"<BasketCheckout/>", **XML)
    assert (placed.status, placed.xml.tag) == (201, "Order")
    (tasks,) = placed.xml.findall("datasetTasks")
    (task,) = list(tasks)
    assert of(task, "datasetIpid", "objectsCount", "filesCount", "filesSize") == [DS1, "2", "8", "3003000"]
    order_id = str(placed.xml.findtext("id"))
    page = reader.ask("order.files", b"<OrderFiles limit='3'/>", key=order_id, **XML)
    assert (page.status, page.content_type) == (200, "application/xml")
    (files,) = page.xml.findall("files")
    in_json = reader.files(order_id)
    names = ("datasetIpid", "objectUrn", "size")
    assert [of(one, *names) for one in files] == [[str(one[name]) for name in names] for one in in_json[:3]]
    for shown, one in zip(files, in_json, strict=False):
        assert (shown.get("name"), shown.get("type")) == (one["name"], one["type"])
        assert shown.findtext("reference") == "false"
    after = page.xml.findtext("next")
    rest = reader.ask(
        "order.files", f"<OrderFiles limit='1000' after='{after}'/>".encode(), key=order_id, **XML
    )
    assert [one.get("name") for one in rest.xml.findall("files/*")] == [one["name"] for one in in_json[3:]]
    assert rest.xml.find("next") is None

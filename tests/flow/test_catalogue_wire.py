"""Contract 5: data objects are put and deleted by services; what is as it was is left as it is."""

from typing import Any

import pytest
from outside.claims import SERVICE, bearer
from outside.furnishing import AS_SERVICE, of
from outside.shop import open_shop, put
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import SHOP, Message, command, unique

from flow.together import together

SCENE: dict[str, Any] = {
    "providerId": "scene 1",
    "datasets": ["URN:DS1"],
    "attributes": {"platform": "Sentinel-2", "cloud": 12.5, "bands": ["B1", "B2"], "last": True},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 43], [2, 43], [2, 44], [0, 43]]]},
    "createdAt": "2026-06-01T12:00:00Z",
    "files": [
        {"name": "a.tif", "type": "RAWDATA", "size": 1_000_000},
        {"name": "b.tif", "type": "RAWDATA", "size": 5, "reference": True},
        {"name": "a.png", "type": "QUICKLOOK_SD", "size": 500},
        {"name": "a.xml", "type": "DESCRIPTION", "size": 7},
    ],
}


@pytest.fixture(autouse=True)
def shop(upstream: Upstream) -> None:
    open_shop(upstream)


def rows(stage: Stage, urn: str) -> list[Any]:
    return stage.rows(
        "select provider_id, datasets, attributes, files_count, files_size, quota, west, south, east, north,"
        " created_at at time zone 'UTC', terms @@ '''wsentinel''', put_era, put_by, changed_at, ctid, xmin"
        " from data_object where channel = %s and id = %s",
        SHOP,
        urn,
    )


def message(type_: str, urn: str, body: object = None) -> Message:
    return command(type_, urn, body, headers=AS_SERVICE)


def test_an_object_is_put_and_put_again_and_deleted_and_deleted_again(
    upstream: Upstream, stage: Stage
) -> None:
    urn = unique("URN")
    replies = [put(upstream, "data-object.put", urn, SCENE)]
    (first,) = rows(stage, urn)
    assert first[:6] == ("scene 1", ["URN:DS1"], SCENE["attributes"], 3, 1_000_505, 1)
    assert first[6:10] == (0.0, 43.0, 2.0, 44.0)
    assert (first[10].isoformat(), first[11]) == ("2026-06-01T12:00:00", True)
    replies.append(put(upstream, "data-object.put", urn, SCENE))
    assert rows(stage, urn) == [first]
    changed = {**SCENE, "providerId": "scene 2"}
    replies.append(put(upstream, "data-object.put", urn, changed))
    (second,) = rows(stage, urn)
    assert (second[0], second[12:14]) == ("scene 2", first[12:14])
    replies += [put(upstream, "data-object.delete", urn, None) for _ in range(2)]
    assert rows(stage, urn) == []
    put(upstream, "data-object.put", urn, changed)
    ((*_, era, put_by, _, _, _),) = rows(stage, urn)
    assert (era, put_by) > first[12:14]
    assert {(reply.status, reply.body, reply.version) for reply in replies} == {(204, b"", None)}
    assert stage.rows("select 1 from reference where id = %s", urn) == []


def test_an_object_is_put_and_deleted_by_services_alone(upstream: Upstream, stage: Stage) -> None:
    urn = unique("URN")
    put(upstream, "data-object.put", urn, SCENE)
    before = rows(stage, urn)
    for claims in ({}, {"roles": ["operator"]}, {"anonymous": True}):
        headers = of("mallory", **claims)
        for type_, body in (("data-object.delete", None), ("data-object.put", {**SCENE, "providerId": "x"})):
            refused = upstream.ask(type_, urn, body, headers=headers)
            assert (refused.status, refused.error_key) == (403, "command.forbidden.error")
    assert rows(stage, urn) == before


def test_everything_that_is_wrong_is_said_and_nothing_is_kept(upstream: Upstream, stage: Stage) -> None:
    urn = unique("URN")
    body = {
        **SCENE,
        "datasets": ["a b"],
        "attributes": {"no name": 1},
        "geometry": {"type": "Circle"},
        "createdAt": "yesterday",
        "owner": "me",
    }
    refused = upstream.ask("data-object.put", urn, body, headers={"authorization": bearer("c", **SERVICE)})
    assert (refused.status, refused.error_key) == (400, "command.malformed.error")
    assert [(error["code"], error["path"]) for error in refused.json["errors"]] == [
        *(
            ("command.malformed.error", path)
            for path in ("$.datasets[0]", "$.attributes.no name", "$.geometry", "$.createdAt")
        ),
        ("command.unknown_field.error", "$.owner"),
    ]
    assert rows(stage, urn) == []


@pytest.mark.parametrize("number", ["1e-20000", "-1e-400", "1.7e308", "0." + "1" * 20_000, "1" * 300])
def test_every_number_of_reason_is_kept_or_refused(upstream: Upstream, stage: Stage, number: str) -> None:
    urn = unique("URN")
    body = b'{"providerId":"p","createdAt":0,"attributes":{"n":%s}}' % number.encode()
    reply = upstream.ask("data-object.put", urn, body, headers=AS_SERVICE)
    assert reply.status in (204, 400), reply.body
    assert len(rows(stage, urn)) == (reply.status == 204)


def test_an_object_in_xml_has_elements_for_attributes(upstream: Upstream, stage: Stage) -> None:
    urn = unique("URN")
    body = (
        b"<DataObjectPut><providerId>scene 1</providerId><createdAt>2026-06-01T12:00:00Z</createdAt>"
        b"<datasets><String>URN:DS1</String></datasets>"
        b"<attributes><platform>Sentinel-2</platform><bands>B1</bands><bands>B2</bands><cloud>12</cloud>"
        b"</attributes><files><File name='a.tif' type='RAWDATA' size='10' reference='true'/></files>"
        b"</DataObjectPut>"
    )
    reply = upstream.ask("data-object.put", urn, body, headers=AS_SERVICE, content_type="application/xml")
    assert reply.status == 204, reply.body
    ((*kept, _, _, _, _, _),) = rows(stage, urn)
    attributes = {"platform": "Sentinel-2", "bands": ["B1", "B2"], "cloud": "12"}
    assert kept[:6] == ["scene 1", ["URN:DS1"], attributes, 1, 10, 0]


def test_in_one_transaction_the_last_put_stays_and_a_deletion_makes_another_object(
    upstream: Upstream, stage: Stage
) -> None:
    kept, gone, renewed, changed = (unique("URN") for _ in range(4))
    for urn in (gone, renewed, changed):
        put(upstream, "data-object.put", urn, SCENE)
    before = {urn: rows(stage, urn)[0] for urn in (renewed, changed)}
    replies = together(
        stage,
        message("data-object.put", kept, {**SCENE, "providerId": "first"}),
        message("data-object.put", kept, {**SCENE, "providerId": "last"}),
        message("data-object.put", gone, SCENE),
        message("data-object.delete", gone),
        message("data-object.delete", renewed),
        message("data-object.put", renewed, SCENE),
        message("data-object.put", changed, {**SCENE, "providerId": "other"}),
    )
    assert [reply.status for reply in replies] == [204] * 7
    assert rows(stage, kept)[0][0] == "last"
    assert rows(stage, gone) == []
    ((*_, era, put_by, _, _, _),) = rows(stage, renewed)
    assert (era, put_by) > before[renewed][12:14]
    assert rows(stage, changed)[0][0] == "other"
    assert rows(stage, changed)[0][12:14] == before[changed][12:14]


def test_a_batch_of_puts_takes_one_statement(upstream: Upstream, stage: Stage) -> None:
    """All rows of a batch are of one instant, and one transaction."""
    urns = [unique("URN") for _ in range(50)]
    replies = together(stage, *(message("data-object.put", urn, SCENE) for urn in reversed(urns)))
    assert {reply.status for reply in replies} == {204}
    found = stage.rows(
        "select count(*), count(distinct put_by), count(distinct changed_at) from data_object"
        " where id = any(%s)",
        urns,
    )
    assert found == [(50, 1, 1)]
